"""Grow, shrink and bound masks: the morphology that try-on needs, all on (h, w) bool.

Dilation and erosion by a disc go over a distance transform, whose time does not depend on the
radius; a dilation by a square takes whole rows at a time and serves where a disc is not needed.
"""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray


def dilate(mask: BoolArray, radius: float) -> BoolArray:
    """Dilate by a disc.

    Args:
        mask: (h, w) bool.
        radius: of the disc in pixels, rounded to whole ones.

    Returns:
        (h, w) bool; ``mask`` itself where nothing is added.
    """
    reach = round(radius)
    around = bounding_slices(mask, reach + 1)
    if reach < 1 or around is None:
        return mask
    out = np.zeros_like(mask)
    out[around] = _distance_to_unset(~mask[around]) <= reach
    return out


def erode(mask: BoolArray, radius: float) -> BoolArray:
    """Erode by a disc; the border of the array does not count as unset.

    Args:
        mask: (h, w) bool.
        radius: of the disc in pixels, rounded to whole ones.

    Returns:
        (h, w) bool; ``mask`` itself where nothing is removed.
    """
    reach = round(radius)
    around = bounding_slices(mask, 1)
    if reach < 1 or around is None:
        return mask
    out = np.zeros_like(mask)
    out[around] = _distance_to_unset(mask[around]) > reach
    return out


def open_mask(mask: BoolArray, radius: float) -> BoolArray:
    """Morphological opening: remove what is narrower than a disc of ``radius`` pixels."""
    return dilate(erode(mask, radius), radius)


def close_mask(mask: BoolArray, radius: float) -> BoolArray:
    """Morphological closing: fill what is narrower than a disc of ``radius`` pixels."""
    return erode(dilate(mask, radius), radius)


def dilate_square(mask: BoolArray, reach: int) -> BoolArray:
    """Dilate by a square.

    Args:
        mask: (h, w) bool.
        reach: half of the square's side without its middle, pixels.
    """
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def nearer_to(mask: BoolArray, other: BoolArray, reach: float) -> BoolArray:
    """Pixels within a distance of one mask and nearer to it than to another one.

    Args:
        mask: (h, w) bool.
        other: (h, w) bool.
        reach: the distance in pixels, rounded to whole ones.
    """
    # A pixel is up to one reach away from the mask, and what is nearer to it up to one more.
    around = bounding_slices(mask, 2 * round(reach) + 1)
    if around is None:
        return mask
    to_mask, to_other = (_distance_to_unset(~part[around]) for part in (mask, other))
    out = np.zeros_like(mask)
    out[around] = (to_mask <= round(reach)) & (to_mask < to_other)
    return out


def connected_to(mask: BoolArray, seed: BoolArray, gap: float) -> BoolArray:
    """Pieces of a mask that hold a pixel of a seed.

    Args:
        mask: (h, w) bool; it is dilated first, so that a small gap joins two pieces to one.
        seed: (h, w) bool; what of it lies outside of the mask does not count.
        gap: radius of the disc that the mask is dilated by, pixels.

    Returns:
        (h, w) bool, pieces of the dilated mask.
    """
    count, pieces = cv2.connectedComponents(dilate(mask, gap).astype(np.uint8))
    held = np.zeros(count, dtype=np.bool_)
    held[pieces[mask & seed]] = True
    return np.asarray(held[pieces])


def bounding_slices(mask: BoolArray, margin: int = 0) -> tuple[slice, slice] | None:
    """Rows and columns that hold everything set.

    Args:
        mask: (h, w) bool.
        margin: pixels added on every side; the slices may end beyond the array.

    Returns:
        slices to index the mask with, None if nothing is set.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    y0, x0 = max(int(rows[0]) - margin, 0), max(int(columns[0]) - margin, 0)
    return slice(y0, int(rows[-1]) + 1 + margin), slice(x0, int(columns[-1]) + 1 + margin)


def _distance_to_unset(mask: BoolArray) -> FloatArray:
    """Distance of every pixel to the nearest one that is not set, infinite where there is none."""
    if mask.all():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(distance, dtype=np.float32)
