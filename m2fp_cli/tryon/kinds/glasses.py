"""Glasses: lenses before the eyes, the sides fading under hair and at the edge of the head.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Point
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.compositing import (
    Inverse,
    Layer,
    affine_inverse,
    alpha_in_window,
    similarity,
)
from m2fp_cli.tryon.figure import FACE, HAIR, HEAD, Figure
from m2fp_cli.tryon.half_rims import find_half_rims
from m2fp_cli.tryon.head import YAW_SHARE, HeadFrame, window_units
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.lens_mirroring import dim_mirroring
from m2fp_cli.tryon.lenses import find_lenses
from m2fp_cli.tryon.occlusion import mask_in_layer
from m2fp_cli.tryon.outlines import CHAIN, DOME, GARMENT, HIGH
from m2fp_cli.tryon.records import Check, ItemRecord, check_limits
from m2fp_cli.tryon.wearer import (
    ShadowPart,
    Wearer,
    cast_shadow,
    hide_behind,
    visible_alpha,
    warp_accessory,
)
from m2fp_cli.tryon.worn_glasses import LENS_DROP
from m2fp_cli.tryon.worn_pair import shows_worn_pair

# Where glasses go.
USUAL_WIDTH = 2.2  # U
WIDTH_TO_FACE = 1.01  # width to that of the face; median of CelebAMask
WIDTH_BY_FACE = (2.17, 2.6)  # range of the width that the face's own width gives, U
FACE_WEIGHT = 0.5  # of the width by the face, against the usual one
LENS_GAP = (0.84, 1.24)  # between lens centers, U: each stays within 0.12 U of its eye
MAX_YAW = 45.0  # degrees that are believed
FAR_HALF = 0.3  # how much more the far half is shortened, times the sine of the yaw

# When they are left out. Of 16 heads with 0.2 to 0.3 in 505 COCO photos the eyes of 12 are off by
# more than 0.35 U; 2 of 248 people with glasses on street photos have as little.
MIN_CONFIDENCE = 0.3  # of the head frame

# How they look.
SHADOW = (ShadowPart(0.06, 0.045, 0.22),)
TEMPLES_FROM = 0.95  # distance from the middle beyond which the sides may be hidden, U
OVER_FACE, OVER_HEAD = 0.06, 0.08  # how far they reach over the edge of face and head, U
FADING_SIGMA = 0.05  # of the edge where the sides end, U ...
MIN_FADING_SIGMA = 0.5  # ... and pixels

# When they are good.
LIMITS = {
    "eyes_in_lenses": (1.0, 1.0),
    "lens_to_eye_u": (0.0, 0.12),
    "width_to_face": (0.93, 1.17),
    "roll_difference_deg": (0.0, 4.0),
    "outside_head": (0.0, 0.05),
}
"""What is measured, and the range in which it is good."""

# Guessing the anchors of a bare picture, as shares of its content.
LENS_CENTERS = 0.235  # of the width, from the middle to each side
HINGE_HEIGHT = 0.25  # of the height, from its upper end


@dataclass(frozen=True, eq=False)
class GlassesPlacement:
    """Where glasses go.

    Attributes:
        inverse: photo to picture coordinates.
        center_xy: middle between the lens centers, photo pixels.
        lenses_xy: the two lens centers, photo pixels.
        width: width of the whole pair as it appears, U.
        lens_half_wh: half the size of a lens seen from the front, U.
        roll: degrees.
        matrix: (2, 3) picture to photo without the yaw of the head, to find the box.
    """

    inverse: Inverse
    center_xy: Point
    lenses_xy: tuple[Point, Point]
    width: float
    lens_half_wh: tuple[float, float]
    roll: float
    matrix: NDArray[np.float64]


def wear_glasses(wearer: Wearer, glasses: Accessory) -> ItemRecord:
    """Put glasses on a face.

    Args:
        wearer: whose photo is painted on, in place.
        glasses: an accessory of this kind.

    Returns:
        what was done and how well it went, or why the glasses were left out.
    """
    frame, figure = wearer.frame, wearer.figure
    if frame.confidence < MIN_CONFIDENCE:
        return ItemRecord("glasses", glasses.name, "the eyes cannot be found")
    place = place_glasses(frame, glasses)
    layer, _ = warp_accessory(wearer, glasses, place.matrix, place.inverse)
    if shows_worn_pair(wearer, glasses, layer):
        return ItemRecord("glasses", glasses.name, "glasses are worn already")
    layer = hide_behind(wearer, layer.masked(_seen_before_head(wearer, layer)))
    skin = visible_alpha(wearer, layer, "Face")
    shadow = cast_shadow(wearer, layer, skin, SHADOW)
    if wearer.light is not None:
        layer = dim_mirroring(layer, wearer.light.skin)
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
    """Put lens centers in front of the eyes, a little below them.

    A turned head shortens the far half of a pair more than the near one.

    Args:
        frame: the head.
        glasses: an accessory of this kind.
    """
    left, right = glasses.anchors["lens_left"], glasses.anchors["lens_right"]
    x0, y0, x1, y1 = glasses.measured_xyxy
    gap = math.hypot(right[0] - left[0], right[1] - left[1])
    share = gap / max(x1 - x0, 1)
    gap_units = float(np.clip(glasses_width(frame) * share, *LENS_GAP))
    width = gap_units / share
    center = frame.point(0.0, LENS_DROP)
    rx, ry = (0.5 * gap_units * frame.unit * c for c in frame.right_xy)
    target = ((center[0] - rx, center[1] - ry), (center[0] + rx, center[1] + ry))
    matrix = similarity((left, right), target)
    factors = foreshortening(frame.yaw)
    lenses = tuple(
        frame.point(side * 0.5 * gap_units * factors[side > 0], LENS_DROP) for side in (-1, 1)
    )
    inverse = _inverse_with_yaw(matrix, center, frame, factors)
    apparent = width * (factors[0] + factors[1]) / 2
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

    Args:
        frame: the head.
    """
    by_face = float(np.clip(WIDTH_TO_FACE * frame.face_width / frame.unit, *WIDTH_BY_FACE))
    return FACE_WEIGHT * by_face + (1 - FACE_WEIGHT) * USUAL_WIDTH


