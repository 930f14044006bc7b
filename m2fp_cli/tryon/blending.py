"""Blend a layer and measure the result: fringe, grain, blur, and that nothing else changed."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.blur_and_grain import SPRITE_BLUR, measure_blur, measure_grain
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.compositing import Layer, blend, grain_levels, touched_pixels
from m2fp_cli.tryon.lighting import Light
from m2fp_cli.tryon.records import Check, check_limits

LIMITS = {
    "changed_outside_px": (0.0, 0.0),
    "fringe_levels": (0.0, 3.0),  # of 255
    "grain_ratio": (0.6, 1.4),
    "blur_ratio": (0.6, 1.4),
}
"""What is measured, and the range in which it is good."""

EDGE_ALPHA = (0.05, 0.95)  # of the pixels that may show a fringe
EDGE_PIXELS = 40_000  # of an edge that are looked at
OPAQUE_ALPHA, CLEAR_ALPHA = 0.95, 0.02  # above the first grain is measured, above the second blur
FLAT_DISC = 7  # diameter of the opaque surroundings of a pixel that grain is measured at, pixels
MIN_PIXELS = 200  # of flat parts, and of edges, that can be measured
MIN_GRAIN = 1.0  # levels of 255; less is not noticed


def blend_and_check(
    photo_bgr: Picture, layer: Layer, shadow: FloatArray | None, light: Light | None
) -> list[Check]:
    """Blend a layer in place and say how it went.

    Args:
        photo_bgr: (H, W, 3) uint8, changed.
        layer: what to put there, lit.
        shadow: (h, w) float32 share of the light that is taken away, in the layer's box; or None.
        light: what was measured on the person; None leaves grain and sharpness out.
    """
    below = photo_bgr[layer.slices].copy()
    blend(photo_bgr, layer, shadow)
    after = photo_bgr[layer.slices]
    touched = touched_pixels(layer, shadow)
    measured = {
        "changed_outside_px": _count_changed_outside(below, after, touched),
        "fringe_levels": _measure_fringe(below, after, layer, shadow),
    }
    if light is not None and after.size:
        measured |= _compare_grain_and_blur(after, layer, light)
    return check_limits(measured, LIMITS)


def _count_changed_outside(before: Picture, after: Picture, touched: BoolArray) -> float:
    """Number of pixels that changed though nothing touched them."""
    if not before.size:
        return 0.0
    blue, green, red = cv2.split(cv2.absdiff(before, after))
    other = cv2.max(cv2.max(blue, green), red)
    return float(np.count_nonzero(other > touched.view(np.uint8) * np.uint8(255)))


def _measure_fringe(
    before: Picture, after: Picture, layer: Layer, shadow: FloatArray | None
) -> float:
    """How much darker an edge pixel is than both what is over and what is under it, at most."""
    edge = np.nonzero((layer.alpha > EDGE_ALPHA[0]) & (layer.alpha < EDGE_ALPHA[1]))
    some = slice(None, None, 1 + edge[0].size // EDGE_PIXELS)
    edge = edge[0][some], edge[1][some]
    if not edge[0].size:
        return 0.0
    over = to_srgb(layer.color[edge] / layer.alpha[edge][:, None])
    under = before[edge]
    if shadow is not None:
        under = to_srgb(to_linear(under) * (1 - shadow[edge][:, None]))
    darkest = np.minimum(over, under).astype(np.int16)
    without_grain = after[edge].astype(np.int16)
    if layer.noise is not None:
        without_grain -= grain_levels(layer.noise[edge], layer.alpha[edge])[:, None]
    return float(np.maximum(darkest - without_grain, 0).max())


def _compare_grain_and_blur(after: Picture, layer: Layer, light: Light) -> dict[str, float]:
    """Grain and blur of the accessory over those of the person; 1 where both are below notice."""
    gray = to_gray(after)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (FLAT_DISC, FLAT_DISC))
    flat = cv2.erode((layer.alpha > OPAQUE_ALPHA).astype(np.uint8), disc).view(np.bool_)
    edge = (layer.alpha > CLEAR_ALPHA) & ~flat
    ratios = {}
    if np.count_nonzero(flat) >= MIN_PIXELS:
        grain = measure_grain(gray, flat)
        ratios["grain_ratio"] = max(grain, MIN_GRAIN) / max(light.grain, MIN_GRAIN)
    if np.count_nonzero(edge) >= MIN_PIXELS:
        blur = measure_blur(gray, edge)
        ratios["blur_ratio"] = max(blur, SPRITE_BLUR) / max(light.blur, SPRITE_BLUR)
    return ratios
