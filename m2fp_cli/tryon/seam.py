"""Blend a layer and measure the result: fringe, grain, sharpness, and that nothing else changed."""

from __future__ import annotations

import math

import cv2
import numpy as np

from m2fp_cli.tryon.compositing import TRACE, Layer, Picture, blend, to_linear, to_srgb
from m2fp_cli.tryon.figure import BoolArray, FloatArray, shrunk
from m2fp_cli.tryon.lighting import Light, edge_blur, grain
from m2fp_cli.tryon.quality import Check

FRINGE_LEVELS = 3.0
ALIKE = (0.6, 1.4)


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
    touched = layer.alpha >= TRACE
    if shadow is not None:
        touched |= shadow >= TRACE
    checks = [
        Check("changed_outside_px", _changed(below, after, touched), 0.0, 0.0),
        Check("fringe_levels", _fringe(below, after, layer, shadow), 0.0, FRINGE_LEVELS),
    ]
    return checks + ([] if light is None else _likeness(after, layer, light))


def _changed(before: Picture, after: Picture, touched: BoolArray) -> float:
    return float(np.count_nonzero((before != after).any(axis=2) & ~touched))


def _fringe(before: Picture, after: Picture, layer: Layer, shadow: FloatArray | None) -> float:
    """How much darker than both what is over and what is under it an edge pixel is, at most."""
    ring = (layer.alpha > 0.05) & (layer.alpha < 0.95)
    if not ring.any():
        return 0.0
    over = to_srgb(layer.color[ring] / layer.alpha[ring][:, None])
    under = before[ring]
    if shadow is not None:
        under = to_srgb(to_linear(under) * (1 - shadow[ring][:, None]))
    darkest = np.minimum(over, under).astype(np.int16)
    return float(np.maximum(darkest - after[ring], 0).max())


def _likeness(after: Picture, layer: Layer, light: Light) -> list[Check]:
    """Grain and blur of the accessory over those of the person; 1 where both are below notice."""
    grey = cv2.cvtColor(after, cv2.COLOR_BGR2GRAY).astype(np.float32)
    solid = layer.alpha > 0.95
    flat = shrunk(solid, 3)
    edge = (layer.alpha > 0.02) & ~flat
    checks = []
    if np.count_nonzero(flat) >= 200:
        noise = max(grain(grey, flat), 1.0) / max(light.grain, 1.0)
        checks.append(Check("grain_ratio", noise, *ALIKE))
    if np.count_nonzero(edge) >= 200:
        blur = max(edge_blur(grey, edge), 0.55) / max(light.blur, 0.55)
        checks.append(Check("blur_ratio", blur if math.isfinite(blur) else 0.0, *ALIKE))
    return checks