def foreshortening(yaw_degrees: float) -> tuple[float, float]:
    """Factors for the width of the left and the right half of something flat on a turned face.

    Args:
        yaw_degrees: positive = the face looks to the image's right.
    """
    yaw = math.radians(float(np.clip(yaw_degrees, -MAX_YAW, MAX_YAW)))
    near = math.cos(YAW_SHARE * yaw)
    far = near * (1 - FAR_HALF * abs(math.sin(yaw)))
    return (near, far) if yaw > 0 else (far, near)


def _inverse_with_yaw(
    matrix: NDArray[np.float64],
    center: tuple[float, float],
    frame: HeadFrame,
    factors: tuple[float, float],
) -> Inverse:
    """The inverse of a matrix with both halves of the picture foreshortened."""
    back = affine_inverse(matrix)
    rx, ry = frame.right_xy
    dx, dy = frame.down_xy

    def inverse(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        along = (x - center[0]) * rx + (y - center[1]) * ry
        down = (x - center[0]) * dx + (y - center[1]) * dy
        along = np.where(along < 0, along / factors[0], along / factors[1])
        u, v = back(center[0] + along * rx + down * dx, center[1] + along * ry + down * dy)
        return u.astype(np.float32), v.astype(np.float32)

    return inverse


def _seen_before_head(wearer: Wearer, layer: Layer) -> FloatArray:
    """How much of glasses is seen, in the layer's box: on the face all, at the sides not on hair.

    They reach a little over the edge of the head, but never float beside it.
    """
    frame, figure = wearer.frame, wearer.figure
    along, _ = window_units(frame, figure)
    face = figure.dilate(figure.mask(*FACE), OVER_FACE * frame.unit)
    head = figure.dilate(figure.mask(*HEAD), OVER_HEAD * frame.unit)
    beside_lenses = np.abs(along) > TEMPLES_FROM
    hidden = beside_lenses & (figure.mask(*HAIR) | ~face)
    keep = ~hidden & (head | (np.abs(along) < TEMPLES_FROM))
    sigma = max(FADING_SIGMA * frame.unit, MIN_FADING_SIGMA)
    return mask_in_layer(keep, figure, layer, sigma)


def check_glasses(
    frame: HeadFrame, figure: Figure, place: GlassesPlacement, layer: Layer
) -> list[Check]:
    """Whether glasses are in front of the eyes, as wide as the face and not beside the head.

    Args:
        frame: the head.
        figure: the person.
        place: where the glasses are.
        layer: what is drawn of them.
    """
    half_width, half_height = place.lens_half_wh
    misses, inside = [], []
    factors = foreshortening(frame.yaw)
    for (x, y), side, factor in zip(place.lenses_xy, (-1, 1), factors, strict=True):
        u, v = frame.units(np.array([x]), np.array([y]))
        dx, dy = abs(float(u[0]) - side * 0.5 * factor), abs(float(v[0]))
        misses.append(math.hypot(dx, dy - LENS_DROP))
        inside.append(dx <= half_width * factor and dy <= half_height)
    alpha = alpha_in_window(layer, figure)
    head = figure.dilate(figure.mask(*HEAD), OVER_HEAD * frame.unit)
    measured = {
        "eyes_in_lenses": float(np.mean(inside)),
        "lens_to_eye_u": max(misses),
        "width_to_face": place.width * frame.unit / max(frame.face_width, 1.0),
        "roll_difference_deg": abs(place.roll - frame.roll),
        "outside_head": float(alpha[~head].sum()) / max(float(alpha.sum()), 1e-6),
    }
    return check_limits(measured, LIMITS)


def guess_lenses(seen: BoolArray) -> dict[str, Point]:
    """Anchors of a bare picture: the middles of its lenses, or of its halves where none are seen.

    Of half-rim glasses with clear lenses only the upper half is seen.

    Args:
        seen: (h, w) bool, the visible content.

    Returns:
        anchors by name, pixels of the content.
    """
    height, width = seen.shape
    center, middle = 0.5 * width, 0.5 * height
    halves = tuple((center + side * LENS_CENTERS * width, middle) for side in (-1, 1))
    left, right = find_lenses(seen) or find_half_rims(seen) or halves
    return {
        "lens_left": left,
        "lens_right": right,
        "hinge_left": (0.0, HINGE_HEIGHT * height),
        "hinge_right": (float(width), HINGE_HEIGHT * height),
    }


KIND = HeadKind(
    name="glasses",
    anchors={
        "lens_left": "center of the left lens",
        "lens_right": "center of the right lens",
        "hinge_left": "left hinge",
        "hinge_right": "right hinge",
    },
    numbers={"lens_alpha": Number(0.5, 0.0, 1.0, "how opaque the lenses are, 0 to 1")},
    guess_anchors=guess_lenses,
    min_side=300,
    wear=wear_glasses,
    has_lenses=True,
    unlike=(CHAIN, GARMENT, DOME, HIGH),
)
