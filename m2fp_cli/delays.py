"""Time that goes into something else than the photo at hand, and who is told of it.

What takes long only once, such as compiling, is told here from wherever it happens. A worker
process passes it on to its parent, which neither counts it against the photo nor leaves the person
at the terminal without a word.
"""

from __future__ import annotations

from collections.abc import Callable

NotePlace = Callable[[float, str], None]
"""Takes seconds that have passed, and in a sentence what they went into."""

WORTH_A_WORD = 1.0  # seconds
_told: list[NotePlace] = []


def tell_delays_to(place: NotePlace) -> None:
    """Have all delays of this process told to ``place`` from now on, and to nobody else."""
    _told[:] = [place]


def report_delay(seconds: float, why: str) -> None:
    """Say that time has passed.

    Args:
        seconds: how much since the last call about the same.
        why: what it went into, in a sentence for a person.
    """
    for place in _told:
        place(seconds, why)


class DelaySums:
    """Says once what takes time, as soon as it has taken enough to be noticed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Say it with ``say``."""
        self._say, self._seconds = say, dict[str, float]()

    def add(self, seconds: float, why: str) -> None:
        """Take what ``report_delay`` was told."""
        before = self._seconds.get(why, 0.0)
        self._seconds[why] = before + seconds
        if before < WORTH_A_WORD <= self._seconds[why]:
            self._say(why)
