"""Make room for a hat: paint over the old one, and over hair that would show beside the new one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, Box, FloatArray
from m2fp_cli.tryon.background import fill_background
from m2fp_cli.tryon.compositing import Layer, alpha_in_window
from m2fp_cli.tryon.figure import HEAD, Figure, build_figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.morphology import bounding_slices, nearer_to
from m2fp_cli.tryon.occlusion import enlarged
from m2fp_cli.tryon.wearer import Wearer

MAX_INPAINT = 1.6  # area of an old hat or of hair that may be painted over with background, U^2
FRAY = 0.1  # how far hair is seen beyond its mask, U
HEAD_HALF = 1.2  # half the breadth of a head without hair, U
HEAD_REACH = 4.0  # U to either side of the eyes; full hair ends within it
LEAST_HAIR = 0.1  # area of hair that something can be filled from, U^2


@dataclass(frozen=True)
class HatBand:
    """The band of a hat in the frame of a head, all in U.

    Attributes:
        height: above the eyes.
        half: half its width.
        offset: of its middle from the eyes along the eye line, to the image's right.
    """

    height: float
    half: float
    offset: float


@dataclass(frozen=True, eq=False)
class Uncovered:
    """What a new hat leaves uncovered; (h, w) bool each, in the window of a figure.

    Attributes:
        old: the old hat.
        hair: hair beside the hat.
        frayed: what frays out of it beyond its mask.
    """

    old: BoolArray
    hair: BoolArray
    frayed: BoolArray


def clear_above(wearer: Wearer, layer: Layer, band: HatBand, notes: list[str]) -> BoolArray | str:
    """Paint over an old hat and over hair that would show beside the new one.

    Args:
        wearer: whose head; the photo is changed in band.
        layer: the new hat.
        band: where it sits.
        notes: what is done is added here, in words.

    Returns:
        what was painted over, (h, w) bool in the window; or why the hat cannot be worn.
    """
    figure, unit = wearer.figure, wearer.frame.unit
    along, below = window_units(wearer.frame, figure)
    own = _own_head(figure, unit, along, below)
    rough = _uncovered(figure, wearer.frame, own, alpha_in_window(layer, figure) > 0.6, band)
    old_area, hair_area = figure.area(rough.old, unit), figure.area(rough.hair, unit)
    if old_area > MAX_INPAINT:
        return "the hat that is worn is larger than the new one"
    if hair_area > MAX_INPAINT:
        return "the hair is too full for the hat"
    hat = old_area > 0.005
    hair = figure.area(rough.hair | rough.frayed, unit) > 0.005
    none = np.zeros_like(rough.old)
    todo = (rough.old if hat else none) | (rough.hair | rough.frayed if hair else none)
    around = bounding_slices(todo)
    if around is None:
        return none
    box = _box_in_photo(figure, around, 0.3 * unit)
    detail = build_figure(wearer.result, wearer.person, box)
    own = enlarged(own, figure, box)
    covered = alpha_in_window(layer, detail) > 0.6
    hole, painted = np.zeros_like(own), np.zeros_like(own)
    if hat:
        old = own & detail.mask("Hat") & ~covered
        # Below the band the old hat hides hair where the head is, and background beside it.
        along, below = window_units(wearer.frame, detail)
        head = (np.abs(along - np.float32(band.offset)) < HEAD_HALF) & (below > -band.height)
        painted = _paint_hair(wearer, box, old & head)
        hole |= old & ~head
        notes.append("the old hat was painted over where the new one does not cover it")
    if hair:
        exact = _uncovered(detail, wearer.frame, own, covered, band)
        hole |= exact.hair | exact.frayed
        notes.append("hair beside the hat was painted over")
    if hole.any():
        stays = detail.mask(*HEAD) & ~covered & ~hole
        _paint_background(wearer, detail, hole, stays)
    return _seen_coarsely(hole | painted, box, figure)


def _uncovered(
    figure: Figure, frame: HeadFrame, own: BoolArray, covered: BoolArray, band: HatBand
) -> Uncovered:
    """What shows beside a new hat.

    Beside the band hair falls: what is left of it slopes down from the hat's edge.

    Args:
        figure: the person.
        frame: their head.
        own: (h, w) bool, what hangs together with it.
        covered: (h, w) bool, what the new hat covers.
        band: where that sits.
    """
    along, below = window_units(frame, figure)
    hat, hair = own & figure.mask("Hat"), own & figure.mask("Hair")
    if not frame.has_hat:  # slivers of another label at the edge of the hair
        hat, hair = np.zeros_like(hat), hair | hat
    slope = np.maximum(np.abs(along - np.float32(band.offset)) - np.float32(band.half), 0)
    slope *= np.float32(0.7)
    slope -= np.float32(band.height + 0.05)
    above = ~covered & (below < slope)
    frayed = figure.dilate(hair, FRAY * frame.unit) & (figure.own == 0) & ~figure.others
    return Uncovered(hat & ~covered, hair & above, frayed & above)


def _box_in_photo(figure: Figure, part: tuple[slice, slice], margin: float) -> Box:
    """Box in the photo of some rows and columns of a figure's window, inside of that window."""
    rows, columns = part
    x0, y0, x1, y1 = figure.window_xyxy
    step, reach = figure.step, round(margin)
    return (
        max(x0 + step * columns.start - reach, x0),
        max(y0 + step * rows.start - reach, y0),
        min(x0 + step * columns.stop + reach, x1),
        min(y0 + step * rows.stop + reach, y1),
    )


