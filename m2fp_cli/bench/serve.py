"""The side of a measuring process: one order, then questions and answers, line by line of JSON.

Nothing but answers may reach stdout, so the descriptor is taken away from everybody else: what a
library prints there goes to stderr.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from m2fp_cli.errors import M2fpError

AnswerFunction = Callable[[dict[str, Any]], dict[str, Any]]
_RESET_PEAK = "5"  # proc(5), /proc/PID/clear_refs: the peak starts again from what is resident


def serve(prepare: Callable[[dict[str, Any]], tuple[dict[str, Any], AnswerFunction]]) -> None:
    """Answer until stdin ends.

    Args:
        prepare: takes the order from the command line; gives what to say when ready, and what
            answers a question.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and ends this process
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        ready, answer = prepare(json.loads(sys.argv[1]))
        _say(answers, ready)
        for line in sys.stdin:
            _say(answers, answer(json.loads(line)))
    except M2fpError as error:
        _say(answers, {"error": str(error)})


def reset_peak() -> None:
    """Give freed memory back and start the peak of this process again, where the kernel lets it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")


def peak_mib() -> float:
    """Largest resident memory of this process since its start or ``reset_peak``, in MiB.

    ``getrusage`` would not do: it can neither be reset, nor does it leave out what the parent had
    in memory when it started this process.
    """
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
        if found:
            return int(found[1]) / 1024
    return 0.0


def waited_seconds() -> float:
    """Time so far that the main thread could have run, had another process not had the core."""
    try:
        words = Path("/proc/self/schedstat").read_text(encoding="ascii").split()
        return int(words[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _say(answers: TextIO, values: dict[str, Any]) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()
