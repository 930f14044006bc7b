"""Necklaces that were marked by eye, and how far from them ours would lie.

Annotated masks do not tell where a necklace goes around the neck: often the pendant alone is
annotated, or a half, and what hair hides is missing. ``necklaces.tsv`` has, for photos of CCP, the
column of the middle of a necklace and the points where it goes behind the neck, as far as these
are seen; pixels of the photo. Where it goes around the neck and how the shoulders count was chosen
on the photos of ``chosen``, on those of ``judged`` and ``blind`` nothing. Who marked the ``blind``
ones had seen neither ours nor the annotated masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2fp_cli.arrays import Point
from m2fp_cli.tryon.kinds.necklace import NecklacePlacement

_MARKS = Path(__file__).parent / "necklaces.tsv"


@dataclass(frozen=True)
class Marks:
    """A necklace in a photo, pixels.

    Attributes:
        middle_x: column of its middle.
        ends_xy: where it goes behind the neck, at the left and at the right of the photo; None
            where that is hidden.
        use: ``chosen``: something was chosen on this photo; ``judged``: nothing was; ``blind``:
            nothing was, and whoever marked it had not seen where ours lies.
    """

    middle_x: float
    ends_xy: tuple[Point | None, Point | None]
    use: str


def read_marks() -> dict[str, Marks]:
    """The marks of every photo that has some, by its name."""
    lines = _MARKS.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return {
        name: Marks(float(middle), (_point(*left), _point(*right)), use)
        for name, middle, *ends, use in rows
        for left, right in [(ends[:2], ends[2:])]
    }


def _point(x: str, y: str) -> Point | None:
    return (float(x), float(y)) if x else None


def compare_marks(place: NecklacePlacement, marks: Marks, unit: float) -> dict[str, float]:
    """How far marks lie from ours, U: the middle to the right, the ends to the right and below.

    Args:
        place: where ours lies.
        marks: of the same photo.
        unit: U in pixels.
    """
    apart = [
        np.subtract(end, ours) / unit
        for end, ours in zip(marks.ends_xy, place.ends_xy, strict=True)
        if end is not None
    ]
    x, y = np.mean(apart, axis=0) if apart else (np.nan, np.nan)
    middle = (marks.middle_x - place.lowest_xy[0]) / unit
    return {"x": float(middle), "end_x": float(x), "end_y": float(y)}