def _slices_within(box_xyxy: Box, figure: Figure) -> tuple[slice, slice]:
    """Rows and columns of a box of the photo in a figure's window."""
    x0, y0, x1, y1 = box_xyxy
    left, top = figure.origin_xy
    return slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)


def _seen_coarsely(mask: BoolArray, box_xyxy: Box, figure: Figure) -> BoolArray:
    """A mask of a box of the photo, in a figure's window."""
    levels = mask.astype(np.float32)
    return alpha_in_window(Layer(levels[..., None], levels, box_xyxy), figure) > 0.5


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
    count, pieces = cv2.connectedComponents(figure.dilate(head, 0.12 * unit).astype(np.uint8))
    near = head & (np.abs(along) < 1.0) & (np.abs(below) < 1.0)
    mine = np.zeros(count, dtype=np.bool_)
    mine[pieces[near]] = True
    out: BoolArray = mine[pieces] & (np.abs(along) < HEAD_REACH)
    return out


def _paint_background(wearer: Wearer, detail: Figure, hole: BoolArray, stays: BoolArray) -> None:
    """Fill a part of the photo from the background around it; the person does not bleed in.

    Args:
        wearer: whose photo it is.
        detail: the person in the box of the hole.
        hole: (h, w) bool in that box, what to fill.
        stays: (h, w) bool, the rest of the head that is seen.
    """
    figure, unit = wearer.figure, wearer.frame.unit
    edge = max(2.0, 0.2 * unit)  # hair frays out beyond its mask
    # What frays out of the part that stays, stays.
    hole = hole | (nearer_to(hole, stays, edge) & (detail.own == 0) & ~detail.others)
    # The rest of the person must not be taken for background: it is unknown like the hole.
    unknown = figure.dilate(figure.own > 0, edge) | figure.others
    _fill(wearer, detail.window_xyxy, hole, unknown)


def _paint_hair(wearer: Wearer, box_xyxy: Box, hole: BoolArray) -> BoolArray:
    """Fill a part of the head from the hair below it; where there is no hair nothing is filled.

    Returns:
        what was filled.
    """
    hair = wearer.figure.mask("Hair")
    if not hole.any() or wearer.figure.area(hair, wearer.frame.unit) < LEAST_HAIR:
        return np.zeros_like(hole)
    _fill(wearer, box_xyxy, hole, ~hair)
    return hole


def _fill(wearer: Wearer, box_xyxy: Box, hole: BoolArray, unknown: BoolArray) -> None:
    """Fill a hole, (h, w) bool in a box of the photo, from what is known in the window."""
    around = bounding_slices(hole, 3)
    if around is None:
        return
    figure = wearer.figure
    window = wearer.photo_bgr[figure.window]
    rows, columns = np.nonzero(hole)
    left, top = (at - start for at, start in zip(box_xyxy, figure.origin_xy, strict=False))
    hole, before = hole[around], window[_slices_within(box_xyxy, figure)][around].copy()
    fill_background(
        window, (rows + top, columns + left), wearer.look_bgr, unknown, wearer.frame.unit
    )
    photo = window[_slices_within(box_xyxy, figure)][around]
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 0.7)
    edge = np.nonzero(hole & (soft < 0.995))
    weight = soft[edge][:, None]
    photo[edge] = np.round(before[edge] * (1 - weight) + photo[edge] * weight)
