"""The border of a new garment on a person: nothing of the old cloth is left beside it.

``garment_edge`` mixes other cloth into pixels as the photo mixes the old one, which asks for cloth
of one color. Stripes end in a comb by that rule. Here what cannot be told from the colors follows
the outline, which is smooth. Another cloth on what is patterned has this outline, too.
"""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.garment_edge import (
    BEYOND_RANGE,
    EDGE_WIDTH,
    INSIDE_RANGE,
    MIN_NOISE,
    NEAR_EDGE,
    NOISE_WEIGHT,
    PURE_FROM,
    PURE_SPAN,
    extend_mask,
    local_mean,
    pattern_spread,
)
from m2fp_cli.tryon.morphology import bounding_slices, close_mask, dilate

GAP = 0.24  # half of that between stripes of old cloth beside its label, U
BITE = 0.5  # side of the largest square between stripes that a label leaves out, U
SMOOTH = 0.06  # of the blur of the outline afterwards, U
SOFT, SOFT_RANGE = 0.03, (0.6, 1.3)  # of the outline where the photo does not show it, U, pixels
LEAST = 0.02  # share of old cloth in a pixel that is taken out
MARGIN = 12  # pixels around the garment


def widen(light: FloatArray, mask: BoolArray, free: BoolArray, unit: float) -> BoolArray:
    """Add what shows the old cloth beside its label, in one smooth outline.

    Args:
        light: (h, w, 3) float32 linear, the photo.
        mask: (h, w) bool, the old cloth.
        free: (h, w) bool, where it may go on.
        unit: U in pixels.
    """
    found = extend_mask(light, mask, free, unit)
    if found is mask:
        return mask
    reach = float(np.clip(EDGE_WIDTH * unit, *BEYOND_RANGE))
    between = close_mask(found & ~mask, GAP * unit) & dilate(mask, reach) & free
    whole = found | between
    soft = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), max(SMOOTH * unit, 0.8))
    out: BoolArray = (soft > 0.5) & (mask | free)
    return out


def fill_bites(mask: BoolArray, free: BoolArray, unit: float) -> BoolArray:
    """Fill what a label leaves out between stripes that it holds.

    A network takes a pale stripe before a pale ground for ground. What is missing is small on all
    sides, unlike the gap between an arm and the body.

    Args:
        mask: (h, w) bool, the old cloth, which is patterned.
        free: (h, w) bool, where it may go on.
        unit: U in pixels.
    """
    gaps = close_mask(mask, GAP * unit) & ~mask & free
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(gaps.view(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= (BITE * unit) ** 2
    out: BoolArray = mask | (gaps & small[pieces])
    return out


def blend_border(
    light: FloatArray, color: FloatArray, mask: BoolArray, free: BoolArray, unit: float
) -> tuple[FloatArray, BoolArray]:
    """Put new cloth on a garment's pixels, and take the old cloth out of those beside it.

    Args:
        light: (h, w, 3) float32 linear, the photo.
        color: (h, w, 3) float32 linear, the new cloth, all over the mask and around it.
        mask: (h, w) bool, the garment.
        free: (h, w) bool, pixels beside it that may change.
        unit: U in pixels.

    Returns:
        (h, w, 3) float32 linear, and the pixels beside the mask that changed.
    """
    out, changed = light.copy(), np.zeros_like(mask)
    out[mask] = color[mask]
    box = bounding_slices(mask, MARGIN)
    if box is None:
        return out, changed
    part = _blend_window(light[box], color[box], mask[box], free[box], unit)
    if part is not None:
        out[box], changed[box] = part
    return out, changed


def _blend_window(
    light: FloatArray, color: FloatArray, mask: BoolArray, free: BoolArray, unit: float
) -> tuple[FloatArray, BoolArray] | None:
    """``blend_border`` in a window; None where nothing lies deep enough inside or outside."""
    reach = float(np.clip(EDGE_WIDTH * unit, *INSIDE_RANGE))
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    beyond = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    inner, outer = depth > reach, beyond > reach
    near = (mask & (depth <= NEAR_EDGE * reach)) | (free & ~mask & (beyond <= reach))
    if not near.any() or not inner.any() or not outer.any():
        return None
    here, old = mask[near], light[near]
    cloth, ground = (local_mean(light, part, reach)[near] for part in (inner, outer))
    noise = pattern_spread(light, inner, unit)[near] + MIN_NOISE
    apart = cloth - ground
    contrast = (apart * apart).sum(axis=1)
    share = np.clip(((old - ground) * apart).sum(axis=1) / np.maximum(contrast, 1e-6), 0, 1)
    trust = contrast / (contrast + NOISE_WEIGHT * noise)
    sigma = float(np.clip(SOFT * unit, *SOFT_RANGE))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)[near]
    # Beyond the outline what is like the old cloth is so by chance, the more the farther it is.
    share *= np.where(here, 1, np.clip(1.5 - beyond[near] / reach, 0, 1))
    alpha = (trust * share + (1 - trust) * np.where(here, np.clip(2 * soft, 0, 1), 0))[:, None]
    rest = np.clip(old - share[:, None] * cloth, 0, 1 - share[:, None])
    plain = np.where(here[:, None], ground, old) * (1 - alpha)
    edge = alpha * color[near] + trust[:, None] * rest + (1 - trust[:, None]) * plain
    pure = np.clip((depth[near] / reach - PURE_FROM) / PURE_SPAN, 0, 1)[:, None]
    out = light.copy()
    out[mask] = color[mask]
    out[near] = np.clip(edge * (1 - pure) + color[near] * pure, 0, 1)
    changed = near & ~mask
    changed[near] &= trust * share > LEAST
    return out, changed
