"""A line along the outline of every person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from m2fp_cli.arrays import Picture
from m2fp_cli.imaging.color import LINEAR, to_srgb_exactly

# A line of 2 pixels on a photo whose shorter side is 1080, thinner and thicker with it.
_WIDTH_SHARE = 2 / 1080
_FULL = 16  # coverage of a pixel that is line all around: the sum of a binomial 3 x 3 kernel
_REPLICATE: dict[str, Any] = {"borderType": cv2.BORDER_REPLICATE}


@dataclass(frozen=True, eq=False)
class SoftLines:
    """Lines with soft borders, ready for every picture of one photo.

    Attributes:
        at: (N,) index of each touched pixel, row by row.
        share: (N,) uint8, how much of it is line, in sixteenths, 1..16.
    """

    at: npt.NDArray[np.intp]
    share: npt.NDArray[np.uint8]


def _white_table() -> Picture:
    """Stored value of white over a stored value, by coverage in sixteenths, (17, 256)."""
    share = np.linspace(0, 1, _FULL + 1, dtype=np.float32)[:, None]
    return to_srgb_exactly(share + LINEAR * (1 - share))


_WHITE = _white_table()


def line_width(image_hw: tuple[int, int]) -> int:
    """Width of an outline that is well seen on a photo of this size, in pixels, at least 1."""
    return max(1, round(min(image_hw) * _WIDTH_SHARE))


def find_outlines(person_map: npt.NDArray[np.uint16], width: int) -> npt.NDArray[np.uint8]:
    """Find of every person the pixels along their outline.

    The line lies inside the person, so the lines of two people who touch stand side by side. The
    border of the photo is no outline.

    Args:
        person_map: (H, W) uint16, 0 = nobody.
        width: thickness of the line in pixels, at least 1.

    Returns:
        (H, W) uint8, 1 on the outlines, 0 elsewhere.
    """
    # OpenCV is several times as fast on 8 bits, and hardly a photo has more people.
    ids = person_map.astype(np.uint8) if person_map.max() <= 255 else person_map
    size = 2 * width + 1
    square = np.ones((size, size), dtype=np.uint8)  # OpenCV does squares row by row, discs slowly
    differs = cv2.dilate(ids, square, **_REPLICATE) != cv2.erode(ids, square, **_REPLICATE)
    differs &= ids > 0
    return np.asarray(differs).view(np.uint8)


def soften(outlines: npt.NDArray[np.uint8]) -> SoftLines:
    """Spread the step at a line's borders over three pixels, as borders of colours are.

    Args:
        outlines: (H, W) uint8, 1 on the lines, 0 elsewhere.
    """
    # Sixteenths are what the kernel's weights are, so this blur loses nothing to rounding.
    blurred = cv2.GaussianBlur(outlines * np.uint8(_FULL), (3, 3), 0, **_REPLICATE)
    coverage = np.asarray(blurred, dtype=np.uint8)
    at = np.flatnonzero(coverage != 0)
    return SoftLines(at, coverage.ravel().take(at))


def draw_lines(picture: Picture, lines: SoftLines) -> None:
    """Draw white lines into a picture, mixed in linear light.

    Args:
        picture: (H, W, 3) BGR or (H, W, 4) BGRA uint8, contiguous; where it is clear the lines
            bring their own opacity.
        lines: made from a map of the same size.
    """
    pixels = picture.reshape(-1, picture.shape[2])
    values = pixels.take(lines.at, axis=0)
    white = _WHITE.take(lines.share[:, None] * np.intp(256) + values[:, :3])
    if picture.shape[2] == 4:
        white[values[:, 3] == 0] = 255
        opaque = np.rint(lines.share * np.float32(255 / _FULL)).astype(np.uint8)
        white = np.column_stack((white, np.maximum(values[:, 3], opaque)))
    pixels[lines.at] = white
