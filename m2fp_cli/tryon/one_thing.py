"""Whether a picture shows one thing on a plain ground, as shops have their products taken.

As a fabric such a picture would put a pattern of small shirts on people. What repeats in both
directions goes on at its borders, or consists of several pieces, as dots do.
"""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.tryon.accessory import VISIBLE_ALPHA
from m2fp_cli.tryon.morphology import close_mask
from m2fp_cli.tryon.product_ground import (
    BORDER,
    SIDE,
    find_border,
    fit_plain,
    largest_piece,
    measure_ground,
)

MIN_CLEAR = 0.02  # share of clear pixels from which a picture is cut out already

UNLIKE = 6.0  # from the ground, from where something is seen, Lab
# From a ground of any color, the median of what is seen. Folds and light on cloth are nearer: of
# 285 squares of worn clothes 3 look like one thing, 7 to 12 apart; shirts on paper 25 to 85.
UNLIKE_COLOR = 16.0
GAP = 0.02  # half the width of stripes in the color of the ground, share of the longer side
MOST_AT_BORDER = 0.4  # share of the border, relative to that of the picture
LEAST_OF_ONE = 0.7  # share of the largest piece
# A product that is cut out and cropped to what is seen lies at the border, too. Its ground is a few
# pieces beside it: that of nets has many, and dots and thin lines leave more of the picture clear.
FEW_PIECES, LEAST_REACHED = 4, 0.6  # of ground at the border, and their share of all that is clear
LEAST_FILLED = 0.45  # of the picture
LEAST_LONG = 0.45  # its height or width, share of the picture's


def shows_one_thing(bgra: Picture) -> bool:
    """Whether a picture shows one thing on a clear or near-white ground.

    Args:
        bgra: (H, W, 4) uint8.
    """
    seen = find_seen(bgra)
    return seen is not None and _is_one(seen)


def shows_one_on_color(bgra: Picture) -> bool:
    """Whether a picture shows one thing on plain paper, be it gray, black or of a color.

    Args:
        bgra: (H, W, 4) uint8; one that is cut out shows no paper.
    """
    if (bgra[..., 3] <= VISIBLE_ALPHA).mean() > MIN_CLEAR:
        return False
    lab, _ = measure_ground(np.ascontiguousarray(bgra[..., :3]))
    ground = fit_plain(lab, find_border(lab.shape[:2]))
    if ground is None:
        return False
    apart = np.linalg.norm(lab - ground, axis=2)
    seen: BoolArray = apart > UNLIKE
    return _is_one(seen) and float(np.median(apart[seen])) > UNLIKE_COLOR


def is_off_border(seen: BoolArray) -> bool:
    """Whether what is seen lies away from the border, as products do and fabrics do not.

    Args:
        seen: (h, w) bool, some of it set.
    """
    return bool(seen[find_border(seen.shape)].mean() <= MOST_AT_BORDER * seen.mean())


def _is_one(seen: BoolArray) -> bool:
    """Whether what is seen is one thing away from the border, of some size."""
    if not seen.any() or not is_off_border(seen):
        return False
    piece = largest_piece(close_mask(seen, GAP * max(seen.shape)))
    if np.count_nonzero(piece & seen) < LEAST_OF_ONE * np.count_nonzero(seen):
        return False
    lengths = (np.ptp(np.nonzero(piece), axis=1) + 1) / seen.shape
    return bool(lengths.max() >= LEAST_LONG)


def find_seen(bgra: Picture) -> BoolArray | None:
    """What is seen on a clear or near-white ground; None where there is no such ground.

    Args:
        bgra: (H, W, 4) uint8.

    Returns:
        (h, w) bool, of at most ``SIDE`` pixels a side, and a margin around what has been cropped.
    """
    alpha = bgra[..., 3]
    if (alpha <= VISIBLE_ALPHA).mean() > MIN_CLEAR:
        factor = min(1.0, SIDE / max(alpha.shape))
        size = max(1, round(alpha.shape[1] * factor)), max(1, round(alpha.shape[0] * factor))
        seen = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > VISIBLE_ALPHA)
        return np.pad(seen, round(BORDER * SIDE)) if _is_cropped(seen) else seen
    lab, ground = measure_ground(np.ascontiguousarray(bgra[..., :3]))
    return None if ground is None else np.linalg.norm(lab - ground, axis=2) > UNLIKE


def _is_cropped(seen: BoolArray) -> bool:
    """Whether something that is cut out may have lost the margins around it."""
    if not LEAST_FILLED <= seen.mean() <= 1 - MIN_CLEAR:
        return False  # a net so fine that no hole of it is left is full, too
    ground = ~close_mask(seen, GAP * max(seen.shape)) & ~seen
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(ground.astype(np.uint8), connectivity=4)
    edge = np.concatenate((pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]))
    largest = np.sort(stats[np.unique(edge[edge > 0]), cv2.CC_STAT_AREA])[-FEW_PIECES:]
    return bool(largest.sum() >= LEAST_REACHED * np.count_nonzero(~seen))
