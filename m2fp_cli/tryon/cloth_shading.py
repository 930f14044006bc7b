"""Shading and detail of cloth that is worn, for another cloth in its place.

A garment's luminance is split into shading (folds and light: a low-pass inside the garment) and
detail (weave, noise). The detail of patterned cloth is its pattern, and is left out.
"""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.lighting import linear_luminance
from m2fp_cli.tryon.masked_mean import masked_mean
from m2fp_cli.tryon.two_cloths import find_cloths, level, mend

FLOOR = (0.15, 0.002)  # added to a luminance before its logarithm: share of the median, and more
SHADING_RADIUS, MIN_SHADING_RADIUS = 0.15, 1.5  # U, pixels
COARSE_SIGMA = 1.5  # of the blur that leaves the shading, radii
PATTERN_SIGMA = 2.5  # ... of patterned cloth
PATTERN_SHADING = 0.8  # share of patterned cloth's shading that is kept
PATTERN_RANGE = 0.6  # of its log, from the darkest to the brightest 2 %; more is a scarf, no light
ROUGH = 0.28  # deviation of log luminance around the shading; folds and weaves reach 0.6
PATTERNED = 0.7  # ... from here on it is a pattern, and from ROUGH on if there are several colors
COLORS = 9.0  # several colors: median distance of chroma from its median, Lab
DARK = 0.03  # linear luminance; dark cloth holds its folds in few levels, and more noise
DETAIL, DARK_DETAIL = 0.85, 0.6  # share of the detail that is kept
MOST_ROUGH = 0.4  # rougher detail is damped to this
SHADE_RANGE = (0.08, 2.2)
DETAIL_RANGE = (0.4, 1.8)


def shade_of_old(
    lab: FloatArray, light: FloatArray, mask: BoolArray, unit: float
) -> tuple[FloatArray, FloatArray, FloatArray, bool]:
    """Luminance of a garment, and what ``split_shading`` makes of it.

    Two cloths, such as a vest over a shirt, would pass for a pattern, and what is left of that is
    flat; or the dark one for shade. Their luminance is leveled, so that folds and seams stay. Two
    that lie in stripes are a pattern, also where these are too broad or too fine to be rough.

    Args:
        lab: (h, w, 3) float32, CIE Lab of the photo.
        light: (h, w, 3) float32 linear, the same.
        mask: (h, w) bool, the garment; not empty.
        unit: U in pixels.

    Returns:
        (h, w) float32 linear luminance, leveled or not, and the three of ``split_shading``.
    """
    luminance = linear_luminance(light)
    chroma = lab[mask][:, 1:]
    colors = float(np.median(np.linalg.norm(chroma - np.median(chroma, axis=0), axis=1)))
    split = split_shading(luminance, mask, unit, colors)
    cloths = find_cloths(lab, mask, unit)
    if cloths is None or not (split[2] or cloths.is_clear):
        return luminance, *split
    leveled = level(luminance, cloths)
    if cloths.is_broad and not split_shading(leveled, mask, unit)[2]:
        leveled = mend(leveled, cloths, unit)
        return leveled, *split_shading(leveled, mask, unit)
    return luminance, *split_shading(luminance, mask, unit, is_pattern=True)


def split_shading(
    luminance: FloatArray,
    mask: BoolArray,
    unit: float,
    colors: float = 0.0,
    *,
    is_pattern: bool = False,
) -> tuple[FloatArray, FloatArray, bool]:
    """Split a garment's luminance into shading and detail, both around 1.

    Args:
        luminance: (h, w) float32 linear.
        mask: (h, w) bool, the garment.
        unit: U in pixels.
        colors: how far its colors lie apart, Lab.
        is_pattern: its detail is known to be a pattern.

    Returns:
        (h, w) float32 shading, (h, w) float32 detail, and whether the detail is a pattern, which is
        then left out.
    """
    reference = max(float(np.median(luminance[mask])), 1e-3)
    floor = FLOOR[0] * reference + FLOOR[1]
    log = np.log((luminance + floor) / (reference + floor)).astype(np.float32)
    radius = max(SHADING_RADIUS * unit, MIN_SHADING_RADIUS)
    coarse = masked_mean(log[..., None], mask, (COARSE_SIGMA * radius,))[..., 0]
    rest = np.where(mask, log - coarse, 0).astype(np.float32)
    rough = float(np.percentile(np.abs(rest[mask]), 68))
    if is_pattern or rough > (ROUGH if colors > COLORS else PATTERNED):
        smooth = masked_mean(log[..., None], mask, (PATTERN_SIGMA * radius,))[..., 0]
        low, high = np.percentile(smooth[mask], (2, 98))
        share = min(PATTERN_SHADING, PATTERN_RANGE / max(float(high - low), 1e-6))
        shading = np.exp(share * smooth)
        return np.clip(shading, *SHADE_RANGE), np.ones_like(shading), True
    strength = (DETAIL if reference > DARK else DARK_DETAIL) * min(
        1.0, MOST_ROUGH / max(rough, 1e-6)
    )
    shading = np.clip(np.exp(coarse), *SHADE_RANGE)
    detail = np.clip(np.exp(strength * rest), *DETAIL_RANGE)
    return shading.astype(np.float32), detail.astype(np.float32), False
