"""The edge of a garment: how a photo mixes its cloth with what is beside it, and where it ends."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.masked_mean import masked_mean
from m2fp_cli.tryon.morphology import dilate

EDGE_WIDTH = 0.08  # of the edge that is mixed with what is beside the garment, U
INSIDE_RANGE = (1.5, 6.0)  # of that, where the mask is too large, pixels
BEYOND_RANGE = (1.5, 4.0)  # of that, where the mask is too small, pixels
NEAR_SIGMA, FAR_SIGMA = 1.5, 6.0  # of the means of cloth and ground, widths of the edge
MIN_NOISE = 1e-4  # variance of linear light that any cloth shows

# A pixel inside the mask.
NEAR_EDGE = 1.5  # widths of the edge within which a pixel may be mixed
NOISE_WEIGHT = 4.0  # variances of the cloth by which its distance from the ground must count
PURE_FROM, PURE_SPAN = 0.5, 1.0  # widths of the edge: from here on cloth keeps its folds, and fully
PATTERN = 0.6  # within which old cloth of several colors is a pattern, U
# Variances of a pattern by which the ground must be away, so that colors tell them apart a little,
# and fully: stripes of two colors reach a ground that is one away.
PATTERN_TRUST = (4.0, 12.0)

# A pixel beside the mask.
MIN_TRUST = 0.6  # in the colors, from which it may be cloth: contrast / (contrast + noise)
MAX_OFF = 0.15  # squared distance from the line between cloth and ground, share of the contrast
CLOTH_SHARE = (0.5, 1.5)  # of cloth in a pixel that is taken


def mix_edge(
    light: FloatArray,
    target: FloatArray,
    mask: BoolArray,
    unit: float,
    *,
    patterned: bool = False,
) -> FloatArray:
    """Mix new cloth at the edge of a garment as the photo mixes the old one.

    Near its edge a mask holds pixels that are mixed with what is beside the garment, or are not of
    it at all. Old cloth a little farther in and ground a little farther out tell how much of a
    pixel is cloth (its alpha); that share of the old color is replaced by the new one.
    Where a pattern has colors like the ground's, they do not tell, and the mask does.

    Args:
        light: (h, w, 3) float32 linear, the photo.
        target: (h, w, 3) float32 linear, the new cloth all over the mask.
        mask: (h, w) bool, the garment.
        unit: U in pixels.
        patterned: the old cloth has a pattern.

    Returns:
        (h, w, 3) float32 linear, to be used inside the mask.
    """
    reach = float(np.clip(EDGE_WIDTH * unit, *INSIDE_RANGE))
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    inner, outer = depth > reach, ~dilate(mask, reach)
    near = (depth > 0) & (depth <= NEAR_EDGE * reach)
    if not near.any() or not inner.any() or not outer.any():
        return target
    cloth, ground = (local_mean(light, part, reach)[near] for part in (inner, outer))
    spread = local_mean(light * light, inner, reach)[near] - cloth * cloth
    new = local_mean(target, inner, reach)[near]
    apart = cloth - ground
    contrast = (apart * apart).sum(axis=1)
    alpha = ((light[near] - ground) * apart).sum(axis=1) / np.maximum(contrast, 1e-6)
    noise = np.maximum(spread, 0).sum(axis=1) + MIN_NOISE
    trust = contrast / (contrast + NOISE_WEIGHT * noise)
    if patterned:
        spread = pattern_spread(light, inner, unit)[near] + MIN_NOISE
        low, high = PATTERN_TRUST
        trust = np.minimum(trust, np.clip((contrast / spread - low) / (high - low), 0, 1))
    alpha = (1 - trust * (1 - np.clip(alpha, 0, 1)))[:, None]
    # What is left of a pixel without its cloth is ground: no less than black, no more than white.
    rest = np.clip(light[near] - alpha * cloth, 0, 1 - alpha)
    edge = alpha * new + rest
    # A pixel that is all cloth keeps its own folds.
    pure = np.clip((depth[near] / reach - PURE_FROM) / PURE_SPAN, 0, 1)[:, None]
    out = target.copy()
    out[near] = np.clip(edge * (1 - pure) + target[near] * pure, 0, 1)
    return out


def find_inner(mask: BoolArray, unit: float) -> BoolArray:
    """A garment without the edge that ``mix_edge`` mixes; all of one that is nothing but edge.

    Args:
        mask: (h, w) bool, the garment.
        unit: U in pixels.
    """
    reach = float(np.clip(EDGE_WIDTH * unit, *INSIDE_RANGE))
    inner: BoolArray = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) > (
        NEAR_EDGE * reach
    )
    return inner if inner.any() else mask


def local_mean(picture: FloatArray, part: BoolArray, reach: float) -> FloatArray:
    """Mean of a part of a picture around every pixel, (h, w, 3), mostly of what is near."""
    return masked_mean(picture, part, (NEAR_SIGMA * reach, FAR_SIGMA * reach))


def pattern_spread(light: FloatArray, part: BoolArray, unit: float) -> FloatArray:
    """Variance of a part of a picture within the reach of a pattern, all channels, (h, w).

    A pattern is as rough a little farther away as it is not within a stripe.

    Args:
        light: (h, w, 3) float32 linear, the photo.
        part: (h, w) bool, what is looked at.
        unit: U in pixels.
    """
    mean, square = (masked_mean(one, part, (PATTERN * unit,)) for one in (light, light * light))
    return np.asarray(np.maximum(square - mean * mean, 0).sum(axis=2), np.float32)


def extend_mask(light: FloatArray, mask: BoolArray, free: BoolArray, unit: float) -> BoolArray:
    """Add the background beside a garment's mask that shows the garment's cloth.

    A label may end some pixels inside its garment, which would leave a rim of the old color. Taken
    are pixels that are nearer to the cloth than to the ground, where the two are clearly apart.

    Args:
        light: (h, w, 3) float32 linear, the photo.
        mask: (h, w) bool, the garment.
        free: (h, w) bool, pixels without a label.
        unit: U in pixels.

    Returns:
        (h, w) bool; ``mask`` itself where cloth and ground cannot be compared.
    """
    reach = float(np.clip(EDGE_WIDTH * unit, *BEYOND_RANGE))
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    inner, outer = depth > reach, free & ~dilate(mask, 2 * reach)
    beside = dilate(mask, reach) & ~mask & free
    if not beside.any() or not inner.any() or not outer.any():
        return mask
    cloth, ground = (local_mean(light, part, reach)[beside] for part in (inner, outer))
    noise = MIN_NOISE + sum(
        np.maximum(local_mean(light * light, part, reach)[beside] - mean * mean, 0).sum(axis=1)
        for part, mean in ((inner, cloth), (outer, ground))
    )
    apart = cloth - ground
    contrast = (apart * apart).sum(axis=1)
    alpha = ((light[beside] - ground) * apart).sum(axis=1) / np.maximum(contrast, 1e-6)
    # Something else may be as bright as the cloth: it must be of its color.
    off = ((light[beside] - ground - alpha[:, None] * apart) ** 2).sum(axis=1)
    trusted = (contrast > MIN_TRUST / (1 - MIN_TRUST) * noise) & (off < MAX_OFF * contrast)
    taken = mask.copy()
    taken[beside] = trusted & (alpha > CLOTH_SHARE[0]) & (alpha < CLOTH_SHARE[1])
    _, pieces = cv2.connectedComponents(taken.astype(np.uint8), connectivity=4)
    out: BoolArray = taken & np.isin(pieces, np.unique(pieces[mask]))
    return out
