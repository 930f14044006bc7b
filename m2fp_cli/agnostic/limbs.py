"""Feet, which most label sets have no name for, and what limbs are measured with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.figure import TOPS, Figure

# Lengths in faces, hairline to chin.
_FOOT = 0.75  # from the toes of a foot without a shoe up to the ankle
_BOOT = 1.6  # a shoe that goes higher has a shaft; a low one that is seen from above does not
_SHOE = 0.8  # from the sole up to the ankle, with a low heel
_FACE_OF_BODY = 0.105  # height of a face in a stature (Drillis and Contini's tables of 1966)
_ELLIPSE = 0.59  # area of a face seen from the front, over the square of its height
# Of the widest circle in the clothes of a chest. Of 37 people whose face and chest are seen it is
# 0.66 in the median and 0.5 or more on 34; a wide coat has less.
_FACE_OF_CHEST = 0.5
# Of what is seen of somebody from the chin to the feet: of 9 people 0.11 to 0.18, 0.15 in the
# median, with faces as the network finds them, which are higher than those of the tables.
_FACE_OF_HEADLESS = 0.15
DETAIL = 20.0
"""Pixels per face that are enough to measure a limb."""


@dataclass(frozen=True, eq=False)
class Ends:
    """Two ends of a piece of a limb, and how far each of its pixels is from them.

    Attributes:
        xy: (2, 2) float, column and row of both.
        away: (2, h, w) float32 distance inside the piece, infinite outside.
    """

    xy: NDArray[np.float64]
    away: NDArray[np.float32]

    @property
    def length(self) -> float:
        """From one end to the other, inside the piece."""
        return float(self.away[0][np.isfinite(self.away[0])].max())


def face_height(figure: Figure) -> float:
    """Height of a person's face from the hairline to the chin, in pixels of the figure's maps.

    Without a face it follows from the size of what is seen of the person. Of somebody whom the
    photo cuts off that is less than the stature: then the width of the chest counts too, and what
    is seen of a face that is cut itself, whichever says more. Where the feet are seen it counts no
    more than a face has of a body: a flared dress is wider than a chest.
    """
    rows, columns = (np.flatnonzero(figure.label_map.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return 1.0
    size = max(np.ptp(rows), np.ptp(columns)) + 1
    face = figure.mask("Face", "Sunglasses")
    area = int(np.count_nonzero(face))
    by_area = np.sqrt(area / _ELLIPSE)
    is_seen = by_area >= 0.3 * _FACE_OF_BODY * size
    high = float(np.clip(np.count_nonzero(face.any(axis=1)), by_area, 1.5 * by_area))
    if is_seen and not _is_cut(face, figure):
        return high
    by_body = _FACE_OF_BODY * float(size)
    if _is_cut(figure.label_map > 0, figure):
        most = np.inf if _ends_above_feet(figure) else _FACE_OF_HEADLESS * float(size)
        by_body = max(by_body, min(_FACE_OF_CHEST * _chest_width(figure), most))
    return max(high, by_body) if is_seen else by_body


def _is_cut(mask: BoolArray, figure: Figure) -> bool:
    """Whether the photo ends within a mask."""
    (height, width), (x0, y0, x1, y1) = figure.image_hw, figure.window_xyxy
    ends = (
        (y0 <= 0, mask[0]),
        (y1 >= height, mask[-1]),
        (x0 <= 0, mask[:, 0]),
        (x1 >= width, mask[:, -1]),
    )
    return any(at_edge and bool(line.any()) for at_edge, line in ends)


def _ends_above_feet(figure: Figure) -> bool:
    """Whether the photo ends below within a person."""
    return figure.window_xyxy[3] >= figure.image_hw[0] and bool(figure.label_map[-1].any())


def _chest_width(figure: Figure) -> float:
    """Across the widest circle that the clothes and the skin of a chest hold, in pixels."""
    chest = figure.mask(*TOPS, "Torso-skin", "Scarf").astype(np.uint8)
    return 2 * float(cv2.distanceTransform(np.pad(chest, 1), cv2.DIST_L2, 5).max())


def find_bare_feet(figure: Figure) -> BoolArray:
    """The far end of each leg that no shoe and no sock ends, (h, w) bool.

    A shoe of either side counts: networks mix up sides where feet are close together.
    """
    feet = np.zeros(figure.label_map.shape, np.bool_)
    face = face_height(figure)
    step = max(1, int(face / DETAIL))
    unit = face / step
    near = shrunk(figure.mask("Left-shoe", "Right-shoe", "Socks"), step)
    for side in ("Left", "Right"):
        leg = figure.mask(f"{side}-leg")
        small = shrunk(leg, step)
        if not small.any() or touch(small, near, 0.5 * unit):
            continue
        rows = np.flatnonzero(small.any(axis=1))
        lowest = int(rows[-1])
        if lowest >= small.shape[0] - 2:
            continue  # the photo ends first
        start = small & (np.arange(small.shape[0])[:, None] >= lowest - 1)
        away = distance_inside(small, start)
        feet |= enlarged(away <= _FOOT * unit, small, leg, step)
    return feet


def find_shod_feet(figure: Figure) -> BoolArray:
    """Shoes up to the ankle, (h, w) bool: what is higher is the shaft of a boot.

    Stockings and tight trousers are easily taken for such a shaft, and new trousers cover it.
    """
    shoes, face = figure.mask("Left-shoe", "Right-shoe"), face_height(figure)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(shoes.astype(np.uint8))
    top, height = stats[:, cv2.CC_STAT_TOP], stats[:, cv2.CC_STAT_HEIGHT]
    ankle = top + np.where(height > _BOOT * face, height - _SHOE * face, 0)
    return np.asarray(shoes & (np.arange(shoes.shape[0])[:, None] >= ankle[pieces]))


def find_ends(piece: BoolArray) -> Ends:
    """The two pixels of a piece that are farthest apart inside it."""
    rows, columns = np.nonzero(piece)
    any_pixel = np.zeros_like(piece)
    any_pixel[rows[0], columns[0]] = True
    first = _farthest(distance_inside(piece, any_pixel))
    from_first = distance_inside(piece, _only(piece, first))
    second = _farthest(from_first)
    from_second = distance_inside(piece, _only(piece, second))
    xy = np.asarray([first[::-1], second[::-1]], dtype=np.float64)
    return Ends(xy, np.stack([from_first, from_second]))


def distance_inside(region: BoolArray, start: BoolArray) -> NDArray[np.float32]:
    """Length of the shortest way inside a region from ``start``, (h, w) float32.

    The way goes a pixel at a time, by turns to 4 and to 8 neighbors, so that what is as far away
    lies on an octagon. Infinite outside the region and where no way leads.
    """
    away = np.full(region.shape, np.inf, np.float32)
    front = (start & region).astype(np.uint8)
    inside = region.astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    square = np.ones((3, 3), np.uint8)
    away[front > 0] = 0
    for number in range(1, int(region.size) + 1):
        brush = cross if number % 2 else square
        wider = np.asarray(cv2.dilate(front, brush), np.uint8) & inside
        new = (wider > 0) & (front == 0)
        if not new.any():
            if number % 2 == 0:
                return away
            continue
        # Two steps, one of each kind, go 2 pixels along a row and 1.5 diagonals, 2.1 pixels.
        away[new] = number
        front = wider
    return away


def touch(a: BoolArray, b: BoolArray, reach: float) -> bool:
    """Whether two masks come as near as ``reach`` pixels."""
    size = 2 * max(1, round(reach)) + 1
    wide = cv2.dilate(b.astype(np.uint8), np.ones((size, size), np.uint8))
    return bool((a & (wide > 0)).any())


def _farthest(away: NDArray[np.float32]) -> tuple[int, int]:
    flat = int(np.argmax(np.where(np.isfinite(away), away, -1)))
    row, column = np.unravel_index(flat, away.shape)
    return int(row), int(column)


def _only(like: BoolArray, place: tuple[int, int]) -> BoolArray:
    out = np.zeros_like(like)
    out[place] = True
    return out


def shrunk(mask: BoolArray, step: int) -> BoolArray:
    """Every ``step``-th pixel, from the middle of the first block on."""
    return mask[step // 2 :: step, step // 2 :: step]


def enlarged(found: BoolArray, small: BoolArray, limb: BoolArray, step: int) -> BoolArray:
    """What was found in a shrunk limb, in the limb itself.

    Args:
        found: (h, w) bool, a part of ``small``.
        small: (h, w) bool, every ``step``-th pixel of the limb.
        limb: (H, W) bool.
        step: pixels of the limb per pixel of ``small``.
    """
    square = np.ones((3, 3), np.uint8)
    # Pixels along the outline lie in blocks that the limb misses at the looked-at pixel.
    wide = (cv2.dilate(found.astype(np.uint8), square) > 0) & ~(small & ~found)
    rows = np.minimum(np.arange(limb.shape[0]) // step, small.shape[0] - 1)
    columns = np.minimum(np.arange(limb.shape[1]) // step, small.shape[1] - 1)
    return np.asarray(wide[np.ix_(rows, columns)] & limb)
