"""A top of two cloths, such as dark sleeves on a light body: what of its luminance is cloth.

Folds and light are looked for in the luminance; where one part is of darker cloth than the other it
would pass for shadow.
"""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.morphology import erode

APART = 24.0  # distance of both cloths in Lab from which they are two
LIGHTNESS = 0.7  # weight of L in it: folds change it as well
SMALLEST = 0.12  # share of the smaller one
WHOLE = 0.55  # share of both that is not near a border between them: a stripe is a pattern
NEAR = 0.16  # how near that is, U
SAMPLES = 3000  # pixels that are looked at
ROUNDS = 8  # of moving both middles
SMOOTH = 0.06  # of the blur over which pixels vote, U


def level_cloths(
    lab: FloatArray, luminance: FloatArray, worn: BoolArray, unit: float
) -> FloatArray:
    """Luminance as if all of a top were of the cloth that most of it is of.

    Args:
        lab: (h, w, 3) float32, CIE Lab.
        luminance: (h, w) float32 linear.
        worn: (h, w) bool, the top.
        unit: U in pixels.

    Returns:
        (h, w) float32; ``luminance`` itself where there are not two cloths.
    """
    pixels = np.flatnonzero(worn)
    if pixels.size < 2:
        return luminance
    weight = np.array((LIGHTNESS, 1, 1), np.float32)
    values = lab.reshape(-1, 3)[pixels[:: 1 + pixels.size // SAMPLES]] * weight
    middles = _two_middles(values)
    if float(np.linalg.norm(middles[1] - middles[0])) < APART:
        return luminance
    # Nearer to the second middle: the sign of a plane between both.
    way = middles[1] - middles[0]
    side = (lab * weight - middles.mean(axis=0)) @ way
    soft = cv2.GaussianBlur(np.sign(side).astype(np.float32), (0, 0), max(SMOOTH * unit, 0.8))
    second = worn & (soft > 0)
    parts = worn & ~second, second
    areas = [np.count_nonzero(part) for part in parts]
    inner = sum(np.count_nonzero(erode(part, NEAR * unit)) for part in parts)
    outline = np.count_nonzero(erode(worn, NEAR * unit))
    if min(areas) < SMALLEST * sum(areas) or inner < WHOLE * outline:
        return luminance
    levels = [max(float(np.median(luminance[part])), 1e-3) for part in parts]
    main = int(np.argmax(areas))
    gain = np.where(second, levels[main] / levels[1], levels[main] / levels[0])
    return np.asarray(np.where(worn, luminance * gain, luminance), np.float32)


def _two_middles(values: FloatArray) -> FloatArray:
    """The middles of two groups of colors, (2, 3), by k-means from the ends of the main axis."""
    centered = values - values.mean(axis=0)
    axis = np.linalg.svd(centered, full_matrices=False)[2][0]
    along = centered @ axis
    middles = np.stack([values[np.argmin(along)], values[np.argmax(along)]])
    for _ in range(ROUNDS):
        nearer = np.linalg.norm(values - middles[0], axis=1) > np.linalg.norm(
            values - middles[1], axis=1
        )
        if nearer.all() or not nearer.any():
            break
        middles = np.stack([values[~nearer].mean(axis=0), values[nearer].mean(axis=0)])
    return np.asarray(middles, np.float32)
