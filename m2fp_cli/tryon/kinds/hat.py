"""Hats: a band around the head above the eyes, hair below it, hands in front.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Point
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.clearing import HatBand, clear_above
from m2fp_cli.tryon.compositing import Layer, affine_inverse, alpha_in_window, similarity
from m2fp_cli.tryon.figure import HEAD, Figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.records import Check, ItemRecord
from m2fp_cli.tryon.wearer import (
    Wearer,
    cast_shadow,
    hide_behind,
    visible_alpha,
    warp_accessory,
)

# Where a hat goes.
HALF_WIDTH = (1.2, 1.45)  # of the band, U: a bare head is 2.40 U wide, more with hair
WIDTH_OVER_HEAD = 1.03  # of the band, to what is seen of the head at its height
MAX_ROLL = 35.0  # degrees
LOWEST_BAND = 0.45  # above the eyes, U; brows are 0.39 above them
ABOVE_FACE = 0.05  # from the band down to where the face ends, U; chosen on 51 hats in photos
LIFTS = (0.0, 0.1, 0.2, 0.3, 0.4)  # tried in turn where a hat comes down over the eyes, U
CAP_TURN = -12.0  # yaw in degrees from which a cap's visor points to the image's left
# The middle of the band is a weighted mean of the middle of the head at the ears and at the band,
# fitted to where people wear hats; both are shrunk towards the eyes.
EARS_WEIGHT, BAND_WEIGHT = 0.35, 0.5
MOST_OFFSET = 0.8  # of either from the eyes, U
LEAST_PIXELS = 8  # of a head at some height that say where its ends are

# When it is left out.
EYE_RADIUS = 0.18  # U
EYES_COVERED = 0.02  # share of the eyes that a hat may cover
MOST_CUT = 0.6  # share of a hat that may lie outside the photo
MOST_GAP = 0.2  # between a hat and what is seen of the head, U
LEAST_SEEN = 0.5  # share of a hat that hands and people in front must leave; less is a scrap

# How it looks.
SHADOW_REACH = 0.6  # U
SHADOW = ((0.05, 0.05, 0.42), (0.2, 0.18, 0.3))  # parts: down in U, blur in U, darkness

# Guessing the band of a bare picture.
BAND_SHARE = 0.7  # the band is the lowest row that is at least so wide, as a share of the widest
BRIM_RATIO = 1.5  # a row wider than so many crowns is a brim
CROWN_TO_BAND = 1.1  # width of the band over that of the crown


@dataclass(frozen=True, eq=False)
class HatPlacement:
    """Where a hat goes.

    Attributes:
        matrix: (2, 3) picture to photo.
        center_xy: middle of the band, photo pixels.
        band: the band in the frame of the head.
        roll: degrees.
        head_offset: middle of the head at the band from the eyes, U.
    """

    matrix: NDArray[np.float64]
    center_xy: tuple[float, float]
    band: HatBand
    roll: float
    head_offset: float


def wear_hat(wearer: Wearer, hat: Accessory) -> ItemRecord:
    """Put a hat on a head, in place."""
    frame, figure = wearer.frame, wearer.figure
    if hat.style == "cap" and frame.yaw < CAP_TURN:
        hat = hat.mirrored()
    found = _place_off_eyes(wearer, hat)
    if found is None:
        return ItemRecord("hat", hat.name, "the hat would cover the eyes")
    place, lift = found
    inverse = affine_inverse(place.matrix)
    layer, cut = warp_accessory(wearer, hat, place.matrix, inverse, SHADOW_REACH)
    notes = list(hat.notes)
    if lift:
        notes.append("the hat was pushed up to free the eyes")
    if cut > MOST_CUT:
        return ItemRecord("hat", hat.name, "the hat would lie outside the photo")
    if gap_to_face(frame, figure, place.band, layer) > MOST_GAP:
        return ItemRecord("hat", hat.name, "the hat would float above the face")
    shown = hide_behind(wearer, layer)
    if shown.alpha.sum() < LEAST_SEEN * layer.alpha.sum():
        return ItemRecord("hat", hat.name, "the head is hidden by somebody in front")
    cleared = clear_above(wearer, layer, place.band, notes)
    if isinstance(cleared, str):
        return ItemRecord("hat", hat.name, cleared)
    onto = visible_alpha(wearer, shown, "Face", "Hair", "Sunglasses")
    shadow = cast_shadow(wearer, shown, onto, SHADOW)
    checks = check_hat(frame, figure, place, shown, cut, cleared, hat.style)
    checks += wearer.blend(shown, hat.name, shadow)
    numbers = {
        "band_center_px": place.center_xy,
        "band_width_px": 2 * place.band.half * frame.unit,
        "band_above_eyes_u": place.band.height,
        "roll_deg": place.roll,
        "cut_by_frame": cut,
    }
    return ItemRecord("hat", hat.name, "", numbers, tuple(checks), tuple(notes))


def _place_off_eyes(wearer: Wearer, hat: Accessory) -> tuple[HatPlacement, float] | None:
    """Where a hat goes, and how far it had to be lifted off the eyes; None where it covers them."""
    for lift in LIFTS:
        place = place_hat(wearer.frame, wearer.figure, hat, lift)
        if hat_over_eyes(wearer.frame, hat, place.matrix) <= EYES_COVERED:
            return place, lift
    return None


def place_hat(frame: HeadFrame, figure: Figure, hat: Accessory, lift: float = 0.0) -> HatPlacement:
    """Put a hat's band around the head above the eyes.

    Args:
        frame: the head.
        figure: the person in a window around the head.
        hat: an accessory of the kind.
        lift: how much higher than usual, U.
    """
    height = _band_height(frame, figure, hat) + lift
    low, high = _head_extent(frame, figure, hat.numbers["band_above_eyes"])
    at_ears = _middle_of_head(frame, figure)
    at_band = float(np.clip((low + high) / 2, -MOST_OFFSET, MOST_OFFSET))
    offset = EARS_WEIGHT * at_ears + BAND_WEIGHT * at_band
    half = float(np.clip((high - low) / 2 * WIDTH_OVER_HEAD, *HALF_WIDTH))
    roll = float(np.clip(frame.roll, -MAX_ROLL, MAX_ROLL))
    center = frame.point(offset, -height)
    angle = math.radians(roll)
    reach = half * frame.unit
    dx, dy = reach * math.cos(angle), reach * math.sin(angle)
    target = ((center[0] - dx, center[1] - dy), (center[0] + dx, center[1] + dy))
    source = (hat.anchors["band_left"], hat.anchors["band_right"])
    band = HatBand(height, half, offset)
    return HatPlacement(similarity(source, target), center, band, roll, (low + high) / 2)


def _band_height(frame: HeadFrame, figure: Figure, hat: Accessory) -> float:
    """Height of the band above the eyes, U: the hat's own, or lower where the face ends lower.

    Where an old hat or a fringe comes down far, hats are pulled down to where the face ends.
    """
    along, below = window_units(frame, figure)
    middle = below[figure.mask("Face") & (np.abs(along) < 0.6)]
    top: float = -float(np.percentile(middle, 2)) if middle.size >= LEAST_PIXELS else math.inf
    own: float = hat.numbers["band_above_eyes"]
    return min(max(top + ABOVE_FACE, min(LOWEST_BAND, own)), own)


def _middle_of_head(frame: HeadFrame, figure: Figure) -> float:
    """Middle between the ends of face and hair at the height of the ears, U from the eyes."""
    along, below = window_units(frame, figure)
    level = (below > 0.0) & (below < 0.7) & (np.abs(along) < 2.2)
    head = along[figure.mask("Face", "Hair") & level]
    if head.size < LEAST_PIXELS:
        return frame.middle
    return float(np.clip(np.percentile(head, (2, 98)).mean(), -MOST_OFFSET, MOST_OFFSET))


def _head_extent(frame: HeadFrame, figure: Figure, height: float) -> tuple[float, float]:
    """Left and right end of head and hair at some height, U from the eyes."""
    along, below = window_units(frame, figure)
    level = np.abs(below + height) < 0.15
    head = along[figure.mask("Face", "Hair") & level & (np.abs(along) < 2.2)]
    if head.size < LEAST_PIXELS or figure.mask("Hat")[level].any():
        return frame.middle - HALF_WIDTH[0], frame.middle + HALF_WIDTH[0]
    low, high = np.percentile(head, (1, 99))
    return float(low), float(high)


def hat_over_eyes(frame: HeadFrame, hat: Accessory, matrix: NDArray[np.float64]) -> float:
    """Share of the eyes, discs of ``EYE_RADIUS``, that a hat would cover.

    Args:
        frame: the head.
        hat: the hat.
        matrix: (2, 3) picture to photo.
    """
    reach = np.linspace(-0.17, 0.17, 9)
    dx, dy = (part.ravel() for part in np.meshgrid(reach, reach))
    inside = np.hypot(dx, dy) < EYE_RADIUS
    across = np.concatenate([dx[inside] + side * 0.5 for side in (-1, 1)])
    down = np.concatenate([dy[inside]] * 2)
    axes = np.stack((frame.right_xy, frame.down_xy), axis=1)
    points = np.array(frame.eyes_xy)[:, None] + frame.unit * axes @ np.stack((across, down))
    back = np.asarray(cv2.invertAffineTransform(matrix))
    u, v = back[:, :2] @ points + back[:, 2:]
    height, width = hat.bgra.shape[:2]
    seen = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    alpha = hat.bgra[v[seen].astype(np.intp), u[seen].astype(np.intp), 3]
    return int(np.count_nonzero(alpha > 127)) / int(across.size)


def gap_to_face(frame: HeadFrame, figure: Figure, band: HatBand, layer: Layer) -> float:
    """Median distance from a hat's lower edge to face or hair below it, U; an old hat goes."""
    along, below = window_units(frame, figure)
    head = figure.mask("Face", "Hair", "Sunglasses", "Left-arm", "Right-arm")
    return _gaps(alpha_in_window(layer, figure), head, along, below, band)[0]


