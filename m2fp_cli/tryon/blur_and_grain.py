"""Measure how blurred and how grainy a part of a photo is.

A sharp, clean object in a soft, grainy photo is what people notice after wrong brightness; so what
is added to a photo gets the blur and the grain around it, and is measured again afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture

# How much is looked at.
STRIP_ROWS, STRIP_PIXELS = 24, 150_000  # rows looked at at a time, and how many pixels are enough
STRIP_MARGIN = 4  # rows around a strip, for the filters
MIN_PIXELS = 50  # that can be measured

# Blur, standard deviations in pixels.
SPRITE_BLUR = 0.55  # of a freshly resampled edge; where nothing can be measured
SECOND_BLUR = 1.0  # that edges are blurred by once more, to compare their gradients
SHARP_PERCENTILE = 97  # of the gradients, from which an edge is one of the sharpest
MIN_GRADIENT = 1e-3
MIN_RATIO = 0.06  # squared ratio of the gradients less 1; less is more blur than can be measured
BLUR_RANGE = (0.3, 4.0)  # that is believed

# Grain, standard deviations in levels of 255.
FLAT_PERCENTILE = 70  # of the responses, up to which a pixel is flat
FLAT_MEAN = 0.594  # their mean over that of all, of normal noise: (1 - exp(-1.0364^2 / 2)) / 0.7
MAX_GRAIN = 12.0


def measure_blur(gray: Picture, where: BoolArray) -> float:
    """Blur of the sharpest edges: the gradient before and after another blur (Zhuo and Sim 2011).

    Args:
        gray: (H, W) uint8.
        where: (H, W) bool, pixels that count.

    Returns:
        standard deviation in pixels, within ``BLUR_RANGE``.
    """
    pairs: list[FloatArray] = []
    for levels, counted, rows in _strips(gray, where):
        blurred = np.asarray(cv2.GaussianBlur(levels, (0, 0), SECOND_BLUR), dtype=np.float32)
        pairs.append(np.stack([_gradient(p)[rows][counted] for p in (levels, blurred)]))
    before, after = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.float32)
    if before.size < MIN_PIXELS:
        return SPRITE_BLUR
    sharpest = before >= np.percentile(before, SHARP_PERCENTILE)
    ratio = float(np.median(before[sharpest] / np.maximum(after[sharpest], MIN_GRADIENT)))
    return float(np.clip(SECOND_BLUR / math.sqrt(max(ratio**2 - 1, MIN_RATIO)), *BLUR_RANGE))


def _gradient(gray: FloatArray) -> FloatArray:
    dx = cv2.Sobel(gray, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(gray, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(cv2.magnitude(dx, dy), dtype=np.float32)


def measure_grain(gray: Picture, where: BoolArray) -> float:
    """Noise of the flat parts of a region (Immerkaer 1996).

    Args:
        gray: (H, W) uint8.
        where: (H, W) bool, the region.

    Returns:
        standard deviation in levels of 255, at most ``MAX_GRAIN``; 0 where nothing can be measured.
    """
    kernel = np.asarray([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    found = [
        np.abs(cv2.filter2D(levels, cv2.CV_32F, kernel)[rows][counted])
        for levels, counted, rows in _strips(gray, where)
    ]
    response = np.concatenate(found) if found else np.zeros(0, np.float32)
    if response.size < MIN_PIXELS:
        return 0.0
    flat = response[response <= np.percentile(response, FLAT_PERCENTILE)]
    return float(min(math.sqrt(math.pi / 2) / 6 * flat.mean() / FLAT_MEAN, MAX_GRAIN))


def _strips(gray: Picture, where: BoolArray) -> Iterator[tuple[FloatArray, BoolArray, slice]]:
    """A picture in strips of rows, evenly spread; of a large one some are left out.

    Yields:
        levels of the strip and of the rows around it, which of the strip's pixels count, and the
        strip's rows among those of the levels.
    """
    every = STRIP_ROWS * max(1, round(where.size / STRIP_PIXELS))
    for first in range(0, where.shape[0], every):
        counted = where[first : first + STRIP_ROWS]
        if counted.any():
            above = min(first, STRIP_MARGIN)
            levels = gray[first - above : first + STRIP_ROWS + STRIP_MARGIN].astype(np.float32)
            yield levels, counted, slice(above, above + len(counted))
