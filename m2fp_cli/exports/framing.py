"""A photo in the size that a pipeline wants: which part is shown, and how large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Box, Ids, Picture

_ROOM = 0.08  # around a person who is cropped out, in shares of their height
WHITE = 255
_MOST_ROOM = 4  # windows of more times the photo are not built: a panorama's may need 100 GB


@dataclass(frozen=True)
class Frame:
    """A window of a photo, scaled to a size.

    Attributes:
        window_xyxy: half-open box in pixels of the upright photo; may reach beyond it.
        size_wh: width and height that it is scaled to.
        photo_hw: height and width of the photo.
    """

    window_xyxy: Box
    size_wh: tuple[int, int]
    photo_hw: tuple[int, int]

    @property
    def scale(self) -> float:
        """Pixels of the picture per pixel of the photo, across."""
        x0, _, x1, _ = self.window_xyxy
        return self.size_wh[0] / (x1 - x0)

    def record(self) -> dict[str, Any]:
        """For a manifest: what puts a result back where it came from."""
        x0, y0, x1, y1 = self.window_xyxy
        height, width = self.photo_hw
        # Windows are whole pixels: across and down the picture's scales differ a little.
        across, down = self.scale, self.size_wh[1] / (y1 - y0)
        pads = (-x0 * across, -y0 * down, (x1 - width) * across, (y1 - height) * down)
        return {
            "photo_wh": [width, height],
            "window_xyxy": list(self.window_xyxy),
            "size_wh": list(self.size_wh),
            "scale": round(self.scale, 6),
            "pad_ltrb": [max(0, round(pad)) for pad in pads],
        }

    def picture(self, image_bgr: Picture) -> Picture:
        """The window of a photo, (h, w, 3) uint8; white where it reaches beyond the photo."""
        # Averaging loses nothing when pixels are merged; a cubic keeps edges when they are made.
        method = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
        return self.resized(image_bgr, WHITE, method)

    def resized(self, pixels: NDArray[np.uint8], fill: int, method: int) -> NDArray[np.uint8]:
        """The window of a photo or a mask, mixed from its pixels.

        Args:
            pixels: (H, W) or (H, W, 3) uint8.
            fill: what lies beyond the photo.
            method: of ``cv2.resize``.
        """
        photo, window = self._slices()
        part = pixels[photo]
        x0, y0, x1, y1 = self.window_xyxy
        if (x1 - x0) * (y1 - y0) <= _MOST_ROOM * part.shape[0] * part.shape[1]:
            whole = self._window(pixels, fill)
            return np.asarray(cv2.resize(whole, self.size_wh, interpolation=method), np.uint8)
        width, height = self.size_wh
        rows = _span(window[0], height / (y1 - y0), height)
        columns = _span(window[1], width / (x1 - x0), width)
        out = np.full((height, width, *pixels.shape[2:]), fill, np.uint8)
        size_wh = columns.stop - columns.start, rows.stop - rows.start
        out[rows, columns] = cv2.resize(part, size_wh, interpolation=method)
        return out

    def map(self, ids: Ids) -> Ids:
        """The window of a map of ids or a mask; each pixel is one of the map's own, never a mix."""
        (x0, y0, _, _), (height, width) = self.window_xyxy, self.photo_hw
        rows, columns = self._nearest()
        y, x = rows + y0, columns + x0
        out = np.zeros((rows.size, columns.size), ids.dtype)
        inside = np.ix_((y >= 0) & (y < height), (x >= 0) & (x < width))
        out[inside] = ids[np.ix_(y[inside[0].ravel()], x[inside[1].ravel()])]
        return out

    def to_picture(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the photo, (P, 2) x and y, where they are in the picture."""
        x0, y0, x1, y1 = self.window_xyxy
        return np.asarray((points - (x0, y0)) * np.divide(self.size_wh, (x1 - x0, y1 - y0)))

    def _nearest(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the window below the middle of each pixel of the picture."""
        x0, y0, x1, y1 = self.window_xyxy
        width, height = self.size_wh
        rows = ((np.arange(height) + 0.5) * (y1 - y0) / height).astype(np.intp)
        columns = ((np.arange(width) + 0.5) * (x1 - x0) / width).astype(np.intp)
        return rows, columns

    def _slices(self) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Where photo and window overlap, in the photo and in the window."""
        (x0, y0, x1, y1), (height, width) = self.window_xyxy, self.photo_hw
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        photo = (slice(top, bottom), slice(left, right))
        return photo, (slice(top - y0, bottom - y0), slice(left - x0, right - x0))

    def _window(self, pixels: NDArray[Any], fill: int) -> NDArray[Any]:
        x0, y0, x1, y1 = self.window_xyxy
        photo, window = self._slices()
        out = np.full((y1 - y0, x1 - x0, *pixels.shape[2:]), fill, pixels.dtype)
        out[window] = pixels[photo]
        return out


def _span(window: slice, scale: float, length: int) -> slice:
    """A stretch of a window in the frame: at least one pixel of so many."""
    first = min(max(round(window.start * scale), 0), length - 1)
    return slice(first, min(max(round(window.stop * scale), first + 1), length))


def frame_whole(photo_hw: tuple[int, int], size_wh: tuple[int, int]) -> Frame:
    """The whole photo in the middle of a frame, with as little white around it as there can be."""
    height, width = photo_hw
    window = _grown_to_ratio((0.0, 0.0, float(width), float(height)), size_wh)
    return Frame(window, size_wh, photo_hw)


def frame_person(box_xyxy: Box, photo_hw: tuple[int, int], size_wh: tuple[int, int]) -> Frame:
    """A person with some room around them, moved into the photo as far as it goes."""
    x0, y0, x1, y1 = box_xyxy
    room = _ROOM * (y1 - y0)
    wide = (x0 - room, y0 - room, x1 + room, y1 + room)
    left, top, right, bottom = _grown_to_ratio(wide, size_wh)
    height, width = photo_hw
    dx = _shift(left, right, width)
    dy = _shift(top, bottom, height)
    return Frame((left + dx, top + dy, right + dx, bottom + dy), size_wh, photo_hw)


def _shift(low: int, high: int, size: int) -> int:
    """How far a range moves to lie in 0..size, or around its middle if it is longer."""
    if high - low >= size:
        return (size - high - low) // 2
    return max(0, -low) - max(0, high - size)


def _grown_to_ratio(box: tuple[float, float, float, float], size_wh: tuple[int, int]) -> Box:
    """The smallest box of whole pixels around a box, of the ratio of a size."""
    x0, y0, x1, y1 = box
    ratio = size_wh[0] / size_wh[1]
    width, height = max(x1 - x0, (y1 - y0) * ratio), max(y1 - y0, (x1 - x0) / ratio)
    wide, high = max(1, round(width)), max(1, round(height))
    left, top = round((x0 + x1 - wide) / 2), round((y0 + y1 - high) / 2)
    return left, top, left + wide, top + high
