"""The ground of a product photo: near white, with light that falls off, noise and soft shadows.

A garment begins at an edge or a color, a shadow at neither: the ground is what can be reached from
the border of the photo without crossing an edge, as long as it is as neutral as the border.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.channels import to_lab
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
# A print in the color of the ground is enclosed as well: it lies on the body, ground beside it.
ON_BODY = 0.7  # from the middle, share of half the body's width
HEM_ROWS, MIDDLE = 0.7, 1 / 3  # where that is measured, and within what lies on the body for sure
DEPTH = 7.0  # of the garment's edge that may be shadow, pixels
CLEAR = 26.0  # distance of garment and ground, Lab, from which they are told apart for certain
POCKET_COLOR = 18.0  # by which the chroma of a shadow in such a gap differs
POCKET = 0.025  # half the width of a gap at an armpit, share of the side
SMOOTH = 1.2  # of the blur of the outline, pixels
SHADOW_WEIGHT = 0.6  # of lightness below the ground's
THIN = 0.011  # half the width of hooks, strings and cords beside a garment, share of the side
# Stripes in the color of the ground tear a garment into thin pieces: they are joined across gaps of
# twice so much of the side, the least that leaves most of what was found in one piece.
STRIPES, MOST_LOST = (0.006, 0.01, 0.014, 0.018), 0.03
LEVEL = 0.3  # of the soft outline; its pixels hold some ground, and alpha ends inside it
HALF_EDGE = 1.2  # pixels of an edge that are ground's


def find_ground(bgr: Picture) -> BoolArray | None:
    """The ground of a product photo.

    Args:
        bgr: (H, W, 3) uint8.

    Returns:
        (H, W) bool; None where its border is not near white.
    """
    lab, ground = measure_ground(bgr)
    if ground is None:
        return None
    border = find_border(lab.shape[:2])
    apart = np.asarray(lab - ground, np.float32)
    found, middle = _reach(lab, apart, border)
    if middle is not None:
        found = found | _pockets(lab, apart, found, middle)
    garment = _cut(lab, found)
    soft = cv2.GaussianBlur(garment.astype(np.float32), (0, 0), SMOOTH)
    whole = cv2.resize(soft, bgr.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    out: BoolArray = whole < LEVEL
    return out


def measure_ground(bgr: Picture) -> tuple[FloatArray, FloatArray | None]:
    """A picture as it is looked at, and the color of the ground at its border.

    Args:
        bgr: (H, W, 3) uint8.

    Returns:
        (h, w, 3) float32 Lab of at most ``SIDE`` pixels a side, a little blurred; and the ground's,
        of the same shape, None where the border is not near white.
    """
    factor = min(1.0, SIDE / max(bgr.shape[:2]))
    size = max(1, round(bgr.shape[1] * factor)), max(1, round(bgr.shape[0] * factor))
    small = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    lab = np.asarray(cv2.GaussianBlur(to_lab(small), (0, 0), 1.0), np.float32)
    return lab, _fit_ground(lab, find_border(lab.shape[:2]))


def find_border(shape: tuple[int, ...]) -> BoolArray:
    """The pixels along the sides of a picture of (h, w) pixels that should show its ground."""
    width = max(2, round(BORDER * max(shape)))
    border = np.ones(shape, np.bool_)
    border[width:-width, width:-width] = False
    return border


def _is_like(apart: FloatArray, color: float = LIKE_COLOR) -> BoolArray:
    """What has the ground's color, lit or in shadow.

    Args:
        apart: (h, w, 3) float32 Lab, less the ground.
        color: by which the chroma may differ.
    """
    out: BoolArray = np.hypot(apart[..., 1], apart[..., 2]) < color
    out &= np.abs(apart[..., 0]) < LIKE_DARK
    return out


def _reach(
    lab: FloatArray, apart: FloatArray, border: BoolArray
) -> tuple[BoolArray, FloatArray | None]:
    """The ground that is reached from the border without crossing an edge, and what is like it.

    Args:
        lab: (h, w, 3) float32, the photo.
        apart: the same less the ground's color.
        border: (h, w) bool, of the photo.

    Returns:
        (h, w) bool, and the middle color of the rest, None where nothing is left.
    """
    edge = np.zeros_like(border)
    for slope, least in zip((_slope(lab[..., :1]), _slope(lab[..., 1:])), EDGES, strict=True):
        edge |= slope > max(least, NOISE_SLOPES * float(np.percentile(slope[border], 68)))
    free = _is_like(apart) & ~close_mask(edge, GAP * max(border.shape))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        free.astype(np.uint8), connectivity=4
    )
    taken = np.zeros(count, np.bool_)
    taken[pieces[border & free]] = True
    taken[0] = False
    deep = erode(~taken[pieces], 3.0)
    if not deep.any():
        return taken[pieces], None
    # Ground between a sleeve and the body is not reached: it is told by its color, if that is
    # not the garment's too.
    if float(np.median(np.linalg.norm(apart[deep], axis=1))) > UNLIKE:
        large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= LEAST_ENCLOSED * free.size)
        like = []
        for i in large[(large > 0) & ~taken[large]]:
            off = np.median(np.abs(apart[pieces == i]), axis=0)
            if np.hypot(off[1], off[2]) < SAME[0] and off[0] < SAME[1]:
                like.append(int(i))
        numbers = np.asarray(pieces, np.int32)
        taken[_leave_prints(like, numbers, taken[numbers])] = True
    return taken[pieces], np.asarray(np.median(lab[deep], axis=0), np.float32)


def _leave_prints(like: list[int], pieces: NDArray[np.int32], ground: BoolArray) -> list[int]:
    """Which enclosed pieces are ground, and no print on the front of a garment.

    Args:
        like: numbers of those that have the color of the ground.
        pieces: (h, w) int32, the number of each pixel's piece.
        ground: (h, w) bool, what was reached from the border.
    """
    rows, columns = (np.flatnonzero((~ground).any(axis=axis)) for axis in (1, 0))
    middle, half = round((columns[0] + columns[-1]) / 2), (columns[-1] - columns[0]) / 2
    reach = {i: int(np.abs(np.nonzero(pieces == i)[1] - middle).min()) for i in like}
    beside = [i for i in like if reach[i] > MIDDLE * half]
    hem = slice(round(rows[0] + HEM_ROWS * (rows[-1] - rows[0])), rows[-1] + 1)
    solid = ~(ground | np.isin(pieces, beside))[hem]
    runs = [np.argmin(side, axis=1) for side in (solid[:, middle:], solid[:, middle::-1])]
    body = float(np.median(np.concatenate(runs)))
    # A hanger alone encloses ground above the neck.
    cloth = open_mask(~ground & ~np.isin(pieces, like), THIN * max(ground.shape))
    _, open_ = cv2.connectedComponents((~cloth).astype(np.uint8), connectivity=4)
    outside = np.unique(open_[ground])
    return [
        i for i in like if reach[i] > ON_BODY * body or np.isin(open_[pieces == i], outside).all()
    ]


def _pockets(lab: FloatArray, apart: FloatArray, found: BoolArray, middle: FloatArray) -> BoolArray:
    """Narrow gaps at armpits, which the edges on both sides close.

    Args:
        lab: (h, w, 3) float32, the photo.
        apart: the same less the ground's color.
        found: (h, w) bool, the ground so far.
        middle: (3,) color of the garment.
    """
    other = np.linalg.norm(lab - middle, axis=2) > CLEAR
    whole = found | (_is_like(apart, POCKET_COLOR) & other)
    narrow = whole & ~open_mask(whole, POCKET * max(found.shape))
    _, pieces = cv2.connectedComponents((narrow | found).astype(np.uint8))
    out: BoolArray = narrow & np.isin(pieces, np.unique(pieces[found]))
    return out


def largest_piece(mask: BoolArray) -> BoolArray:
    """The largest piece of a mask; nothing of an empty one."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    out: BoolArray = pieces == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return out


