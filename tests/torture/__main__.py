"""The torture: hostile files, killed processes, full disks. ``make torture`` runs all of it.

::

    python -m tests.torture                     # every section, some minutes
    python -m tests.torture corpus kills        # some of them
    python -m tests.torture readers --effort 5  # five times as many examples

Prints a line of figures for each section, and a line for each finding; exits with 1 if there is
one. A finding is mended in the package and gets a test in the usual suite.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.tiny_model import write_tiny_model
from tests.torture.setting import MOST_FINDINGS, Setting, SkippedError

SECTIONS = ("corpus", "kills", "full_disk", "read_only", "together", "readers", "swaps")
"""Each is a module here with ``run(setting)``."""


def main() -> int:
    """Run the sections that were asked for; 1 if there is a finding."""
    arguments = read_arguments()
    with work_folder(arguments.keep) as folder:
        model = write_tiny_model(folder / "model")
        found = 0
        for name in arguments.sections or SECTIONS:
            own = folder / name
            own.mkdir()
            found += run_section(name, Setting(own, arguments.seed, arguments.effort, model))
    print(f"{found} findings (seed {arguments.seed})" if found else "no finding")
    return 1 if found else 0


def run_section(name: str, setting: Setting) -> int:
    """Run one section and print its line; the number of findings."""
    started = time.monotonic()
    section = importlib.import_module(f"tests.torture.{name}")
    try:
        section.run(setting)
    except SkippedError as reason:
        setting.figures.append(f"skipped: {reason}")
    seconds = time.monotonic() - started
    print(f"{name}: {', '.join(setting.figures)}; {seconds:.0f} s", flush=True)
    for finding in setting.findings[:MOST_FINDINGS]:
        print(f"  FINDING {finding}", flush=True)
    if len(setting.findings) > MOST_FINDINGS:
        print(f"  and {len(setting.findings) - MOST_FINDINGS} more", flush=True)
    return len(setting.findings)


def read_arguments() -> argparse.Namespace:
    """The command line of the torture."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--seed", type=int, default=1, help="decides every random choice")
    parser.add_argument("--effort", type=float, default=1.0, help="factor on all numbers")
    parser.add_argument("--keep", type=Path, help="folder for what is made; kept afterwards")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"there is no section {min(unknown)}; sections are {', '.join(SECTIONS)}")
    return arguments


@contextlib.contextmanager
def work_folder(keep: Path | None) -> Iterator[Path]:
    """Where the sections work: a temporary folder, or one that stays."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="m2fp-torture-") as text:
        yield Path(text)


if __name__ == "__main__":
    sys.exit(main())
