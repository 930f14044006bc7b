"""Specks that cutting out has left beside an accessory; its size would be measured with them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.accessory import VISIBLE_ALPHA
from m2fp_cli.tryon.morphology import dilate

SIDE = 512  # of the picture that is looked at, pixels
GAP = 0.03  # to the accessory, share of the longer side; what is nearer changes little
MOST = 0.005  # share of all that is visible; beads and stones beside a pendant are more


def without_specks(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture whose specks are transparent.

    Args:
        bgra: (H, W, 4) uint8, the picture of one accessory.

    Returns:
        likewise; ``bgra`` itself where there are none.
    """
    specks = _find_specks(bgra[..., 3] > VISIBLE_ALPHA)
    if not specks.any():
        return bgra
    clean = bgra.copy()
    clean[..., 3][specks] = 0
    return clean


def _find_specks(seen: BoolArray) -> BoolArray:
    """Small pieces of what is visible that lie apart from all others, (H, W) bool."""
    height, width = seen.shape
    shrink = max(height, width) / SIDE
    small = seen
    if shrink > 1:
        size = max(1, round(width / shrink)), max(1, round(height / shrink))
        levels = cv2.resize(seen.view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
        small = np.asarray(levels > 0)
    joined = dilate(small, GAP * max(small.shape) / 2)
    _, pieces = cv2.connectedComponents(joined.astype(np.uint8))
    areas = np.bincount(pieces[small], minlength=1)
    areas[0] = 0
    few = (areas < MOST * areas.sum())[pieces] & joined
    full = cv2.resize(few.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(full, np.uint8).view(np.bool_) & seen
