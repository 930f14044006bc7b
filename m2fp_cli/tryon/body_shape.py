"""The shape of a person under their top: shoulders, sleeves, sides and hem, from the masks.

What hair, arms and bags hide is completed. Lengths are in U of 63 mm unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.figure import ARMS, Figure
from m2fp_cli.tryon.garment_outline import LEVELS, Points
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.shoulders import Shoulders, find_shoulders
from m2fp_cli.tryon.sleeves import Limb, measure_limb
from m2fp_cli.tryon.strip import along_chain

# Whose body is seen from the front.
HALF_RANGE = (1.9, 5.2)  # from the middle to the corner of a shoulder
MAX_UNLIKE = 1.75  # ratio of both halves
MAX_TILT = 20.0  # of the line between the shoulders, degrees
HIGH, MAX_HIGH = 0.3, 0.2  # of hands above both shoulders, and the area of what is there, U^2

# The body.
ARMPIT_BELOW = 2.3  # the corner of the shoulder
ARMPIT_INSIDE = 0.75
BAND = 0.2  # around a row in which its ends are looked for
BRIDGED = 0.9  # what may hide the garment between its parts in a row: straps, hair
BELOW_COAT = 0.88  # half the width of a body whose sides a coat hides, over the shoulder's
BEHIND_ARM = 0.3  # how far the body goes on behind an arm that hides its side
SIDE_LIMITS = (1.3, 4.6)  # distance of a side from the middle
MIN_LENGTH = 2.6  # of what is seen from the corner of the shoulder to the hem
HEM_HALF = 2.2  # from the middle, where the hem is looked for
MAX_HEM_STEP = 0.8  # of a part of the hem from its height
MAX_UNEVEN, MAX_SLANT = 0.35, 0.3  # of the hem from a curve, and down per outwards


@dataclass(frozen=True, eq=False)
class BodyShape:
    """A body in pixels of a figure's maps; the side at the left of the photo first.

    Attributes:
        shoulders: their corners and lines.
        corner: (2, 2) of the shoulders.
        armpit: (2, 2).
        sides: (2, LEVELS, 2) from the armpits to the hem.
        hem: (5, 2) from left to right.
        limbs: both arms.
        cut: the photo ends above the hem.
    """

    shoulders: Shoulders
    corner: Points
    armpit: Points
    sides: Points
    hem: Points
    limbs: tuple[Limb, Limb]
    cut: bool


def measure_body(
    figure: Figure,
    garment: BoolArray,
    frame: HeadFrame,
    unit: float,
    over: BoolArray | None = None,
) -> BodyShape:
    """Measure a person who faces the camera.

    Args:
        figure: the person in a window that holds all of them.
        garment: (h, w) bool, the top that is worn.
        frame: their head.
        unit: U in pixels of the figure's maps.
        over: (h, w) bool, a coat over the top; its sleeves hide those of the top.

    Raises:
        NotWearable: they do not face the camera, or too much of them is hidden.
    """
    shoulders = find_shoulders(figure, frame, unit)
    if shoulders is None:
        raise NotWearable("the shoulders are not visible")
    corner = np.array([shoulders.left.corner_xy, shoulders.right.corner_xy], np.float32)
    halves = np.abs(corner[:, 0] - shoulders.middle) / unit
    if halves.min() < HALF_RANGE[0] or halves.max() > HALF_RANGE[1]:
        raise NotWearable("the body is not seen from the front")
    if halves.max() > MAX_UNLIKE * halves.min():
        raise NotWearable("the body is not seen from the front")
    across = corner[1] - corner[0]
    if abs(np.degrees(np.arctan2(across[1], across[0]))) > MAX_TILT:
        raise NotWearable("the body is not upright")
    above = figure.mask(*ARMS, "Glove")[: max(int(corner[:, 1].min() - HIGH * unit), 0)]
    if over is None and np.count_nonzero(above) > MAX_HIGH * unit * unit:
        raise NotWearable("an arm is raised")
    whole = garment if over is None else garment | over
    limbs = tuple(
        measure_limb(figure, whole, shoulders, side, unit, followed=over is None)
        for side in (-1, 1)
    )
    armpit = np.stack(
        [corner[i] + unit * np.array((-side * ARMPIT_INSIDE, ARMPIT_BELOW), np.float32)
         for i, side in enumerate((-1, 1))]
    )  # fmt: skip
    sides, hem, cut = _measure_torso(figure, garment, shoulders, armpit, limbs, unit)
    if over is not None:
        # The coat hides the sides: they are below the corners of the shoulders.
        out = BELOW_COAT * np.abs(corner[:, 0] - shoulders.middle)[:, None]
        center = np.linspace(shoulders.middle, hem[2, 0], LEVELS)
        sides[..., 0] = center + np.array(((-1,), (1,))) * out
        hem[:, 0] = np.linspace(sides[0, -1, 0], sides[1, -1, 0], len(hem))
    armpit = sides[:, 0].copy()
    return BodyShape(shoulders, corner, armpit, sides, hem, (limbs[0], limbs[1]), cut)


def _measure_torso(
    figure: Figure,
    garment: BoolArray,
    shoulders: Shoulders,
    armpit: Points,
    limbs: tuple[Limb, ...],
    unit: float,
) -> tuple[Points, Points, bool]:
    """Sides and hem of the body, and whether the photo cuts them."""
    rows = np.arange(garment.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(garment.shape[1], dtype=np.float32)[None]
    in_sleeve = np.zeros_like(garment)
    for limb in limbs:
        in_sleeve |= limb.contains(*along_chain(limb.joints, columns, rows))
    body = garment & ~in_sleeve
    level, hem_of, cut = _find_hem(figure, body, shoulders.middle, unit)
    start = float(armpit[:, 1].mean())
    if level - float(shoulders.left.corner_xy[1] + shoulders.right.corner_xy[1]) / 2 < (
        MIN_LENGTH * unit
    ):
        raise NotWearable("too little of the top is visible")
    low = body[max(round(level - 1.5 * unit), 0) : round(level)]
    _, x = np.nonzero(low)
    end_x = float(np.median(x)) if x.size else shoulders.middle
    end_x = float(np.clip(end_x, shoulders.middle - unit, shoulders.middle + unit))
    arms = figure.mask(*ARMS, "Glove") | (in_sleeve & garment)
    sides = np.zeros((2, LEVELS, 2), np.float32)
    fractions = np.linspace(0, 1, LEVELS)
    for j, y in enumerate(start + (level - start) * fractions):
        center = shoulders.middle + (end_x - shoulders.middle) * fractions[j]
        at = min(y, level - 0.35 * unit)
        ends = _ends_of_row(body, arms, center, float(at), unit)
        for i, side in enumerate((-1, 1)):
            sides[i, j] = (
                center + side * np.clip(ends[i], SIDE_LIMITS[0] * unit, SIDE_LIMITS[1] * unit),
                y,
            )
    sides[:, 1:-1, 0] = (sides[:, :-2, 0] + 2 * sides[:, 1:-1, 0] + sides[:, 2:, 0]) / 4
    hem = _points_of_hem(sides, hem_of, unit)
    sides[0, -1, 1], sides[1, -1, 1] = hem[0, 1], hem[-1, 1]
    return sides, hem, cut


def _points_of_hem(sides: Points, hem_of: Callable[[float], float], unit: float) -> Points:
    """(5, 2) points of the hem from the left side to the right one.

    Raises:
        NotWearable: they do not lie on an even curve.
    """
    hem = np.zeros((5, 2), np.float32)
    for j, share in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
        at = sides[0, -1, 0] + share * (sides[1, -1, 0] - sides[0, -1, 0])
        hem[j] = at, hem_of(float(at))
    line = np.polyval(np.polyfit(hem[:, 0], hem[:, 1], 2), hem[:, 0])
    if np.abs(hem[:, 1] - line).max() > MAX_UNEVEN * unit or (
        abs(float(hem[0, 1] - hem[-1, 1])) > MAX_SLANT * float(hem[-1, 0] - hem[0, 0])
    ):
        raise NotWearable("the hem of the top that is worn is not even")
    return hem


def _ends_of_row(
    body: BoolArray, arms: BoolArray, center: float, y: float, unit: float
) -> tuple[float, float]:
    """Distances of the body's ends from its middle in a row; completed behind arms."""
    band = slice(max(round(y - BAND * unit), 0), max(round(y + BAND * unit) + 1, 1))
    share = body[band].mean(axis=0) if body[band].size else np.zeros(body.shape[1])
    hidden = arms[band].mean(axis=0) if arms[band].size else np.zeros(body.shape[1])
    found = []
    for side in (-1, 1):
        start = int(np.clip(round(center), 0, body.shape[1] - 1))
        out = share[start:] if side > 0 else share[start::-1]
        beyond = hidden[start:] if side > 0 else hidden[start::-1]
        last, gap = 0, 0
        for i, value in enumerate(out):
            if value > 0.5:
                last, gap = i, 0
            else:
                gap += 1
                if gap > BRIDGED * unit:
                    break
        near = beyond[last + 1 : last + 1 + max(round(0.3 * unit), 2)]
        is_hidden = near.size > 0 and float(near.mean()) > 0.4
        found.append(last + (BEHIND_ARM * unit if is_hidden else 0.5))
    return found[0], found[1]


