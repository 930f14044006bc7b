"""Necklaces: laid on neck and chest, under hair and collar.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Point
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.compositing import Inverse, Layer, affine_inverse, alpha_in_window
from m2fp_cli.tryon.figure import SKIN, TOPS, Figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.morphology import connected_to
from m2fp_cli.tryon.neck import find_neck, measure_half_width
from m2fp_cli.tryon.necklace_outline import (
    BASE_BELOW_MIDDLE,
    ENDS_ABOVE_MIDDLE,
    MM_PER_UNIT,
    NECK_BASE_MM,
    USUAL_MM,
    guess_ends,
    guess_length,
)
from m2fp_cli.tryon.occlusion import mask_in_layer, upsample_mask
from m2fp_cli.tryon.outlines import FULL_THING, GARMENT, GLASSES
from m2fp_cli.tryon.records import Check, ItemRecord, check_limits
from m2fp_cli.tryon.wearer import (
    ShadowPart,
    Wearer,
    cast_shadow,
    hide_behind,
    warp_accessory,
)

# How long a chain hangs.
ON_CLOTHES_MM = 500.0  # a chain that is as long lies on clothes as well
CARRIES = ("UpperClothes", "Dress", "Jumpsuits")  # the clothes that it lies on: it is below coats
MIN_DROP = 0.05  # of the lowest point below the neck's base, U

# Where it lies, below the chin unless said otherwise.
SKIN_FROM, CLOTHES_FROM = 0.12, 0.3  # where skin and clothes may carry it, U
WIDEST = 2.2  # distance from the middle, U
FACE_WIDEST = 1.1  # ... of what the network calls face down there
OWN_FACE = 1.0  # around the middle between the eyes, where the face is this head's, U
FACE_GAP = 0.12  # between pieces of one face, U
BEHIND_FROM = 0.3  # above its ends, from where a chain is behind the neck, U
LAID_HALF = (0.75, 1.0)  # half the width that a chain is laid at, U

# When it is left out.
SKIN_ROWS = 2.0  # down to which skin counts, U
MIN_SKIN = 0.3  # area of it, U^2
NECK_ROWS = (0.15, 0.9)  # of the neck, U
MIN_NECK = 0.15  # area of its skin, U^2
MIN_NECK_WIDTH = 0.85  # U
MIN_SEEN = 0.3  # share of the chain that must be seen
FRONT, MIN_FRONT = 0.3, 0.3  # U around its lowest point, and share that must be seen there
MAX_FREE_END = 0.6  # how far from the neck's edge it may begin, U; else it hangs in the air

# How it looks.
SHADOW_REACH = 0.15  # U
SHADOW = (ShadowPart(0.035, 0.025, 0.35),)

# When it is good.
LIMITS = {
    "on_body": (0.8, 1.0),
    "on_face": (0.0, 0.001),
    "ends_to_edge_u": (0.0, 0.1),
    "seen": (0.4, 1.0),
}
"""What is measured, and the range in which it is good."""

EDGE_ROWS = 0.06  # above and below an end, where the skin's edge is looked for, U


@dataclass(frozen=True, eq=False)
class NecklacePlacement:
    """Where a necklace lies.

    Attributes:
        inverse: photo to picture coordinates.
        ends_xy: where it goes around the neck, photo pixels, left and right.
        lowest_xy: its lowest point.
        region: (h, w) bool in the figure's window: what it may lie on.
        beside: ... and what it must not begin on: of a long one all clothes.
        matrix: (2, 3) picture to photo.
    """

    inverse: Inverse
    ends_xy: tuple[Point, Point]
    lowest_xy: Point
    region: BoolArray
    beside: BoolArray
    matrix: NDArray[np.float64]


def wear_necklace(wearer: Wearer, necklace: Accessory) -> ItemRecord:
    """Lay a chain around a neck.

    Args:
        wearer: whose photo is painted on, in place.
        necklace: an accessory of this kind.

    Returns:
        what was done and how well it went, or why the chain was left out.
    """
    frame, figure = wearer.frame, wearer.figure
    place = place_necklace(frame, figure, necklace)
    if isinstance(place, str):
        return ItemRecord("necklace", necklace.name, place)
    layer, _ = warp_accessory(wearer, necklace, place.matrix, place.inverse, SHADOW_REACH)
    layer = _hide_back(layer, place.ends_xy[0][1] - BEHIND_FROM * frame.unit)
    whole_area = float(layer.alpha.sum()) / frame.unit**2
    detail = wearer.figure_in(layer.box_xyxy)
    clothes = CARRIES if necklace.numbers["length_mm"] >= ON_CLOTHES_MM else ()
    region = detail.mask(*SKIN, *clothes) & upsample_mask(place.region, figure, layer.box_xyxy)
    keep = mask_in_layer(region, detail, layer, wearer.edge_sigma)
    whole, layer = layer, hide_behind(wearer, layer.masked(keep))
    checks = check_necklace(frame, figure, place, layer, whole_area)
    by_name = {check.name: check.value for check in checks}
    # A chain whose front is under a tie or a collar looks like two ends beside it.
    covered = by_name["seen"] < MIN_SEEN or _front_seen(whole, layer, place, frame) < MIN_FRONT
    if covered or by_name["ends_to_edge_u"] > MAX_FREE_END:
        return ItemRecord("necklace", necklace.name, "the neck is covered")
    checks += wearer.blend(layer, necklace.name, cast_shadow(wearer, layer, keep, SHADOW))
    numbers = {"ends_px": place.ends_xy, "lowest_px": place.lowest_xy}
    return ItemRecord("necklace", necklace.name, "", numbers, tuple(checks), necklace.notes)


def _hide_back(layer: Layer, upper_y: float) -> Layer:
    """Take away what is behind the neck: all above a row of the photo."""
    _, y0, _, y1 = layer.box_xyxy
    keep = np.clip(np.arange(y0, y1, dtype=np.float32) + 1 - np.float32(upper_y), 0, 1)
    return layer.masked(np.repeat(keep[:, None], layer.alpha.shape[1], axis=1))


def _front_seen(whole: Layer, seen: Layer, place: NecklacePlacement, frame: HeadFrame) -> float:
    """Share that is seen of a chain around its lowest point, 1 where that is not in the photo."""
    x0, y0, x1, y1 = whole.box_xyxy
    x, y = place.lowest_xy
    rows, columns = np.ogrid[y0:y1, x0:x1]
    near = np.hypot(columns - x, rows - y) < FRONT * frame.unit
    all_of_it = float(whole.alpha[near].sum())
    return float(seen.alpha[near].sum()) / all_of_it if all_of_it > 0 else 1.0


def find_region(frame: HeadFrame, figure: Figure, on_clothes: bool) -> BoolArray:
    """What a chain may lie on: skin below the chin, for a long one clothes too, but no coat.

    The network calls some necks face. A face apart from this one is that of somebody in front, whom
    the mask holds as well.

    Args:
        frame: the head.
        figure: the person.
        on_clothes: whether the chain is long enough to lie on clothes.

    Returns:
        (h, w) bool in the figure's window.
    """
    along, below = window_units(frame, figure)
    low = below > frame.chin + SKIN_FROM
    near = np.abs(along) < WIDEST
    face, near_eyes = figure.mask("Face"), (np.abs(along) < OWN_FACE) & (np.abs(below) < OWN_FACE)
    own = connected_to(face, near_eyes, FACE_GAP * frame.unit / figure.stride)
    skin = figure.mask("Torso-skin") | (face & own & (np.abs(along) < FACE_WIDEST))
    region = skin & low & near
    if on_clothes:
        region |= figure.mask(*CARRIES) & near & (below > frame.chin + CLOTHES_FROM)
    return region


def place_necklace(
    frame: HeadFrame, figure: Figure, necklace: Accessory
) -> NecklacePlacement | str:
    """Find where a chain lies around the neck.

    Args:
        frame: the head.
        figure: the person.
        necklace: an accessory of this kind.

    Returns:
        the place, or why there is none.
    """
    length_mm = necklace.numbers["length_mm"]
    drop = (length_mm - NECK_BASE_MM) / 2 / MM_PER_UNIT
    on_clothes = length_mm >= ON_CLOTHES_MM
    region = find_region(frame, figure, on_clothes)
    skin = find_region(frame, figure, False)
    along, below = window_units(frame, figure)
    under = skin & (below < frame.chin + SKIN_ROWS)
    if figure.area(under, frame.unit) < MIN_SKIN:
        return "the neck is covered"
    neck = skin & (below > frame.chin + NECK_ROWS[0]) & (below < frame.chin + NECK_ROWS[1])
    if figure.area(neck, frame.unit) < MIN_NECK:
        return "the neck is covered"
    left, right = (float(v) for v in np.percentile(along[neck], (3, 97)))
    if right - left < MIN_NECK_WIDTH:
        return "the neck is covered"
    x, y = find_neck(frame, figure, under)
    # Gravity and shoulders, not the head, decide which way is down.
    unit = frame.unit
    ends_y = y - ENDS_ABOVE_MIDDLE * unit
    lowest_y = y + (BASE_BELOW_MIDDLE + max(drop, MIN_DROP)) * unit
    half = unit * float(np.clip(measure_half_width(figure, unit, (x, ends_y)), *LAID_HALF))
    source_left, source_right = necklace.anchors["left_end"], necklace.anchors["right_end"]
    lowest = necklace.anchors["lowest"]
    half_source = 0.5 * (source_right[0] - source_left[0])
    ends_source_y = 0.5 * (source_left[1] + source_right[1])
    sx = half / max(half_source, 1.0)
    sy = (lowest_y - ends_y) / max(lowest[1] - ends_source_y, 1.0)
    center_source = 0.5 * (source_left[0] + source_right[0])
    matrix = np.array([[sx, 0.0, x - sx * center_source], [0.0, sy, ends_y - sy * ends_source_y]])
    return NecklacePlacement(
        affine_inverse(matrix),
        ((x - half, ends_y), (x + half, ends_y)),
        (x, lowest_y),
        region,
        region | (figure.mask(*TOPS) & (np.abs(along) < WIDEST)) if on_clothes else region,
        matrix,
    )


def check_necklace(
    frame: HeadFrame, figure: Figure, place: NecklacePlacement, layer: Layer, whole_area: float
) -> list[Check]:
    """Whether a chain lies on neck and chest and is seen.

    Args:
        frame: the head.
        figure: the person.
        place: where it lies.
        layer: what is drawn of it.
        whole_area: of the chain in U^2 before anything hid it.
    """
    alpha = alpha_in_window(layer, figure)
    along, below = window_units(frame, figure)
    body = figure.mask("Torso-skin", *TOPS) | place.region
    face = figure.mask("Face") & (below < frame.chin)
    total = max(float(alpha.sum()), 1e-6)
    measured = {
        # Not the sum of what is on it: rounded, that may be more than all.
        "on_body": 1 - float(alpha[~body].sum()) / total,
        "on_face": float(alpha[face].sum()) / total,
        "ends_to_edge_u": _ends_to_edge(frame, place, along, below),
        "seen": total * (figure.stride / frame.unit) ** 2 / max(whole_area, 1e-6),
    }
    return check_limits(measured, LIMITS)


def _ends_to_edge(
    frame: HeadFrame, place: NecklacePlacement, along: FloatArray, below: FloatArray
) -> float:
    """How far inside of the skin's edge a chain begins, U; 0 where it goes behind the neck."""
    farthest = 0.0
    for (x, y), side in zip(place.ends_xy, (-1, 1), strict=True):
        u, v = frame.units(np.array([x]), np.array([y]))
        row = side * along[place.beside & (np.abs(below - v[0]) < EDGE_ROWS)]
        if row.size:
            farthest = max(farthest, float(np.percentile(row, 98)) - side * float(u[0]))
    return farthest


KIND = HeadKind(
    name="necklace",
    anchors={
        "left_end": "where it goes around the neck at the left",
        "right_end": "where it goes around the neck at the right",
        "lowest": "its lowest point",
    },
    numbers={
        "length_mm": Number(USUAL_MM, 300.0, 900.0, "length of the closed chain, mm"),
    },
    guess_anchors=guess_ends,
    min_side=300,
    wear=wear_necklace,
    guess_numbers=guess_length,
    unlike=(GLASSES, GARMENT, FULL_THING),
)
