"""How far the slices of a list have come, from the manifests that they wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from m2fp_cli.batch.history import History
from m2fp_cli.batch.shard import Shard
from m2fp_cli.terminal import counted


@dataclass(frozen=True)
class SliceStatus:
    """The slices of one list, cut in one way.

    Attributes:
        listing: identity of the list.
        count: number of slices.
        finished: how many have ended with nothing left to do; photos may have failed.
        unfinished: numbers of those that have begun and not finished, from 1; some may be running.
        not_begun: numbers of those that have not begun.
    """

    listing: str
    count: int
    finished: int
    unfinished: tuple[int, ...]
    not_begun: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """The record as ``--json`` prints it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def line(self) -> str:
        """The record for a person."""
        parts = [f"{self.finished} of {counted(self.count, 'slice')} finished"]
        if self.unfinished:
            parts.append(f"not finished: {as_ranges(self.unfinished)}")
        if self.not_begun:
            parts.append(f"not begun: {as_ranges(self.not_begun)}")
        return "; ".join(parts)


def latest_cuts(manifests: Mapping[str, Shard | None], history: History) -> dict[str, Shard | None]:
    """The manifests that say what is left: of each list those of the cut that was run last.

    Whoever cuts a list anew, or shares out a folder among more machines, will never finish what the
    old shards left; the new ones do.

    Args:
        manifests: all of a job, each with the shard that wrote it.
        history: all that they say.
    """
    names: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, shard in manifests.items():
        names[shard.listing if shard else ""][shard.count if shard else 0].append(name)
    latest = [
        max(cuts.values(), key=lambda cut: max(map(history.began, cut))) for cuts in names.values()
    ]
    return {name: manifests[name] for cut in latest for name in cut}


def read_slices(manifests: Mapping[str, Shard | None], history: History) -> list[SliceStatus]:
    """The slices of every list that a job was run on in slices.

    Args:
        manifests: see ``latest_cuts``.
        history: all that they say.
    """
    finished: dict[tuple[str, int], dict[int, bool]] = defaultdict(dict)
    for name, shard in manifests.items():
        if shard is not None and shard.listing:
            finished[shard.listing, shard.count][shard.number] = history.is_finished(name)
    return [
        SliceStatus(
            listing,
            count,
            sum(begun.values()),
            tuple(sorted(number for number, is_over in begun.items() if not is_over)),
            tuple(number for number in range(1, count + 1) if number not in begun),
        )
        for (listing, count), begun in sorted(finished.items())
    ]


def as_ranges(numbers: tuple[int, ...]) -> str:
    """Sorted numbers as schedulers take them: ``3,17,45-50``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ",".join("-".join(map(str, one)) for one in ranges)
