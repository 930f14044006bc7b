"""Glasses: lenses before the eyes, the sides fading under hair and at the edge of the head.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Point
from m2fp_cli.tryon.accessory import Accessory, content_box
from m2fp_cli.tryon.compositing import (
    Inverse,
    Layer,
    affine_inverse,
    alpha_in_window,
    similarity,
)
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.occlusion import to_layer
from m2fp_cli.tryon.records import Check, ItemRecord
from m2fp_cli.tryon.wearer import (
    Wearer,
    cast_shadow,
    hide_behind,
    visible_alpha,
    warp_accessory,
)
from m2fp_cli.tryon.worn_glasses import LENS_DROP

# Where glasses go.
USUAL_WIDTH = 2.2  # U
WIDTH_TO_FACE = 1.01
WIDTH_BY_FACE = (2.17, 2.6)  # range of the width that the face's own width gives, U
LENS_GAP = (0.84, 1.24)  # between lens centres, U: each stays within 0.12 U of its eye
MOST_YAW = 45.0  # degrees that are believed
YAW_SHARE = 0.8  # of the yaw that shortens both halves of the frame
FAR_HALF = 0.3  # how much more the far half is shortened, times the sine of the yaw

# When they are left out.
LEAST_CONFIDENCE = 0.2  # of the head frame
LEAST_WORN = 0.02  # area labelled glasses that is some, U^2; a pair of lenses has 0.3 or more
MOST_UNCOVERED = 0.12  # share of worn glasses that new ones may leave uncovered
CLEAR_LENS = 0.6  # lenses of less alpha show the glasses behind them

# How they look.
SHADOW = ((0.06, 0.045, 0.22),)  # down in U, blur in U, darkness
TEMPLES_FROM = 0.95  # distance from the middle beyond which the sides may be hidden, U
OVER_FACE, OVER_HEAD = 0.06, 0.08  # how far a frame reaches over the edge of face and head, U

# Guessing the anchors of a bare picture, as shares of its content.
LENS_CENTERS = 0.235  # of the width, from the middle to each side
HINGE_HEIGHT = 0.25  # of the height, from the top


@dataclass(frozen=True, eq=False)
class GlassesPlacement:
    """Where glasses go.

    Attributes:
        inverse: photo to picture coordinates.
        center_xy: middle between the lens centres, photo pixels.
        lenses_xy: the two lens centres, photo pixels.
        width: width of the whole frame as it appears, U.
        lens_half_wh: half the size of a lens seen from the front, U.
        roll: degrees.
        matrix: (2, 3) picture to photo without the turn of the head, to find the box.
    """

    inverse: Inverse
    center_xy: tuple[float, float]
    lenses_xy: tuple[tuple[float, float], tuple[float, float]]
    width: float
    lens_half_wh: tuple[float, float]
    roll: float
    matrix: NDArray[np.float64]


def wear_glasses(wearer: Wearer, glasses: Accessory) -> ItemRecord:
    """Put glasses on a face, in place."""
    frame, figure = wearer.frame, wearer.figure
    if frame.confidence < LEAST_CONFIDENCE:
        return ItemRecord("glasses", glasses.name, "the eyes cannot be found")
    place = place_glasses(frame, glasses)
    layer, _ = warp_accessory(wearer, glasses, place.matrix, place.inverse)
    # A mask that joins two people may hold the glasses of the other one.
    along, below = window_units(frame, figure)
    worn = figure.mask("Sunglasses") & (np.abs(along) < 1.5) & (np.abs(below) < 1.0)
    if figure.area(worn, frame.unit) > LEAST_WORN:
        covered = alpha_in_window(layer, figure) > 0.3
        rest = np.count_nonzero(worn & ~figure.dilate(covered, 0.06 * frame.unit))
        clear = glasses.numbers["lens_alpha"] < CLEAR_LENS
        if rest > MOST_UNCOVERED * np.count_nonzero(worn) or clear:
            return ItemRecord("glasses", glasses.name, "glasses are worn already")
    layer = hide_behind(wearer, layer.masked(_shown_frame(wearer, layer)))
    skin = visible_alpha(wearer, layer, "Face")
    shadow = cast_shadow(wearer, layer, skin, SHADOW)
    checks = check_glasses(frame, figure, place, layer)
    checks += wearer.blend(layer, glasses.name, shadow)
    numbers = {
        "center_px": place.center_xy,
        "lenses_px": place.lenses_xy,
        "width_u": place.width,
        "roll_deg": place.roll,
    }
    return ItemRecord("glasses", glasses.name, "", numbers, tuple(checks), glasses.notes)


def place_glasses(frame: HeadFrame, glasses: Accessory) -> GlassesPlacement:
    """Put lens centres in front of the eyes, a little below them.

    A turned head shortens the far half of the frame more than the near one.
    """
    left, right = glasses.anchors["lens_left"], glasses.anchors["lens_right"]
    x0, y0, x1, y1 = content_box(glasses.bgra)
    gap = math.hypot(right[0] - left[0], right[1] - left[1])
    share = gap / max(x1 - x0, 1)
    gap_units = float(np.clip(glasses_width(frame) * share, *LENS_GAP))
    width = gap_units / share
    center = frame.point(0.0, LENS_DROP)
    rx, ry = (0.5 * gap_units * frame.unit * c for c in frame.right_xy)
    target = ((center[0] - rx, center[1] - ry), (center[0] + rx, center[1] + ry))
    matrix = similarity((left, right), target)
    shorten = shortening(frame.yaw)
    lenses = tuple(
        frame.point(side * 0.5 * gap_units * shorten[side > 0], LENS_DROP) for side in (-1, 1)
    )
    inverse = _turned_inverse(matrix, center, frame, shorten)
    apparent = width * (shorten[0] + shorten[1]) / 2
    per_pixel = gap_units / max(gap, 1.0)
    lens_half = (
        per_pixel * min(left[0] - x0, 0.5 * gap),
        per_pixel * min(left[1] - y0, y1 - left[1]),
    )
    return GlassesPlacement(
        inverse, center, (lenses[0], lenses[1]), apparent, lens_half, frame.roll, matrix
    )


def glasses_width(frame: HeadFrame) -> float:
    """Width of glasses on this head seen from the front, U.

    Halfway between the usual width and that of the face: the width of a mask and the distance of
    the pupils err independently, and the mean of both is nearest to what people wear.
    """
    by_face = float(np.clip(WIDTH_TO_FACE * frame.face_width / frame.unit, *WIDTH_BY_FACE))
    return 0.5 * by_face + 0.5 * USUAL_WIDTH


def shortening(yaw_degrees: float) -> tuple[float, float]:
    """Factors for the left and right half of something flat on a turned face."""
    yaw = math.radians(float(np.clip(yaw_degrees, -MOST_YAW, MOST_YAW)))
    near = math.cos(YAW_SHARE * yaw)
    far = near * (1 - FAR_HALF * abs(math.sin(yaw)))
    return (near, far) if yaw > 0 else (far, near)


def _turned_inverse(
    matrix: NDArray[np.float64],
    center: tuple[float, float],
    frame: HeadFrame,
    shorten: tuple[float, float],
) -> Inverse:
    back = affine_inverse(matrix)
    rx, ry = frame.right_xy
    dx, dy = frame.down_xy

    def inverse(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        along = (x - center[0]) * rx + (y - center[1]) * ry
        down = (x - center[0]) * dx + (y - center[1]) * dy
        along = np.where(along < 0, along / shorten[0], along / shorten[1])
        u, v = back(center[0] + along * rx + down * dx, center[1] + along * ry + down * dy)
        return u.astype(np.float32), v.astype(np.float32)

    return inverse


def _shown_frame(wearer: Wearer, layer: Layer) -> FloatArray:
    """What is seen of the frame: all of it on the face, outside of the lenses not over hair."""
    frame, figure = wearer.frame, wearer.figure
    along, _ = window_units(frame, figure)
    face = figure.dilate(figure.mask("Face", "Sunglasses"), OVER_FACE * frame.unit)
    side = np.abs(along) > TEMPLES_FROM
    hidden = side & (figure.mask("Hair", "Hat") | ~face)
    # Frames reach a little over the head's own edge, but never float beside it.
    head = figure.dilate(figure.mask("Face", "Hair", "Hat", "Sunglasses"), OVER_HEAD * frame.unit)
    keep = ~(hidden | ~(head | (np.abs(along) < TEMPLES_FROM)))
    out: FloatArray = to_layer(keep, figure, layer, max(0.05 * frame.unit, 0.5))
    return out


def check_glasses(
    frame: HeadFrame, figure: Figure, place: GlassesPlacement, layer: Layer
) -> list[Check]:
    """Whether glasses are in front of the eyes, as wide as the face and not beside the head."""
    half_width, half_height = place.lens_half_wh
    misses, inside = [], []
    for (x, y), side, shorten in zip(place.lenses_xy, (-1, 1), shortening(frame.yaw), strict=True):
        u, v = frame.units(np.array([x]), np.array([y]))
        dx, dy = abs(float(u[0]) - side * 0.5 * shorten), abs(float(v[0]))
        misses.append(math.hypot(dx, dy - LENS_DROP))
        inside.append(dx <= half_width * shorten and dy <= half_height)
    alpha = alpha_in_window(layer, figure)
    head = figure.dilate(figure.mask("Face", "Hair", "Sunglasses", "Hat"), OVER_HEAD * frame.unit)
    total = float(alpha.sum())
    return [
        Check("eyes_in_lenses", float(np.mean(inside)), 1.0, 1.0),
        Check("lens_to_eye_u", max(misses), 0.0, 0.12),
        Check("width_to_face", place.width * frame.unit / max(frame.face_width, 1.0), 0.93, 1.17),
        Check("roll_difference_deg", abs(place.roll - frame.roll), 0.0, 4.0),
        Check("outside_head", float(alpha[~head].sum()) / max(total, 1e-6), 0.0, 0.05),
    ]


def guess_lenses(seen: BoolArray) -> dict[str, Point]:
    """Anchors of a bare picture: lens centres are the middles of its two halves.

    Args:
        seen: (h, w) bool, the visible content.
    """
    height, width = seen.shape
    center, middle = 0.5 * width, 0.5 * height
    return {
        "lens_left": (center - LENS_CENTERS * width, middle),
        "lens_right": (center + LENS_CENTERS * width, middle),
        "hinge_left": (0.0, HINGE_HEIGHT * height),
        "hinge_right": (float(width), HINGE_HEIGHT * height),
    }


KIND = HeadKind(
    name="glasses",
    anchors=("lens_left", "lens_right", "hinge_left", "hinge_right"),
    numbers={"lens_alpha": Number(0.5, 0.0, 1.0)},  # how opaque the lenses are
    guess_anchors=guess_lenses,
    least_side=300,
    wear=wear_glasses,
)
