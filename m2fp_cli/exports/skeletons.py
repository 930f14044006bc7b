"""Pictures of poses: a colored skeleton on black, as OpenPose and ControlNet draw it."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import Picture
from m2fp_cli.exports.poses import Pose
from m2fp_cli.records.joints import Points

Limb = tuple[int, int]

_HUES = 18  # of the color wheel, from red
_LIMB_WEIGHT = 0.6
_LEAST_SHRINK = 0.33  # OpenPose's bound


@dataclass(frozen=True)
class Style:
    """How a skeleton is drawn.

    Attributes:
        limbs: the joints that are connected, in the order in which they are drawn.
        limb_hues: a step of the color wheel for each limb.
        joint_hues: one for each joint.
        limb_width: half of it, in shares of the picture's shorter side.
        joint_radius: in the same.
        joint_weight: how much of a dot's color covers what is below; of a limb's it is 0.6.
        full_size: sum of the width and height of a person, in pixels, below which limbs get
            thinner; 0 if they never do.
    """

    limbs: tuple[Limb, ...]
    limb_hues: tuple[int, ...]
    joint_hues: tuple[int, ...]
    limb_width: float
    joint_radius: float
    joint_weight: float
    full_size: float


_BODY_25_LIMBS = (
    (1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11), (8, 12),
    (12, 13), (13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (19, 20), (14, 21),
    (11, 22), (22, 23), (11, 24),
)  # fmt: skip
_BODY_25_HUES = (
    17, 0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12, 16, 14, 15, 13, 12, 12, 12, 9, 9, 9,
)  # fmt: skip
_COCO_18_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip

# CMU-Perceptual-Computing-Lab/openpose: poseParametersRender.hpp and renderPose.cu. A limb has the
# color of its second joint.
BODY_25_STYLE = Style(
    limbs=_BODY_25_LIMBS,
    limb_hues=tuple(_BODY_25_HUES[end] for _, end in _BODY_25_LIMBS),
    joint_hues=_BODY_25_HUES,
    limb_width=1 / 120,
    joint_radius=1 / 100,
    joint_weight=0.6,
    full_size=400,
)
# Hzzone/pytorch-openpose, which drew DressCode's, and lllyasviel/ControlNet after it: 4 pixels
# where the shorter side has 512.
COCO_18_STYLE = Style(
    limbs=_COCO_18_LIMBS,
    limb_hues=tuple(range(17)),
    joint_hues=tuple(range(18)),
    limb_width=4 / 512,
    joint_radius=4 / 512,
    joint_weight=1,
    full_size=0,
)


def draw_skeleton(pose: Pose, size_wh: tuple[int, int], style: Style) -> Picture:
    """A skeleton on black, (h, w, 3) uint8; all black without joints.

    Args:
        pose: in pixels of the picture, in the order of the style.
        size_wh: of the picture.
        style: colors and widths.
    """
    width, height = size_wh
    canvas = np.zeros((height, width, 3), np.uint8)
    side = min(size_wh) * _shrink(pose, style)
    for (start, end), hue in zip(style.limbs, style.limb_hues, strict=True):
        if pose.found[start] and pose.found[end]:
            a, b = pose.points[start], pose.points[end]
            _fill_ellipse(canvas, a, b, side * style.limb_width, _bgr(hue), _LIMB_WEIGHT)
    radius = side * style.joint_radius
    for joint in np.flatnonzero(pose.found):
        a, b = pose.points[joint] - (radius, 0), pose.points[joint] + (radius, 0)
        _fill_ellipse(canvas, a, b, radius, _bgr(style.joint_hues[joint]), style.joint_weight)
    return canvas


def _shrink(pose: Pose, style: Style) -> float:
    if not style.full_size or not pose.found.any():
        return 1.0
    extent = float(np.ptp(pose.points[pose.found], axis=0).sum())
    return min(max(extent / style.full_size, _LEAST_SHRINK), 1.0)


def _bgr(hue: int) -> tuple[float, float, float]:
    red, green, blue = colorsys.hsv_to_rgb(hue / _HUES, 1, 1)
    return 255 * blue, 255 * green, 255 * red


def _fill_ellipse(
    canvas: Picture,
    start: Points,
    end: Points,
    half_width: float,
    bgr: tuple[float, float, float],
    weight: float,
) -> None:
    """Mix a color into the ellipse around two ends of its axis."""
    middle, along = (start + end) / 2, (end - start) / 2
    half_length = max(float(np.linalg.norm(along)), 1e-6)
    height, width = canvas.shape[:2]
    reach = max(half_length, half_width) + 1
    left, top = np.clip(np.floor(middle - reach), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(middle + reach), 0, (width, height)).astype(int)
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    dx, dy = x - middle[0], y - middle[1]
    unit_x, unit_y = along / half_length
    lengthwise = (dx * unit_x + dy * unit_y) / half_length
    crosswise = (dx * unit_y - dy * unit_x) / half_width
    inside = lengthwise**2 + crosswise**2 <= 1
    window = canvas[top:bottom, left:right]
    mixed = window[inside] * (1 - weight) + np.multiply(bgr, weight)
    window[inside] = np.rint(mixed).astype(np.uint8)
