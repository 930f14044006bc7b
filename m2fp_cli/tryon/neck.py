"""Where the middle of a neck is, from the chin and the joints of the shoulders, and how wide it is.

The chin alone does not tell: it moves with a head that nods, leans or turns, while the neck's base
stays with the shoulders. Beside halfway between them lies the middle of necklaces that were marked
by eye (``training/necklaces.tsv``): of the 22 people that this was chosen on by .06 U in the
median and .18 U in nine of ten, of 17 others by .13 and .29 U; beside the chin by .11 and .25 U,
and by .14 and .56 U. U is the distance between the pupils; see ``head``.
"""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import BoolArray, Point
from m2fp_cli.records.joints import SURE_PRESENCE, joint_indices
from m2fp_cli.tryon.figure import SKIN, Figure
from m2fp_cli.tryon.head import HeadFrame, window_units

SHOULDERS = joint_indices("right_shoulder", "left_shoulder")  # at the left of the photo first
SURE_SHOULDER = 0.5  # score from which on a shoulder is believed
# What shoulders of somebody who faces the camera are, U: those of the 22 people lie 1.3 to 2.1
# below the chin and 4.5 to 5.7 apart.
APART = (2.5, 8.0)
BELOW_CHIN = (1.0, 2.5)
MAX_BESIDE = 1.2  # of their middle from the chin

# Where the shoulders are unknown.
MIDDLE_BELOW_CHIN = 0.84  # U; median of the 22 people
MAX_OFFSET = 0.6  # of the skin's middle from the eyes, U
SKIN_WEIGHT = 0.4  # of that, against the eyes

# Edges of skin.
FARTHEST = 2.2  # from where they are looked for, U
ROWS = (-0.06, 0.0, 0.06)  # above and below, of which two must be skin, U
STEP = 0.02  # U
HALF_RANGE = (0.6, 1.15)  # from the middle to an edge that is the neck's, U
USUAL_HALF = 0.92  # half the width where no edge is seen, U; ANSUR II has 0.85 to 0.95


def find_neck(frame: HeadFrame, figure: Figure, skin: BoolArray) -> Point:
    """Find the middle of a neck: halfway from chin to shoulders, else below the chin.

    Args:
        frame: the head.
        figure: the person in a window around the head.
        skin: (h, w) bool, skin below the chin, not empty.

    Returns:
        pixels of the photo.
    """
    between = _find_by_joints(frame, figure)
    if between is not None:
        return between
    along, _ = window_units(frame, figure)
    beside = SKIN_WEIGHT * float(np.clip(along[skin].mean(), -MAX_OFFSET, MAX_OFFSET))
    x, y = frame.point(beside, frame.chin)
    return x, y + MIDDLE_BELOW_CHIN * frame.unit


def _find_by_joints(frame: HeadFrame, figure: Figure) -> Point | None:
    """Halfway from chin to shoulders; None where these are unknown or not below the head."""
    joints = figure.joints
    if joints is None or joints.score < SURE_PRESENCE:
        return None
    if joints.scores[SHOULDERS].min() < SURE_SHOULDER:
        return None
    chin = np.array(frame.point(0.0, frame.chin))
    left, right = (joints.points[SHOULDERS] - chin) / frame.unit
    beside, below = (left + right) / 2
    fits = (
        APART[0] <= right[0] - left[0] <= APART[1]
        and BELOW_CHIN[0] <= below <= BELOW_CHIN[1]
        and abs(beside) <= MAX_BESIDE
    )
    if not fits:
        return None
    x, y = chin + 0.5 * frame.unit * np.array([beside, below])
    return float(x), float(y)


def measure_half_width(figure: Figure, unit: float, at_xy: Point) -> float:
    """Half the width of a neck in a row of the photo, U.

    The wider of both sides whose edge is a neck's: the other may be under hair.

    Args:
        figure: the person in a window around the head.
        unit: U in pixels of the photo.
        at_xy: the middle of the neck in that row, pixels of the photo.
    """
    skin = figure.mask(*SKIN)
    sides = [measure_reach(skin, figure, unit, at_xy, side) for side in (-1, 1)]
    seen = [side for side in sides if HALF_RANGE[0] <= side <= HALF_RANGE[1]]
    return max(seen, default=USUAL_HALF)


def measure_reach(mask: BoolArray, figure: Figure, unit: float, from_xy: Point, side: int) -> float:
    """How far a mask reaches from a point to a side without a gap, U; 0 where it does not begin.

    Args:
        mask: (h, w) bool in the figure's window.
        figure: the person.
        unit: U in pixels of the photo.
        from_xy: the point, pixels of the photo.
        side: -1 to the left of the photo, 1 to its right.
    """
    out = np.arange(0.0, FARTHEST, STEP)
    (x, y), (left, upper) = from_xy, figure.origin_xy
    columns = np.floor((x + side * unit * out - left) / figure.stride).astype(np.intp)
    rows = np.floor((y + unit * np.array(ROWS) - upper) / figure.stride).astype(np.intp)
    height, width = mask.shape
    rows, inside = np.clip(rows, 0, height - 1), (columns >= 0) & (columns < width)
    held = mask[np.ix_(rows, np.clip(columns, 0, width - 1))] & inside
    gaps = np.flatnonzero(np.count_nonzero(held, axis=0) < len(ROWS) - 1)
    return float(out[gaps[0]]) if gaps.size else FARTHEST
