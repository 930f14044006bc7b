"""One reader in a process of its own: ``python -m tests.torture.reader_process '{...}'``."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from m2fp_cli.errors import M2fpError
from m2fp_cli.terminal import displayable
from tests.torture.reader_targets import READERS, Reader

_MORE_BYTES = 3 << 29  # address space on top of what the process has when it is ready
_SECONDS = 30  # of one example


class HangError(BaseException):
    """An example took too long."""


class FindingError(Exception):
    """A reader let something out that it may not."""


def main() -> None:
    """Feed one reader and print what was found, as JSON."""
    order = json.loads(sys.argv[1])
    reader = READERS[order["name"]](Path(order["folder"]), Path(order["model"]))
    signal.signal(signal.SIGALRM, _raise_hang)
    for data in reader.valid:
        reader.read(data)
    limit = _address_space() + _MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before = _peak()
    count = 0

    @seed(order["seed"])
    @settings(
        max_examples=order["examples"],
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(data=reader.data)
    def feed(data: bytes) -> None:
        nonlocal count
        count += 1
        check(reader, data)

    findings = list(_run(feed))
    print(json.dumps({"examples": count, "grown": _peak() - before, "findings": findings}))


def check(reader: Reader, data: bytes) -> None:
    """Feed one example.

    Raises:
        FindingError: what came out is not what may.
    """
    signal.alarm(_SECONDS)
    try:
        reader.read(data)
    except HangError:
        raise FindingError(f"takes more than {_SECONDS} s for {data[:300]!r}") from None
    except M2fpError as error:
        if displayable(str(error)) != str(error):
            raise FindingError(f"says {str(error)!r} for {data[:300]!r}") from error
    except MemoryError as error:
        raise FindingError(f"asks for too much memory for {data[:300]!r}") from error
    except Exception as error:
        if type(error) in reader.may_raise:
            return
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        text = f"{type(error).__name__}: {error}"[:300]
        raise FindingError(f"lets out {text} at {place} for {data[:300]!r}") from error
    finally:
        signal.alarm(0)


def _run(feed: Any) -> Iterator[str]:
    """Findings of all examples, each kind once."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            feed()
    except FindingError as finding:
        yield str(finding)
    except Exception as error:
        several = getattr(error, "exceptions", (error,))  # hypothesis groups what it has found
        yield from (f"{type(one).__name__}: {one}"[:600] for one in several)


def _raise_hang(*_: Any) -> None:
    raise HangError


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
