"""Make an accessory look as if it had been in the photo: exposure, colour, light, blur, grain.

People notice wrong brightness and colour statistics first (Xue et al. 2012), and a sharp, clean
object in a soft, grainy photo second. Skin is not taken for grey: its tone is not the light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.tryon.compositing import Layer, Picture, to_linear, to_srgb
from m2fp_cli.tryon.figure import BoolArray, Figure, FloatArray, shrunk
from m2fp_cli.tryon.head import HeadFrame, window_units

LUMINANCE_BGR = np.asarray([0.0722, 0.7152, 0.2126], dtype=np.float32)
GAIN_RANGE = (0.6, 1.6)
BALANCE_STRENGTH, BALANCE_LIMIT = 0.5, 0.15
DIRECTION_STRENGTH, DIRECTION_LIMIT = 0.6, 0.25
SPRITE_BLUR = 0.55  # blur of a freshly resampled edge, pixels
MAX_BLUR = 3.0
MAX_GRAIN = 12.0
STATISTICS_UNIT = 24.0  # pixels per U that brightness is measured at


@dataclass(frozen=True)
class Light:
    """What the photo does to a person, and should do to what they wear.

    Attributes:
        low: 1st percentile of the person's luminance, linear 0..1.
        high: 99th percentile.
        balance_bgr: gain per channel.
        slope_xy: change of log luminance per U along and down the face.
        blur: standard deviation of the photo's sharpest edges, pixels.
        grain: standard deviation of the noise, levels of 255.
    """

    low: float
    high: float
    balance_bgr: tuple[float, float, float]
    slope_xy: tuple[float, float]
    blur: float
    grain: float


def measure_light(image_bgr: Picture, figure: Figure, frame: HeadFrame) -> Light:
    """Measure the light on a person.

    Args:
        image_bgr: the photo, (H, W, 3) uint8.
        figure: the person in a window around the head.
        frame: their head.
    """
    window = image_bgr[figure.window]
    step = max(1, int(frame.unit / STATISTICS_UNIT))
    light = to_linear(np.ascontiguousarray(window[::step, ::step])) @ LUMINANCE_BGR
    person = figure.own > 0
    thin = person[::step, ::step]
    low, high = np.percentile(light[thin], (1, 99)) if thin.any() else (0.0, 1.0)
    face = figure.mask("Face")
    along, below = window_units(frame, figure)
    across, down = along[::step, ::step], below[::step, ::step]
    grey = cv2.cvtColor(window, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return Light(
        float(low),
        float(high),
        _balance(image_bgr),
        _slope(light, face[::step, ::step], across, down),
        edge_blur(grey, person),
        grain(grey, shrunk(face, 0.12 * frame.unit)),
    )


def _balance(image_bgr: Picture) -> tuple[float, float, float]:
    """Colour of the light by shades of grey with p = 6, at half strength; green stays."""
    step = max(1, round(math.sqrt(image_bgr.shape[0] * image_bgr.shape[1] / 60000)))
    pixels = to_linear(np.ascontiguousarray(image_bgr[::step, ::step])).reshape(-1, 3)
    pixels = pixels[pixels.max(axis=1) < 0.98]
    if pixels.shape[0] < 100:
        return 1.0, 1.0, 1.0
    shades = np.mean(pixels.astype(np.float64) ** 6, axis=0) ** (1 / 6)
    gains = (shades / max(float(shades[1]), 1e-6)) ** BALANCE_STRENGTH
    blue, green, red = np.clip(gains, 1 - BALANCE_LIMIT, 1 + BALANCE_LIMIT)
    return float(blue), float(green), float(red)


def _slope(
    light: FloatArray, face: BoolArray, along: FloatArray, below: FloatArray
) -> tuple[float, float]:
    """Plane through log luminance over the skin of the face, without eyes and mouth."""
    eyes = (np.abs(along) - 0.5) ** 2 + below**2 < 0.35**2
    mouth = along**2 + (below - 1.05) ** 2 < 0.45**2
    skin = face & ~eyes & ~mouth & (below > -0.8) & (below < 1.7)
    if np.count_nonzero(skin) < 50:
        return 0.0, 0.0
    value = np.log(light[skin] + 0.01)
    middle = np.abs(value - np.median(value)) < 1.0
    columns = np.stack((along[skin], below[skin], np.ones(value.size)), axis=1)[middle]
    answer = np.linalg.lstsq(columns, value[middle], rcond=None)[0]
    return float(np.clip(answer[0], -0.5, 0.5)), float(np.clip(answer[1], -0.3, 0.3))


def edge_blur(grey: FloatArray, where: BoolArray) -> float:
    """Blur of the sharpest edges: the gradient before and after another blur (Zhuo and Sim 2011).

    Args:
        grey: (H, W) float32.
        where: (H, W) bool, pixels that count.

    Returns:
        standard deviation in pixels, 0.3 to 4.
    """
    if np.count_nonzero(where) < 50:
        return SPRITE_BLUR
    sharp = _gradient(grey)[where]
    known = sharp >= np.percentile(sharp, 97)
    blurred = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), dtype=np.float32)
    soft = _gradient(blurred)[where]
    ratio = float(np.median(sharp[known] / np.maximum(soft[known], 1e-3)))
    return float(np.clip(1.0 / math.sqrt(max(ratio**2 - 1, 0.06)), 0.3, 4.0))


def _gradient(grey: FloatArray) -> FloatArray:
    dx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(cv2.magnitude(dx, dy), dtype=np.float32)


def grain(grey: FloatArray, where: BoolArray) -> float:
    """Noise of the flat parts of a region (Immerkaer 1996), in levels of 255."""
    kernel = np.asarray([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel))[where]
    if response.size < 50:
        return 0.0
    flat = response[response <= np.percentile(response, 70)]
    # The mean of the lower 70 % of |N| is 0.485 of the mean of all of it.
    return float(min(math.sqrt(math.pi / 2) / 6 * flat.mean() / 0.485, MAX_GRAIN))


def match_light(layer: Layer, light: Light, frame: HeadFrame, seed: int) -> Layer:
    """Light a layer like the person.

    Args:
        layer: the warped accessory.
        light: what was measured on the person.
        frame: their head, for the direction of the light.
        seed: of the grain, so that the same run gives the same bytes.
    """
    solid = layer.alpha > 0.5
    if not solid.any():
        return layer
    layer = _soften(layer, math.sqrt(max(light.blur**2 - SPRITE_BLUR**2, 0.0)))
    color = layer.color * np.asarray(light.balance_bgr, dtype=np.float32)
    color = color * _exposure(color, solid, light) * _direction(layer, light, frame)[..., None]
    return _add_grain(replace(layer, color=np.minimum(color, layer.alpha[..., None])), light, seed)


def _exposure(color: FloatArray, solid: BoolArray, light: Light) -> float:
    """Gain that brings the accessory's range of luminance inside the person's."""
    high = np.percentile(color[solid] @ LUMINANCE_BGR, 95)
    gain = 1.0
    if high > light.high:
        gain = light.high / max(float(high), 1e-4)
    elif high < light.low:
        gain = light.low / max(float(high), 1e-4)
    # Photos in dim light hold no white; a whole person without a bright pixel says so.
    dim = float(np.clip((light.high / 0.45) ** 0.5, 0.5, 1.0))
    return float(np.clip(min(gain, dim), *GAIN_RANGE)) if gain <= 1 else float(min(gain, 1.6))


def _direction(layer: Layer, light: Light, frame: HeadFrame) -> FloatArray:
    along, _ = frame.box_units(layer.box_xyxy)
    strength = DIRECTION_STRENGTH * light.slope_xy[0] * np.clip(along, -2, 2)
    out: FloatArray = np.clip(np.exp(strength), 1 - DIRECTION_LIMIT, 1 + DIRECTION_LIMIT)
    return out


def _soften(layer: Layer, sigma: float) -> Layer:
    sigma = min(sigma, MAX_BLUR)
    if sigma < 0.3:
        return layer
    color = cv2.GaussianBlur(layer.color, (0, 0), sigma)
    alpha = np.asarray(cv2.GaussianBlur(layer.alpha, (0, 0), sigma), dtype=np.float32)
    alpha[alpha < 0.004] = 0
    return Layer(color * (alpha > 0)[..., None], alpha, layer.box_xyxy)


def _add_grain(layer: Layer, light: Light, seed: int) -> Layer:
    if light.grain < 0.8:
        return layer
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(layer.alpha.shape).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.5), dtype=np.float32)
    noise *= 0.85 * light.grain / max(float(noise.std()), 1e-3)
    alpha = np.maximum(layer.alpha, 1e-3)[..., None]
    levels = to_srgb(layer.color / alpha).astype(np.float32) + noise[..., None]
    color = to_linear(np.clip(np.round(levels), 0, 255).astype(np.uint8)) * layer.alpha[..., None]
    return replace(layer, color=color)


def luminance_of(color_bgr: NDArray[np.float32]) -> FloatArray:
    """Luminance of linear BGR."""
    out: FloatArray = color_bgr @ LUMINANCE_BGR
    return out