def check_hat(
    frame: HeadFrame,
    figure: Figure,
    place: HatPlacement,
    layer: Layer,
    cut: float,
    gone: BoolArray,
    style: str,
) -> list[Check]:
    """Whether a hat sits on the head: no gap, right height and width, eyes free, hair inside.

    Args:
        frame: the head.
        figure: the person.
        place: where the hat is.
        layer: what is drawn of it.
        cut: share of it outside the photo.
        gone: (h, w) bool in the figure's window: what was painted over with background.
        style: of the hat; a brim may come down before the eyes a little.
    """
    band = place.band
    alpha = alpha_in_window(layer, figure)
    along, below = window_units(frame, figure)
    head = figure.mask(*HEAD, "Left-arm", "Right-arm")
    gap_median, gap_high = _gaps(alpha, head, along, below, band)
    eyes = (np.abs(along) - 0.5) ** 2 + below**2 < EYE_RADIUS**2
    hair = figure.mask("Hair") & ~gone
    above = hair & (below < -band.height - 0.1)
    old = figure.mask("Hat") & ~gone & frame.has_hat
    brim = 0.2 if style == "brim" else 0.0
    return [
        Check("gap_median_u", gap_median, 0.0, 0.05),
        Check("gap_p95_u", gap_high, 0.0, 0.12),
        Check("band_above_eyes_u", band.height, 0.45, 1.15),
        Check("band_width_u", 2 * band.half, 2.1, 2.9),
        Check("roll_difference_deg", abs(place.roll - frame.roll), 0.0, 6.0),
        Check("center_offset_u", abs(band.offset - place.head_offset), 0.0, 0.25),
        Check("eyes_covered", _covered_share(alpha, eyes), 0.0, brim),
        Check("hair_outside", 1 - _covered_share(alpha, above) if above.any() else 0.0, 0.0, 0.03),
        Check("cut_by_frame", cut, 0.0, 0.25),
        Check("old_hat_covered", _covered_share(alpha, old) if old.any() else 1.0, 0.98, 1.0),
    ]


