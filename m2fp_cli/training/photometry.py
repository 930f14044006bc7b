"""Random changes of color and quality: what cameras, light and compression do to a photo."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Rng = np.random.Generator


def change_appearance(image_rgb: Bytes, rng: Rng) -> Bytes:
    """Color and light always a little; gray, blur, noise and JPEG each in one photo of ten."""
    rgb: Any = _change_light(image_rgb, rng)
    if rng.random() < 0.1:
        rgb = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.1:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(3, 15), rgb.shape).astype(np.float32)
        rgb = np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        rgb = _through_jpeg(rgb, int(rng.integers(20, 80)))
    return np.asarray(rgb)


def _change_light(image_rgb: Bytes, rng: Rng) -> Bytes:
    """Gain and gamma per channel by a table, then saturation."""
    level = np.linspace(0, 1, 256)
    dark = rng.random() < 0.1
    gain = rng.uniform(0.3, 0.6) if dark else rng.uniform(0.7, 1.3)
    offset = rng.uniform(-0.08, 0.08)
    gamma = np.exp(rng.uniform(-0.3, 0.3))
    gains = gain * rng.uniform(0.9, 1.1, 3)
    table = np.clip(level[:, None] ** gamma * gains + offset, 0, 1)
    tables = (table * 255).astype(np.uint8)[None]
    rgb: Any = cv2.LUT(image_rgb, tables)
    if rng.random() < 0.5:
        gray = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        keep = rng.uniform(0.5, 1.4)
        rgb = cv2.addWeighted(rgb, keep, gray, 1 - keep, 0)
    return np.asarray(rgb)


def _through_jpeg(rgb: Bytes, quality: int) -> Bytes:
    _, code = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
