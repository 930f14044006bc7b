"""Put another cloth on a garment that is worn, with its folds and its light.

The new cloth keeps the shading of the old one, and its detail where it is plain: see
``cloth_shading``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.channels import max_of_channels, to_lab, to_three_channels
from m2fp_cli.tryon.cloth_shading import shade_of_old
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.garment_border import fill_bites, widen
from m2fp_cli.tryon.garment_edge import extend_mask, find_inner, mix_edge
from m2fp_cli.tryon.lighting import Light, linear_luminance
from m2fp_cli.tryon.relighting import dim_gain

MIN_AREA = 400  # of a garment, pixels

# Light on the new cloth.
KNEE = 1.2  # how strongly what is brighter than the middle is compressed
LEAST_ROOM = 0.02  # above cloth for its bright folds, share of its light
SHINE_PERCENTILE = 99  # of the luminance: brighter cloth shines ...
SHINE_FROM = (3.0, 0.1)  # ... if it is so many times as bright as the median, and more
SHINE_SHARE = 0.5  # of the light of shine that is kept

# A pattern on the new cloth.
MIN_TILE = 2  # pixels a side
DRAPE_SIGMA, MIN_DRAPE_SIGMA = 0.06, 0.8  # of the shading that moves a pattern, U, pixels
DRAPE, MAX_DRAPE = 0.12, 0.15  # how far its slope moves the pattern, U

# The edge.
FEATHER_SIGMA, FEATHER_RANGE = 0.02, (0.6, 1.5)  # of the mask's soft edge, U, pixels
FEATHER_START, FEATHER_SPAN = 0.05, 0.35  # of that: where new cloth begins, and until it is full


@dataclass(frozen=True, eq=False)
class Cloth:
    """What a garment is made of.

    Attributes:
        name: for reports.
        tile_bgr: (h, w, 3) float32 linear, repeated in both directions; (1, 1, 3) is plain.
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
        mask: (h, w) bool in the figure's window.
        inner: (h, w) bool, the garment without its edge, which is mixed with what is beside it; all
            of a garment that is nothing but edge.
        before: (h, w) float32 linear luminance; of two cloths as if they were one.
        after: (h, w) float32 linear luminance.
        patterned: the old cloth has a pattern.
        textured: the new cloth is not a plain color.
        lab: (h, w, 3) float32, CIE Lab afterwards.
        target_lab: (3,) float32, the mean color of the cloth.
        changed_outside_px: pixels that changed outside the garment.
        beyond_px: pixels of the garment that lie beside its label.
    """

    mask: BoolArray
    inner: BoolArray
    before: FloatArray
    after: FloatArray
    patterned: bool
    textured: bool
    lab: FloatArray
    target_lab: FloatArray
    changed_outside_px: int
    beyond_px: int


def plain_cloth(name: str, rgb: tuple[int, int, int]) -> Cloth:
    """Cloth of one color.

    Args:
        name: for reports.
        rgb: sRGB levels, 0..255.
    """
    tile = to_linear(np.asarray([[rgb[::-1]]], dtype=np.uint8))
    return Cloth(name, tile, 1.0)


def picture_cloth(name: str, bgra: Picture, tile_units: float) -> Cloth:
    """A picture as cloth; clear pixels show the mean color of the others.

    Args:
        name: for reports.
        bgra: (h, w, 4) uint8, straight alpha.
        tile_units: width of the picture on the person, U.
    """
    alpha = bgra[..., 3:].astype(np.float32) / 255
    light = to_linear(bgra[..., :3])
    mean = (light * alpha).sum(axis=(0, 1)) / max(float(alpha.sum()), 1.0)
    return Cloth(name, (light * alpha + mean * (1 - alpha)).astype(np.float32), tile_units)


def lit_cloth(cloth: Cloth, light: Light | None) -> Cloth:
    """A cloth as the light of a photo shows it.

    Args:
        cloth: in daylight.
        light: what is measured on the person; None leaves it as it is.
    """
    if light is None:
        return cloth
    lit = cloth.tile_bgr * np.asarray(light.balance_bgr, np.float32) * dim_gain(light)
    return replace(cloth, tile_bgr=np.asarray(lit, np.float32))


def recolor(
    photo_bgr: Picture, figure: Figure, part: BoolArray, cloth: Cloth, unit: float
) -> Recolored:
    """Put a cloth on something that a person wears.

    Args:
        photo_bgr: (H, W, 3) uint8, changed in place and inside the garment only: the part, and
            background beside that which clearly shows the same cloth.
        figure: the person in a window that holds the garment.
        part: (h, w) bool, where the garment is in the window; not empty.
        cloth: the new cloth.
        unit: U in pixels; sets the scale of folds and pattern.

    Returns:
        what was done.
    """
    window = photo_bgr[figure.window]
    old = window.copy()
    light = to_linear(window)
    background = (figure.label_map == 0) & ~figure.other_people
    mask = extend_mask(light, part, background, unit)
    before, shading, detail, patterned = shade_of_old(to_lab(old), light, mask, unit)
    if patterned:  # what its label holds is no smooth outline
        mask = fill_bites(part | widen(light, part, background, unit), background, unit)
    target = _tile_cloth(cloth, mask, shading, unit)
    target *= to_three_channels(_soft_knee(shading * detail, max_of_channels(target)))
    if not patterned:  # the brightest of a pattern does not shine
        target += to_three_channels(_shine(before, mask))
    target = mix_edge(light, np.clip(target, 0, 1), mask, unit, patterned=patterned)
    weight = _inner_feather(mask, unit)[mask][:, None]
    mixed = np.asarray(light[mask] * (1 - weight) + target[mask] * weight, dtype=np.float32)
    window[mask] = to_srgb(mixed)
    mean = to_srgb(cloth.tile_bgr.mean(axis=(0, 1), keepdims=True))
    differs = max_of_channels(np.asarray(cv2.absdiff(window, old), np.uint8))
    return Recolored(
        mask=mask,
        inner=find_inner(mask, unit),
        before=before,
        after=linear_luminance(to_linear(window)),
        patterned=patterned,
        textured=cloth.tile_bgr.shape[:2] != (1, 1),
        lab=to_lab(window),
        target_lab=to_lab(mean)[0, 0],
        changed_outside_px=int(np.count_nonzero(differs[~mask])),
        beyond_px=int(np.count_nonzero(mask & ~part)),
    )


def _soft_knee(gain: FloatArray, level: FloatArray) -> FloatArray:
    """Compress what is brighter than the middle, so that pale cloth does not burn out.

    Args:
        gain: (h, w) float32 around 1, what the cloth is multiplied by.
        level: (h, w) float32 linear 0..1, the brightest channel of the cloth.

    Returns:
        (h, w) float32; times ``level`` it is below 1, up to ``LEAST_ROOM``.
    """
    room = np.maximum(1 / np.maximum(level, LEAST_ROOM) - 1, LEAST_ROOM)
    over = np.maximum(gain - 1, 0)
    out: FloatArray = np.minimum(gain, 1) + over / (1 + np.maximum(KNEE, 1 / room) * over)
    return out


def _shine(luminance: FloatArray, mask: BoolArray) -> FloatArray:
    """Half of the light of the brightest 1 %, where it is well above the rest."""
    high = float(np.percentile(luminance[mask], SHINE_PERCENTILE))
    middle = float(np.median(luminance[mask]))
    if high < SHINE_FROM[0] * middle + SHINE_FROM[1]:
        return np.zeros_like(luminance)
    out: FloatArray = SHINE_SHARE * np.clip(luminance - high, 0, 1)
    return out


def _tile_cloth(cloth: Cloth, mask: BoolArray, shading: FloatArray, unit: float) -> FloatArray:
    """The cloth over the garment, (h, w, 3) linear: tiled in U, moved by the folds.

    Beside the box of the garment it is black.
    """
    height, width = mask.shape
    tile_h, tile_w = cloth.tile_bgr.shape[:2]
    if tile_h == tile_w == 1:
        return np.broadcast_to(cloth.tile_bgr[0, 0], (height, width, 3)).astype(np.float32)
    side = max(cloth.tile_units * unit, float(MIN_TILE))
    size = (max(MIN_TILE, round(side)), max(MIN_TILE, round(side * tile_h / tile_w)))
    small = cloth.tile_bgr
    if size[0] < tile_w:
        resized = cv2.resize(cloth.tile_bgr, size, interpolation=cv2.INTER_AREA)
        small = np.asarray(resized, dtype=np.float32)
    smooth = cv2.GaussianBlur(shading, (0, 0), max(DRAPE_SIGMA * unit, MIN_DRAPE_SIGMA))
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) * DRAPE * unit
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) * DRAPE * unit
    x0, y0, columns, rows = cv2.boundingRect(mask.astype(np.uint8))
    box = slice(y0, y0 + rows), slice(x0, x0 + columns)
    x = np.arange(x0, x0 + columns, dtype=np.float32)
    y = np.arange(y0, y0 + rows, dtype=np.float32)[:, None]
    scale = small.shape[1] / side
    most = MAX_DRAPE * unit
    u = (x + np.clip(dx[box], -most, most)) * scale
    v = (y + np.clip(dy[box], -most, most)) * scale
    map_x, map_y = u % small.shape[1], v % small.shape[0]
    padded = cv2.copyMakeBorder(small, 0, 1, 0, 1, cv2.BORDER_WRAP)
    out = np.zeros((height, width, 3), np.float32)
    out[box] = cv2.remap(
        padded, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR
    )
    return out


def _inner_feather(mask: BoolArray, unit: float) -> FloatArray:
    """Weight of the new cloth: 1 inside, a little less on the outermost pixel."""
    sigma = float(np.clip(FEATHER_SIGMA * unit, *FEATHER_RANGE))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    weight = np.clip((soft - FEATHER_START) / FEATHER_SPAN, 0, 1)
    return np.asarray(weight * mask, dtype=np.float32)
