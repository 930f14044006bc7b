"""Hats: a band around the head above the eyes, hair below it, hands in front.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Point
from m2fp_cli.tryon.accessory import Accessory, content_mask
from m2fp_cli.tryon.clearing import clear_for_hat
from m2fp_cli.tryon.compositing import affine_inverse, similarity
from m2fp_cli.tryon.figure import BARE_HEAD, FACE, Figure
from m2fp_cli.tryon.hat_band import EYE_RADIUS, HatBand, check_hat, gap_to_face
from m2fp_cli.tryon.hat_outline import guess_band, is_arch
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.outlines import CHAIN, GARMENT, GLASSES, NARROW, SHOE, TROUSERS
from m2fp_cli.tryon.records import ItemRecord
from m2fp_cli.tryon.wearer import (
    ShadowPart,
    Wearer,
    cast_shadow,
    hide_behind,
    visible_alpha,
    warp_accessory,
)

# Where a hat goes.
HALF_WIDTH = (1.2, 1.45)  # of the band, U: a bare head is 2.40 U wide (ANSUR II), more with hair
WIDTH_OVER_HEAD = 1.03  # of the band, to what is seen of the head at its height
MAX_ROLL = 35.0  # degrees
MIN_BAND_HEIGHT = 0.45  # above the eyes, U; brows are 0.39 above them
ABOVE_FACE = 0.05  # from the band down to where the face ends, U; chosen on 51 hats in photos
FACE_HALF = 0.6  # half the width in which the face's upper end is looked for, U
LIFTS = (0.0, 0.1, 0.2, 0.3, 0.4)  # tried in turn where a hat comes down over the eyes, U
# Yaw in degrees from which a cap's visor points to the image's left. So it does on 80 % of the COCO
# heads that are turned there by 12 and more, and on 2 % of those turned away by 6 and more (without
# joints 64 and 5 %); of street heads on 67 and 2 % (64 and 4 %).
CAP_TURN = -8.0
# The middle of the band is a weighted mean of the middle of the head at the ears and at the band,
# fitted to where people wear hats; both are shrunk towards the eyes.
EARS_WEIGHT, BAND_WEIGHT = 0.35, 0.5
EAR_ROWS = (0.0, 0.7)  # below the eyes, U
BAND_ROWS = 0.15  # above and below the band, U
HEAD_REACH = 2.2  # from the eyes, within which face and hair are the head, U
MAX_OFFSET = 0.8  # of either middle from the eyes, U
MIN_PIXELS = 8  # of a head at some height that say where its ends are

# When it is left out.
EYE_GRID = np.linspace(-0.17, 0.17, 9)  # across and down an eye, U
OPAQUE_LEVEL = 127  # of 255, above which a hat covers an eye
MAX_EYES_COVERED = 0.02  # share of the eyes that a hat may cover
MAX_CUT = 0.6  # share of a hat that may lie outside the photo
MAX_GAP = 0.2  # between a hat and what is seen of the head, U
MIN_SEEN = 0.5  # share of a hat that hands and people in front must leave; less is a scrap

# How it looks.
SHADOW_REACH = 0.6  # U
SHADOW = (ShadowPart(0.05, 0.05, 0.42), ShadowPart(0.2, 0.18, 0.3))  # at the band, of the brim


@dataclass(frozen=True, eq=False)
class HatPlacement:
    """Where a hat goes.

    Attributes:
        matrix: (2, 3) picture to photo.
        center_xy: middle of the band, photo pixels.
        band: the band on the head.
    """

    matrix: NDArray[np.float64]
    center_xy: Point
    band: HatBand


def wear_hat(wearer: Wearer, hat: Accessory) -> ItemRecord:
    """Put a hat on a head.

    Args:
        wearer: whose photo is painted on, in place.
        hat: an accessory of this kind.

    Returns:
        what was done and how well it went, or why the hat was left out.
    """
    frame, figure = wearer.frame, wearer.figure
    if hat.style == "cap" and frame.yaw < CAP_TURN:
        hat = hat.mirrored
    found = _place_off_eyes(wearer, hat)
    if found is None:
        return ItemRecord("hat", hat.name, "the hat would cover the eyes")
    place, lift = found
    inverse = affine_inverse(place.matrix)
    layer, cut = warp_accessory(wearer, hat, place.matrix, inverse, SHADOW_REACH)
    notes = list(hat.notes)
    if lift:
        notes.append("the hat was pushed up to free the eyes")
    if cut > MAX_CUT:
        return ItemRecord("hat", hat.name, "the hat would lie outside the photo")
    if gap_to_face(frame, figure, place.band, layer) > MAX_GAP:
        return ItemRecord("hat", hat.name, "the hat would float above the face")
    shown = hide_behind(wearer, layer)
    if shown.alpha.sum() < MIN_SEEN * layer.alpha.sum():
        return ItemRecord("hat", hat.name, "the head is hidden by somebody in front")
    hair_stays = is_arch(content_mask(hat.bgra))
    cleared = clear_for_hat(wearer, layer, place.band, notes, hair_stays=hair_stays)
    if isinstance(cleared, str):
        return ItemRecord("hat", hat.name, cleared)
    if hair_stays:  # it may show outside
        cleared = cleared | figure.mask("Hair")
    onto = visible_alpha(wearer, shown, *FACE, "Hair")
    shadow = cast_shadow(wearer, shown, onto, SHADOW)
    checks = check_hat(frame, figure, place.band, shown, cut, cleared, hat.style)
    # A hat that is worn may be in the sun, and the face in its shade.
    bright = None if wearer.light is None else wearer.light.head_high
    checks += wearer.blend(shown, hat.name, shadow, bright)
    numbers = {
        "band_center_px": place.center_xy,
        "band_width_px": 2 * place.band.half * frame.unit,
        "band_above_eyes_u": place.band.height,
        "roll_deg": place.band.roll,
        "cut_by_frame": cut,
    }
    return ItemRecord("hat", hat.name, "", numbers, tuple(checks), tuple(notes))


def _place_off_eyes(wearer: Wearer, hat: Accessory) -> tuple[HatPlacement, float] | None:
    """Where a hat goes, and how far it had to be lifted off the eyes; None where it covers them."""
    for lift in LIFTS:
        place = place_hat(wearer.frame, wearer.figure, hat, lift)
        if hat_over_eyes(wearer.frame, hat, place.matrix) <= MAX_EYES_COVERED:
            return place, lift
    return None


def place_hat(frame: HeadFrame, figure: Figure, hat: Accessory, lift: float = 0.0) -> HatPlacement:
    """Put a hat's band around the head above the eyes.

    Args:
        frame: the head.
        figure: the person in a window around the head.
        hat: an accessory of this kind.
        lift: how much higher than usual, U.
    """
    height = _band_height(frame, figure, hat) + lift
    low, high = _head_extent(frame, figure, hat.numbers["band_above_eyes"])
    at_ears = _middle_of_head(frame, figure)
    at_band = float(np.clip((low + high) / 2, -MAX_OFFSET, MAX_OFFSET))
    offset = EARS_WEIGHT * at_ears + BAND_WEIGHT * at_band
    half = float(np.clip((high - low) / 2 * WIDTH_OVER_HEAD, *HALF_WIDTH))
    roll = float(np.clip(frame.roll, -MAX_ROLL, MAX_ROLL))
    center = frame.point(offset, -height)
    angle = math.radians(roll)
    reach = half * frame.unit
    dx, dy = reach * math.cos(angle), reach * math.sin(angle)
    target = ((center[0] - dx, center[1] - dy), (center[0] + dx, center[1] + dy))
    source = (hat.anchors["band_left"], hat.anchors["band_right"])
    band = HatBand(height, half, offset, roll, (low + high) / 2)
    return HatPlacement(similarity(source, target), center, band)


def _band_height(frame: HeadFrame, figure: Figure, hat: Accessory) -> float:
    """Height of the band above the eyes, U: the hat's own, or lower where the face ends lower.

    Where an old hat or a fringe comes down far, hats are pulled down to where the face ends.
    """
    along, below = window_units(frame, figure)
    middle = below[figure.mask("Face") & (np.abs(along) < FACE_HALF)]
    face_end = -float(np.percentile(middle, 2)) if middle.size >= MIN_PIXELS else math.inf
    own = hat.numbers["band_above_eyes"]
    return min(max(face_end + ABOVE_FACE, min(MIN_BAND_HEIGHT, own)), own)


def _middle_of_head(frame: HeadFrame, figure: Figure) -> float:
    """Middle between the ends of face and hair at the height of the ears, U from the eyes."""
    along, below = window_units(frame, figure)
    level = (below > EAR_ROWS[0]) & (below < EAR_ROWS[1]) & (np.abs(along) < HEAD_REACH)
    head = along[figure.mask(*BARE_HEAD) & level]
    if head.size < MIN_PIXELS:
        return frame.middle
    return float(np.clip(np.percentile(head, (2, 98)).mean(), -MAX_OFFSET, MAX_OFFSET))


def _head_extent(frame: HeadFrame, figure: Figure, height: float) -> tuple[float, float]:
    """Left and right end of head and hair at some height, U from the eyes."""
    along, below = window_units(frame, figure)
    level = np.abs(below + height) < BAND_ROWS
    head = along[figure.mask(*BARE_HEAD) & level & (np.abs(along) < HEAD_REACH)]
    if head.size < MIN_PIXELS or figure.mask("Hat")[level].any():
        return frame.middle - HALF_WIDTH[0], frame.middle + HALF_WIDTH[0]
    low, high = np.percentile(head, (1, 99))
    return float(low), float(high)


def hat_over_eyes(frame: HeadFrame, hat: Accessory, matrix: NDArray[np.float64]) -> float:
    """Share of the eyes, discs of ``EYE_RADIUS``, that a hat would cover.

    Args:
        frame: the head.
        hat: an accessory of this kind.
        matrix: (2, 3) picture to photo.
    """
    dx, dy = (part.ravel() for part in np.meshgrid(EYE_GRID, EYE_GRID))
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
    return int(np.count_nonzero(alpha > OPAQUE_LEVEL)) / int(across.size)


KIND = HeadKind(
    name="hat",
    anchors={
        "band_left": "left end of the band, where it meets the temple",
        "band_right": "right end of the band",
        "front_low": "lower edge in front, in the middle",
    },
    numbers={
        # The median of 51 hats in photos.
        "band_above_eyes": Number(0.65, 0.2, 1.4, "height of the band above the eyes, U"),
    },
    guess_anchors=guess_band,
    min_side=300,
    wear=wear_hat,
    unlike=(GLASSES, CHAIN, GARMENT, TROUSERS, SHOE, NARROW),
)
