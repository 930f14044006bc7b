"""Where the shoulders of a person who faces the camera are, from the masks below the head.

Lengths are in U, the distance between the pupils, 63 mm; ANSUR II has the shoulders (acromion)
2.9 U from the middle and the outer ends of the upper arms 3.6 U.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Point
from m2fp_cli.tryon.figure import ARMS, HEAD, TOPS, Figure
from m2fp_cli.tryon.head import HeadFrame

# Where they are looked for, from the chin.
ROWS = (-0.6, 3.6)  # below it
REACH = 5.0  # to either side
LINE = (0.95, 0.4)  # from the middle and from the corner: in between a shoulder slopes as a line
MIN_COLUMNS = 0.4  # that must be seen of it
SLOPE = 0.42  # down per outwards where it is not seen
SLOPE_RANGE = (0.1, 0.95)

# What is a pair of shoulders.
MIN_HALF = 1.7  # distance of one from the chin; what is nearer is the neck beside hair
MAX_TILT = 20.0  # of the line between them, degrees
MAX_UNLIKE = 0.3  # difference of the halves, share of both


@dataclass(frozen=True)
class Shoulder:
    """One shoulder in pixels of a figure's maps.

    Attributes:
        corner_xy: its outer, upper corner, where the outline turns from shoulder to arm.
        height: row of the line of the shoulder above the middle of the body.
        slope: of that line, down per outwards.
        seen: whether the line was seen.
    """

    corner_xy: Point
    height: float
    slope: float
    seen: bool


@dataclass(frozen=True)
class Shoulders:
    """Both shoulders, the one at the left of the photo first, and the middle between them.

    Attributes:
        left: at the left of the photo.
        right: at its right.
        middle: column of the middle of the body at the neck.
    """

    left: Shoulder
    right: Shoulder
    middle: float

    def point(self, side: int, out: float) -> Point:
        """A point of the line of a shoulder.

        Args:
            side: -1 at the left of the photo, 1 at its right.
            out: distance from the middle, pixels of the maps.
        """
        one = self.left if side < 0 else self.right
        return self.middle + side * out, one.height + one.slope * out


def find_shoulders(figure: Figure, frame: HeadFrame, unit: float) -> Shoulders | None:
    """Find the shoulders of a person.

    Args:
        figure: the person in a window that holds all of them.
        frame: their head.
        unit: U in pixels of the figure's maps.

    Returns:
        the shoulders; None where there is no pair of them.
    """
    chin_x, chin_y = chin_in_maps(figure, frame)
    body = figure.mask(*TOPS, "Torso-skin", *ARMS)
    near = np.zeros_like(body)
    rows = slice(*(max(round(chin_y + r * unit), 0) for r in ROWS))
    columns = slice(*(max(round(chin_x + c * unit), 0) for c in (-REACH, REACH)))
    near[rows, columns] = body[rows, columns]
    corners = {side: _find_corner(near, side, chin_x + side * MIN_HALF * unit) for side in (-1, 1)}
    known = {side: corner for side, corner in corners.items() if corner is not None}
    if not known:
        return None
    if len(known) == 2:
        middle = 0.25 * (known[-1][0] + known[1][0]) + 0.5 * chin_x
    else:
        (side, (x, y)), middle = next(iter(known.items())), chin_x
        known[-side] = 2 * middle - x, y
    upper = _upper_edge(near, figure.mask(*HEAD))
    sides = {side: _fit_line(upper, side, middle, known[side], unit) for side in (-1, 1)}
    return Shoulders(sides[-1], sides[1], middle)


def _find_corner(body: BoolArray, side: int, from_x: float) -> Point | None:
    """The farthest pixel of the body outwards and upwards at 45 degrees; None if hair hides it."""
    y, x = np.nonzero(body)
    outside = side * (x - from_x) > 0
    if not outside.any():
        return None
    outer = int(np.argmax(side * x - y))
    return (float(x[outer]), float(y[outer])) if outside[outer] else None


def chin_in_maps(figure: Figure, frame: HeadFrame) -> Point:
    """Column and row of the chin in a figure's maps."""
    x, y = frame.point(0.0, frame.chin)
    left, upper = figure.origin_xy
    return (x - left) / figure.stride, (y - upper) / figure.stride


def _upper_edge(body: BoolArray, head: BoolArray) -> FloatArray:
    """Row of the first pixel of each column; NaN where there is none or the head is above it."""
    first = np.argmax(body, axis=0)
    columns = np.arange(body.shape[1])
    hidden = head[np.maximum(first - 1, 0), columns] | head[np.maximum(first - 2, 0), columns]
    out = np.where(body.any(axis=0) & ~hidden, first, np.nan)
    return out.astype(np.float32)


def _fit_line(upper: FloatArray, side: int, middle: float, corner: Point, unit: float) -> Shoulder:
    """The line from the corner of a shoulder to the neck by the median of slopes to the corner."""
    half = side * (corner[0] - middle)
    out = side * (np.arange(upper.size) - middle)
    used = np.isfinite(upper) & (out > LINE[0] * unit) & (out < half - LINE[1] * unit)
    seen = bool(np.count_nonzero(used) > MIN_COLUMNS * unit)
    slope = SLOPE
    if seen:
        rise = (corner[1] - upper[used]) / (half - out[used])
        slope = float(np.clip(np.median(rise), *SLOPE_RANGE))
    return Shoulder(corner, corner[1] - slope * half, slope, seen)
