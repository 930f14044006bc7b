"""Landmarks of a garment that lies flat, from its outline: neck, shoulders, armpits, sleeves, hem.

The armpit is the upper end of the gap between sleeve and body. Lengths are shares of A, the
distance of an armpit from the garment's middle, unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.strip import point_at

Points = NDArray[np.float32]  # (..., 2) x and y, pixels of the picture

LEVELS = 5  # of the body's sides from armpit to hem
STEPS = 9  # of a sleeve's width from seam to end

# The armpits.
ARMPIT_ROWS = (0.12, 0.6)  # share of the garment's height in which they are looked for
ARMPIT_COLUMNS = 0.12  # of its width: nearer to the middle there is none
INWARDS = 0.6  # rows that a pixel nearer to the middle is worth
MIN_GAP = 0.002  # share of the garment's area that a gap below a sleeve has

# The line of the shoulder and the neck.
SHOULDER_AT, LINE = 0.97, (0.62, 0.95)
NECK_RANGE, NECK_STEP = (0.22, 0.6), 0.025  # where the neck ends, and what leaves the line
OPEN_NECK = 0.06  # depth from which the outline shows the neckline
BODY_FROM = 0.7  # of an armpit's distance from the middle, from where a side is looked for
SIDE_REACH = 0.3  # by which the body may be wider below an armpit

# What cannot be a garment that lies flat and is seen from the front.
MAX_UNLIKE_SLEEVES, MAX_TILTED_ARMPITS = 1.35, 0.1  # ratio of lengths; share of the height
MIN_SLEEVE = 0.25
HEIGHT_RANGE = (1.2, 4.6)  # of the body from the neck to the hem
INNER_AT_SEAM = 1.15  # of the inner side at the seam, over what it is farther down
MAX_BEND = 0.25  # of a sleeve's middle from the straight line, share of its length
# Share of a sleeve's axis that is cloth. What only seems to be a sleeve, as the brim of a top hat
# or that of a shirt upside down, is reached across the ground. Of 22 drawn tops all have 0.96 and
# more, upside down 0.78 at most.
LEAST_CLOTH = 0.85
NO_SLEEVES = "no sleeves hang from its shoulders; turn it if it lies upside down"


class NotFlat(ValueError):
    """A picture that does not show a garment as it must; the message says why."""


@dataclass(frozen=True, eq=False)
class Sleeve:
    """A sleeve as a bent strip.

    Attributes:
        axis: (3, 2) middle of the seam, middle, middle of the end.
        outer: (STEPS,) from the axis to the side away from the body, from seam to end, pixels.
        inner: (STEPS,) to the other side.
        length: of the axis, pixels.
    """

    axis: Points
    outer: FloatArray
    inner: FloatArray
    length: float


@dataclass(frozen=True, eq=False)
class GarmentLandmarks:
    """Landmarks in pixels of the picture; left and right as one looks at it, left first.

    Attributes:
        neck: (2, 2) where the collar meets the lines of the shoulders.
        collar: (2,) lowest point of the neckline in front.
        shoulder: (2, 2) where the seams of the sleeves begin.
        armpit: (2, 2) where they end.
        sides: (2, LEVELS, 2) edges of the body from the armpits to the hem.
        hem: (5, 2) from left to right.
        sleeves: both.
        open_neck: the outline shows the neckline; else the inside of the back may be visible.
    """

    neck: Points
    collar: Points
    shoulder: Points
    armpit: Points
    sides: Points
    hem: Points
    sleeves: tuple[Sleeve, Sleeve]
    open_neck: bool


def find_landmarks(mask: BoolArray) -> GarmentLandmarks:
    """Find the landmarks of a garment.

    Args:
        mask: (H, W) bool, the garment, upright.

    Raises:
        NotFlat: they cannot be found.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size < 32 or columns.size < 32:
        raise NotFlat("it is too small")
    first, last = np.argmax(mask, axis=1), mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    middle = float(np.median(((first + last) / 2)[rows]))
    armpit = np.stack([_find_armpit(mask, side, middle) for side in (-1, 1)])
    reach = float(np.abs(armpit[:, 0] - middle).mean())
    height = rows[-1] - rows[0]
    if abs(armpit[0, 1] - armpit[1, 1]) > MAX_TILTED_ARMPITS * height:
        raise NotFlat("its sides are too different; it must be seen from the front, lying flat")
    upper = np.where(mask.any(axis=0), np.argmax(mask, axis=0), mask.shape[0]).astype(np.float32)
    ends = [_find_shoulder(upper, side, middle, reach) for side in (-1, 1)]
    neck, shoulder = (np.stack([end[i] for end in ends]) for i in (0, 1))
    collar, open_neck = _find_collar(upper, neck, middle, reach)
    sides, hem = _find_body(mask, middle, armpit, reach)
    sleeves = [
        _find_sleeve(mask, side, shoulder[i], armpit[i], sides[i], reach)
        for i, side in enumerate((-1, 1))
    ]
    if min(cloth_share(mask, sleeve.axis) for sleeve in sleeves) < LEAST_CLOTH:
        raise NotFlat(NO_SLEEVES)
    low = float(hem[:, 1].mean() - neck[:, 1].mean())
    if not HEIGHT_RANGE[0] < low / reach < HEIGHT_RANGE[1]:
        raise NotFlat("its body is too short or too long; trousers and coats are not known")
    lengths = sorted(sleeve.length for sleeve in sleeves)
    if lengths[1] > MAX_UNLIKE_SLEEVES * lengths[0]:
        raise NotFlat("its sleeves are too different; it must be seen from the front, lying flat")
    return GarmentLandmarks(
        neck, collar, shoulder, armpit, sides, hem, (sleeves[0], sleeves[1]), open_neck
    )


