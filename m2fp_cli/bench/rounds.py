"""When to stop measuring: enough time and enough samples, but never past a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_WARM_UP_SHARE = 1 / 3  # of the budget; an engine that slow is not made faster by warming up


@dataclass(frozen=True)
class Patience:
    """How long one case is measured.

    Attributes:
        seconds: measure for at least so long.
        count: and take at least so many samples.
        budget_seconds: but end by then, warm-up included, with at least one sample.
        warm_up: rounds before that are not counted.
    """

    seconds: float = 60.0
    count: int = 30
    budget_seconds: float = 180.0
    warm_up: int = 2


class Rounds:
    """The rounds of one case.

    Attributes:
        is_cut_short: the budget ended it before there was enough.
    """

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock of the budget."""
        self._patience, self._clock, self._started = patience, clock, clock()
        self.is_cut_short = False

    def warm_up(self) -> Iterator[int]:
        """Rounds that are not counted; one at least if any are wanted."""
        for number in range(self._patience.warm_up):
            if number and self._spent() > self._patience.budget_seconds * _WARM_UP_SHARE:
                return
            yield number

    def counted(self) -> Iterator[int]:
        """Rounds that count; one at least."""
        patience, began, longest, number = self._patience, self._clock(), 0.0, 0
        while True:
            start = self._clock()
            yield number
            number, now = number + 1, self._clock()
            longest = max(longest, now - start)
            if number >= patience.count and now - began >= patience.seconds:
                return
            if self._spent() + longest > patience.budget_seconds:
                self.is_cut_short = number < patience.count
                return

    def _spent(self) -> float:
        return self._clock() - self._started
