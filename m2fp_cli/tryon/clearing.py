"""Make room for a hat: inpaint the old one, and hair that would show beside the new one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, Box, FloatArray
from m2fp_cli.tryon.background import fill_background
from m2fp_cli.tryon.compositing import Layer, alpha_in_window
from m2fp_cli.tryon.figure import HEAD, Figure, build_figure
from m2fp_cli.tryon.hat_band import HatBand
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.morphology import bounding_slices, connected_to, nearer_to
from m2fp_cli.tryon.occlusion import upsample_mask
from m2fp_cli.tryon.wearer import Wearer

# What goes.
COVERED_ALPHA = 0.6  # of the new hat, from which it hides what is under it
ABOVE_BAND = 0.05  # how far above the band's line hair may show, U
SLOPE_BESIDE = 0.7  # of the line beside the band, U down per U outwards
FRAY = 0.1  # how far hair is seen beyond its mask, U
HEAD_GAP = 0.12  # between pieces of one head, U
FACE_REACH = 1.0  # around the middle between the eyes, where the head that is meant is, U
HEAD_REACH = 4.0  # U to either side of the eyes; full hair ends within it
MAX_AREA = 1.6  # of an old hat or of hair that may be inpainted with background, U^2
MIN_AREA = 0.005  # less is left, U^2

# How it is filled.
BOX_MARGIN = 0.3  # around the hole, U
HEAD_HALF = 1.2  # half the breadth of a head without hair, U; ANSUR II: 2.40 U
MIN_HAIR_AREA = 0.1  # of hair that something can be filled from, U^2
STRAY_REACH = 0.2  # how far stray hair is seen beyond its mask at most, U ...
MIN_STRAY_REACH = 2.0  # ... and pixels
EDGE_SIGMA = 0.7  # of the hole's soft edge, pixels
FULL_WEIGHT = 0.995  # of the filling, from which it is not mixed with the photo


@dataclass(frozen=True, eq=False)
class Removal:
    """What would show beside a new hat and must go; (h, w) bool each, in the window of a figure.

    Attributes:
        old_hat: the hat that is worn.
        hair: hair beside the new hat.
        stray_hair: background there, where single hairs are seen beyond the mask.
    """

    old_hat: BoolArray
    hair: BoolArray
    stray_hair: BoolArray


def clear_for_hat(
    wearer: Wearer, layer: Layer, band: HatBand, notes: list[str], *, hair_stays: bool = False
) -> BoolArray | str:
    """Inpaint an old hat, and hair that would show beside the new one.

    Args:
        wearer: whose head; the photo is changed in place.
        layer: the new hat.
        band: where it sits.
        notes: what is done is added here, in words.
        hair_stays: the hat presses none down, as a tiara; only the old hat goes.

    Returns:
        what was inpainted, (h, w) bool in the window; or why the hat cannot be worn.
    """
    figure, unit = wearer.figure, wearer.frame.unit
    along, below = window_units(wearer.frame, figure)
    own = _connected_head(figure, unit, along, below)
    covered = alpha_in_window(layer, figure) > COVERED_ALPHA
    rough = _find_removal(figure, wearer.frame, own, covered, band)
    old_area, hair_area = figure.area(rough.old_hat, unit), figure.area(rough.hair, unit)
    if old_area > MAX_AREA:
        return "the hat that is worn is larger than the new one"
    if hair_area > MAX_AREA and not hair_stays:
        return "the hair is too full for the hat"
    with_hat = old_area > MIN_AREA
    with_hair = figure.area(rough.hair | rough.stray_hair, unit) > MIN_AREA and not hair_stays
    nothing = np.zeros_like(rough.old_hat)
    todo = rough.old_hat if with_hat else nothing
    todo = todo | (rough.hair | rough.stray_hair if with_hair else nothing)
    around = bounding_slices(todo)
    if around is None:
        return nothing
    box = _box_in_photo(figure, around, BOX_MARGIN * unit)
    detail = build_figure(wearer.result, wearer.person, box)
    own = upsample_mask(own, figure, box)
    covered = alpha_in_window(layer, detail) > COVERED_ALPHA
    hole, filled = np.zeros_like(own), np.zeros_like(own)
    if with_hat:
        old_hat = own & detail.mask("Hat") & ~covered
        # Below the band the old hat hides hair where the head is, and background beside it.
        along, below = window_units(wearer.frame, detail)
        head = (np.abs(along - np.float32(band.offset)) < HEAD_HALF) & (below > -band.height)
        filled = _inpaint_hair(wearer, box, old_hat & head)
        hole |= old_hat & ~head
        notes.append("the old hat was painted over where the new one does not cover it")
    if with_hair:
        exact = _find_removal(detail, wearer.frame, own, covered, band)
        hole |= exact.hair | exact.stray_hair
        notes.append("hair beside the hat was painted over")
    if hole.any():
        stays = detail.mask(*HEAD) & ~covered & ~hole
        _inpaint_background(wearer, detail, hole, stays)
    return _mask_in_window(hole | filled, box, figure)


def _find_removal(
    figure: Figure, frame: HeadFrame, own: BoolArray, covered: BoolArray, band: HatBand
) -> Removal:
    """What shows beside a new hat.

    Beside the band hair falls: what is left of it slopes down from the hat's edge.

    Args:
        figure: the person.
        frame: their head.
        own: (h, w) bool, what is connected with it.
        covered: (h, w) bool, what the new hat covers.
        band: where that sits.
    """
    along, below = window_units(frame, figure)
    hat, hair = own & figure.mask("Hat"), own & figure.mask("Hair")
    if not frame.has_hat:  # slivers of another label at the edge of the hair
        hat, hair = np.zeros_like(hat), hair | hat
    edge = np.maximum(np.abs(along - np.float32(band.offset)) - np.float32(band.half), 0)
    edge *= np.float32(SLOPE_BESIDE)
    edge -= np.float32(band.height + ABOVE_BAND)
    above = ~covered & (below < edge)
    stray = figure.dilate(hair, FRAY * frame.unit) & (figure.label_map == 0) & ~figure.other_people
    return Removal(hat & ~covered, hair & above, stray & above)


def _box_in_photo(figure: Figure, part: tuple[slice, slice], margin: float) -> Box:
    """Box in the photo of some rows and columns of a figure's window, inside of that window."""
    rows, columns = part
    x0, y0, x1, y1 = figure.window_xyxy
    stride, reach = figure.stride, round(margin)
    return (
        max(x0 + stride * columns.start - reach, x0),
        max(y0 + stride * rows.start - reach, y0),
        min(x0 + stride * columns.stop + reach, x1),
        min(y0 + stride * rows.stop + reach, y1),
    )


