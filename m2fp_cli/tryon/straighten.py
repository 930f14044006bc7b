"""A garment that was laid down askew, turned upright.

The landmarks of a garment are looked for in rows and columns; both halves of one are alike, so that
its tilt is the angle at which its mirror image covers it best.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Picture

SIDE = 160  # of the outline that is looked at, pixels
MOST_TILT, STEP = 30, 3  # degrees
LEAST_TILT = 3  # less is within what landmarks bear
# Overlap with its mirror image: sleeves that lie unlike are no tilt.
LEAST_ALIKE, LEAST_GAIN = 0.8, 0.06


def straighten(bgra: Picture, solid: BoolArray) -> Picture:
    """Turn a garment upright, if it lies askew.

    Args:
        bgra: (H, W, 4) uint8, cut out.
        solid: (h, w) bool, the same garment, of any size and the same shape.

    Returns:
        the picture itself, or a larger one with all of it turned.
    """
    tilt = find_tilt(solid)
    if tilt == 0:
        return bgra
    height, width = bgra.shape[:2]
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), tilt, 1.0), np.float64)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = round(width * cos + height * sin), round(width * sin + height * cos)
    turn[:, 2] += (np.array(size) - (width, height)) / 2
    alpha = bgra[..., 3:].astype(np.float32)
    both = np.concatenate((bgra[..., :3] * (alpha / 255), alpha), axis=2)
    turned = cv2.warpAffine(both, turn, size, flags=cv2.INTER_LINEAR)
    straight = turned[..., :3] * (255 / np.maximum(turned[..., 3:], 1))
    out = np.concatenate((straight, turned[..., 3:]), axis=2)
    return np.asarray(np.clip(np.round(out), 0, 255), np.uint8)


def find_tilt(solid: BoolArray) -> float:
    """By how many degrees a garment must be turned against the clock to be upright.

    Args:
        solid: (h, w) bool.

    Returns:
        0 where it is upright, or its halves are too unlike to tell.
    """
    points = np.argwhere(solid)
    if not points.size:
        return 0.0
    (top, left), (low, right) = points.min(axis=0), points.max(axis=0) + 1
    part = solid[top:low, left:right].astype(np.float32)
    factor = min(1.0, SIDE / max(part.shape))
    size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)
    upright = _likeness(small, 0)
    alike = {angle: _likeness(small, angle) for angle in range(-MOST_TILT, MOST_TILT + 1, STEP)}
    near = max(alike, key=lambda angle: alike[angle])
    alike |= {angle: _likeness(small, angle) for angle in range(near - STEP + 1, near + STEP)}
    best = max(alike, key=lambda angle: alike[angle])
    if abs(best) < LEAST_TILT or alike[best] < max(LEAST_ALIKE, upright + LEAST_GAIN):
        return 0.0
    return float(best)


def _likeness(small: NDArray[np.float32], angle: float) -> float:
    """Overlap over union of a turned garment and its mirror image, about its middle column."""
    side = 2 * SIDE
    y, x = np.indices(small.shape)
    center = tuple(float((axis * small).sum() / small.sum()) for axis in (x, y))
    turn = np.asarray(cv2.getRotationMatrix2D(center, angle, 1.0), np.float64)
    turn[:, 2] += (side - 1) / 2 - np.array(center)
    turned = cv2.warpAffine(small, turn, (side, side))
    mirrored = turned[:, ::-1]
    return float(np.minimum(turned, mirrored).sum() / np.maximum(turned, mirrored).sum())
