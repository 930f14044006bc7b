"""Where a hat goes: its band around the head, above the eyes. Ratios are in U, see ``head``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.compositing import similarity
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.head import HeadFrame, window_units

BAND_HALF = (1.2, 1.45)  # head breadth 2.40 U bare; more with hair
MAX_ROLL = 35.0
LOWEST_BAND = 0.45  # above the eyes, U; brows are 0.39 above them


@dataclass(frozen=True, eq=False)
class HatPlacement:
    """Where a hat goes.

    Attributes:
        matrix: (2, 3) PNG to photo.
        center_xy: middle of the band, photo pixels.
        height: the band above the eyes, U.
        half: half the width of the band, U.
        roll: degrees.
        offset: middle of the band from the eyes along the eye line, U.
        head_offset: middle of the head at the band from the eyes, U.
        mirrored: the PNG was flipped so that it looks where the face looks.
    """

    matrix: NDArray[np.float64]
    center_xy: tuple[float, float]
    height: float
    half: float
    roll: float
    offset: float
    head_offset: float
    mirrored: bool


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
    # Weights fitted to where people wear hats: the head at the ears and at the band, shrunk.
    at_ears = _middle_of_head(frame, figure)
    offset = 0.35 * at_ears + 0.5 * float(np.clip((low + high) / 2, -0.8, 0.8))
    half = float(np.clip((high - low) / 2 * 1.03, *BAND_HALF))
    roll = float(np.clip(frame.roll, -MAX_ROLL, MAX_ROLL))
    center = frame.point(offset, -height)
    angle = math.radians(roll)
    reach = half * frame.unit
    dx, dy = reach * math.cos(angle), reach * math.sin(angle)
    target = ((center[0] - dx, center[1] - dy), (center[0] + dx, center[1] + dy))
    source = (hat.anchors["band_left"], hat.anchors["band_right"])
    matrix = similarity(source, target)
    return HatPlacement(
        matrix, center, height, half, roll, offset, (low + high) / 2, mirrored=False
    )


def _band_height(frame: HeadFrame, figure: Figure, hat: Accessory) -> float:
    """Height of the band above the eyes, U: the hat's own, or lower where the face ends lower.

    Where an old hat or a fringe comes down far, hats are pulled down to where the face ends (the
    0.05 U and the lowest place were chosen on 51 hats in photos with an even number).
    """
    along, below = window_units(frame, figure)
    middle = below[figure.mask("Face") & (np.abs(along) < 0.6)]
    top: float = -float(np.percentile(middle, 2)) if middle.size >= 8 else math.inf
    own: float = hat.numbers["band_above_eyes"]
    return min(max(top + 0.05, min(LOWEST_BAND, own)), own)


def hat_over_eyes(frame: HeadFrame, hat: Accessory, place: HatPlacement) -> float:
    """Share of the eyes, discs of 0.18 U, that a hat would cover."""
    reach = np.linspace(-0.17, 0.17, 9)
    dx, dy = (part.ravel() for part in np.meshgrid(reach, reach))
    inside = np.hypot(dx, dy) < 0.18
    across = np.concatenate([dx[inside] + side * 0.5 for side in (-1, 1)])
    down = np.concatenate([dy[inside]] * 2)
    axes = np.stack((frame.right_xy, frame.down_xy), axis=1)
    points = np.array(frame.eyes_xy)[:, None] + frame.unit * axes @ np.stack((across, down))
    back = np.asarray(cv2.invertAffineTransform(place.matrix))
    u, v = back[:, :2] @ points + back[:, 2:]
    height, width = hat.bgra.shape[:2]
    seen = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    alpha = hat.bgra[v[seen].astype(np.intp), u[seen].astype(np.intp), 3]
    return int(np.count_nonzero(alpha > 127)) / int(across.size)


def _middle_of_head(frame: HeadFrame, figure: Figure) -> float:
    """Middle between the ends of face and hair at the height of the ears, U from the eyes."""
    along, below = window_units(frame, figure)
    level = (below > 0.0) & (below < 0.7) & (np.abs(along) < 2.2)
    head = along[figure.mask("Face", "Hair") & level]
    if head.size < 8:
        return frame.middle
    return float(np.clip(np.percentile(head, (2, 98)).mean(), -0.8, 0.8))


def _head_extent(frame: HeadFrame, figure: Figure, height: float) -> tuple[float, float]:
    """Left and right end of head and hair at some height, U from the eyes."""
    along, below = window_units(frame, figure)
    level = np.abs(below + height) < 0.15
    head = along[figure.mask("Face", "Hair") & level & (np.abs(along) < 2.2)]
    if head.size < 8 or figure.mask("Hat")[level].any():
        return frame.middle - BAND_HALF[0], frame.middle + BAND_HALF[0]
    low, high = np.percentile(head, (1, 99))
    return float(low), float(high)
