"""Whether a picture shows several products on a plain ground, as an outfit or colors side by side.

One of them would be worn by chance, or all would become a pattern. Dots and the motives of a print
are pieces, too: it is sure only where one has the outline of a garment, of trousers or of glasses.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.tryon.morphology import close_mask
from m2fp_cli.tryon.one_thing import GAP, find_seen, is_off_border
from m2fp_cli.tryon.outlines import is_garment, is_glasses, is_trousers

LEAST_EACH = 0.25  # area of the others to that of the largest
LEAST_OF_PICTURE = 0.01  # area of the largest
MOST_PIECES = 16


def count_garments(bgra: Picture) -> int:
    """How many garments for the upper body lie side by side; 0 where none or only one thing does.

    Args:
        bgra: (H, W, 4) uint8, cut out or on a near-white ground.
    """
    return sum(is_garment(piece) for piece in _pieces(bgra))


def shows_several(bgra: Picture) -> bool:
    """Whether a picture shows several things, at least one of which surely is a product.

    Args:
        bgra: (H, W, 4) uint8, cut out or on a near-white ground.
    """
    return any(is_trousers(one) or is_glasses(one) or is_garment(one) for one in _pieces(bgra))


def _pieces(bgra: Picture) -> Iterator[BoolArray]:
    """The large pieces of what is seen, each cut to its box; none where there is but one."""
    seen = find_seen(bgra)
    if seen is None or not seen.any() or not is_off_border(seen):
        return
    joined = close_mask(seen, GAP * max(seen.shape)).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(joined)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(areas >= LEAST_EACH * areas.max())
    if not 2 <= len(large) <= MOST_PIECES or areas.max() < LEAST_OF_PICTURE * seen.size:
        return
    for i in large:
        x, y, width, height = stats[i, :4]
        box = slice(y, y + height), slice(x, x + width)
        yield np.asarray((pieces[box] == i) & seen[box])