def _mask_in_window(mask: BoolArray, box_xyxy: Box, figure: Figure) -> BoolArray:
    """A mask of a box of the photo, in a figure's window at the figure's stride."""
    levels = mask.astype(np.float32)
    return alpha_in_window(Layer(levels[..., None], levels, box_xyxy), figure) > 0.5


def _connected_head(figure: Figure, unit: float, along: FloatArray, below: FloatArray) -> BoolArray:
    """What is connected with the face that the frame was found on, loose hair included.

    A mask that joins two people holds a second head. Its hair is not beside this hat, and nothing
    would cover the place where it was.

    Args:
        figure: the person's masks in the window.
        unit: U in pixels.
        along: position along the line of the eyes, in U from their center.
        below: position below it, in U.
    """
    head = figure.mask(*HEAD)
    near = (np.abs(along) < FACE_REACH) & (np.abs(below) < FACE_REACH)
    mine = connected_to(head, near, HEAD_GAP * unit / figure.stride)
    return mine & (np.abs(along) < HEAD_REACH)


def _inpaint_background(wearer: Wearer, detail: Figure, hole: BoolArray, stays: BoolArray) -> None:
    """Fill a part of the photo from the background around it; the person does not bleed in.

    Args:
        wearer: whose photo it is.
        detail: the person in the box of the hole.
        hole: (h, w) bool in that box, what to fill.
        stays: (h, w) bool, the rest of the head that is seen.
    """
    figure, reach = wearer.figure, max(MIN_STRAY_REACH, STRAY_REACH * wearer.frame.unit)
    # Stray hair of the hole goes with it, stray hair of what stays is left.
    is_background = (detail.label_map == 0) & ~detail.other_people
    hole = hole | (nearer_to(hole, stays, reach) & is_background)
    # The rest of the person must not be taken for background: it is unknown like the hole.
    unknown = figure.dilate(figure.label_map > 0, reach) | figure.other_people
    _inpaint(wearer, detail.window_xyxy, hole, unknown)


def _inpaint_hair(wearer: Wearer, box_xyxy: Box, hole: BoolArray) -> BoolArray:
    """Fill a part of the head from the hair below it; where there is no hair nothing is filled.

    Returns:
        what was filled.
    """
    hair = wearer.figure.mask("Hair")
    if not hole.any() or wearer.figure.area(hair, wearer.frame.unit) < MIN_HAIR_AREA:
        return np.zeros_like(hole)
    _inpaint(wearer, box_xyxy, hole, ~hair)
    return hole


def _inpaint(wearer: Wearer, box_xyxy: Box, hole: BoolArray, unknown: BoolArray) -> None:
    """Fill a hole, (h, w) bool in a box of the photo, from what is known in the window."""
    around = bounding_slices(hole, 3)
    if around is None:
        return
    figure = wearer.figure
    window = wearer.photo_bgr[figure.window]
    left, upper = (at - start for at, start in zip(box_xyxy, figure.origin_xy, strict=False))
    part = window[upper : upper + hole.shape[0], left : left + hole.shape[1]][around]
    before = part.copy()
    rows, columns = np.nonzero(hole)
    fill_background(
        window, (rows + upper, columns + left), wearer.window_bgr, unknown, wearer.frame.unit
    )
    hole = hole[around]
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), EDGE_SIGMA)
    edge = np.nonzero(hole & (soft < FULL_WEIGHT))
    weight = soft[edge][:, None]
    part[edge] = np.round(before[edge] * (1 - weight) + part[edge] * weight)
