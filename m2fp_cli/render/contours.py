"""A line along the outline of every person."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

# A line of 2 pixels on a photo whose shorter side is 1080, thinner and thicker with it.
_WIDTH_SHARE = 2 / 1080


def line_width(image_hw: tuple[int, int]) -> int:
    """Width of an outline that is well seen on a photo of this size, in pixels, at least 1."""
    return max(1, round(min(image_hw) * _WIDTH_SHARE))


def outline_ids(person_map: npt.NDArray[np.uint16], width: int) -> npt.NDArray[np.uint16]:
    """Keep of every person only the pixels along their outline.

    The line lies inside the person, so the lines of two people who touch stand side by side. The
    border of the photo is no outline.

    Args:
        person_map: (H, W) uint16, 0 = nobody.
        width: thickness of the line in pixels, at least 1.

    Returns:
        (H, W) uint16, person id on the outlines, 0 elsewhere.
    """
    size = 2 * width + 1
    square = np.ones((size, size), dtype=np.uint8)  # OpenCV does squares row by row, discs slowly
    border: dict[str, Any] = {"borderType": cv2.BORDER_REPLICATE}
    differs = cv2.dilate(person_map, square, **border) != cv2.erode(person_map, square, **border)
    return np.where(differs, person_map, 0).astype(np.uint16)
