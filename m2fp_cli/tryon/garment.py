"""Tops: another colour or cloth on the garment that is there, with its folds and its light.

The garment's luminance is split into shading (folds, light; an edge-preserving low-pass) and
detail (weave, noise). The new cloth keeps the first, and the second where the old cloth is plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.compositing import to_lab
from m2fp_cli.tryon.figure import TOPS, Figure
from m2fp_cli.tryon.garment_edge import follow_edge, widened
from m2fp_cli.tryon.lighting import luminance_of
from m2fp_cli.tryon.one_garment import join_contested

MIN_AREA = 400
ROUGH = 0.28  # deviation of log luminance around the shading; folds and weaves reach 0.6
PATTERNED = 0.7  # ... from here on it is a pattern, and from ROUGH on if there are
COLORS = 9.0  # several colours: median distance of chroma from its median, Lab
SHADE_RANGE = (0.08, 2.2)


@dataclass(frozen=True, eq=False)
class Cloth:
    """What a top is made of.

    Attributes:
        name: for reports.
        tile_bgr: (h, w, 3) float32 linear, repeats in both directions; (1, 1, 3) is plain.
        tile_units: width of a tile on the person, U.
        kind: what it is worn as, see ``kinds.KIND_NAMES``.
    """

    name: str
    tile_bgr: FloatArray
    tile_units: float
    kind: str = "top"


@dataclass(frozen=True, eq=False)
class Recolored:
    """A garment in its new cloth.

    Attributes:
        label: name of the garment's label.
        mask: (h, w) bool in the figure's window.
        before: (h, w) float32 linear luminance.
        after: (h, w) float32 linear luminance.
        patterned: the old cloth has a pattern.
        textured: the new cloth is no plain colour.
        lab: (h, w, 3) float32, CIE Lab afterwards.
        target_lab: (3,) float32, the mean colour of the cloth.
        changed_outside: number of pixels that changed outside of the garment.
        beyond: number of pixels of the garment that lie beside its label.
        joined: number of pixels of the garment that are labelled as another top.
    """

    label: str
    mask: BoolArray
    before: FloatArray
    after: FloatArray
    patterned: bool
    textured: bool
    lab: FloatArray
    target_lab: FloatArray
    changed_outside: int
    beyond: int
    joined: int


def plain_cloth(name: str, rgb: tuple[int, int, int]) -> Cloth:
    """One colour; ``rgb`` in sRGB levels."""
    tile = to_linear(np.asarray([[rgb[::-1]]], dtype=np.uint8))
    return Cloth(name, tile, 1.0)


def picture_cloth(name: str, bgra: Picture, tile_units: float) -> Cloth:
    """A picture as cloth; clear pixels show the mean colour of the others."""
    alpha = bgra[..., 3:].astype(np.float32) / 255
    light = to_linear(bgra[..., :3])
    mean = (light * alpha).sum(axis=(0, 1)) / max(float(alpha.sum()), 1.0)
    return Cloth(name, (light * alpha + mean * (1 - alpha)).astype(np.float32), tile_units)


def find_garment(figure: Figure) -> tuple[str, BoolArray] | None:
    """The largest of upper clothes, dress and coat, None if none is worth the name."""
    masks = {name: figure.mask(name) for name in TOPS}
    name = max(masks, key=lambda key: int(np.count_nonzero(masks[key])))
    return (name, masks[name]) if np.count_nonzero(masks[name]) >= MIN_AREA else None


def recolor(
    photo_bgr: Picture,
    figure: Figure,
    cloth: Cloth,
    unit: float,
    claims: Mapping[str, BoolArray] | None = None,
) -> Recolored | None:
    """Put a cloth on a person's garment, in place.

    Args:
        photo_bgr: (H, W, 3) uint8, changed inside the garment only: its label, and background
            beside that which clearly shows the same cloth.
        figure: the person in a window that holds the garment.
        cloth: the new cloth.
        unit: U in pixels; sets the scale of folds and pattern.
        claims: (h, w) bool of each top's instances in the window, if they are known; a garment
            that they call by two names is then dressed as one.

    Returns:
        what was done, None if there is no garment.
    """
    found = find_garment(figure)
    if found is None:
        return None
    label, named = found
    mask = named
    window = photo_bgr[figure.window]
    old = window.copy()
    light = to_linear(window)
    if claims is not None:
        mask = join_contested(old, {key: figure.mask(key) for key in TOPS}, claims, label, unit)
    labelled = mask
    mask = widened(light, mask, (figure.own == 0) & ~figure.others, unit)
    before = luminance_of(light)
    shading, detail, patterned = split_shading(before, mask, unit, _colors(old, mask))
    tile = _lay(cloth, figure, shading, unit)
    gain = _soft_knee(shading * detail)
    target = tile * gain[..., None]
    target += _specular(light, before, mask)[..., None]
    target = follow_edge(light, np.clip(target, 0, 1), mask, unit)
    weight = _inner_feather(mask, unit)[..., None]
    mixed = np.asarray(light * (1 - weight) + target * weight, dtype=np.float32)
    window[mask] = to_srgb(mixed[mask])
    outside = int(np.count_nonzero((window != old).any(axis=2) & ~mask))
    after = luminance_of(to_linear(window))
    goal = to_lab(to_srgb(cloth.tile_bgr.mean(axis=(0, 1), keepdims=True)))[0, 0]
    textured = cloth.tile_bgr.shape[:2] != (1, 1)
    beyond, joined = (int(np.count_nonzero(part)) for part in (mask & ~labelled, labelled & ~named))
    return Recolored(
        label,
        mask,
        before,
        after,
        patterned,
        textured,
        to_lab(window),
        goal,
        outside,
        beyond,
        joined,
    )


def _colors(bgr: Picture, mask: BoolArray) -> float:
    """Median distance of the chroma of a garment's pixels from the median chroma, Lab."""
    chroma = to_lab(bgr)[mask][:, 1:]
    return float(np.median(np.linalg.norm(chroma - np.median(chroma, axis=0), axis=1)))


