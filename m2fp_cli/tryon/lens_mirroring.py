"""What clear lenses mirror, which must not hide the eyes behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from m2fp_cli.tryon.channels import to_three_channels
from m2fp_cli.tryon.compositing import Layer

LENS_ALPHA, FRAME_ALPHA = 0.3, 0.5  # lenses of less mirror, frames of more do not
LIT_SKIN = 0.15  # luminance, linear 0..1; before lighter skin lenses mirror all they are drawn with


def dim_mirroring(layer: Layer, skin: float) -> Layer:
    """Let clear lenses mirror less before dark skin, where the same light would be a white veil.

    Args:
        layer: the warped glasses.
        skin: median luminance of the face, linear 0..1.
    """
    if skin >= LIT_SKIN:
        return layer
    frame = np.clip((layer.alpha - LENS_ALPHA) / (FRAME_ALPHA - LENS_ALPHA), 0, 1)
    gain = skin / LIT_SKIN * (1 - frame) + frame
    return replace(layer, color=layer.color * to_three_channels(gain.astype(np.float32)))
