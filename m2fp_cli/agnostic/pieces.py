"""Pieces of clothes under the name of another garment, told by where they are."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray

# A garment is in one piece; what is apart from it and has more of the old clothes around it than
# of anything else is a part of these under a wrong name. A cuff or a hem is smaller than this
# share of its garment.
_LARGEST_STRAY = 0.25
_AROUND = 0.3


def find_strays(others: BoolArray, clothes: BoolArray) -> BoolArray:
    """Small pieces of other clothes that lie at the old ones, (h, w) bool.

    Args:
        others: (h, w) bool, clothes that are not the old ones by name.
        clothes: (h, w) bool, the old ones.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(others.astype(np.uint8))
    found = np.zeros(others.shape, np.bool_)
    if count < 2:
        return found
    areas = stats[:, cv2.CC_STAT_AREA]
    limit = _LARGEST_STRAY * areas[1:].max()
    for number in (i for i in range(1, count) if areas[i] <= limit):
        x, y, width, height = stats[number, :4]
        cut = slice(max(y - 2, 0), y + height + 2), slice(max(x - 2, 0), x + width + 2)
        piece = pieces[cut] == number
        ring = cv2.dilate(piece.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~piece
        if clothes[cut][ring].mean() > _AROUND:
            found[cut] |= piece
    return found
