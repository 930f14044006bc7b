"""Paint a map of ids: by itself, over a photo, or on a transparent background.

Over a photo, colors are mixed in linear light: mixing the stored sRGB values would darken every
edge and every half-transparent color. Inside a region the result depends on the id and the photo's
own value only, so one table look-up per channel does it exactly; only the few pixels at borders
are computed.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from m2fp_cli.arrays import FloatArray, Ids, Picture
from m2fp_cli.imaging.color import LINEAR, to_srgb_exactly

# Binomial weights of the neighbors of a pixel at a border: (row, column, weight). In a map of ids
# a border is a step from one pixel to the next; this spreads it over three.
_KERNEL = tuple(
    (row, column, (2 - abs(row)) * (2 - abs(column)) / 16)
    for row in (-1, 0, 1)
    for column in (-1, 0, 1)
)
_NO_MAP = np.empty(0, dtype=np.float32)  # a nearest-neighbor warp needs no second map
_BLOCK_HW = (128, 512)  # pixels; a block fits a cache, and often holds nobody


def paint_map(ids: Ids, colors_rgb: npt.NDArray[np.uint8]) -> Picture:
    """Paint a map of ids in exactly the palette's colors.

    Args:
        ids: (H, W) integers, each an index of ``colors_rgb``.
        colors_rgb: (N, 3) uint8.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    bgr = np.ascontiguousarray(colors_rgb[:, ::-1])
    if ids.dtype == np.uint8:
        table = np.zeros((256, 1, 3), dtype=np.uint8)
        table[: len(bgr), 0] = bgr
        return np.asarray(cv2.applyColorMap(ids, table), dtype=np.uint8)
    return bgr[ids]


def paint_over(
    image_bgr: Picture,
    ids: Ids,
    colors_rgb: npt.NDArray[np.uint8],
    *,
    opacity: float,
) -> Picture:
    """Paint a map of ids over a photo, mixed in linear light, with soft borders; id 0 stays clear.

    A pixel keeps its value where it and its eight neighbors have id 0.

    Args:
        image_bgr: (H, W, 3) uint8 BGR.
        ids: (H, W) integers, each an index of ``colors_rgb``.
        colors_rgb: (N, 3) uint8.
        opacity: 0..1, share of the color inside its region.

    Returns:
        a new picture like ``image_bgr``.
    """
    painted = image_bgr.copy()
    area = _painted_area(ids)
    if area is None:
        return painted
    crop = np.ascontiguousarray(ids[area])
    photo = image_bgr[area]
    is_border = _find_borders(crop)
    if opacity == 1:
        covered = np.asarray(crop != 0).view(np.uint8)
        target = painted[area]
        target[:] = cv2.copyTo(paint_map(crop, colors_rgb), covered, np.ascontiguousarray(target))
    else:
        _mix_inside(painted[area], photo, crop, colors_rgb, opacity)
    rows, columns = _set_pixels(is_border)
    color, alpha = _soft_colors(crop, rows, columns, colors_rgb)
    at = (rows + area[0].start) * image_bgr.shape[1] + columns + area[1].start
    below = LINEAR.take(image_bgr.reshape(-1, 3).take(at, axis=0))
    mixed = color * np.float32(opacity) + below * (1 - alpha[:, None] * np.float32(opacity))
    painted.reshape(-1, 3)[at] = to_srgb_exactly(mixed)
    return painted


def paint_clear(ids: Ids, colors_rgb: npt.NDArray[np.uint8]) -> Picture:
    """Paint a map of ids on a transparent background: opaque inside, soft towards id 0.

    Args:
        ids: (H, W) integers, each an index of ``colors_rgb``.
        colors_rgb: (N, 3) uint8.

    Returns:
        (H, W, 4) uint8 BGRA with straight alpha; all 0 where nothing is painted.
    """
    colors_rgb = colors_rgb.copy()
    colors_rgb[0] = 0
    opaque = (ids != 0).astype(np.uint8) * np.uint8(255)
    bgra = np.asarray(cv2.merge((paint_map(ids, colors_rgb), opaque)), dtype=np.uint8)
    area = _painted_area(ids)
    if area is None:
        return bgra
    crop = np.ascontiguousarray(ids[area])
    rows, columns = _set_pixels(_find_borders(crop))
    color, alpha = _soft_colors(crop, rows, columns, colors_rgb)
    straight = color / np.maximum(alpha, np.float32(1e-6))[:, None]
    bgra[area][rows, columns, :3] = to_srgb_exactly(straight)
    bgra[area][rows, columns, 3] = np.rint(alpha * 255)
    return bgra


