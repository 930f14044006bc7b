"""Where an arm is: shoulder, elbow and wrist as a chain of two links, fitted to the masks.

A sleeve and a torso of one garment have one label, so that the masks alone do not tell them apart.
Every pose of a coarse set is scored: an arm lies inside the person, along their outline, and
explains what is labelled as this arm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Point
from m2fp_cli.records.joints import SURE_PRESENCE, joint_indices
from m2fp_cli.tryon.figure import Figure

# Lengths of an adult, U of 63 mm; ANSUR II, women.
UPPER_ARM, FOREARM, HAND = 4.7, 3.9, 2.2  # shoulder to elbow, to wrist, and to the knuckles' end
RADIUS = (0.75, 0.6, 0.5)  # of a clothed arm at shoulder, elbow and wrist
JOINT_INSIDE = 0.6  # of the shoulder's corner, both inwards and downwards

# The poses that are tried: angles in degrees from straight down, positive outwards.
UPPER_ANGLES = np.arange(-24, 121, 8)
ELBOW_ANGLES = np.arange(-144, 145, 12)  # of the forearm against the upper arm, inwards negative
SHORTENINGS = (1.0, 0.8, 0.62)  # of a link that points at the camera
SAMPLES = 8  # points of a link that are looked at

# What a pose is worth.
OUTSIDE_COST = 3.0  # of a share of the chain outside the person
INNER_COST = 0.9  # of a share of the chain's outer side that is inside the person
FAR_COST = 1.0  # of the mean distance of the arm's pixels from the chain, U
SURE_PIXELS = 0.6  # area of them from which they count fully, U^2
BENT_COST = 0.25  # of an elbow bent by a right angle
SPREAD_COST = 0.15  # of an upper arm straight out
SHORT_COST = 0.5  # of a link's shortening
MAX_PIXELS = 80  # of the arm that are looked at
GRID_UNIT = 10.0  # pixels per U of the maps that are looked at


MAX_WRISTS_APART = 3.5  # between what masks and joints say, U
_WRISTS = {-1: joint_indices("right_wrist")[0], 1: joint_indices("left_wrist")[0]}


@dataclass(frozen=True)
class Arm:
    """One arm, in pixels of the maps.

    Attributes:
        joints: (3, 2) shoulder, elbow, wrist, x and y.
        cost: of the pose; 0 is perfect.
        outside: share of the chain outside the person.
    """

    joints: FloatArray
    cost: float
    outside: float


@cache
def _poses() -> tuple[FloatArray, FloatArray]:
    """All poses of an arm of U at the right, (N, 3, 2) joints in U, and what they cost, (N,)."""
    grid = np.meshgrid(UPPER_ANGLES, ELBOW_ANGLES, SHORTENINGS, SHORTENINGS, indexing="ij")
    upper, bend, first, second = (np.asarray(part, np.float32).ravel() for part in grid)
    lower = upper + bend
    links = [
        length * short * np.stack((np.sin(np.deg2rad(a)), np.cos(np.deg2rad(a))))
        for length, short, a in ((UPPER_ARM, first, upper), (FOREARM, second, lower))
    ]
    joints = np.stack((np.zeros_like(links[0]), links[0], links[0] + links[1]))
    cost = BENT_COST * np.abs(bend) / 90 + SPREAD_COST * np.abs(upper) / 90
    cost += SHORT_COST * (2 - first - second)
    return joints.transpose(2, 0, 1).astype(np.float32), cost.astype(np.float32)


def fit_arm(
    body: BoolArray, arm: BoolArray, corner: Point, side: int, unit: float, size: float = 1.0
) -> Arm:
    """Find the pose of an arm.

    Args:
        body: (h, w) bool, garments and arms of the person.
        arm: (h, w) bool, what is labelled as this arm.
        corner: of the shoulder, pixels of the maps.
        side: -1 at the left of the photo, 1 at its right.
        unit: U in pixels of the maps.
        size: of the body against an adult's whose head is as large.
    """
    step = max(1, int(unit / GRID_UNIT))
    small, shoulder = body[::step, ::step], np.asarray(corner, np.float32) / step
    scale = unit * size / step
    shoulder += (-side * JOINT_INSIDE * scale, JOINT_INSIDE * scale)
    joints, cost = _poses()
    mirrored = joints * np.array((side * scale, scale), np.float32) + shoulder
    inside, outer = _share_inside(small, mirrored, side, scale)
    total = cost + OUTSIDE_COST * (1 - inside) + INNER_COST * outer
    pixels = _some_pixels(arm[::step, ::step])
    if pixels.size:
        weight = min(1.0, np.count_nonzero(arm) / (SURE_PIXELS * unit * unit))
        total += FAR_COST * weight * _mean_distance(mirrored, pixels) / scale
    best = int(np.argmin(total))
    return Arm(mirrored[best] * step, float(total[best]), float(1 - inside[best]))


def is_elsewhere(arm: Arm, figure: Figure, side: int, unit: float) -> bool:
    """Whether the joints of a person have a wrist far from where masks alone have it.

    Of 23 people on COCO and street photos who would get a sweater or a T-shirt, two have wrists 5
    and 6 U apart, with both hands raised before the chest; the others at most 2.0.

    Args:
        arm: what was fitted.
        figure: the person in the same maps.
        side: -1 at the left of the photo, where the right arm is; 1 at its right.
        unit: U in pixels of the maps.
    """
    joints = figure.joints
    wrist = _WRISTS[side]
    if joints is None or min(joints.score, joints.scores[wrist]) < SURE_PRESENCE:
        return False
    x, y = (joints.points[wrist] - figure.origin_xy) / figure.stride
    return bool(np.hypot(x - arm.joints[2, 0], y - arm.joints[2, 1]) > MAX_WRISTS_APART * unit)


def _share_inside(
    body: BoolArray, joints: FloatArray, side: int, scale: float
) -> tuple[FloatArray, FloatArray]:
    """Shares of each chain inside a mask, and of its outer side, (N,) each."""
    along = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SAMPLES
    padded = np.pad(body, 1)
    found = []
    for i in (0, 1):
        start, link = joints[:, i, None], (joints[:, i + 1] - joints[:, i])[:, None]
        points = start + along[None, :, None] * link
        length = np.maximum(np.linalg.norm(link, axis=2, keepdims=True), 1e-6)
        normal = side * np.stack((link[..., 1], -link[..., 0]), axis=2) / length
        radius = scale * (RADIUS[i] + (RADIUS[i + 1] - RADIUS[i]) * along)[None, :, None]
        found.append([_look_up(padded, p) for p in (points, points + 1.35 * radius * normal)])
    inside = np.concatenate((found[0][0], found[1][0]), axis=1).mean(axis=1)
    outer = np.concatenate((found[0][1], found[1][1]), axis=1).mean(axis=1)
    return inside.astype(np.float32), outer.astype(np.float32)


def _look_up(padded: BoolArray, points: FloatArray) -> BoolArray:
    """Values of a mask with a border of one pixel at points (..., 2); unset beyond it."""
    height, width = padded.shape
    x = np.clip(np.rint(points[..., 0]) + 1, 0, width - 1).astype(np.int32)
    y = np.clip(np.rint(points[..., 1]) + 1, 0, height - 1).astype(np.int32)
    return np.asarray(padded[y, x], np.bool_)


def _some_pixels(mask: BoolArray) -> NDArray[np.float32]:
    """Evenly chosen pixels of a mask, (M, 2) x and y."""
    y, x = np.nonzero(mask)
    chosen = slice(None, None, max(1, -(-x.size // MAX_PIXELS)))
    return np.asarray(np.stack((x[chosen], y[chosen]), axis=1), np.float32)


def _mean_distance(joints: FloatArray, pixels: FloatArray) -> FloatArray:
    """Mean distance of pixels (M, 2) from each chain with its hand, (N,)."""
    forearm = joints[:, 2] - joints[:, 1]
    hand = joints[:, 2] + HAND / FOREARM * forearm
    nearest = np.full((len(joints), len(pixels)), np.inf, np.float32)
    for start, end in ((joints[:, 0], joints[:, 1]), (joints[:, 1], hand)):
        link = (end - start)[:, None]
        square = np.maximum((link * link).sum(axis=2), 1e-6)
        apart = pixels[None] - start[:, None]
        t = np.clip((apart * link).sum(axis=2) / square, 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(apart - t[..., None] * link, axis=2))
    return np.asarray(nearest.mean(axis=1), np.float32)
