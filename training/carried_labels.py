"""What people carry in photos, as somebody drew it by eye.

Lines of a .tsv file: photo, kind, polygons. Polygons are parted by ``;``, their points are ``x,y``
in pixels (0 = the middle of the first one); one that begins with ``-`` is taken away. A photo in
which nothing is carried has one line of the kind ``none``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from m2fp_cli.arrays import FloatArray
from m2fp_cli.training.dataset import IGNORE, Bytes

NOTHING = "none"
SURE = ("bag", "strap", "phone", "book", "cup", "camera", "other")
"""Kinds that are surely carried."""
UNKNOWN = ("away", "cloth", "skip")
"""Kinds that are neither carried nor not: drawn roughly, clothes over an arm, cannot be told."""

_SHIFT = 4  # fractional bits of OpenCV's points


@dataclass(frozen=True, eq=False)
class Carried:
    """One thing.

    Attributes:
        kind: one of ``SURE`` or ``UNKNOWN``.
        added: polygons (N, 2) of x, y.
        taken: polygons that are not part of it, such as what is seen through a handle.
    """

    kind: str
    added: tuple[FloatArray, ...]
    taken: tuple[FloatArray, ...] = ()


def read_carried(path: Path) -> dict[str, list[Carried]]:
    """What is carried in every photo of a file, by the photo's name.

    Raises:
        ValueError: a line cannot be read; the message names file and line.
    """
    found: dict[str, list[Carried]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], start=2):
        photo, things = _read_line(f"{path}, line {number}", line)
        found.setdefault(photo, []).extend(things)
    return found


def _read_line(place: str, line: str) -> tuple[str, list[Carried]]:
    """Photo, and the thing in it unless there is none."""
    try:
        photo, kind, text = line.split("\t")
        if kind == NOTHING:
            return photo, []
        if kind not in (*SURE, *UNKNOWN):
            raise ValueError(f"{kind!r} is no kind of what is carried")
        parts = text.split(";")
        added, taken = (
            tuple(_polygon(part.lstrip("-")) for part in parts if part.startswith("-") is away)
            for away in (False, True)
        )
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    return photo, [Carried(kind, added, taken)]


def _polygon(text: str) -> FloatArray:
    pairs = (point.split(",") for point in text.split())
    return np.array([(float(x), float(y)) for x, y in pairs])


def paint_carried(things: Iterable[Carried], height: int, width: int) -> Bytes:
    """(H, W) uint8: 1 where something is carried, 255 where that is unknown, else 0."""
    out = np.zeros((height, width), np.uint8)
    for thing in sorted(things, key=lambda one: one.kind not in UNKNOWN):
        own = np.zeros_like(out)
        for value, polygons in ((1, thing.added), (0, thing.taken)):
            for polygon in polygons:
                points = np.round(polygon * 2**_SHIFT).astype(np.int32)
                cv2.fillPoly(own, [points], (value,), shift=_SHIFT)
        out[own > 0] = IGNORE if thing.kind in UNKNOWN else 1
    return out
