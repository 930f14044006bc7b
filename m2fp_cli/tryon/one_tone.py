"""Photos of one tone, black-and-white or sepia: what is put into them must not bring colors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray, Picture
from m2fp_cli.tryon.channels import to_gray

SAMPLES = 60_000  # pixels of a photo that are looked at, about
MOST_OFF = (2.5, 10.0)  # of colors from the tone of their lightness: mean square root, 99.5 %
# Old prints have faded unevenly: as much more as a share of their mean distance from gray, where
# that is warm. Of 505 COCO photos and 86 street photos these limits add four, all sepia; of photos
# with a cold tone, snow and sea, those that are as close to it have colors.
MORE_OFF_IF_WARM = (0.12, 0.3)
MIN_LEVELS = 24  # between dark and bright, of 255; a blank photo has no tone
SMOOTHING = 6  # levels of gray over which the tone is averaged


def find_tone(photo_bgr: Picture) -> NDArray[np.uint8] | None:
    """The one tone of a photo.

    Args:
        photo_bgr: (H, W, 3) uint8.

    Returns:
        (256, 3) uint8 BGR for each level of gray; None for a photo with colors.
    """
    step = max(1, int(np.sqrt(photo_bgr.shape[0] * photo_bgr.shape[1] / SAMPLES)))
    some = np.ascontiguousarray(photo_bgr[::step, ::step])
    gray, apart = to_gray(some).ravel(), some.reshape(-1, 3).astype(np.float32)
    apart -= gray[:, None]
    if np.ptp(np.percentile(gray, (1, 99))) < MIN_LEVELS:
        return None
    counts = np.bincount(gray, minlength=256).astype(np.float64)
    reach = np.arange(-3 * SMOOTHING, 3 * SMOOTHING + 1)
    kernel = np.exp(-0.5 * (reach / SMOOTHING) ** 2)
    weight = np.convolve(counts, kernel, "same")
    tone = np.stack(
        [
            np.convolve(np.bincount(gray, apart[:, i], minlength=256), kernel, "same")
            / np.maximum(weight, 1e-9)
            for i in range(3)
        ],
        axis=1,
    )
    off = np.linalg.norm(apart - tone[gray], axis=1)
    most = np.add(MOST_OFF, np.multiply(MORE_OFF_IF_WARM, _warmth(apart)))
    if np.sqrt((off**2).mean()) > most[0] or np.percentile(off, 99.5) > most[1]:
        return None
    known = np.flatnonzero(weight > 1)
    levels = np.arange(256)
    full = [np.interp(levels, known, tone[known, i]) + levels for i in range(3)]
    return np.asarray(np.clip(np.round(np.stack(full, axis=1)), 0, 255), np.uint8)


def _warmth(apart: FloatArray) -> float:
    """Distance of the mean color from gray, levels; 0 where it is not warm.

    Args:
        apart: (N, 3) float32 BGR less gray.
    """
    blue, green, red = (float(channel) for channel in apart.mean(axis=0))
    return math.hypot(blue, green, red) if blue < 0 < red else 0.0


def keep_tone(image_bgr: Picture, photo_bgr: Picture, tone: NDArray[np.uint8]) -> None:
    """Give what was painted the tone of its lightness.

    Args:
        image_bgr: (H, W, 3) uint8, changed in place where it differs from the photo.
        photo_bgr: (H, W, 3) uint8, the photo.
        tone: what ``find_tone`` found.
    """
    changed = (image_bgr != photo_bgr).any(axis=2)
    if changed.any():
        image_bgr[changed] = tone[to_gray(image_bgr[changed][:, None])[:, 0]]
