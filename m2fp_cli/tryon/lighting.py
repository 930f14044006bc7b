"""Make an accessory look as if it had been in the photo: exposure, colour, light, blur, grain.

People notice wrong brightness and colour statistics first (Xue et al. 2012), and a sharp, clean
object in a soft, grainy photo second. Skin is not taken for grey: its tone is not the light.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.compositing import ROWS, Layer, three_times
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.head import HeadFrame, luminance, window_units
from m2fp_cli.tryon.morphology import erode

LUMINANCE_BGR = np.asarray([0.0722, 0.7152, 0.2126], dtype=np.float32)
GAIN_RANGE = (0.6, 1.6)
BALANCE_STRENGTH, BALANCE_LIMIT = 0.5, 0.15
BALANCE_PIXELS = 25_000  # of the photo that say what colour the light has
DIRECTION_STRENGTH, DIRECTION_LIMIT = 0.6, 0.25
SPRITE_BLUR = 0.55  # blur of a freshly resampled edge, pixels
HALVING_BLUR = 0.9  # of a picture that is halved and doubled, pixels
MAX_BLUR = 3.0
MAX_GRAIN = 12.0
STATISTICS_UNIT = 24.0  # pixels per U that brightness is measured at
BAND_ROWS, BAND_PIXELS = 24, 150_000  # rows seen at a time, and how many pixels say enough
NOISE_SIDE = 256  # of the square of grain that is repeated


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
    window, step = image_bgr[figure.window], figure.step
    thin = max(1, int(frame.unit / step / STATISTICS_UNIT))
    some = slice(None, None, thin), slice(None, None, thin)
    seen = window[step // 2 :: step, step // 2 :: step][some]
    light = to_linear(np.ascontiguousarray(seen)) @ LUMINANCE_BGR
    person, face = figure.own > 0, figure.mask("Face")
    of_them = light[person[some]]
    low, high = np.percentile(of_them, (1, 99)) if of_them.size else (0.0, 1.0)
    along, below = window_units(frame, figure)
    grey = luminance(window)
    skin = erode(face, 0.12 * frame.unit / step)
    return Light(
        float(low),
        float(high),
        _balance(image_bgr),
        _slope(light, face[some], along[some], below[some]),
        edge_blur(grey, _enlarged(person, step)),
        grain(grey, _enlarged(skin, step)),
    )


def _enlarged(mask: BoolArray, step: int) -> BoolArray:
    """A mask with every pixel repeated in both directions."""
    size = mask.shape[1] * step, mask.shape[0] * step
    large = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8).view(np.bool_)


def _balance(image_bgr: Picture) -> tuple[float, float, float]:
    """Colour of the light by shades of grey with p = 6, at half strength; green stays."""
    step = max(1, round(math.sqrt(image_bgr.shape[0] * image_bgr.shape[1] / BALANCE_PIXELS)))
    pixels = to_linear(np.ascontiguousarray(image_bgr[::step, ::step])).reshape(-1, 3)
    pixels = pixels[pixels.max(axis=1) < 0.98]
    if pixels.shape[0] < 100:
        return 1.0, 1.0, 1.0
    squares = pixels * pixels
    shades = np.mean(squares * squares * squares, axis=0, dtype=np.float64) ** (1 / 6)
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


def _bands(grey: Picture, where: BoolArray) -> Iterator[tuple[FloatArray, BoolArray, slice]]:
    """A picture in bands of rows, evenly spread and some left out where it is large.

    Yields:
        levels of the band and of up to four rows on either side, which of the band's pixels count,
        and the band's rows among those of the levels.
    """
    height = where.shape[0]
    every = BAND_ROWS * max(1, round(where.size / BAND_PIXELS))
    for top in range(0, height, every):
        counted = where[top : top + BAND_ROWS]
        if counted.any():
            above = min(top, 4)
            levels = grey[top - above : top + BAND_ROWS + 4].astype(np.float32)
            yield levels, counted, slice(above, above + len(counted))


def edge_blur(grey: Picture, where: BoolArray) -> float:
    """Blur of the sharpest edges: the gradient before and after another blur (Zhuo and Sim 2011).

    Args:
        grey: (H, W) uint8.
        where: (H, W) bool, pixels that count.

    Returns:
        standard deviation in pixels, 0.3 to 4.
    """
    pairs: list[FloatArray] = []
    for levels, counted, rows in _bands(grey, where):
        blurred = np.asarray(cv2.GaussianBlur(levels, (0, 0), 1.0), dtype=np.float32)
        pairs.append(np.stack([_gradient(p)[rows][counted] for p in (levels, blurred)]))
    sharp, soft = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.float32)
    if sharp.size < 50:
        return SPRITE_BLUR
    known = sharp >= np.percentile(sharp, 97)
    ratio = float(np.median(sharp[known] / np.maximum(soft[known], 1e-3)))
    return float(np.clip(1.0 / math.sqrt(max(ratio**2 - 1, 0.06)), 0.3, 4.0))


def _gradient(grey: FloatArray) -> FloatArray:
    dx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(cv2.magnitude(dx, dy), dtype=np.float32)


def grain(grey: Picture, where: BoolArray) -> float:
    """Noise of the flat parts of a region (Immerkaer 1996), in levels of 255.

    Args:
        grey: (H, W) uint8.
        where: (H, W) bool, the region.
    """
    kernel = np.asarray([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    found = [
        np.abs(cv2.filter2D(levels, cv2.CV_32F, kernel)[rows][counted])
        for levels, counted, rows in _bands(grey, where)
    ]
    response = np.concatenate(found) if found else np.zeros(0, np.float32)
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
    step = max(1, math.isqrt(layer.alpha.size // 60_000))
    solid = layer.alpha[::step, ::step] > 0.5
    if not solid.any():
        return layer
    balance = np.asarray(light.balance_bgr, dtype=np.float32)
    bright = layer.color[::step, ::step][solid] @ (balance * LUMINANCE_BGR)
    gain = _exposure(bright, light) * balance
    layer = _soften(layer, math.sqrt(max(light.blur**2 - SPRITE_BLUR**2, 0.0)))
    color = np.empty_like(layer.color)
    in_a_row = np.tile(gain.astype(np.float32), color.shape[1])
    slope = _direction(layer, light, frame) if abs(light.slope_xy[0]) > 1e-3 else None
    for top in range(0, len(color), ROWS):
        rows = slice(top, top + ROWS)
        part = layer.color[rows]
        lit = (part.reshape(len(part), -1) * in_a_row).reshape(part.shape)
        if slope is not None:
            lit *= three_times(slope[rows])
        np.minimum(lit, three_times(layer.alpha[rows]), out=color[rows])
    return replace(layer, color=color, noise=_noise(layer, light, seed))


def _exposure(bright: FloatArray, light: Light) -> float:
    """Gain that brings the accessory's range of luminance, (N,), inside the person's."""
    high = np.percentile(bright, 95)
    gain = 1.0
    if high > light.high:
        gain = light.high / max(float(high), 1e-4)
    elif high < light.low:
        gain = light.low / max(float(high), 1e-4)
    # Photos in dim light hold no white; a whole person without a bright pixel says so.
    dim = float(np.clip((light.high / 0.45) ** 0.5, 0.5, 1.0))
    return float(np.clip(min(gain, dim), *GAIN_RANGE)) if gain <= 1 else float(min(gain, 1.6))


def _direction(layer: Layer, light: Light, frame: HeadFrame) -> FloatArray:
    step = 8  # it changes slowly
    x0, y0, x1, y1 = layer.box_xyxy
    along, _ = frame.box_units((x0, y0, x1 + step, y1 + step), step)
    strength = DIRECTION_STRENGTH * light.slope_xy[0] * np.clip(along, -2, 2)
    rough = np.clip(np.exp(strength), 1 - DIRECTION_LIMIT, 1 + DIRECTION_LIMIT)
    smooth = cv2.resize(rough, (step * rough.shape[1], step * rough.shape[0]))
    return np.asarray(smooth, dtype=np.float32)[: y1 - y0, : x1 - x0]


def _soften(layer: Layer, sigma: float) -> Layer:
    sigma = min(sigma, MAX_BLUR)
    if sigma < 0.3:
        return layer
    color, alpha = _blurred(layer.color, sigma), _blurred(layer.alpha, sigma)
    alpha[alpha < 0.004] = 0
    return replace(layer, color=color, alpha=alpha)


def _blurred(picture: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur; a wide one at half the size, which loses nothing that it would leave."""
    height, width = picture.shape[:2]
    if sigma < 1.8 or min(height, width) < 4:
        reach = 2 * math.ceil(3 * sigma) + 1
        return np.asarray(cv2.GaussianBlur(picture, (reach, reach), sigma), dtype=np.float32)
    half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    rest = math.sqrt(sigma**2 - HALVING_BLUR**2) / 2  # halving and doubling blur as well
    reach = 2 * math.ceil(3 * rest) + 1
    soft = cv2.GaussianBlur(half, (reach, reach), rest)
    return np.asarray(cv2.resize(soft, (width, height)), dtype=np.float32)


def _noise(layer: Layer, light: Light, seed: int) -> NDArray[np.int8] | None:
    """Grain for a layer, levels; None where the photo has next to none."""
    if light.grain < 0.8:
        return None
    rng = np.random.default_rng(seed)
    square = rng.standard_normal((NOISE_SIDE, NOISE_SIDE), dtype=np.float32)
    square = np.asarray(cv2.GaussianBlur(square, (0, 0), 0.5), dtype=np.float32)
    square *= 0.85 * light.grain / max(float(square.std()), 1e-3)
    levels = np.clip(np.round(square), -127, 127).astype(np.int8)
    height, width = layer.alpha.shape
    times = -(-height // NOISE_SIDE), -(-width // NOISE_SIDE)
    return np.tile(levels, times)[:height, :width]


def luminance_of(color_bgr: NDArray[np.float32]) -> FloatArray:
    """Luminance of linear BGR."""
    out: FloatArray = color_bgr @ LUMINANCE_BGR
    return out