def _painted_area(ids: Ids) -> tuple[slice, slice] | None:
    """Rows and columns that are painted: the box of the ids above 0 and one pixel around it."""
    rows = np.flatnonzero(ids.any(axis=1))
    if not rows.size:
        return None
    top, bottom = max(int(rows[0]) - 1, 0), int(rows[-1]) + 2
    columns = np.flatnonzero(ids[top:bottom].any(axis=0))
    left, right = max(int(columns[0]) - 1, 0), int(columns[-1]) + 2
    return slice(top, bottom), slice(left, right)


def _mix_inside(
    target: Picture, photo: Picture, ids: Ids, colors_rgb: npt.NDArray[np.uint8], opacity: float
) -> None:
    """Write the colors over the photo as if no pixel had a neighbor of another id."""
    tables = _mixed_tables(colors_rgb, opacity)
    for top in range(0, ids.shape[0], _BLOCK_HW[0]):
        for left in range(0, ids.shape[1], _BLOCK_HW[1]):
            block = slice(top, top + _BLOCK_HW[0]), slice(left, left + _BLOCK_HW[1])
            if not ids[block].any():
                continue
            row = ids[block].astype(np.int16)
            # A table look-up with two indices is a nearest-neighbor warp of the table; OpenCV's is
            # faster than NumPy's indexing, which widens every index to 64 bits first.
            mixed = [
                cv2.remap(table, cv2.merge((plane, row)), _NO_MAP, cv2.INTER_NEAREST)
                for table, plane in zip(
                    tables, cv2.split(photo[block].astype(np.int16)), strict=True
                )
            ]
            target[block] = cv2.merge(mixed)


def _mixed_tables(colors_rgb: npt.NDArray[np.uint8], opacity: float) -> list[Picture]:
    """For each channel of BGR the (N, 256) result of every id over every value of the photo."""
    tables = []
    for channel in range(3):
        light = LINEAR[colors_rgb[:, 2 - channel]][:, None] * np.float32(opacity)
        table = to_srgb_exactly(light + LINEAR[None] * np.float32(1 - opacity))
        table[0] = np.arange(256)
        tables.append(table)
    return tables


def _find_borders(ids: Ids) -> npt.NDArray[np.bool_]:
    """Which pixels have another id among their eight neighbors, (H, W) bool."""
    comparable = _comparable(ids)
    square = np.ones((3, 3), dtype=np.uint8)
    return np.asarray(cv2.dilate(comparable, square) != cv2.erode(comparable, square))


def _comparable(ids: Ids) -> Ids:
    """The ids in a type that OpenCV can dilate."""
    return ids if ids.dtype in (np.uint8, np.uint16) else ids.astype(np.uint16)


def _set_pixels(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of the set pixels."""
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


def _soft_colors(
    ids: Ids,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    colors_rgb: npt.NDArray[np.uint8],
) -> tuple[FloatArray, FloatArray]:
    """Linear color at borders, weighted by how much of it reaches a pixel, and that coverage.

    Returns:
        (N, 3) float32 premultiplied BGR and (N,) float32 coverage, both 0..1.
    """
    covered = np.ones((len(colors_rgb), 4), dtype=np.float32)
    covered[:, :3] = LINEAR[colors_rgb[:, ::-1]]
    covered[0] = 0
    comparable = _comparable(ids)
    padded = np.empty((ids.shape[0] + 2, ids.shape[1] + 2), comparable.dtype)
    cv2.copyMakeBorder(comparable, 1, 1, 1, 1, cv2.BORDER_REPLICATE, dst=padded)
    width = padded.shape[1]
    at = (rows + 1) * width + columns + 1
    flat = padded.ravel()
    total = np.zeros((len(at), 4), dtype=np.float32)
    for row, column, weight in _KERNEL:
        total += (covered * np.float32(weight)).take(flat.take(at + row * width + column), axis=0)
    return total[:, :3], total[:, 3]
