"""The arms of a person with the sleeves of their top, from the masks.

Lengths are in U of 63 mm unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.arms import RADIUS, Arm, fit_arm, is_elsewhere
from m2fp_cli.tryon.figure import ARMS, Figure
from m2fp_cli.tryon.garment_outline import STEPS, Points
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.shoulders import Shoulders
from m2fp_cli.tryon.strip import along_chain

# Arms that can be followed.
MAX_COST, MAX_OUTSIDE = 1.8, 0.25
MAX_SPREAD = 80.0  # of an upper arm from straight down, degrees
WRIST_BELOW = 2.2  # the shoulder
MAX_CROSSING = 1.0  # of a wrist beyond the middle of the body

# Sleeves.
HALF_LIMITS = (0.5, 1.7)  # of half a sleeve, radii of a clothed arm
ARM_SHARE = 0.5  # of the pixels across an arm that are skin: the sleeve has ended
ACROSS = 0.7  # of the radius within which they are counted
MIN_ACROSS = 4  # of them
HAND_HALF = 1.6  # of a hand from the line of the arm
HAND_END = 3.4  # of a hand beyond the wrist
MAX_ASTRAY = 0.7  # area of an arm's skin that is not along its line, U^2
FINE_STEPS = 24  # along an arm, in which the end of its sleeve is looked for


@dataclass(frozen=True, eq=False)
class Limb:
    """An arm with its sleeve, in pixels of the maps.

    Attributes:
        joints: (3, 2) shoulder, elbow, wrist.
        left: (STEPS,) half width of sleeve or arm at the left of the way along it.
        right: (STEPS,) at its right.
        length: from shoulder to wrist.
        covered: how much of that the garment covers.
        skin_end: how far along the strip skin goes, ``covered`` where none is seen; beyond
            ``length`` there is a hand.
    """

    joints: Points
    left: FloatArray
    right: FloatArray
    length: float
    covered: float
    skin_end: float

    def contains(self, along: FloatArray, beside: FloatArray) -> BoolArray:
        """Which points of the strip belong to the arm, by what ``along_chain`` says."""
        out: BoolArray = (beside < self.reach(along, 1)) & (beside > -self.reach(along, -1))
        return out & (along > 0)

    def reach(self, along: FloatArray, side: int) -> FloatArray:
        """Half width at places along the arm; ``side`` is 1 at the left of the way, else -1."""
        places = np.linspace(0, self.length, STEPS)
        out = np.interp(along, places, self.left if side > 0 else self.right)
        return out.astype(np.float32)


def measure_limb(
    figure: Figure,
    garment: BoolArray,
    shoulders: Shoulders,
    side: int,
    unit: float,
    *,
    followed: bool,
) -> Limb:
    """Follow an arm, and measure its sleeve.

    Args:
        figure: the person.
        garment: (h, w) bool, the top, with a coat over it if there is one.
        shoulders: where the arms begin.
        side: -1 for the arm at the left of the photo, else 1.
        unit: U in pixels of the figure's maps.
        followed: it must be an arm that a sleeve can follow.

    Raises:
        NotWearable: it is not one.
    """
    label = ARMS[1] if side < 0 else ARMS[0]  # the person's right arm is at the photo's left
    skin = figure.mask(label)
    body = garment | figure.mask(*ARMS, "Glove")
    shoulder = shoulders.left if side < 0 else shoulders.right
    arm = fit_arm(body, skin, shoulder.corner_xy, side, unit)
    if followed:
        _check_arm(arm, shoulders, side, unit)
        if is_elsewhere(arm, figure, side, unit):
            raise NotWearable("the arms cannot be followed")
    strip = _Strip.along_arm(arm, body, skin, unit)
    if followed and strip.skin_astray(unit) > MAX_ASTRAY * unit * unit:
        raise NotWearable("the arms cannot be followed")
    outer, inner = strip.outer_half(side).astype(np.float32), strip.radius.astype(np.float32)
    # The left of the way down an arm is the photo's right.
    left, right = (outer, inner) if side > 0 else (inner, outer)
    covered = strip.sleeve_end()
    skin_end = strip.skin_end(covered, unit)
    return Limb(arm.joints, left, right, strip.length, covered, skin_end)


@dataclass(frozen=True, eq=False)
class _Strip:
    """The pixels of a person along one arm, N of them.

    Attributes:
        along: (N,) distance from the shoulder along the arm, pixels.
        beside: (N,) distance beside it, positive at the left of the way.
        is_skin: (N,) bool, the arm's own skin.
        inside: (N,) bool, neither before the shoulder nor beyond the wrist.
        length: of the arm, pixels.
        radius: (STEPS,) of an arm in clothes, from shoulder to wrist, pixels.
    """

    along: FloatArray
    beside: FloatArray
    is_skin: BoolArray
    inside: BoolArray
    length: float
    radius: FloatArray

    @classmethod
    def along_arm(cls, arm: Arm, body: BoolArray, skin: BoolArray, unit: float) -> _Strip:
        rows, columns = np.nonzero(body)
        x, y = columns.astype(np.float32), rows.astype(np.float32)
        along, beside = along_chain(arm.joints, x, y)
        length = float(np.linalg.norm(np.diff(arm.joints, axis=0), axis=1).sum())
        radius = unit * np.interp(np.linspace(0, 2, STEPS), (0, 1, 2), RADIUS)
        inside = (along > -0.5 * unit) & (along < length + 0.5 * unit)
        return cls(along, beside, skin[rows, columns], inside, length, radius)

    def outer_half(self, side: int) -> FloatArray:
        """(STEPS,) half width of the sleeve on the side that is away from the body."""
        near = np.clip(np.rint(self.along / self.length * (STEPS - 1)), 0, STEPS - 1)
        outwards, half = side * self.beside, self.radius.copy()
        for i in range(STEPS):
            row = self.inside & (near == i) & (outwards > 0)
            row &= outwards < HALF_LIMITS[1] * self.radius[i]
            if np.count_nonzero(row) >= MIN_ACROSS:
                half[i] = np.percentile(outwards[row], 96)
        half = np.clip(half, HALF_LIMITS[0] * self.radius, HALF_LIMITS[1] * self.radius)
        half[1:-1] = (half[:-2] + 2 * half[1:-1] + half[2:]) / 4
        return half

    def sleeve_end(self) -> float:
        """How far the sleeve goes: to where skin begins."""
        radius = np.interp(self.along, np.linspace(0, self.length, STEPS), self.radius)
        core = self.inside & (np.abs(self.beside) < ACROSS * radius)
        step = np.clip((self.along / self.length * FINE_STEPS).astype(np.int32), -1, FINE_STEPS)
        for i in range(FINE_STEPS):
            row = core & (step == i)
            if np.count_nonzero(row) >= MIN_ACROSS and self.is_skin[row].mean() > ARM_SHARE:
                return i / FINE_STEPS * self.length
        return self.length

    def skin_astray(self, unit: float) -> int:
        """Pixels of the arm's skin that do not lie along it."""
        astray = (np.abs(self.beside) > HAND_HALF * unit) | (self.along < -unit)
        astray |= self.along > self.length + HAND_END * unit
        return int(np.count_nonzero(self.is_skin & astray))

    def skin_end(self, covered: float, unit: float) -> float:
        """How far along skin goes; ``covered`` where none is seen beyond the sleeve."""
        bare = self.is_skin & (self.along > covered)
        bare &= np.abs(self.beside) < HAND_HALF * unit
        return float(np.percentile(self.along[bare], 98)) if bare.any() else covered


def _check_arm(arm: Arm, shoulders: Shoulders, side: int, unit: float) -> None:
    """Whether an arm is one that a sleeve can follow.

    Raises:
        NotWearable: it is not.
    """
    if arm.cost > MAX_COST or arm.outside > MAX_OUTSIDE:
        raise NotWearable("the arms cannot be followed")
    upper = arm.joints[1] - arm.joints[0]
    if abs(np.degrees(np.arctan2(side * upper[0], upper[1]))) > MAX_SPREAD:
        raise NotWearable("an arm is raised")
    if arm.joints[2, 1] < arm.joints[0, 1] + WRIST_BELOW * unit:
        raise NotWearable("an arm is raised")
    if side * (arm.joints[2, 0] - shoulders.middle) < -MAX_CROSSING * unit:
        raise NotWearable("the arms are crossed")
