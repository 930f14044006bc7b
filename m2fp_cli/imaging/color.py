"""Converts between sRGB levels and linear light, by the formula of IEC 61966-2-1."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray, Picture

_TABLE_STEPS = 16384  # steps of light from 0 to 1 in the table of ``to_srgb``


def _linear_of_srgb(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _srgb_of_linear(light: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


LINEAR: FloatArray = _linear_of_srgb(np.arange(256, dtype=np.float64) / 255).astype(np.float32)
"""Linear light, 0..1, of the 256 sRGB levels."""


@cache
def _srgb_table() -> Picture:
    """The sRGB level of every 16-bit number of steps."""
    light = np.minimum(np.arange(65536, dtype=np.float64) / _TABLE_STEPS, 1)
    levels: Picture = np.round(_srgb_of_linear(light) * 255).astype(np.uint8)
    return levels


def to_linear(picture: Picture) -> FloatArray:
    """Convert sRGB levels to linear light.

    Args:
        picture: uint8, of any shape with two or more dimensions.

    Returns:
        float32 in 0..1, of the same shape.
    """
    if not picture.size:
        return picture.astype(np.float32)
    flat = picture.reshape(picture.shape[0], -1)
    return np.asarray(cv2.LUT(flat, LINEAR), dtype=np.float32).reshape(picture.shape)


def to_srgb(linear: FloatArray) -> Picture:
    """Convert linear light to sRGB levels, with a table.

    Near black the table's steps are a fifth of a level, so that some values are rounded to the
    other side; ``to_srgb_exactly`` is exact and takes ten times as long.

    Args:
        linear: float32, of any shape with two or more dimensions; clipped to 0..1.

    Returns:
        uint8, of the same shape.
    """
    if not linear.size:
        return linear.astype(np.uint8)
    flat = linear.reshape(linear.shape[0], -1)
    # A conversion to 16 bits rounds and clips; the table continues for light above 1.
    wide = cv2.addWeighted(flat, float(_TABLE_STEPS), flat, 0.0, 0.0, dtype=cv2.CV_16U)
    index: NDArray[np.uint16] = np.asarray(wide, dtype=np.uint16)
    out: Picture = np.take(_srgb_table(), index).reshape(linear.shape)
    return out


def to_srgb_exactly(linear: NDArray[np.floating[Any]]) -> Picture:
    """Convert linear light to the nearest sRGB levels.

    Args:
        linear: floating point, of any shape; clipped to 0..1.

    Returns:
        uint8, of the same shape.
    """
    values: Picture = np.rint(_srgb_of_linear(np.clip(linear, 0, 1)) * 255).astype(np.uint8)
    return values
