"""Where glasses, earrings and chains go, in the photo's frame. Ratios are in U, see ``head``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.tryon.accessory import Accessory, content_box
from m2fp_cli.tryon.compositing import Inverse, similarity
from m2fp_cli.tryon.figure import BoolArray, Figure, FloatArray
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.worn_glasses import LENS_DROP

GLASSES_WIDTH = 2.2
BASE_CIRCUMFERENCE_MM = 371.0  # of the neck's base, ANSUR II
MM_PER_UNIT = 63.0  # distance between the pupils, Dodgson 2004
NECK_HALF = 0.92
ON_CLOTHES_MM = 500.0  # a chain that is as long lies on clothes as well


@dataclass(frozen=True, eq=False)
class GlassesPlacement:
    """Where glasses go.

    Attributes:
        inverse: photo to PNG coordinates.
        center_xy: middle between the lens centres, photo pixels.
        lenses_xy: the two lens centres, photo pixels.
        width: width of the whole frame as it appears, U.
        lens_half_wh: half the size of a lens seen from the front, U.
        roll: degrees.
        matrix: (2, 3) PNG to photo without the turn of the head, to find the box.
    """

    inverse: Inverse
    center_xy: tuple[float, float]
    lenses_xy: tuple[tuple[float, float], tuple[float, float]]
    width: float
    lens_half_wh: tuple[float, float]
    roll: float
    matrix: NDArray[np.float64]


def glasses_width(frame: HeadFrame) -> float:
    """Width of glasses on this head seen from the front, U.

    Halfway between 2.2 U and the width of the face: the width of a mask and the distance of the
    pupils err independently, and the mean of both is nearest to what people wear.
    """
    by_face = float(np.clip(1.01 * frame.face_width / frame.unit, 2.17, 2.6))
    return 0.5 * by_face + 0.5 * GLASSES_WIDTH


def place_glasses(frame: HeadFrame, glasses: Accessory) -> GlassesPlacement:
    """Put lens centres in front of the eyes, a little below them.

    A turned head shortens the far half of the frame more than the near one.
    """
    left, right = glasses.anchors["lens_left"], glasses.anchors["lens_right"]
    x0, y0, x1, y1 = content_box(glasses.bgra)
    gap = math.hypot(right[0] - left[0], right[1] - left[1])
    share = gap / max(x1 - x0, 1)
    width = glasses_width(frame)
    # Lens centres stay within 0.12 U of the eyes, whatever the shape of the frame.
    gap_units = float(np.clip(width * share, 0.84, 1.24))
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


def shortening(yaw_degrees: float) -> tuple[float, float]:
    """Factors for the left and right half of something flat on a turned face."""
    yaw = math.radians(float(np.clip(yaw_degrees, -45, 45)))
    near = math.cos(0.8 * yaw)
    far = near * (1 - 0.3 * abs(math.sin(yaw)))
    return (near, far) if yaw > 0 else (far, near)


def _turned_inverse(
    matrix: NDArray[np.float64],
    center: tuple[float, float],
    frame: HeadFrame,
    shorten: tuple[float, float],
) -> Inverse:
    from m2fp_cli.tryon.compositing import affine_inverse

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


@dataclass(frozen=True, eq=False)
class EarringPlacement:
    """Where one earring hangs.

    Attributes:
        hook_xy: photo pixels.
        side: -1 at the image's left, 1 at its right.
        pixels_per_pixel: photo pixels per PNG pixel.
    """

    hook_xy: tuple[float, float]
    side: int
    pixels_per_pixel: float


def place_earring(
    frame: HeadFrame, figure: Figure, earring: Accessory, side: int
) -> EarringPlacement | str:
    """Find the lobe on one side, or say why nothing hangs there.

    The outermost pixel of the face, ears included, in the rows where lobes are.
    """
    if side * frame.yaw > 20:
        return "the ear is on the far side"
    along, below = window_units(frame, figure)
    face = figure.mask("Face")
    rows = (below > 0.45) & (below < 0.95) & (side * along > 0.5) & (side * along < 1.6)
    edge = side * along[face & rows]
    if edge.size < 5:
        return "the ear is not visible"
    reach = float(np.percentile(edge, 97)) - 0.06
    if not 0.78 <= reach <= 1.5:
        return "the ear is not visible"
    at_edge = face & rows & (np.abs(side * along - reach) < 0.09)
    drop = float(np.percentile(below[at_edge], 85)) if at_edge.any() else 0.65
    drop = float(np.clip(drop, 0.5, 0.85))
    hook = frame.point(side * reach, drop)
    disc = np.hypot(side * along - reach, below - drop) < 0.17
    hidden = figure.mask("Hair", "Hat", "Scarf") | figure.others
    if disc.any() and hidden[disc].mean() > 0.45:
        return "the ear is hidden by hair"
    outward = (side * along > reach) & (side * along < reach + 0.3) & (np.abs(below - drop) < 0.15)
    if outward.any() and hidden[outward].mean() > 0.6:
        return "the ear is hidden by hair"
    _, y0, _, y1 = content_box(earring.bgra)
    scale = earring.numbers["height_units"] * frame.unit / max(y1 - y0, 1)
    return EarringPlacement(hook, side, scale)


@dataclass(frozen=True, eq=False)
class NecklacePlacement:
    """Where a necklace lies.

    Attributes:
        inverse: photo to PNG coordinates.
        ends_xy: where it goes around the neck, photo pixels, left and right.
        lowest_xy: its lowest point.
        region: (h, w) bool in the figure's window: what it may lie on.
        matrix: (2, 3) PNG to photo.
    """

    inverse: Inverse
    ends_xy: tuple[tuple[float, float], tuple[float, float]]
    lowest_xy: tuple[float, float]
    region: BoolArray
    matrix: NDArray[np.float64]


def necklace_region(frame: HeadFrame, figure: Figure, on_clothes: bool) -> BoolArray:
    """Skin of neck and chest below the chin, and clothes where a long chain lies on them."""
    along, below = window_units(frame, figure)
    low = below > frame.chin + 0.12
    near = np.abs(along) < 2.2
    skin = figure.mask("Torso-skin") | (figure.mask("Face") & (np.abs(along) < 1.1))
    region = skin & low & near
    if on_clothes:
        tops = figure.mask("UpperClothes", "Dress", "Coat", "Jumpsuits")
        region |= tops & near & (below > frame.chin + 0.3)
    return region


def place_necklace(
    frame: HeadFrame, figure: Figure, necklace: Accessory
) -> NecklacePlacement | str:
    """Lay a chain around the neck, or say why there is no place for it."""
    drop = (necklace.numbers["length_mm"] - BASE_CIRCUMFERENCE_MM) / 2 / MM_PER_UNIT
    region = necklace_region(frame, figure, necklace.numbers["length_mm"] >= ON_CLOTHES_MM)
    skin = necklace_region(frame, figure, False)
    along, below = window_units(frame, figure)
    under = skin & (below < frame.chin + 2.0)
    if figure.area(under, frame.unit) < 0.3:
        return "the neck is covered"
    neck = skin & (below > frame.chin + 0.15) & (below < frame.chin + 0.9)
    if figure.area(neck, frame.unit) < 0.15:
        return "the neck is covered"
    left, right = (float(v) for v in np.percentile(along[neck], (3, 97)))
    if right - left < 0.5 * 2 * 0.85:
        return "the neck is covered"
    middle, half = _neck_at_ends(along, below, skin, under, frame.chin)
    x, y = frame.point(middle, frame.chin)
    # Gravity and shoulders, not the head, decide which way is down.
    unit = frame.unit
    ends_y, low_y = y + 0.5 * unit, y + (0.95 + max(drop, 0.05)) * unit
    half *= unit
    source_left, source_right = necklace.anchors["left_end"], necklace.anchors["right_end"]
    lowest = necklace.anchors["lowest"]
    half_source = 0.5 * (source_right[0] - source_left[0])
    top_source = 0.5 * (source_left[1] + source_right[1])
    sx = half / max(half_source, 1.0)
    sy = (low_y - ends_y) / max(lowest[1] - top_source, 1.0)
    center_source = 0.5 * (source_left[0] + source_right[0])
    matrix = np.array([[sx, 0.0, x - sx * center_source], [0.0, sy, ends_y - sy * top_source]])
    from m2fp_cli.tryon.compositing import affine_inverse

    return NecklacePlacement(
        affine_inverse(matrix),
        ((x - half, ends_y), (x + half, ends_y)),
        (x, low_y),
        region,
        matrix,
    )


def _neck_at_ends(
    along: FloatArray, below: FloatArray, skin: BoolArray, under: BoolArray, chin: float
) -> tuple[float, float]:
    """Middle and half the width of the neck where a necklace goes around it, U.

    Both edges of the skin there, where they are a neck's; else the chin and the skin below it.
    """
    row = along[skin & (np.abs(below - chin - 0.5) < 0.15)]
    low, high = np.percentile(row, (2, 98)) if row.size >= 8 else (0.0, 0.0)
    middle = 0.4 * float(np.clip(along[under].mean(), -0.6, 0.6))
    half = float(high - low) / 2
    if 0.6 <= half <= 1.15 and abs(low + high) / 2 < 0.6:
        return float(0.5 * middle + 0.25 * (low + high)), float(np.clip(half, 0.75, 1.0))
    return middle, NECK_HALF
