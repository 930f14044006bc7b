"""Deaths of worker processes: what they mean, and when there have been too many."""

from __future__ import annotations

import signal
from typing import Any

from m2fp_cli.batch.resources import count_oom_kills
from m2fp_cli.batch.worker_handle import WorkerHandle, describe_exit
from m2fp_cli.errors import ImageError, M2fpError

_BARREN_DEATHS = 50  # in a row, without a photo that ended
_BOOT_DEATHS = 6  # in a row, before any worker was ever ready
_LONGEST_PAUSE_SECONDS = 1.0


class DeathRegister:
    """Counts deaths in a row; a photo that ends starts the count anew.

    Attributes:
        out_of_memory: how often the kernel killed a worker for want of memory.
    """

    def __init__(self) -> None:
        """Start without deaths."""
        self.out_of_memory = 0
        self._in_a_row = 0
        self._oom_kills = count_oom_kills()

    def see_progress(self) -> None:
        """A photo has ended."""
        self._in_a_row = 0

    def explain(self, member: WorkerHandle[Any], code: int) -> ImageError:
        """Why a worker died, as the failure of the photos it had in its hands."""
        if member.timed_out:
            return ImageError("timeout", member.timed_out)
        before, self._oom_kills = self._oom_kills, count_oom_kills()
        if code == -signal.SIGKILL and self._oom_kills > before:
            self.out_of_memory += 1
            return ImageError("out_of_memory", "its process was killed, the memory was used up")
        return ImageError("crash", f"its process ended with {describe_exit(code)}")

    def record(self, member: WorkerHandle[Any]) -> float:
        """Record one death; returns the seconds to wait before the next worker is started."""
        self._in_a_row += 1
        if member.is_ready:
            return 0.0
        return float(min(0.02 * 2**self._in_a_row, _LONGEST_PAUSE_SECONDS))

    def verdict(self, why: ImageError, workers: int, *, ever_ready: bool) -> M2fpError | None:
        """The error that ends the run; None as long as there is hope."""
        if not ever_ready and self._in_a_row >= _BOOT_DEATHS:
            return M2fpError(f"worker processes cannot start: {why}")
        if self._in_a_row >= max(_BARREN_DEATHS, 10 * workers):
            return M2fpError(
                f"{self._in_a_row} worker processes died and no photo was finished: {why}"
            )
        return None
