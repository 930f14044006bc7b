"""Masks as polygons: outlines with their holes, few points, and one ring where a format has one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.masks import Mask

Ring = NDArray[np.float64]  # (N, 2), x and y in pixels of the photo; pixel (0, 0) is from 0 to 1

TOLERANCE = 0.75  # how far an outline may lie beside that of the pixels, in pixels
_SMALLEST = 3.0  # pieces and holes of fewer pixels are left out, unless nothing else is there
_AT_ONCE = 2**18  # distances between corners; each takes 24 bytes


@dataclass(frozen=True, eq=False)
class Outline:
    """One piece of a mask.

    Attributes:
        outer: its outline.
        holes: those of its holes.
        area: of the piece without its holes, in pixels.
    """

    outer: Ring
    holes: tuple[Ring, ...]
    area: float


def find_outlines(mask: Mask, tolerance: float = TOLERANCE) -> list[Outline]:
    """The pieces of a mask, largest first.

    Corners lie a quarter of a pixel inside of the outermost pixels: programs that fill by the
    middle of pixels, and those that cut coordinates to whole numbers and fill up to and with the
    outline, then give the same pixels.

    Args:
        mask: not empty.
        tolerance: 0 keeps every corner.
    """
    x0, y0, _, _ = mask.box_xyxy
    twice = np.kron(mask.inside.view(np.uint8), np.ones((2, 2), np.uint8))
    # Padded, so that an outline along the edge of the box is one like others.
    padded = np.asarray(np.pad(twice, 1), np.uint8)
    rings, levels = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Outline] = []
    for number, ring in enumerate(rings):
        _, _, child, parent = levels[0][number]
        if parent >= 0:
            continue
        holes = []
        while child >= 0:
            holes.append(rings[child])
            child = levels[0][child][0]
        found.append(_outline(np.asarray(ring), holes, (x0, y0), tolerance))
    found.sort(key=lambda one: -one.area)
    return [one for one in found if one.area >= _SMALLEST] or found[:1]


def _outline(
    ring: NDArray[np.int32],
    holes: Sequence[NDArray[np.int32]],
    origin_xy: tuple[int, int],
    tolerance: float,
) -> Outline:
    large = [hole for hole in holes if _area(hole, -1) >= 4 * _SMALLEST]
    area = (_area(ring, 1) - sum(_area(hole, -1) for hole in large)) / 4
    inner = tuple(_to_photo(hole, origin_xy, tolerance) for hole in large)
    return Outline(_to_photo(ring, origin_xy, tolerance), inner, area)


def _area(ring: NDArray[np.int32], side: int) -> float:
    """Pixels of the doubled mask within a contour, by Pick's theorem.

    Args:
        ring: contour through the middles of pixels.
        side: 1 counts the contour's own pixels, -1 leaves them out: those of a hole are around it.
    """
    return float(cv2.contourArea(ring) + side * cv2.arcLength(ring, True) / 2 + 1)


def _to_photo(ring: NDArray[np.int32], origin_xy: tuple[int, int], tolerance: float) -> Ring:
    fewer = np.asarray(cv2.approxPolyDP(ring, 2 * tolerance, True)) if tolerance else ring
    kept = fewer if len(fewer) >= 3 else ring
    if len(kept) < 3:  # a line one pixel wide has two corners; a ring needs three
        kept = np.concatenate([kept, kept[::-1]])[:4]
    corners = (kept.reshape(-1, 2).astype(np.float64) - 0.5) / 2
    return np.asarray(corners + np.asarray(origin_xy, np.float64))


def bridge(outline: Outline) -> Ring:
    """A piece as one ring that goes to each hole and back on the same line, so it stays empty."""
    return join((outline.outer, *outline.holes))


def join(rings: Iterable[Ring]) -> Ring:
    """Several rings as one, joined by lines that are gone both ways and enclose nothing."""
    first, *others = rings
    joined = first
    for ring in sorted(others, key=lambda one: float(one[:, 0].min())):
        at, of = _nearest_corners(joined, ring)
        turned = np.roll(ring, -of, axis=0)
        tour = (joined[: at + 1], turned, turned[:1], joined[at:])
        joined = np.concatenate(tour)
    return joined


def _nearest_corners(joined: Ring, ring: Ring) -> tuple[int, int]:
    """The corners of two rings that are nearest to each other, the first of equals."""
    rows, best, nearest = max(1, _AT_ONCE // len(ring)), np.inf, (0, 0)
    for first in range(0, len(joined), rows):
        apart = ((joined[first : first + rows, None] - ring[None]) ** 2).sum(axis=2)
        at, of = divmod(int(apart.argmin()), len(ring))
        if apart[at, of] < best:
            best, nearest = apart[at, of], (first + at, of)
    return nearest


def fill_rings(rings: Iterable[Ring], image_hw: tuple[int, int]) -> BoolArray:
    """Pixels whose middle lies in an odd number of rings, (H, W) bool.

    Each edge of a ring flips, in every row that it crosses, all pixels to its right. OpenCV's and
    Pillow's fillings also paint the outline, and with it the lines that ``join`` draws.
    """
    rings, inside = [*rings], np.zeros(image_hw, np.bool_)
    if not rings:
        return inside
    # Only the box around the rings is filled: a photo has many shapes, and each is a small part.
    ends = np.asarray([(ring.min(axis=0), ring.max(axis=0)) for ring in rings])
    corners = np.floor(ends[:, 0].min(axis=0)), np.ceil(ends[:, 1].max(axis=0))
    (x0, y0), (x1, y1) = np.clip(corners, 0, image_hw[::-1]).astype(np.intp)
    flips = np.zeros((y1 - y0, x1 - x0 + 1), np.int32)
    for ring in rings:
        start, end = ring, np.roll(ring, -1, axis=0)
        low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
        first = np.clip(np.ceil(low - 0.5), y0, y1).astype(np.intp)
        last = np.clip(np.ceil(high - 0.5), y0, y1).astype(np.intp)
        counts = np.maximum(last - first, 0)
        edge = np.repeat(np.arange(len(ring)), counts)
        row = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts) + first[edge]
        share = (row + 0.5 - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
        x = start[edge, 0] + share * (end[edge, 0] - start[edge, 0])
        column = np.clip(np.ceil(x - 0.5), x0, x1).astype(np.intp)
        np.add.at(flips, (row - y0, column - x0), 1)
    inside[y0:y1, x0:x1] = flips.cumsum(axis=1)[:, : x1 - x0] % 2 == 1
    return inside