def split_shading(
    luminance: FloatArray, mask: BoolArray, unit: float, colors: float = 0.0
) -> tuple[FloatArray, FloatArray, bool]:
    """Shading and detail of a garment, both around 1.

    Args:
        luminance: (h, w) float32 linear.
        mask: (h, w) bool, the garment.
        unit: U in pixels.
        colors: how far its colours lie apart, Lab.

    Returns:
        shading, detail and whether the detail is a pattern, which is then left out.
    """
    reference = max(float(np.median(luminance[mask])), 1e-3)
    floor = 0.15 * reference + 0.002
    log = np.log((luminance + floor) / (reference + floor)).astype(np.float32)
    filled = np.where(mask, log, 0).astype(np.float32)
    radius = max(0.15 * unit, 1.5)
    coarse = _masked_blur(filled, mask, 1.5 * radius)
    rest = np.where(mask, log - coarse, 0).astype(np.float32)
    rough = float(np.percentile(np.abs(rest[mask]), 68))
    if rough > (ROUGH if colors > COLORS else PATTERNED):
        smooth = _masked_blur(filled, mask, 2.5 * radius)
        shading = np.exp(0.8 * smooth)
        return np.clip(shading, *SHADE_RANGE), np.ones_like(shading), True
    # Dark cloth holds its folds in few levels: what is left is spread, noise damped.
    strength = (0.85 if reference > 0.03 else 0.6) * min(1.0, 0.4 / rough)
    shading = np.clip(np.exp(coarse), *SHADE_RANGE)
    detail = np.clip(np.exp(strength * rest), 0.4, 1.8)
    return shading.astype(np.float32), detail.astype(np.float32), False


def _masked_blur(values: FloatArray, mask: BoolArray, sigma: float) -> FloatArray:
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    out: FloatArray = cv2.GaussianBlur(values * mask, (0, 0), sigma) / np.maximum(weight, 1e-3)
    return out


def _soft_knee(gain: FloatArray) -> FloatArray:
    """Compress what is brighter than the middle, so that pale cloth does not burn out."""
    over = np.maximum(gain - 1, 0)
    out: FloatArray = np.minimum(gain, 1) + over / (1 + 1.2 * over)
    return out


def _specular(light: FloatArray, luminance: FloatArray, mask: BoolArray) -> FloatArray:
    """Half of the light of the brightest 1 %, where it is well above the rest: shine on cloth."""
    high = float(np.percentile(luminance[mask], 99))
    middle = float(np.median(luminance[mask]))
    if high < 3 * middle + 0.1:
        return np.zeros_like(luminance)
    out: FloatArray = 0.5 * np.clip(luminance - high, 0, 1)
    return out


def _lay(cloth: Cloth, figure: Figure, shading: FloatArray, unit: float) -> FloatArray:
    """The cloth over the window: tiled in U, drawn along by the folds."""
    height, width = figure.own.shape
    tile_h, tile_w = cloth.tile_bgr.shape[:2]
    if tile_h == tile_w == 1:
        return np.broadcast_to(cloth.tile_bgr[0, 0], (height, width, 3)).astype(np.float32)
    side = max(cloth.tile_units * unit, 2.0)
    size = (max(2, round(side)), max(2, round(side * tile_h / tile_w)))
    small = cloth.tile_bgr
    if size[0] < tile_w:
        shrunk = cv2.resize(cloth.tile_bgr, size, interpolation=cv2.INTER_AREA)
        small = np.asarray(shrunk, dtype=np.float32)
    smooth = cv2.GaussianBlur(shading, (0, 0), max(0.06 * unit, 0.8))
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) * 0.12 * unit
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) * 0.12 * unit
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    scale = small.shape[1] / side
    u = (x + np.clip(dx, -0.15 * unit, 0.15 * unit)) * scale
    v = (y + np.clip(dy, -0.15 * unit, 0.15 * unit)) * scale
    map_x, map_y = u % small.shape[1], v % small.shape[0]
    padded = cv2.copyMakeBorder(small, 0, 1, 0, 1, cv2.BORDER_WRAP)
    out = cv2.remap(padded, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(out, dtype=np.float32)


def _inner_feather(mask: BoolArray, unit: float) -> FloatArray:
    """Weight of the new cloth: 1 inside, a little less on the outermost pixel."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), float(np.clip(0.02 * unit, 0.6, 1.5)))
    return np.asarray(np.clip((soft - 0.05) / 0.35, 0, 1) * mask, dtype=np.float32)


def color_of(text: str) -> tuple[int, int, int] | None:
    """``#rrggbb`` as RGB, None if the text is no colour."""
    digits = text[1:]
    if len(text) != 7 or text[0] != "#" or any(c not in "0123456789abcdefABCDEF" for c in digits):
        return None
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return red, green, blue


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Pearson's r, 1.0 where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 1e-9 else 1.0
