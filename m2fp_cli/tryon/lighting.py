"""Measure the light on a person: exposure, color, direction, blur and grain.

People notice wrong brightness and color statistics first (Xue et al. 2012), and a sharp, clean
object in a soft, grainy photo second. Skin is not taken for gray: its tone is not the light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.blur_and_grain import measure_blur, measure_grain
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.figure import HEAD, Figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.morphology import erode

LUMINANCE_BGR = np.asarray([0.0722, 0.7152, 0.2126], dtype=np.float32)  # Rec. 709, linear light
ANALYSIS_UNIT = 24.0  # pixels per U that brightness is measured at
SKIN_MARGIN = 0.12  # of the face's edge that is left out where grain is measured, U
PERSON_PERCENTILES = (1, 99)  # of the person's luminance: their range
FACE_PERCENTILES = (50, 99)  # of the face's luminance: its skin, and what shines or is white in it

# Color of the light: shades of gray (Finlayson and Trezzi 2004).
BALANCE_STRENGTH, BALANCE_LIMIT = 0.5, 0.15  # of the gains found, and how far they may be from 1
BALANCE_PIXELS = 25_000  # of the photo that are looked at
CLIPPED = 0.98  # linear light of a channel from which on a pixel says nothing of the color
MIN_BALANCE_PIXELS = 100

# Direction of the light: a plane through the log luminance of the face.
EYE_RADIUS, MOUTH_RADIUS = 0.35, 0.45  # of discs that are left out, U
MOUTH_BELOW_EYES = 1.05  # U; the canonical face of MediaPipe
FACE_ROWS = (-0.8, 1.7)  # below the eyes, U
MIN_FACE_PIXELS = 50
BLACK_LEVEL = 0.01  # added to a luminance before its logarithm
MAX_RESIDUAL = 1.0  # of log luminance from its median; what is farther is not skin
MAX_SLOPE_ALONG, MAX_SLOPE_BELOW = 0.5, 0.3  # log luminance per U


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
        skin: median of the face's luminance, linear 0..1; 1 where too little is seen of it.
        face_high: 99th percentile of it; 1 likewise.
        head_high: 99th percentile of the head's, with hair and hat; 1 likewise.
    """

    low: float
    high: float
    balance_bgr: tuple[float, float, float]
    slope_xy: tuple[float, float]
    blur: float
    grain: float
    skin: float = 1.0
    face_high: float = 1.0
    head_high: float = 1.0


def measure_light(image_bgr: Picture, figure: Figure, frame: HeadFrame) -> Light:
    """Measure the light on a person.

    Args:
        image_bgr: the photo, (H, W, 3) uint8.
        figure: the person in a window around the head.
        frame: their head.
    """
    window, stride = image_bgr[figure.window], figure.stride
    thin = max(1, int(frame.unit / stride / ANALYSIS_UNIT))
    some = slice(None, None, thin), slice(None, None, thin)
    seen = window[stride // 2 :: stride, stride // 2 :: stride][some]
    luminance = linear_luminance(to_linear(np.ascontiguousarray(seen)))
    person, face = figure.label_map > 0, figure.mask("Face")
    of_them = luminance[person[some]]
    low, high = np.percentile(of_them, PERSON_PERCENTILES) if of_them.size else (0.0, 1.0)
    along, below = window_units(frame, figure)
    gray = to_gray(window)
    skin = erode(face, SKIN_MARGIN * frame.unit / stride)
    head = erode(figure.mask(*HEAD), SKIN_MARGIN * frame.unit / stride)
    of_skin, face_high = _middle_and_high(luminance[skin[some]])
    _, head_high = _middle_and_high(luminance[head[some]])
    return Light(
        float(low),
        float(high),
        _white_balance(image_bgr),
        _light_slope(luminance, face[some], along[some], below[some]),
        measure_blur(gray, _repeat_pixels(person, stride)),
        measure_grain(gray, _repeat_pixels(skin, stride)),
        of_skin,
        face_high,
        head_high,
    )


def _middle_and_high(luminance: FloatArray) -> tuple[float, float]:
    """Median and 99th percentile of a part of a head; 1 where too little is seen of it."""
    if luminance.size < MIN_FACE_PIXELS:
        return 1.0, 1.0
    middle, high = np.percentile(luminance, FACE_PERCENTILES)
    return float(middle), float(high)


def linear_luminance(color_bgr: NDArray[np.float32]) -> FloatArray:
    """Luminance of linear light.

    Args:
        color_bgr: (..., 3) float32 linear BGR.

    Returns:
        (...) float32 linear.
    """
    out: FloatArray = color_bgr @ LUMINANCE_BGR
    return out


def _repeat_pixels(mask: BoolArray, times: int) -> BoolArray:
    """A mask with every pixel repeated in both directions."""
    size = mask.shape[1] * times, mask.shape[0] * times
    large = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8).view(np.bool_)


def _white_balance(image_bgr: Picture) -> tuple[float, float, float]:
    """Color of the light by shades of gray with norm 6, at part of its strength; green stays."""
    step = max(1, round(math.sqrt(image_bgr.shape[0] * image_bgr.shape[1] / BALANCE_PIXELS)))
    pixels = to_linear(np.ascontiguousarray(image_bgr[::step, ::step])).reshape(-1, 3)
    pixels = pixels[pixels.max(axis=1) < CLIPPED]
    if pixels.shape[0] < MIN_BALANCE_PIXELS:
        return 1.0, 1.0, 1.0
    squares = pixels * pixels
    shades = np.mean(squares * squares * squares, axis=0, dtype=np.float64) ** (1 / 6)
    gains = (shades / max(float(shades[1]), 1e-6)) ** BALANCE_STRENGTH
    blue, green, red = np.clip(gains, 1 - BALANCE_LIMIT, 1 + BALANCE_LIMIT)
    return float(blue), float(green), float(red)


def _light_slope(
    luminance: FloatArray, face: BoolArray, along: FloatArray, below: FloatArray
) -> tuple[float, float]:
    """Slope of a plane through the log luminance of the face's skin, without eyes and mouth."""
    eyes = (np.abs(along) - 0.5) ** 2 + below**2 < EYE_RADIUS**2
    mouth = along**2 + (below - MOUTH_BELOW_EYES) ** 2 < MOUTH_RADIUS**2
    skin = face & ~eyes & ~mouth & (below > FACE_ROWS[0]) & (below < FACE_ROWS[1])
    if np.count_nonzero(skin) < MIN_FACE_PIXELS:
        return 0.0, 0.0
    value = np.log(luminance[skin] + BLACK_LEVEL)
    near = np.abs(value - np.median(value)) < MAX_RESIDUAL
    columns = np.stack((along[skin], below[skin], np.ones(value.size)), axis=1)[near]
    slope = np.linalg.lstsq(columns, value[near], rcond=None)[0]
    return (
        float(np.clip(slope[0], -MAX_SLOPE_ALONG, MAX_SLOPE_ALONG)),
        float(np.clip(slope[1], -MAX_SLOPE_BELOW, MAX_SLOPE_BELOW)),
    )
