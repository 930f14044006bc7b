"""Make room for a hat: paint over the old one, and over hair that would show beside the new one."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.tryon.background import fill_background
from m2fp_cli.tryon.compositing import Layer, Picture
from m2fp_cli.tryon.figure import HEAD, BoolArray, Figure, FloatArray, grown
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.placement import HatPlacement
from m2fp_cli.tryon.quality import alpha_in_window

MAX_INPAINT = 1.6  # area of an old hat or of hair that may be painted over with background, U^2
FRAY = 0.1  # how far hair is seen beyond its mask, U
HEAD_HALF = 1.2  # half the breadth of a head without hair, U
HEAD_REACH = 4.0  # U to either side of the eyes; full hair ends within it
LEAST_HAIR = 0.1  # area of hair that something can be filled from, U^2


def clear_above(
    window_bgr: Picture,
    figure: Figure,
    frame: HeadFrame,
    layer: Layer,
    place: HatPlacement,
    notes: list[str],
) -> BoolArray | str:
    """Paint over an old hat and over hair that would show beside the new one.

    Beside the band hair falls: what is left of it slopes down from the hat's edge.

    Args:
        window_bgr: the photo inside the figure's window, changed in place.
        figure: the person.
        frame: their head.
        layer: the new hat.
        place: where it sits.
        notes: what is done is added here, in words.

    Returns:
        what was painted over, (h, w) bool in the window; or why the hat cannot be worn.
    """
    along, below = window_units(frame, figure)
    covered = alpha_in_window(layer, figure) > 0.6
    own = _own_head(figure, frame.unit, along, below)
    hat, hair = own & figure.mask("Hat"), own & figure.mask("Hair")
    if not frame.has_hat:  # slivers of another label at the edge of the hair
        hat, hair = np.zeros_like(hat), hair | hat
    old = hat & ~covered
    beside = np.maximum(np.abs(along - place.offset) - place.half, 0)
    above = ~covered & (below < -place.height - 0.05 + 0.7 * beside)
    frayed = grown(hair, FRAY * frame.unit) & (figure.own == 0) & ~figure.others
    hair, frayed = hair & above, frayed & above
    unit2 = frame.unit**2
    old_area, hair_area = np.count_nonzero(old) / unit2, np.count_nonzero(hair) / unit2
    if old_area > MAX_INPAINT:
        return "the hat that is worn is larger than the new one"
    if hair_area > MAX_INPAINT:
        return "the hair is too full for the hat"
    hole, painted = np.zeros_like(old), np.zeros_like(old)
    if old_area > 0.005:
        # Below the band the old hat hides hair where the head is, and background beside it.
        head = (np.abs(along - place.offset) < HEAD_HALF) & (below > -place.height)
        painted = _paint_hair(window_bgr, figure, frame.unit, old & head)
        hole |= old & ~head
        notes.append("the old hat was painted over where the new one does not cover it")
    if np.count_nonzero(hair | frayed) > 0.005 * unit2:
        hole |= hair | frayed
        notes.append("hair beside the hat was painted over")
    if hole.any():
        stays = figure.mask(*HEAD) & ~covered & ~hole
        _paint_background(window_bgr, figure, frame.unit, hole, stays)
    return hole | painted


def _own_head(figure: Figure, unit: float, along: FloatArray, below: FloatArray) -> BoolArray:
    """What hangs together with the face the frame was found on, frayed hair included.

    A mask that joins two people holds a second head. Its hair is not beside this hat, and nothing
    would cover the place that it is taken from.

    Args:
        figure: the person's masks in the window.
        unit: U in pixels.
        along: position along the line of the eyes, in U from their centre.
        below: position below it, in U.
    """
    head = figure.mask(*HEAD)
    count, pieces = cv2.connectedComponents(grown(head, 0.12 * unit).astype(np.uint8))
    near = head & (np.abs(along) < 1.0) & (np.abs(below) < 1.0)
    mine = np.zeros(count, dtype=np.bool_)
    mine[pieces[near]] = True
    out: BoolArray = mine[pieces] & (np.abs(along) < HEAD_REACH)
    return out


def _paint_background(
    window_bgr: Picture, figure: Figure, unit: float, hole: BoolArray, stays: BoolArray
) -> None:
    """Fill a part of the window from the background around it; the person does not bleed in.

    Args:
        window_bgr: the photo inside the figure's window, changed in place.
        figure: the person.
        unit: U in pixels.
        hole: (h, w) bool in the window, what to fill.
        stays: (h, w) bool, the rest of the head that is seen.
    """
    edge = max(2.0, 0.2 * unit)  # hair frays out beyond its mask
    # What frays out of the part that stays, stays.
    hole = hole | (_around(hole, stays, edge) & (figure.own == 0) & ~figure.others)
    # The rest of the person must not be taken for background: it is unknown like the hole.
    unknown = hole | grown(figure.own > 0, edge) | figure.others
    _fill(window_bgr, hole, unknown, unit)


def _around(mask: BoolArray, other: BoolArray, reach: float) -> BoolArray:
    """Pixels no farther than ``reach`` from one mask, and farther from another."""
    part = _box_around(mask, round(reach) + 1)
    to_mask, to_other = (
        cv2.distanceTransform((~m[part]).astype(np.uint8), cv2.DIST_L2, 5)
        if m[part].any()
        else np.inf
        for m in (mask, other)
    )
    out = np.zeros_like(mask)
    out[part] = (to_mask <= round(reach)) & (to_mask < to_other)
    return out


def _box_around(mask: BoolArray, margin: int) -> tuple[slice, slice]:
    """Rows and columns that hold what is set, and a margin."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = max(int(rows[0]) - margin, 0), max(int(columns[0]) - margin, 0)
    return slice(top, int(rows[-1]) + margin + 1), slice(left, int(columns[-1]) + margin + 1)


def _paint_hair(window_bgr: Picture, figure: Figure, unit: float, hole: BoolArray) -> BoolArray:
    """Fill a part of the head from the hair below it; where there is no hair nothing is filled.

    Returns:
        what was filled.
    """
    hair = figure.mask("Hair") & ~hole
    if not hole.any() or np.count_nonzero(hair) < LEAST_HAIR * unit**2:
        return np.zeros_like(hole)
    _fill(window_bgr, hole, ~hair, unit)
    return hole


def _fill(window_bgr: Picture, hole: BoolArray, unknown: BoolArray, unit: float) -> None:
    filled = fill_background(window_bgr, hole, unknown, unit)
    part = _box_around(hole, 3)
    inside, photo, paint = hole[part], window_bgr[part], filled[part]
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.7)
    edge = inside & (soft < 0.995)
    weight = soft[edge][:, None]
    paint[edge] = np.round(photo[edge] * (1 - weight) + paint[edge] * weight)
    # Outside of the hole what was filled is the photo.
    photo[...] = paint