def _find_hem(
    figure: Figure, body: BoolArray, middle: float, unit: float
) -> tuple[float, Callable[[float], float], bool]:
    """Height of the hem, a function of it by column, and whether the photo ends above it."""
    height, width = body.shape
    first, last = (int(np.clip(round(middle + s * HEM_HALF * unit), 0, width)) for s in (-1, 1))
    part = body[:, first:last]
    columns = np.flatnonzero(part.any(axis=0))
    if not columns.size:
        raise NotWearable("too little of the top is visible")
    bottom = (height - 1 - np.argmax(part[::-1], axis=0))[columns]
    below = np.minimum(bottom + max(1, round(0.08 * unit)), height - 1)
    hidden = figure.mask(*ARMS, "Glove") | (figure.label_map == 0)
    trusted = ~hidden[below, columns + first]
    used = trusted if np.count_nonzero(trusted) >= 0.25 * columns.size else bottom > -1
    level = float(np.percentile(bottom[used], 65))
    bottom_in_photo = figure.origin_xy[1] + figure.stride * (level + 2 * max(1, 0.05 * unit))
    cut = bottom_in_photo >= figure.image_hw[0] - 1

    def hem_of(x: float) -> float:
        near = used & (np.abs(columns + first - x) < 0.5 * unit)
        y = float(np.median(bottom[near])) if np.count_nonzero(near) > 2 else level
        return float(np.clip(y, level - MAX_HEM_STEP * unit, level + MAX_HEM_STEP * unit)) + 1

    return level, hem_of, cut
