"""The edge of a garment: how a photo mixes its cloth with what is beside it, and where it ends."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.morphology import dilate

EDGE = 0.08  # width of the edge that is mixed with what is beside the garment, U
BEYOND = (1.5, 4.0)  # pixels that a label may end before its garment, EDGE in between
CLEAR = 0.6  # trust in colours from which a pixel beside a label is taken for cloth


def follow_edge(light: FloatArray, target: FloatArray, mask: BoolArray, unit: float) -> FloatArray:
    """Recoloured garment whose edge is the photo's own, inside the mask.

    Near its edge a mask holds pixels that are mixed with what is beside the garment, or are not of
    it at all. Old cloth and ground a little farther in and out tell how much of a pixel is cloth;
    that share of the old colour is replaced by the new one of the cloth within.

    Args:
        light: (h, w, 3) float32 linear, the photo.
        target: (h, w, 3) float32 linear, the new cloth all over the mask.
        mask: (h, w) bool, the garment.
        unit: U in pixels.

    Returns:
        (h, w, 3) float32 linear, to be used inside the mask.
    """
    reach = float(np.clip(EDGE * unit, 1.5, 6.0))
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    inner, outer = depth > reach, ~dilate(mask, reach)
    near = (depth > 0) & (depth <= 1.5 * reach)
    if not near.any() or not inner.any() or not outer.any():
        return target
    cloth, ground = (_around(light, part, reach)[near] for part in (inner, outer))
    spread = _around(light * light, inner, reach)[near] - cloth * cloth
    new = _around(target, inner, reach)[near]
    apart = cloth - ground
    contrast = (apart * apart).sum(axis=1)
    share = ((light[near] - ground) * apart).sum(axis=1) / np.maximum(contrast, 1e-6)
    noise = np.maximum(spread, 0).sum(axis=1) + 1e-4
    trust = contrast / (contrast + 4 * noise)
    share = (1 - trust * (1 - np.clip(share, 0, 1)))[:, None]
    # What is left of a pixel without its cloth is ground: no less than black, no more than white.
    rest = np.clip(light[near] - share * cloth, 0, 1 - share)
    edge = share * new + rest
    # A pixel that is all cloth keeps its own folds.
    pure = np.clip((depth[near] / reach - 0.5) / 1.0, 0, 1)[:, None]
    out = target.copy()
    out[near] = np.clip(edge * (1 - pure) + target[near] * pure, 0, 1)
    return out


def _around(picture: FloatArray, part: BoolArray, reach: float) -> FloatArray:
    """Mean of a part of a picture around every pixel, (h, w, 3)."""
    weight = part.astype(np.float32)
    total = np.zeros_like(weight)
    values = np.zeros_like(picture)
    for sigma, share in ((1.5 * reach, 1.0), (6 * reach, 1e-3)):
        total += share * cv2.GaussianBlur(weight, (0, 0), sigma)
        values += share * cv2.GaussianBlur(picture * weight[..., None], (0, 0), sigma)
    out: FloatArray = values / np.maximum(total, 1e-9)[..., None]
    return out


def widened(light: FloatArray, mask: BoolArray, free: BoolArray, unit: float) -> BoolArray:
    """A garment's mask and the background beside it that is the garment's cloth.

    A label may end some pixels inside of its garment, which leaves a rim of the old colour. Taken
    are pixels that are nearer to the cloth than to the ground, where the two are clearly apart.

    Args:
        light: (h, w, 3) float32 linear, the photo.
        mask: (h, w) bool, the garment.
        free: (h, w) bool, pixels without a label.
        unit: U in pixels.
    """
    reach = float(np.clip(EDGE * unit, *BEYOND))
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    inner, outer = depth > reach, free & ~dilate(mask, 2 * reach)
    beside = dilate(mask, reach) & ~mask & free
    if not beside.any() or not inner.any() or not outer.any():
        return mask
    cloth, ground = (_around(light, part, reach)[beside] for part in (inner, outer))
    noise = 1e-4 + sum(
        np.maximum(_around(light * light, part, reach)[beside] - mean * mean, 0).sum(axis=1)
        for part, mean in ((inner, cloth), (outer, ground))
    )
    apart = cloth - ground
    contrast = (apart * apart).sum(axis=1)
    share = ((light[beside] - ground) * apart).sum(axis=1) / np.maximum(contrast, 1e-6)
    # Something else may be as bright as the cloth: it must be of its colour.
    off = ((light[beside] - ground - share[:, None] * apart) ** 2).sum(axis=1)
    trusted = (contrast > CLEAR / (1 - CLEAR) * noise) & (off < 0.15 * contrast)
    taken = mask.copy()
    taken[beside] = trusted & (share > 0.5) & (share < 1.5)
    _, pieces = cv2.connectedComponents(taken.astype(np.uint8), connectivity=4)
    out: BoolArray = taken & np.isin(pieces, np.unique(pieces[mask]))
    return out
