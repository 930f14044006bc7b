"""Names of the array types that the package passes around, and what a photo must be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]
Ids = NDArray[np.integer[Any]]
Picture = NDArray[np.uint8]  # (H, W, 3) BGR unless said otherwise
Given = NDArray[Any]  # a photo as a program gives it; OpenCV's own types do not say uint8
Point = tuple[float, float]  # x, y
Rgb = tuple[int, int, int]
Box = tuple[int, int, int, int]  # x0, y0, x1, y1, half-open


def require_photo(photo: object) -> None:
    """Check what a program gives as a photo.

    Raises:
        TypeError: it is no array.
        ValueError: the array is not (H, W, 3) uint8, or it is empty.
    """
    if not isinstance(photo, np.ndarray):
        why = "; cv2.imread gives None for a file that it cannot read" if photo is None else ""
        raise TypeError(
            "a photo must be a NumPy array, uint8 (H, W, 3) BGR as cv2.imread gives it, got "
            f"{type(photo).__name__}{why}"
        )
    is_color = photo.ndim == 3 and photo.shape[2] == 3
    if photo.dtype != np.uint8 or not is_color or not photo.size:
        raise ValueError(f"a photo must be uint8 (H, W, 3) BGR, got {photo.dtype} {photo.shape}")
