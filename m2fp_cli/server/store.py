"""Results that are kept in memory for later requests: few, small and not for long.

Nothing is written to disk. What is longest unused goes first.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from m2fp_cli.server.limits import ServiceLimits

_ID_BYTES = 16  # 128 random bits: nobody guesses the id of somebody else's photo
_OVERHEAD_BYTES = 1024  # of a small result, so that a million tiny ones count too


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo and its result.

    Attributes:
        photo: the file as it was uploaded.
        document: the result, compressed, see ``messages.WorkAnswer``.
        name: what files made from it are called.
    """

    photo: bytes
    document: bytes
    name: str

    @property
    def size(self) -> int:
        """Bytes that it counts for."""
        return len(self.photo) + len(self.document) + _OVERHEAD_BYTES


class ResultStore:
    """Keeps results under ids that cannot be guessed. For one thread, the event loop's."""

    def __init__(self, limits: ServiceLimits, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep as much as the limits say.

        Args:
            limits: bounds on count, bytes and seconds.
            clock: seconds that only grow.
        """
        self._limits, self._clock = limits, clock
        self._kept: OrderedDict[str, tuple[float, Kept]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        """Number of results."""
        self.expire()
        return len(self._kept)

    def add(self, kept: Kept) -> str:
        """Keep a result; others may have to go for it, itself too if it is too large.

        Returns:
            its id.
        """
        result_id = secrets.token_urlsafe(_ID_BYTES)
        self._kept[result_id] = (self._clock(), kept)
        self.bytes += kept.size
        self.expire()
        return result_id

    def get(self, result_id: str) -> Kept | None:
        """A result, which is then kept for another while; None if it is not there any more."""
        self.expire()
        found = self._kept.get(result_id)
        if found is None:
            return None
        self._kept[result_id] = (self._clock(), found[1])
        self._kept.move_to_end(result_id)
        return found[1]

    def drop(self, result_id: str) -> bool:
        """Forget a result; whether it was there."""
        found = self._kept.pop(result_id, None)
        if found is not None:
            self.bytes -= found[1].size
        return found is not None

    def expire(self) -> None:
        """Forget what is too old or too much."""
        limits, oldest = self._limits, self._clock() - self._limits.kept_seconds
        while self._kept:
            result_id, (used, _) = next(iter(self._kept.items()))
            full = self.bytes > limits.kept_bytes or len(self._kept) > limits.kept_count
            if used >= oldest and not full:
                return
            self.drop(result_id)