def _find_armpit(mask: BoolArray, side: int, middle: float) -> Points:
    """The upper, inner end of the gap between a sleeve and the body."""
    rows = np.flatnonzero(mask.any(axis=1))
    height, width = rows[-1] - rows[0], np.count_nonzero(mask.any(axis=0))
    above = np.logical_or.accumulate(mask, axis=0)
    inwards = mask if side < 0 else mask[:, ::-1]
    within = np.logical_or.accumulate(inwards[:, ::-1], axis=1)[:, ::-1]
    within = within if side < 0 else within[:, ::-1]
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    out = side * (x - middle)
    gap = ~mask & above & within & (out > ARMPIT_COLUMNS * width)
    gap &= (y > rows[0] + ARMPIT_ROWS[0] * height) & (y < rows[-1])
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(gap.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] > MIN_GAP * np.count_nonzero(mask)
    large[0] = False
    gap = np.isin(pieces, np.flatnonzero(large[:count]))
    if not gap.any():
        raise NotFlat("no gap between its sleeves and its body; spread the sleeves")
    cost = np.where(gap, y + INWARDS * out, np.inf)
    row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
    if row > rows[0] + ARMPIT_ROWS[1] * height:
        raise NotFlat("its sleeves touch its body, or it has none; spread the sleeves")
    return np.array((column, row), np.float32)


def _find_shoulder(
    upper: FloatArray, side: int, middle: float, reach: float
) -> tuple[Points, Points]:
    """Where the collar meets the line of a shoulder, and where that line ends."""

    def column(share: float) -> int:
        return int(np.clip(round(middle + side * share * reach), 0, upper.size - 1))

    shares = np.linspace(*LINE, 12)
    heights = np.array([upper[column(share)] for share in shares])
    slope, start = np.polyfit(shares, heights, 1)
    neck = NECK_RANGE[1]
    for share in np.arange(LINE[0], NECK_RANGE[0], -0.01):
        neck = float(share)
        if abs(upper[column(share)] - (start + slope * share)) > NECK_STEP * reach:
            break
    neck = min(neck, NECK_RANGE[1])
    points = [
        np.array((middle + side * share * reach, start + slope * share), np.float32)
        for share in (neck, SHOULDER_AT)
    ]
    points[1][1] = upper[column(SHOULDER_AT)]
    return points[0], points[1]


def _find_collar(
    upper: FloatArray, neck: Points, middle: float, reach: float
) -> tuple[Points, bool]:
    """The lowest point of the neckline by the outline, and whether that shows it."""
    around = slice(max(round(middle - 0.08 * reach), 0), round(middle + 0.08 * reach) + 1)
    low = float(np.median(upper[around]))
    height = float(neck[:, 1].mean())
    open_neck = low > height + OPEN_NECK * reach
    if not open_neck:
        low = height + 0.45 * float(neck[1, 0] - neck[0, 0])
    return np.array((middle, low), np.float32), open_neck


def _find_body(
    mask: BoolArray, middle: float, armpit: Points, reach: float
) -> tuple[Points, Points]:
    """The sides of the body below the armpits, and its hem."""
    center = round(middle)
    low = float(np.flatnonzero(mask[:, max(center - 2, 0) : center + 3].any(axis=1))[-1])
    sides = np.zeros((2, LEVELS, 2), np.float32)
    for i, side in enumerate((-1, 1)):
        for j, y in enumerate(np.linspace(armpit[i, 1] + 0.04 * reach, low, LEVELS)):
            row = min(round(float(y)), mask.shape[0] - 1)
            if j == LEVELS - 1:
                row = max(row - round(0.08 * reach), 0)
            within = round(BODY_FROM * side * float(armpit[i, 0] - middle))
            half = within + _run_length(mask[row], center + side * within, side)
            most = side * (armpit[i, 0] - middle) + SIDE_REACH * reach
            sides[i, j] = center + side * min(half, most), y
    lower = mask.shape[0] - 1 - np.argmax(mask[::-1], axis=0)
    ends = sides[:, -1, 0]
    hem = np.zeros((5, 2), np.float32)
    for j, share in enumerate((0.03, 0.25, 0.5, 0.75, 0.97)):
        x = ends[0] + share * (ends[1] - ends[0])
        hem[j] = x, lower[int(np.clip(round(float(x)), 0, lower.size - 1))]
    hem[0, 0], hem[-1, 0] = ends
    # A sleeve below the body's corner is not its hem.
    hem[:, 1] = np.clip(hem[:, 1], low - 0.5 * reach, low + 0.3 * reach)
    sides[0, -1], sides[1, -1] = hem[0], hem[-1]
    return sides, hem