def _cut(lab: FloatArray, ground: BoolArray) -> BoolArray:
    """The garment in one piece, without shadows, hooks and strings; see ``STRIPES``.

    Args:
        lab: (h, w, 3) float32, the photo.
        ground: (h, w) bool, as it was found.
    """
    side, found = max(ground.shape), ~dilate(ground, HALF_EDGE)
    trimmed = _trim_all(lab, ground, found)
    plain, whole = _piece_of(trimmed, side)
    if whole:
        return plain
    best = None
    # Of narrow stripes most is trimmed unless they are joined before, of wide ones if they are.
    for trim_joined in (False, True):
        for gap in STRIPES:
            parts = trimmed
            if trim_joined:
                parts = _trim_all(lab, ground, close_mask(found, gap * side))
            piece, whole = _piece_of(close_mask(parts, gap * side), side)
            if whole:
                larger = best is None or np.count_nonzero(piece) > np.count_nonzero(best)
                best = piece if larger else best
                break
    return plain if best is None else best


def _piece_of(garment: BoolArray, side: int) -> tuple[BoolArray, bool]:
    """The largest piece without what is thin, and whether it is nearly all."""
    piece = largest_piece(open_mask(garment, THIN * side))
    lost = np.count_nonzero(garment & ~piece)
    return piece, lost <= MOST_LOST * np.count_nonzero(garment)


def _trim_all(lab: FloatArray, ground: BoolArray, garment: BoolArray) -> BoolArray:
    """A garment without the shadow at its edge, however wide; see ``_trim``."""
    for clear in (0.0, CLEAR, CLEAR):
        garment = _trim(lab, ground, garment, clear)
    return garment


def _trim(lab: FloatArray, ground: BoolArray, garment: BoolArray, clear: float) -> BoolArray:
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
    middle = np.median(lab[border], axis=0)
    if middle[0] < DARKEST or float(np.hypot(middle[1], middle[2])) > LIGHTEST_COLOR:
        return None
    return fit_plain(lab, border)


def fit_plain(lab: FloatArray, border: BoolArray) -> FloatArray | None:
    """The color of a plain ground as a curve over the picture.

    Args:
        lab: (h, w, 3) float32 Lab.
        border: (h, w) bool, where the ground should be seen.

    Returns:
        (h, w, 3) float32 Lab; None where the border is of several colors.
    """
    height, width = border.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    terms = np.stack((np.ones_like(x), x, y, x * x, y * y), axis=2)
    values, places = lab[border], terms[border]
    used = np.linalg.norm(values - np.median(values, axis=0), axis=1) < 3 * UNLIKE / 2
    if used.mean() < LEAST_BORDER:
        return None
    for _ in range(2):
        fitted, *_ = np.linalg.lstsq(places[used], values[used], rcond=None)
        off = np.linalg.norm(values - places @ fitted, axis=1)
        used = off < max(3.0, 3 * float(np.median(off)))
    if used.mean() < LEAST_BORDER:
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
