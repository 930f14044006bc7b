"""The channels of pictures: one value for all three, and other color spaces."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray, Picture

_Level = TypeVar("_Level", np.float32, np.uint8)


def to_three_channels(plane: FloatArray) -> FloatArray:
    """(h, w) to (h, w, 3): OpenCV copies faster than NumPy multiplies by a broadcast plane."""
    return np.asarray(cv2.merge((plane, plane, plane)), dtype=np.float32)


def max_of_channels(picture: NDArray[_Level]) -> NDArray[_Level]:
    """The largest of three channels, (h, w): NumPy takes ten times as long over a short axis."""
    out: NDArray[_Level] = np.maximum(np.maximum(picture[..., 0], picture[..., 1]), picture[..., 2])
    return out


def to_lab(bgr: Picture) -> FloatArray:
    """CIE Lab (float32, same shape) of sRGB levels; on floats, as OpenCV scales L of 8 bits."""
    return np.asarray(cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float32)


def to_gray(bgr: Picture) -> NDArray[np.uint8]:
    """Gray levels of a photo, (H, W) uint8, by the weights of Rec. 601."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
