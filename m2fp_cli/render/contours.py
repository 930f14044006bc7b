"""A line along the outline of every person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from m2fp_cli.arrays import Picture
from m2fp_cli.imaging.color import LINEAR, to_srgb_exactly

_WIDTH_SHARE = 2 / 1080  # of the photo's shorter side: 2 pixels where that is 1080
_FULL_COVERAGE = 16  # of a pixel that is line all around: the sum of a binomial 3 x 3 kernel
_COVERAGES = np.linspace(0, 1, _FULL_COVERAGE + 1, dtype=np.float32)[:, None]
# Stored value of white over a stored value, by coverage in sixteenths, (17, 256).
_WHITE = to_srgb_exactly(_COVERAGES + LINEAR * (1 - _COVERAGES))
_REPLICATE: dict[str, Any] = {"borderType": cv2.BORDER_REPLICATE}


@dataclass(frozen=True, eq=False)
class SoftLines:
    """Antialiased lines, ready for every picture of one photo.

    Attributes:
        pixels: (N,) index of each touched pixel, row by row.
        coverage: (N,) uint8, how much of it is line, in sixteenths, 1..16.
    """

    pixels: npt.NDArray[np.intp]
    coverage: npt.NDArray[np.uint8]


def line_width(image_hw: tuple[int, int]) -> int:
    """Width of an outline that is easy to see on a photo of a size, pixels, at least 1."""
    return max(1, round(min(image_hw) * _WIDTH_SHARE))


def find_outlines(person_map: npt.NDArray[np.uint16], width: int) -> npt.NDArray[np.uint8]:
    """Find the pixels along the outline of every person.

    The line lies inside the person, so that the lines of two people who touch lie side by side. The
    border of the photo is not an outline.

    Args:
        person_map: (H, W) uint16, 0 = nobody.
        width: thickness of the line in pixels, at least 1.

    Returns:
        (H, W) uint8, 1 on the outlines, 0 elsewhere.
    """
    # OpenCV is several times as fast on 8 bits, and hardly any photo has more than 255 people.
    ids = person_map.astype(np.uint8) if person_map.max() <= 255 else person_map
    size = 2 * width + 1
    square = np.ones((size, size), dtype=np.uint8)  # OpenCV is fast with squares, slow with discs
    differs = cv2.dilate(ids, square, **_REPLICATE) != cv2.erode(ids, square, **_REPLICATE)
    differs &= ids > 0
    return np.asarray(differs).view(np.uint8)


def antialias(outlines: npt.NDArray[np.uint8]) -> SoftLines:
    """Spread the step at a line's borders over three pixels, like the borders of colors.

    Args:
        outlines: (H, W) uint8, 1 on the lines, 0 elsewhere.
    """
    # The kernel's weights are sixteenths too, so that this blur loses nothing to rounding.
    blurred = cv2.GaussianBlur(outlines * np.uint8(_FULL_COVERAGE), (3, 3), 0, **_REPLICATE)
    coverage = np.asarray(blurred, dtype=np.uint8)
    pixels = np.flatnonzero(coverage != 0)
    return SoftLines(pixels, coverage.ravel().take(pixels))


def draw_lines(picture: Picture, lines: SoftLines) -> None:
    """Draw white lines into a picture, mixed in linear light.

    Args:
        picture: (H, W, 3) BGR or (H, W, 4) BGRA uint8, contiguous, changed in place; where it is
            clear the lines bring their own opacity.
        lines: made from a map of the same size.
    """
    flat = picture.reshape(-1, picture.shape[2])
    values = flat.take(lines.pixels, axis=0)
    drawn = _WHITE.take(lines.coverage[:, None] * np.intp(256) + values[:, :3])
    if picture.shape[2] == 4:
        drawn[values[:, 3] == 0] = 255
        opaque = np.rint(lines.coverage * np.float32(255 / _FULL_COVERAGE)).astype(np.uint8)
        drawn = np.column_stack((drawn, np.maximum(values[:, 3], opaque)))
    flat[lines.pixels] = drawn
