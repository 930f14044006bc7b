"""What the outline of a hat tells: where its band is, and whether it is open, as a tiara is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Point
from m2fp_cli.tryon.morphology import bounding_slices

BAND_SHARE = 0.7  # the band is the lowest row that is at least so wide, as a share of the widest
# ... or, where the lower edge bends up to the ends of the band, the row in which it reaches them.
# Till there each side goes out by so many pixels a row and more, over some rows, share of the
# height; those of a crown, which is wider above, go out by less. At most so far above.
EDGE_SLOPE, EDGE_ROWS, MOST_EDGE = 2.0, 0.015, 0.15
# A brim or visor begins where a side of a hat reaches out by this share of the content's width more
# within so many rows, share of its height, than within as many above, and no higher than there. Of
# 14 hats the sides that have one do by 0.10 and more, others by 0.05 at most: domes bend inwards.
BRIM_BEND, BRIM_ROWS, BRIM_FROM = 0.07, 0.1, 0.35
# A tiara is open below in the middle. Ear flaps and strings hang below hats that are thicker.
ARCH_MIDDLE, ARCH_THICK = (0.4, 0.6), 0.3  # share of the width; of the height


def guess_band(seen: BoolArray) -> dict[str, Point]:
    """Anchors of a bare picture: the band is the lowest row that is wide enough.

    Args:
        seen: (h, w) bool, the visible content.

    Returns:
        anchors by name, pixels of the content.
    """
    widths = np.ptp(_ends_of_rows(seen), axis=0) if is_arch(seen) else seen.sum(axis=1)
    row = int(np.flatnonzero(widths >= BAND_SHARE * widths.max())[-1])
    row = _above_edge(widths, row)
    left, right = (_end_of_band(side[: row + 1]) for side in (seen, seen[:, ::-1]))
    right = seen.shape[1] - right
    return {
        "band_left": (left, row + 0.5),
        "band_right": (right, row + 0.5),
        "front_low": (0.5 * (left + right), float(len(widths))),
    }


def _above_edge(widths: NDArray[np.intp], row: int) -> int:
    """The row in which a hat's lower edge ends and its sides begin, from one within the edge on."""
    step = max(1, round(EDGE_ROWS * len(widths)))
    least = max(step, row - round(MOST_EDGE * len(widths)))
    while row > least and widths[row - step] - widths[row] >= 2 * EDGE_SLOPE * step:
        row -= 1
    return row


def _end_of_band(seen: BoolArray) -> float:
    """Left end of the band of a hat, (h, w) bool down to the band's row, pixels.

    It ends where the hat does, or above a brim or visor that begins at this side.
    """
    ends = _ends_of_rows(seen)[0]
    step = max(1, round(BRIM_ROWS * len(ends)))
    upper = max(step, round(BRIM_FROM * len(ends)))
    out = ends[:-step] - ends[step:]
    bends = out[upper:] - out[upper - step : -step]
    if bends.size and bends.max() >= BRIM_BEND * seen.shape[1]:
        return float(ends[upper + int(bends.argmax())])
    return float(ends[-1])


def _ends_of_rows(seen: BoolArray) -> NDArray[np.intp]:
    """First column that is seen and the one after the last, (2, h); of empty rows the width."""
    width, filled = seen.shape[1], seen.any(axis=1)
    last = width - seen[:, ::-1].argmax(axis=1)
    return np.where(filled, np.stack((seen.argmax(axis=1), last)), width)


def is_arch(seen: BoolArray) -> bool:
    """Whether a hat is open below its upper end, as a wreath or a tiara is: no hair is under it.

    Args:
        seen: (h, w) bool, the visible content, or the picture that holds it.
    """
    around = bounding_slices(seen)
    if around is None:
        return False
    seen = seen[around]
    width = seen.shape[1]
    middle = seen[:, round(ARCH_MIDDLE[0] * width) : round(ARCH_MIDDLE[1] * width)].any(axis=1)
    return bool(middle.mean() <= ARCH_THICK and not middle[len(middle) // 2 :].any())
