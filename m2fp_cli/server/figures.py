"""What goes on in a pool, as numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PoolFigures:
    """What goes on in a pool.

    Attributes:
        workers: processes that there shall be.
        ready: processes that have loaded the model.
        busy: processes that work on a request.
        queued: requests that wait.
        restarts: processes that were replaced, for whatever reason.
        deaths: of these, those that crashed or were killed.
        resident_bytes: memory of the processes together, as they said last.
        work_seconds: mean seconds of the latest requests; 0 before the first one.
    """

    workers: int
    ready: int
    busy: int
    queued: int
    restarts: int
    deaths: int
    resident_bytes: int
    work_seconds: float