def _gaps(
    alpha: FloatArray, head: BoolArray, along: FloatArray, below: FloatArray, band: HatBand
) -> tuple[float, float]:
    """Distance from the hat's lower edge to the head below it over its middle columns, U.

    Returns:
        the median and the 95th percentile.
    """
    middle = (np.abs(along - band.offset) < 0.6 * band.half + 0.06) & (below < 2)
    worn = middle & (alpha > 0.5)
    head = middle & head
    hat_x, hat_y, head_x, head_y = along[worn], below[worn], along[head], below[head]
    gaps = []
    for edge in np.arange(-0.6, 0.61, 0.1) * band.half + band.offset:
        hat = hat_y[np.abs(hat_x - edge) < 0.06]
        skin = head_y[np.abs(head_x - edge) < 0.06]
        if not hat.size or not skin.size:
            gaps.append(1.0)
            continue
        beneath = skin[skin >= hat.max() - 0.02]
        gaps.append(float(beneath.min() - hat.max()) if beneath.size else 1.0)
    values = np.maximum(np.asarray(gaps) - 0.02, 0)
    return float(np.median(values)), float(np.percentile(values, 95))


def _covered_share(alpha: FloatArray, where: BoolArray) -> float:
    return float((alpha[where] > 0.5).mean()) if where.any() else 0.0


def guess_band(seen: BoolArray) -> dict[str, Point]:
    """Band of a bare picture: the lowest row that is wide enough, a cap's above its visor included.

    Args:
        seen: (h, w) bool, the visible content.
    """
    widths = seen.sum(axis=1)
    row = int(np.flatnonzero(widths >= BAND_SHARE * widths.max())[-1])
    columns = np.flatnonzero(seen[row])
    left, right = float(columns[0]), float(columns[-1] + 1)
    # A brim reaches beyond the head: the crown above it tells how wide the band is.
    upper = widths[: max(1, row // 2)]
    crown = float(np.median(upper)) if upper.size else right - left
    if right - left > BRIM_RATIO * crown:
        middle, half = 0.5 * (left + right), 0.5 * CROWN_TO_BAND * crown
        left, right = middle - half, middle + half
    return {
        "band_left": (left, row + 0.5),
        "band_right": (right, row + 0.5),
        "front_low": (0.5 * (left + right), float(len(widths))),
    }


KIND = HeadKind(
    name="hat",
    anchors=("band_left", "band_right", "front_low"),
    numbers={"band_above_eyes": Number(0.65, 0.2, 1.4)},  # U; the median of 51 hats in photos
    guess_anchors=guess_band,
    least_side=300,
    wear=wear_hat,
)
