"""A top of two cloths, such as dark sleeves on a light body: what of its luminance is cloth.

Folds and light are looked for in the luminance; where one part is of darker cloth than the other it
would pass for shadow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.masked_mean import masked_mean
from m2fp_cli.tryon.morphology import erode

APART = 24.0  # distance of both cloths in Lab from which they are two
# Sun and shade, fur and shine part one cloth as well, but not so far, or with all shades between.
# Of 548 tops, trousers and skirts of 290 photos 78 have colors that are FAR_APART. In some 30 two
# middles explain a share of CLEAR of their variance: those are black and white, or of two colors.
FAR_APART, CLEAR = 38.0, 0.85
LIGHTNESS = 0.7  # weight of L in it: folds change it as well
SMALLEST = 0.12  # share of the smaller one
WHOLE = 0.55  # share of both that is not near a border between them: a stripe is a pattern
NEAR = 0.16  # how near that is, U
SAMPLES = 3000  # pixels that are looked at
ROUNDS = 8  # of moving both middles
SMOOTH = 0.06  # of the blur over which pixels vote, U
MIXED, MIN_MIXED = 0.05, 1.5  # beside a border, where pixels show both cloths, U, pixels
FOLDS = (2, 98)  # percentiles of the main cloth's luminance, the range of the other one's
SPREAD_SIGMAS = (0.3, 1.0)  # by which the luminance beside it goes on there, U


@dataclass(frozen=True, eq=False)
class TwoCloths:
    """Where a top is of which cloth.

    Attributes:
        main: (h, w) bool, of the one that most of it is of.
        other: (h, w) bool, of the other one.
        is_broad: both are broad pieces, and no stripes.
        is_clear: they are so unlike, and each so even, that no light parts one cloth so.
    """

    main: BoolArray
    other: BoolArray
    is_broad: bool
    is_clear: bool


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
    cloths = find_cloths(lab, worn, unit)
    return level(luminance, cloths) if cloths is not None and cloths.is_broad else luminance


def find_cloths(lab: FloatArray, worn: BoolArray, unit: float) -> TwoCloths | None:
    """Both cloths of a top; None where it is of one.

    Args:
        lab: (h, w, 3) float32, CIE Lab.
        worn: (h, w) bool, the top.
        unit: U in pixels.
    """
    pixels = np.flatnonzero(worn)
    if pixels.size < 2:
        return None
    weight = np.array((LIGHTNESS, 1, 1), np.float32)
    values = lab.reshape(-1, 3)[pixels[:: 1 + pixels.size // SAMPLES]] * weight
    middles = _two_middles(values)
    apart = float(np.linalg.norm(middles[1] - middles[0]))
    if apart < APART:
        return None
    # Nearer to the second middle: the sign of a plane between both.
    way = middles[1] - middles[0]
    side = (lab * weight - middles.mean(axis=0)) @ way
    soft = cv2.GaussianBlur(np.sign(side).astype(np.float32), (0, 0), max(SMOOTH * unit, 0.8))
    second = worn & (soft > 0)
    main, other = sorted((worn & ~second, second), key=np.count_nonzero, reverse=True)
    if np.count_nonzero(other) < SMALLEST * np.count_nonzero(worn):
        return None
    inner = sum(np.count_nonzero(erode(part, NEAR * unit)) for part in (main, other))
    outline = np.count_nonzero(erode(worn, NEAR * unit))
    is_clear = apart > FAR_APART and _explained(values @ way, middles @ way) > CLEAR
    return TwoCloths(main, other, inner >= WHOLE * outline, is_clear)


def level(luminance: FloatArray, cloths: TwoCloths) -> FloatArray:
    """Luminance as if the other cloth were as bright as the main one.

    Args:
        luminance: (h, w) float32 linear.
        cloths: where they are.
    """
    main, other = (
        max(float(np.median(luminance[part])), 1e-3) for part in (cloths.main, cloths.other)
    )
    return np.where(cloths.other, luminance * (main / other), luminance).astype(np.float32)


def mend(leveled: FloatArray, cloths: TwoCloths, unit: float) -> FloatArray:
    """Leveled luminance without glare in the other cloth, and without a line where both meet.

    Shine on black cloth would be many times as bright as white, and so would be what a pixel beside
    the border shows of white.

    Args:
        leveled: (h, w) float32 linear, see ``level``.
        cloths: where they are.
        unit: U in pixels.
    """
    mixed = max(MIXED * unit, MIN_MIXED)
    low, high = np.percentile(leveled[cloths.main], FOLDS)
    even = np.where(cloths.other, np.clip(leveled, low, high), leveled)
    worn = cloths.main | cloths.other
    clean = erode(cloths.main, mixed) | erode(cloths.other, mixed)
    # What the other cloth mixes with at its outer edge is no cloth, but was made as bright.
    border = worn & ~clean & (erode(worn, mixed) | cloths.other)
    log = np.log(np.maximum(even, 1e-4))[..., None].astype(np.float32)
    sigmas = [mixed, *(sigma * unit for sigma in SPREAD_SIGMAS)]
    beside = masked_mean(log, clean, sigmas)[..., 0]
    known = border & (beside != 0)  # something clean is within reach
    return np.where(known, np.exp(beside), even).astype(np.float32)


def _explained(along: FloatArray, middles: FloatArray) -> float:
    """Share of the variance of values that is between two middles, 0..1."""
    upper = along > middles.mean()
    share = float(upper.mean())
    if share in (0.0, 1.0):
        return 0.0
    between = float(along[upper].mean() - along[~upper].mean())
    return share * (1 - share) * between**2 / max(float(along.var()), 1e-6)


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
