"""Tells how long numba compiles, which the first photo after an installation waits for."""

from __future__ import annotations

import time
from typing import Any

from numba.core import event

from m2fp_cli.delays import report_delay
from m2fp_cli.kernels.code_cache import choose_code_cache

COMPILING = "compiling the engine's inner loops: half a minute or more, once on this machine"
COMPILING_AGAIN = "compiling the engine's inner loops, which cannot be kept: half a minute or more"


class CompileClock(event.Listener):
    """Measures the outermost compilations; loops that a loop calls are compiled within it.

    numba compiles under a lock, so never two at once. What it reads from the disk is no event.
    """

    def __init__(self) -> None:
        """Begin outside of any compilation."""
        self._starts: list[float] = []

    def on_start(self, event: Any) -> None:
        """A loop begins to be compiled."""
        self._starts.append(time.monotonic())

    def on_end(self, event: Any) -> None:
        """It is compiled, or cannot be."""
        start = self._starts.pop()
        if not self._starts:
            why = COMPILING if choose_code_cache() else COMPILING_AGAIN
            report_delay(time.monotonic() - start, why)


def watch_compiling() -> None:
    """Report from now on what is compiled in this process and in those forked from it."""
    event.register("numba:compile", CompileClock())  # type: ignore[no-untyped-call]
