"""Blend a layer and measure the result: fringe, grain, sharpness, and that nothing else changed."""

from __future__ import annotations

import math

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.compositing import Layer, blend, touches, weighed_noise
from m2fp_cli.tryon.head import luminance
from m2fp_cli.tryon.lighting import Light, edge_blur, grain
from m2fp_cli.tryon.records import Check

FRINGE_LEVELS = 3.0
ALIKE = (0.6, 1.4)
RING_PIXELS = 40_000  # of an edge that are looked at


def blend_checked(
    photo_bgr: Picture, layer: Layer, shadow: FloatArray | None, light: Light | None
) -> list[Check]:
    """Blend a layer in place and say how it went.

    Args:
        photo_bgr: (H, W, 3) uint8, changed.
        layer: what to put there, lit.
        shadow: (h, w) float32 share of the light that is taken away, in the layer's box.
        light: what was measured on the person; None leaves grain and sharpness out.
    """
    below = photo_bgr[layer.slices].copy()
    blend(photo_bgr, layer, shadow)
    after = photo_bgr[layer.slices]
    touched = touches(layer, shadow)
    checks = [
        Check("changed_outside_px", _changed(below, after, touched), 0.0, 0.0),
        Check("fringe_levels", _fringe(below, after, layer, shadow), 0.0, FRINGE_LEVELS),
    ]
    return checks + ([] if light is None else _likeness(after, layer, light))


def _changed(before: Picture, after: Picture, touched: BoolArray) -> float:
    if not before.size:
        return 0.0
    blue, green, red = cv2.split(cv2.absdiff(before, after))
    other = cv2.max(cv2.max(blue, green), red)
    return float(np.count_nonzero(other > touched.view(np.uint8) * np.uint8(255)))


def _fringe(before: Picture, after: Picture, layer: Layer, shadow: FloatArray | None) -> float:
    """How much darker than both what is over and what is under it an edge pixel is, at most."""
    ring = np.nonzero((layer.alpha > 0.05) & (layer.alpha < 0.95))
    some = slice(None, None, 1 + ring[0].size // RING_PIXELS)
    ring = ring[0][some], ring[1][some]
    if not ring[0].size:
        return 0.0
    over = to_srgb(layer.color[ring] / layer.alpha[ring][:, None])
    under = before[ring]
    if shadow is not None:
        under = to_srgb(to_linear(under) * (1 - shadow[ring][:, None]))
    darkest = np.minimum(over, under).astype(np.int16)
    plain = after[ring].astype(np.int16)
    if layer.noise is not None:
        plain -= weighed_noise(layer.noise[ring], layer.alpha[ring])[:, None]
    return float(np.maximum(darkest - plain, 0).max())


def _likeness(after: Picture, layer: Layer, light: Light) -> list[Check]:
    """Grain and blur of the accessory over those of the person; 1 where both are below notice."""
    if not after.size:
        return []
    grey = luminance(after)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    flat = cv2.erode((layer.alpha > 0.95).astype(np.uint8), disc).view(np.bool_)
    edge = (layer.alpha > 0.02) & ~flat
    checks = []
    if np.count_nonzero(flat) >= 200:
        noise = max(grain(grey, flat), 1.0) / max(light.grain, 1.0)
        checks.append(Check("grain_ratio", noise, *ALIKE))
    if np.count_nonzero(edge) >= 200:
        blur = max(edge_blur(grey, edge), 0.55) / max(light.blur, 0.55)
        checks.append(Check("blur_ratio", blur if math.isfinite(blur) else 0.0, *ALIKE))
    return checks
