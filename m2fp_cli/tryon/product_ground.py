"""The ground of a product photo: near white, with light that falls off, noise and soft shadows.

A garment begins at an edge or a color, a shadow at neither: the ground is what can be reached from
the border of the photo without crossing an edge, as long as it is as neutral as the border.
"""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.compositing import to_lab
from m2fp_cli.tryon.masked_mean import masked_mean
from m2fp_cli.tryon.morphology import close_mask, dilate, erode, open_mask

SIDE = 640  # of the picture that is looked at
BORDER = 0.025  # of it that is ground, share of its side
LIGHTEST_COLOR, DARKEST = 9.0, 72.0  # chroma and lightness of a ground that is near white, Lab
LEAST_BORDER = 0.75  # share of the border that is ground
EDGES = 1.6, 0.7  # slope of lightness and of chroma from which there is an edge, Lab per pixel
NOISE_SLOPES = 5.0  # ... and in deviations of the border's own
LIKE_COLOR, LIKE_DARK = 7.0, 42.0  # chroma and lightness by which a shadow differs from the ground
GAP = 0.0045  # of an edge that is closed, share of the side
UNLIKE = 16.0  # distance of a garment from the ground, from where enclosed ground is told from it
SAME = 5.0, 14.0  # chroma and lightness by which enclosed ground differs
LEAST_ENCLOSED = 0.0015  # area of it, share of the picture
DEPTH = 7.0  # of the garment's edge that may be shadow, pixels
TRIMS = 0.0, 26.0, 26.0  # times that this is cut off, where both are so far apart, Lab
SMOOTH = 1.2  # of the blur of the outline, pixels
SHADOW_WEIGHT = 0.6  # of lightness below the ground's
THIN = 0.011  # half the width of hooks, strings and cords beside a garment, share of the side
LEVEL = 0.3  # of the soft outline; its pixels hold some ground, and alpha ends inside it
HALF_EDGE = 1.2  # pixels of an edge that are ground's


def find_ground(bgr: Picture) -> BoolArray | None:
    """The ground of a product photo.

    Args:
        bgr: (H, W, 3) uint8.

    Returns:
        (H, W) bool; None where its border is not near white.
    """
    factor = min(1.0, SIDE / max(bgr.shape[:2]))
    size = max(1, round(bgr.shape[1] * factor)), max(1, round(bgr.shape[0] * factor))
    small = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    lab = np.asarray(cv2.GaussianBlur(to_lab(small), (0, 0), 1.0), np.float32)
    width = max(2, round(BORDER * max(size)))
    border = np.ones(lab.shape[:2], np.bool_)
    border[width:-width, width:-width] = False
    ground = _fit_ground(lab, border)
    if ground is None:
        return None
    apart = lab - ground
    color = np.hypot(apart[..., 1], apart[..., 2])
    edge = np.zeros_like(border)
    for slope, least in zip((_slope(lab[..., :1]), _slope(lab[..., 1:])), EDGES, strict=True):
        edge |= slope > max(least, NOISE_SLOPES * float(np.percentile(slope[border], 68)))
    edge = close_mask(edge, GAP * max(size))
    like = (color < LIKE_COLOR) & (apart[..., 0] > -LIKE_DARK) & (apart[..., 0] < LIKE_DARK)
    free = like & ~edge
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        free.astype(np.uint8), connectivity=4
    )
    outer = np.unique(pieces[border & free])
    taken = set(outer[outer > 0].tolist())
    rest = ~np.isin(pieces, outer[outer > 0]) if taken else np.ones_like(free)
    deep = erode(rest, 3.0)
    distance = np.hypot(color, apart[..., 0])
    if deep.any() and float(np.median(distance[deep])) > UNLIKE:
        least = LEAST_ENCLOSED * free.size
        for i in range(1, count):
            if i in taken or stats[i, cv2.CC_STAT_AREA] < least:
                continue
            inside = pieces == i
            off = float(np.median(color[inside])), abs(float(np.median(apart[..., 0][inside])))
            if off[0] < SAME[0] and off[1] < SAME[1]:
                taken.add(i)
    found = np.isin(pieces, list(taken))
    garment = ~dilate(found, HALF_EDGE)
    for clear in TRIMS:
        garment = _trim(lab, found, garment, clear)
    garment = largest_piece(open_mask(garment, THIN * max(size)))
    whole = cv2.resize(
        cv2.GaussianBlur(garment.astype(np.float32), (0, 0), SMOOTH),
        bgr.shape[1::-1],
        interpolation=cv2.INTER_CUBIC,
    )
    out: BoolArray = whole < LEVEL
    return out


def largest_piece(mask: BoolArray) -> BoolArray:
    """The largest piece of a mask; nothing of an empty one."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    out: BoolArray = pieces == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return out


def _trim(
    lab: FloatArray, ground: BoolArray, garment: BoolArray, clear: float
) -> BoolArray:
    """A garment without what is beside it and more like the ground: the shadow at its edge."""
    deep = erode(garment, DEPTH)
    near = garment & ~deep
    if not near.any() or not deep.any():
        return garment
    inner, outer = (
        masked_mean(lab, part, (DEPTH, 3 * DEPTH))[near] for part in (deep, ground)
    )  # fmt: skip
    here = lab[near]
    out = garment.copy()
    # A shadow is darker than the ground, not of another color.
    off = here - outer
    off[:, 0] *= np.where(off[:, 0] < 0, SHADOW_WEIGHT, 1)
    out[near] = np.linalg.norm(here - inner, axis=1) < np.linalg.norm(off, axis=1)
    out[near] |= np.linalg.norm(inner - outer, axis=1) < clear
    return close_mask(out, 1.0) & garment


def _fit_ground(lab: FloatArray, border: BoolArray) -> FloatArray | None:
    """The ground's color as a curve over the picture, (h, w, 3); None if it is not near white."""
    height, width = border.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    terms = np.stack((np.ones_like(x), x, y, x * x, y * y), axis=2)
    values, places = lab[border], terms[border]
    middle = np.median(values, axis=0)
    used = np.linalg.norm(values - middle, axis=1) < 3 * UNLIKE / 2
    if used.mean() < LEAST_BORDER:
        return None
    for _ in range(2):
        fitted, *_ = np.linalg.lstsq(places[used], values[used], rcond=None)
        off = np.linalg.norm(values - places @ fitted, axis=1)
        used = off < max(3.0, 3 * float(np.median(off)))
    if used.mean() < LEAST_BORDER:
        return None
    if middle[0] < DARKEST or float(np.hypot(middle[1], middle[2])) > LIGHTEST_COLOR:
        return None
    return np.asarray(terms @ fitted, np.float32)


def _slope(lab: FloatArray) -> FloatArray:
    """How fast colors change, Lab per pixel."""
    total = np.zeros(lab.shape[:2], np.float32)
    for channel in cv2.split(lab):
        dx = cv2.Scharr(channel, cv2.CV_32F, 1, 0, scale=1 / 32)
        dy = cv2.Scharr(channel, cv2.CV_32F, 0, 1, scale=1 / 32)
        total += dx * dx + dy * dy
    return np.asarray(np.sqrt(total), np.float32)
