"""What the picture of a necklace tells: where it goes around the neck, and how long it is.

Lengths are in U, the distance between the pupils, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from m2fp_cli.arrays import BoolArray, Box, Point
from m2fp_cli.tryon.neck import USUAL_HALF

# How a chain of some length hangs.
NECK_BASE_MM = 371.0  # circumference of the neck's base, ANSUR II
MM_PER_UNIT = 63.0  # distance between the pupils, Dodgson 2004
ENDS_ABOVE_MIDDLE = 0.57  # of the neck: where it goes around the neck, U
BASE_BELOW_MIDDLE = 0.11  # of the neck: the neck's base in front, U

# Guessing the ends of a bare picture.
TOP_ROWS = 25  # share of the height in which its upper end is looked at: one of so many
MIDDLE = (0.25, 0.75)  # of the width; a chain whose upper end lies within is closed
HOLLOW = 0.5  # share of the rows below it that are empty in the middle of a closed one, at least

# Guessing the length of a bare picture that shows a chain as it hangs.
USUAL_MM = 457.0  # 18 inches; shorter ones are often laid wide, so that their shape does not tell
LONGEST_MM = 750.0  # and one that hangs from a hook is narrow
HUNG = 0.1  # share of the height above the ends, from which it is closed and does not tell


def guess_ends(seen: BoolArray) -> dict[str, Point]:
    """Anchors of a bare picture: its upper corners and the middle of its lower edge.

    A chain that is shown closed goes around the neck where its upper half is widest.

    Args:
        seen: (h, w) bool, the visible content.

    Returns:
        anchors by name, pixels of the content.
    """
    height, width = seen.shape
    left, right, row = 0.5, width - 0.5, 0
    if _is_closed(seen):
        upper = seen[: height // 2 + 1]
        starts, ends = upper.argmax(axis=1), upper[:, ::-1].argmax(axis=1)
        row = int(np.argmin(np.where(upper.any(axis=1), starts + ends, 2 * width)))
        left, right = starts[row] + 0.5, width - ends[row] - 0.5
    return {
        "left_end": (float(left), float(row)),
        "right_end": (float(right), float(row)),
        "lowest": (0.5 * width, float(height)),
    }


def guess_length(anchors: Mapping[str, Point], box_xyxy: Box) -> dict[str, float]:
    """Length of a chain that is shown longer than the usual one: shorter, it would be squashed.

    Args:
        anchors: of the picture.
        box_xyxy: of the visible content, half-open.

    Returns:
        the length by its name, mm; empty where the shape says nothing.
    """
    (left, left_y), (right, right_y) = anchors["left_end"], anchors["right_end"]
    ends_y, lowest_y = 0.5 * (left_y + right_y), anchors["lowest"][1]
    _, y0, _, y1 = box_xyxy
    if ends_y - y0 > HUNG * (y1 - y0) or right <= left:
        return {}
    below = 2 * USUAL_HALF * (lowest_y - ends_y) / (right - left)
    drop = below - ENDS_ABOVE_MIDDLE - BASE_BELOW_MIDDLE
    length = NECK_BASE_MM + 2 * MM_PER_UNIT * drop
    return {"length_mm": min(length, LONGEST_MM)} if length > USUAL_MM else {}


def _is_closed(seen: BoolArray) -> bool:
    """Whether a chain is shown with its back: as a loop that ends above in its middle."""
    height, width = seen.shape
    columns = np.flatnonzero(seen[: max(1, height // TOP_ROWS)].any(axis=0))
    in_middle = columns[0] >= MIDDLE[0] * width and columns[-1] < MIDDLE[1] * width
    return bool(in_middle and (~seen[:, columns].any(axis=1)).mean() >= HOLLOW)