def _run_length(row: BoolArray, start: int, side: int) -> int:
    """Pixels that are set from one outwards, up to the first that is not."""
    outwards = row[start:] if side > 0 else row[start::-1]
    unset = np.flatnonzero(~outwards)
    return int(unset[0]) if unset.size else outwards.size


def _find_sleeve(
    mask: BoolArray, side: int, shoulder: Points, armpit: Points, edge: Points, reach: float
) -> Sleeve:
    """The sleeve outside the line from shoulder to armpit, and beside the body below it."""
    height, width = mask.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    knots_y = np.concatenate(([shoulder[1], armpit[1]], edge[1:, 1]))
    knots_x = np.concatenate(([shoulder[0], armpit[0]], edge[1:, 0]))
    order = np.argsort(knots_y)
    border = np.interp(np.arange(height), knots_y[order], knots_x[order])[:, None]
    outside = mask & (side * (x - border) > 0)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(outside.astype(np.uint8))
    if len(stats) < 2:
        raise NotFlat(NO_SLEEVES)
    inside = pieces == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    points = np.stack((x[inside], y[inside]), axis=1)
    seam = (shoulder + armpit) / 2
    end = points.mean(axis=0)
    for _ in range(3):
        along, length = _project(points, seam, end)
        far = float(np.percentile(along, 99.5))
        end = points[along > 0.93 * far].mean(axis=0)
        end = seam + (end - seam) * far / max(float(_project(end[None], seam, end)[0][0]), 1e-3)
    along, length = _project(points, seam, end)
    if length < MIN_SLEEVE * reach:
        raise NotFlat(NO_SLEEVES)
    middle = points[(along > 0.42 * length) & (along < 0.58 * length)]
    knee = middle.mean(axis=0) if len(middle) else (seam + end) / 2
    straight = (seam + end) / 2
    if float(np.linalg.norm(knee - straight)) > MAX_BEND * length:
        raise NotFlat("a sleeve is bent; lay the sleeves out straight")
    axis = np.stack((seam, knee, end)).astype(np.float32)
    total = float(np.linalg.norm(np.diff(axis, axis=0), axis=1).sum())
    outer, inner = (_measure_half(mask, axis, total, way) for way in (side, -side))
    # At the shoulder the inner side is within the body.
    usual = INNER_AT_SEAM * float(np.median(inner[STEPS // 2 :]))
    return Sleeve(axis, outer, np.minimum(inner, usual).astype(np.float32), total)


def cloth_share(mask: BoolArray, axis: Points) -> float:
    """Share of a sleeve's axis that lies on the garment.

    Args:
        mask: (H, W) bool, the garment.
        axis: as ``Sleeve`` has it.
    """
    places = np.concatenate([np.linspace(*ends, 40) for ends in pairwise(axis)])
    columns, rows = np.rint(places).astype(int).T
    return float(mask[rows.clip(0, mask.shape[0] - 1), columns.clip(0, mask.shape[1] - 1)].mean())


def _measure_half(mask: BoolArray, axis: Points, length: float, way: int) -> FloatArray:
    """How far a mask goes beside an axis, (STEPS,); the ends are as wide as what is next to them.

    Args:
        mask: (H, W) bool.
        axis: (3, 2) points of the axis.
        length: of the axis.
        way: 1 for its left, -1 for its right.
    """
    half = np.zeros(STEPS, np.float32)
    beside = np.arange(0, length, 1, dtype=np.float32)
    for i, place in enumerate(np.linspace(0.04, 0.96, STEPS) * length):
        along = np.full_like(beside, place)
        x, y = (np.rint(v).astype(int) for v in point_at(axis, along, way * beside))
        inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
        inside[inside] = mask[y[inside], x[inside]]
        unset = np.flatnonzero(~inside)
        half[i] = max(float(unset[0]) if unset.size else float(beside.size), 1.0)
    half[1:-1] = (half[:-2] + 2 * half[1:-1] + half[2:]) / 4
    return half


def _project(points: Points, start: Points, end: Points) -> tuple[FloatArray, float]:
    """How far points lie along a line from its start, and its length."""
    link = end - start
    length = max(float(np.linalg.norm(link)), 1e-6)
    return ((points - start) @ link / length).astype(np.float32), length
