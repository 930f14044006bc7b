"""One of a pair that a product photo shows side by side, as earrings are sold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.accessory import content_mask

LIKE = 0.25  # by which heights, widths and areas of two of a pair differ at most, share
LEAST_EACH = 0.01  # of the longer side: what is narrower is no earring


def left_of_pair(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture of one of two like things that stand side by side: the one at the left.

    Args:
        bgra: (H, W, 4) uint8 with at least one visible pixel.

    Returns:
        likewise, the other one cut off; ``bgra`` itself where it shows no pair.
    """
    seen = content_mask(bgra)
    parts = _parts(seen)
    if len(parts) != 2:
        return bgra
    sizes = np.array([_measure(seen[:, first:end]) for first, end in parts])
    if sizes.min() < LEAST_EACH * max(seen.shape):
        return bgra
    if (sizes.min(axis=0) < (1 - LIKE) * sizes.max(axis=0)).any():
        return bgra
    middle = (parts[0][1] + parts[1][0]) // 2
    return np.ascontiguousarray(bgra[:, :middle])


def _parts(seen: BoolArray) -> list[tuple[int, int]]:
    """Columns in which something is seen, as half-open ranges."""
    filled = np.concatenate(([False], seen.any(axis=0), [False]))
    ends = np.flatnonzero(filled[1:] != filled[:-1])
    return [(int(first), int(end)) for first, end in ends.reshape(-1, 2)]


def _measure(seen: BoolArray) -> tuple[float, float, float]:
    """Height, width and the root of the area, pixels."""
    rows = np.flatnonzero(seen.any(axis=1))
    return float(np.ptp(rows) + 1), float(seen.shape[1]), float(np.sqrt(np.count_nonzero(seen)))
