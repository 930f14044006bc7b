"""Photos and label planes on a canvas: affine maps, and how one picture is laid on another."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.training.dataset import Bytes

Gains = NDArray[np.float64] | tuple[float, ...]
Matrix = NDArray[np.float64]


def affine(
    focus: tuple[float, float], target: tuple[float, float], scale: float, degrees: float
) -> Matrix:
    """(2, 3) map that turns and scales about ``focus`` (x, y) and puts it at ``target``."""
    matrix = np.asarray(cv2.getRotationMatrix2D(focus, degrees, scale), np.float64)
    matrix[:, 2] += np.asarray(target) - np.asarray(focus)
    return matrix


def warp_colors(rgb: Bytes, matrix: Matrix, scale: float, size_hw: tuple[int, int]) -> Bytes:
    """Warp a photo onto a canvas; shrinks first where needed, or thin structures alias."""
    source: Any = rgb
    if scale < 0.7:
        small = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        source = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag((rgb.shape[1] / small[0], rgb.shape[0] / small[1], 1.0))
    size = (size_hw[1], size_hw[0])
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(source, matrix, size, flags=flags, borderMode=border))


def warp_plane(plane: Bytes, matrix: Matrix, size_hw: tuple[int, int], flags: int) -> Bytes:
    """Warp one plane onto a canvas, zero outside."""
    return np.asarray(cv2.warpAffine(plane, matrix, (size_hw[1], size_hw[0]), flags=flags))


def mix(under: Bytes, over: Bytes, soft: Bytes, gains: Gains) -> Bytes:
    """Tint ``over`` and lay it on ``under``, as far as ``soft`` (0 to 255) says."""
    edge: Any = cv2.cvtColor(cv2.GaussianBlur(soft, (3, 3), 0), cv2.COLOR_GRAY2RGB)
    tinted: Any = cv2.multiply(over, (*gains, 0.0))  # type: ignore[call-overload]
    below: Any = cv2.multiply(under, cv2.bitwise_not(edge), scale=1 / 255)
    return np.asarray(cv2.add(below, cv2.multiply(tinted, edge, scale=1 / 255)))
