"""Make an accessory look as if it had been in the photo: exposure, color, light, blur, grain."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray
from m2fp_cli.tryon.blur_and_grain import SPRITE_BLUR
from m2fp_cli.tryon.channels import to_three_channels
from m2fp_cli.tryon.compositing import BLOCK_ROWS, Layer
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.lighting import LUMINANCE_BGR, Light

# Exposure: the accessory's range of luminance comes inside the person's.
SOLID_ALPHA = 0.5  # pixels of the accessory that are measured have more
SOLID_PIXELS = 60_000  # that are measured, about
BRIGHT_PERCENTILE = 95  # of the accessory's luminance
GAIN_RANGE = (0.6, 1.6)
LIT_LUMINANCE = 0.45  # of a person's brightest pixels in good light, linear 0..1
MIN_DIM_GAIN = 0.5  # in dim light
# The face may be in the shade and the clothes in the sun. In a face, shine on the skin, whites of
# eyes and teeth tell shade from dark skin: on 10 faces of dark skin in good light they have 0.25 to
# 0.54, on 11 in dim light or in the shade, whatever their skin, 0.08 to 0.23.
LIT_FACE = 0.28  # luminance of what is bright in a face that is lit well, linear 0..1
MIN_SHADE_GAIN = 0.15  # in the shade or in the dark

# Direction of the light.
MIN_SLOPE = 1e-3  # log luminance per U; less is left out
DIRECTION_STRENGTH, DIRECTION_LIMIT = 0.6, 0.25  # of the slope; how far a gain may be from 1
DIRECTION_REACH = 2.0  # along the eye line, U; beyond it the light does not change any more
DIRECTION_STRIDE = 8  # pixels; the gain changes slowly

# Blur, standard deviations in pixels.
MIN_BLUR, MAX_BLUR = 0.3, 3.0  # that is added
CLEARED_ALPHA = 0.004  # less is cleared after a blur
HALVED_FROM = 1.8  # from here on a blur is done at half the size
HALVING_BLUR = 0.9  # by which halving and doubling a picture blur it
MIN_HALVED_SIDE = 4  # pixels

# Grain, standard deviations in levels of 255.
MIN_GRAIN = 0.8  # of a photo; less is not imitated
GRAIN_STRENGTH = 0.85  # of the photo's grain that is added
GRAIN_BLUR = 0.5  # standard deviation in pixels: JPEG leaves neighbors alike
GRAIN_SIDE = 256  # of the square of grain that is repeated, pixels


def match_light(
    layer: Layer, light: Light, frame: HeadFrame, seed: int, bright: float | None = None
) -> Layer:
    """Light a layer like the person.

    Args:
        layer: the warped accessory.
        light: what was measured on the person.
        frame: their head, for the direction of the light.
        seed: of the grain, so that the same run gives the same bytes.
        bright: luminance of what is bright where it is worn; that of the face unless given.
    """
    step = max(1, math.isqrt(layer.alpha.size // SOLID_PIXELS))
    solid = layer.alpha[::step, ::step] > SOLID_ALPHA
    if not solid.any():
        return layer
    balance = np.asarray(light.balance_bgr, dtype=np.float32)
    luminance = layer.color[::step, ::step][solid] @ (balance * LUMINANCE_BGR)
    shade = shade_gain(light.face_high if bright is None else bright)
    gain = min(exposure_gain(luminance, light), shade) * balance
    layer = _blur_layer(layer, math.sqrt(max(light.blur**2 - SPRITE_BLUR**2, 0.0)))
    color = np.empty_like(layer.color)
    gain_of_row = np.tile(gain.astype(np.float32), color.shape[1])
    is_directed = abs(light.slope_xy[0]) > MIN_SLOPE
    directed = _directional_gain(layer, light, frame) if is_directed else None
    for first in range(0, len(color), BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        part = layer.color[rows]
        lit = (part.reshape(len(part), -1) * gain_of_row).reshape(part.shape)
        if directed is not None:
            lit *= to_three_channels(directed[rows])
        np.minimum(lit, to_three_channels(layer.alpha[rows]), out=color[rows])
    return replace(layer, color=color, noise=_make_grain(layer, light, seed))


def exposure_gain(luminance: FloatArray, light: Light) -> float:
    """Gain that brings the range of luminance of an accessory inside the person's.

    Args:
        luminance: (N,) float32 linear, of its pixels.
        light: what was measured on the person.
    """
    high = np.percentile(luminance, BRIGHT_PERCENTILE)
    gain = 1.0
    if high > light.high:
        gain = light.high / max(float(high), 1e-4)
    elif high < light.low:
        gain = light.low / max(float(high), 1e-4)
    if gain > 1:
        return float(min(gain, GAIN_RANGE[1]))
    return float(np.clip(min(gain, dim_gain(light)), *GAIN_RANGE))


def shade_gain(bright: float) -> float:
    """Gain of what is worn in the shade or in the dark, at most 1; infinite where it is lit well.

    Args:
        bright: luminance of what is bright there, linear 0..1.
    """
    return max(bright / LIT_FACE, MIN_SHADE_GAIN) if bright < LIT_FACE else math.inf


def dim_gain(light: Light) -> float:
    """Gain of what is put into a photo in dim light, 1 in good light.

    Such photos hold no white; a whole person without a bright pixel says so.

    Args:
        light: what was measured on the person.
    """
    return float(np.clip((light.high / LIT_LUMINANCE) ** 0.5, MIN_DIM_GAIN, 1.0))


def _directional_gain(layer: Layer, light: Light, frame: HeadFrame) -> FloatArray:
    """Gain of every pixel of a layer by its place along the eye line, (h, w)."""
    stride = DIRECTION_STRIDE
    x0, y0, x1, y1 = layer.box_xyxy
    along, _ = frame.box_units((x0, y0, x1 + stride, y1 + stride), stride)
    along = np.clip(along, -DIRECTION_REACH, DIRECTION_REACH)
    gain = np.exp(DIRECTION_STRENGTH * light.slope_xy[0] * along)
    coarse = np.clip(gain, 1 - DIRECTION_LIMIT, 1 + DIRECTION_LIMIT)
    smooth = cv2.resize(coarse, (stride * coarse.shape[1], stride * coarse.shape[0]))
    return np.asarray(smooth, dtype=np.float32)[: y1 - y0, : x1 - x0]


def _blur_layer(layer: Layer, sigma: float) -> Layer:
    """A layer with a Gaussian blur, its standard deviation in pixels."""
    sigma = min(sigma, MAX_BLUR)
    if sigma < MIN_BLUR:
        return layer
    color, alpha = _gaussian_blur(layer.color, sigma), _gaussian_blur(layer.alpha, sigma)
    alpha[alpha < CLEARED_ALPHA] = 0
    return replace(layer, color=color, alpha=alpha)


def _gaussian_blur(picture: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur; a wide one at half the size, which loses nothing that it would leave."""
    height, width = picture.shape[:2]
    if sigma < HALVED_FROM or min(height, width) < MIN_HALVED_SIDE:
        side = 2 * math.ceil(3 * sigma) + 1
        return np.asarray(cv2.GaussianBlur(picture, (side, side), sigma), dtype=np.float32)
    half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    rest = math.sqrt(sigma**2 - HALVING_BLUR**2) / 2
    side = 2 * math.ceil(3 * rest) + 1
    blurred = cv2.GaussianBlur(half, (side, side), rest)
    return np.asarray(cv2.resize(blurred, (width, height)), dtype=np.float32)


def _make_grain(layer: Layer, light: Light, seed: int) -> NDArray[np.int8] | None:
    """Grain for a layer, (h, w) levels; None where the photo has next to none."""
    if light.grain < MIN_GRAIN:
        return None
    rng = np.random.default_rng(seed)
    square = rng.standard_normal((GRAIN_SIDE, GRAIN_SIDE), dtype=np.float32)
    square = np.asarray(cv2.GaussianBlur(square, (0, 0), GRAIN_BLUR), dtype=np.float32)
    square *= GRAIN_STRENGTH * light.grain / max(float(square.std()), 1e-3)
    levels = np.clip(np.round(square), -127, 127).astype(np.int8)
    height, width = layer.alpha.shape
    times = -(-height // GRAIN_SIDE), -(-width // GRAIN_SIDE)
    return np.tile(levels, times)[:height, :width]
