"""Where the lenses are in the picture of a pair of glasses.

Product photos show the temples too: behind the lenses, above or beside them, folded or, from an
angle, longer than the front is wide. The middle of all that is seen is then beside the lenses. They
are what is left of the outline, its holes filled, once everything thin is taken away.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Point
from m2fp_cli.tryon.morphology import close_mask, open_mask

LensBox = tuple[float, float, float, float]  # x0, y0, x1, y1

SIDE = 320  # of the picture that is looked at, pixels
GAP = 0.006  # half of a gap that closes a rim, where light has eaten it, share of the longer side
# Half the width of the widest temple or bridge, share of the longer side; more is tried where both
# lenses hang together, as by what temples that are folded enclose between them.
THIN = (0.04, 0.055, 0.07)
LEAST_LIKE = 0.3  # area of the smaller lens to that of the larger; from an angle one is smaller
MOST_TILT = 0.5  # of the line through both: rise to run
MOST_OVERLAP = 0.2  # columns that both share, of the narrower one's width


def find_lenses(seen: BoolArray) -> tuple[Point, Point] | None:
    """Middles of the two lenses.

    Args:
        seen: (h, w) bool, what is visible of the glasses.

    Returns:
        pixels of the picture, the left one first; None where two lenses do not stand apart, as in
        a shield, or where lenses without a lower rim are clear.
    """
    found = find_lens_boxes(seen)
    if found is None:
        return None
    left, right = (((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in found)
    return left, right


def find_lens_boxes(seen: BoolArray) -> tuple[LensBox, LensBox] | None:
    """Boxes of the two lenses, see ``find_lenses``.

    Args:
        seen: (h, w) bool, what is visible of the glasses.

    Returns:
        x0, y0, x1, y1 of each, pixels of the picture, the left one first; or None.
    """
    height, width = seen.shape
    shrink = max(1.0, max(height, width) / SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    levels = cv2.resize(seen.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    margin = round(2 * THIN[-1] * max(size))
    small = np.pad(np.asarray(levels > 0), margin)
    filled = fill_holes(close_mask(small, GAP * max(size)) | small)
    for thin in THIN:
        thick = open_mask(filled, thin * max(size)).astype(np.uint8)
        boxes = cv2.connectedComponentsWithStats(thick)[2][1:]
        pair = sorted(boxes, key=lambda box: -int(box[cv2.CC_STAT_AREA]))[:2]
        if len(pair) == 2 and _are_pair(*pair):
            pair.sort(key=lambda box: int(box[cv2.CC_STAT_LEFT]))
            scale = width / size[0], height / size[1]
            left, right = (_scaled(box, margin, scale) for box in pair)
            return left, right
    return None


def _scaled(box: NDArray[np.int32], margin: int, scale: Point) -> LensBox:
    """Box of a piece, as OpenCV's statistics have it, of a padded and reduced picture."""
    x, y, width, height = (int(value) for value in box[:4])
    x0, y0 = (x - margin) * scale[0], (y - margin) * scale[1]
    return x0, y0, x0 + width * scale[0], y0 + height * scale[1]


def fill_holes(mask: BoolArray) -> BoolArray:
    """A mask with all that cannot be reached from its upper left corner, which is not set.

    Args:
        mask: (h, w) bool.
    """
    outside = mask.astype(np.uint8)
    cv2.floodFill(outside, None, (0, 0), (2,))
    return np.asarray(outside != 2)


def _are_pair(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    """Whether two pieces are two lenses side by side."""
    sizes = sorted((int(one[cv2.CC_STAT_AREA]), int(other[cv2.CC_STAT_AREA])))
    (x, y, w, h), (ox, oy, ow, oh) = ([int(v) for v in box[:4]] for box in (one, other))
    across, down = abs(x + w / 2 - ox - ow / 2), abs(y + h / 2 - oy - oh / 2)
    shared = min(x + w, ox + ow) - max(x, ox)
    return (
        sizes[0] >= LEAST_LIKE * sizes[1]
        and down <= MOST_TILT * across
        and shared <= MOST_OVERLAP * min(w, ow)
    )
