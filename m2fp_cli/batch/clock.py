"""Time limits of a pool: how long a photo's stage or a worker's start may take."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from m2fp_cli.batch.worker_handle import WorkerHandle

TICK_SECONDS = 1.0
GAP_SECONDS = 30.0
"""The parent slept for longer: its clocks say nothing about the workers."""
_FEW = 5
_SECONDS_WITHOUT_MEDIAN = 600.0
_LEAST_SECONDS = 60.0
_MEDIANS = 20.0


@dataclass(frozen=True)
class PoolLimits:
    """What a pool puts up with.

    Attributes:
        photo_seconds: time one stage of one photo may take; None for 20 times the median so far, at
            least a minute, and ten minutes until there is a median.
        growth_bytes: a worker whose memory grows by more is replaced.
        boot_seconds: time a worker may take to start.
    """

    photo_seconds: float | None = None
    growth_bytes: int = 300_000_000
    boot_seconds: float = 600.0


class PoolClock:
    """Knows how long photos take, and who takes too long."""

    def __init__(self, limits: PoolLimits) -> None:
        """Start with the limits and no experience."""
        self._limits = limits
        self._seconds: deque[float] = deque(maxlen=200)
        self._looked_at = time.monotonic()

    def learn(self, seconds: float) -> None:
        """A photo's longest stage took so long."""
        self._seconds.append(seconds)

    @property
    def limit_seconds(self) -> float:
        """Time one stage may take now."""
        if self._limits.photo_seconds is not None:
            return self._limits.photo_seconds
        if len(self._seconds) < _FEW:
            return _SECONDS_WITHOUT_MEDIAN
        return max(_LEAST_SECONDS, _MEDIANS * statistics.median(self._seconds))

    def patience(self, handles: Sequence[WorkerHandle[Any]], start_after: float) -> float:
        """How long to wait for a word: until the next limit, at most a tick."""
        now = time.monotonic()
        active = (held for m in handles for held in m.held.values() if held.stage.is_active)
        until = min(
            (held.since + self.limit_seconds for held in active), default=now + TICK_SECONDS
        )
        if start_after > now:
            until = min(until, start_after)
        return min(TICK_SECONDS, max(0.0, until - now) + 0.01)

    def too_late(
        self, handles: Sequence[WorkerHandle[Any]]
    ) -> Iterator[tuple[WorkerHandle[Any], str]]:
        """Workers that take too long for the first time, and a sentence why.

        When the parent itself was away (a suspended machine, a slow reader of reports), everybody
        gets that time back.
        """
        now = time.monotonic()
        gap, self._looked_at = now - self._looked_at, now
        if gap > GAP_SECONDS:
            for member in handles:
                member.forgive(gap)
            return
        limit, boot_limit = self.limit_seconds, self._limits.boot_seconds
        for member in handles:
            if member.timed_out:
                continue
            if any(h.stage.is_active and now - h.since > limit for h in member.held.values()):
                yield member, f"took longer than {limit:.0f} s"
            elif not member.is_ready and now - member.started_at > boot_limit:
                yield member, f"did not start in {boot_limit:.0f} s"
