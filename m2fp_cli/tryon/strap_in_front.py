"""Straps of bags that the network takes for the top: the one narrow bar of another color on it.

Bags and clutches cannot be told from cloth by color, but a strap has a shape of its own: longer
than wide, of another color than the cloth beside it, which is the same on both sides, and nothing
else on the top looks so. Stripes, checks and trims come several at a time, the edge of an open coat
has two cloths beside it, a fold or shine is of no other color or is soft, a placket or tie is in
the middle, and a sleeve in the shade ends where the top ends.

On 317 street photos that no rule here was made with, a strap is found on ten people and is one on
nine; the tenth wears checks, which ``MEAN_WIDTH`` now knows. Of 355 people on COCO photos four have
one: a tie, a scarf, and twice the dark side of a shirt.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.morphology import bounding_slices, close_mask, dilate, dilate_square, open_mask

PER_UNIT = 12.0  # pixels per U at which bars are looked for
MIN_UNIT = 10.0  # U in pixels; straps of smaller people are a pixel or two
LIGHTNESS = 0.7  # weight of lightness in all distances, as folds change it

# A bar.
ANGLES = np.deg2rad((-50, -35, -22, -10, 0, 10, 22, 35, 50))  # from upright
WIDTHS = (0.3, 0.5, 0.8)  # U
ALONG = 0.9  # of it that is averaged, U
BESIDE, MIN_BESIDE = 0.15, 1.3  # from its edge to the cloth that it is compared with, U, pixels
ON_TOP = 0.9  # share of that cloth that is the top's
APART = 14.0  # from the cloth on both sides, Lab
ALIKE = 0.5  # most that the sides and the bar itself may differ, share of how far they are apart

# A strap.
MIN_LENGTH, MOST_LEVEL = 2.2, 1.4  # U, and columns over rows
SOLE = 0.58  # share of it in all that looks like a bar
OTHER_COLOR = 9.0  # from the cloth, chroma, Lab
DARKER = 30.0  # or so much darker than it: shine is as bright as a white strap
MIDDLE = 0.1  # of a top's rows, to either side, share of them: what is upright there is the top's
UPRIGHT = 0.3  # columns over rows of it
ENCLOSED = 0.7  # share of a strap's outline that lies on the top, ...
CLOTH = 2  # ... which goes on beyond it, pixels
SAME_HUE, COLORED, SHADE = 25.0, 12.0, 4.0  # degrees, if of both the chroma, apart in lightness
MIXED, MOST_MIXED = (0.3, 0.7), 0.3  # of both colors, and share of it in and around a strap
LIKE = 0.5, 12.0  # the strap's own pixels: on the way from cloth to strap, and off that way, Lab
WIDEST = 1.3  # of what belongs to a strap, U
MEAN_WIDTH = 1.1  # of all of it, U; a check grows into its neighbors
SHARP = 0.4  # as the first of LIKE, at the photo's own size


def find_straps(window_bgr: Picture, top: BoolArray, unit: float) -> BoolArray:
    """Where the strap of a bag is seen in what is labelled as the top.

    Args:
        window_bgr: (h, w, 3) uint8, the photo.
        top: (h, w) bool.
        unit: U in pixels.

    Returns:
        (h, w) bool, a part of ``top``.
    """
    out = np.zeros_like(top)
    box = bounding_slices(top, round(unit))
    if unit < MIN_UNIT or box is None:
        return out
    window, part = window_bgr[box], top[box]
    scale = min(PER_UNIT / unit, 1.0)
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(part.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    reduced = cv2.resize(window, size, interpolation=cv2.INTER_AREA)
    lab = _weighted_lab(np.asarray(reduced, np.uint8))
    bars, ground = _find_bars(lab, small, unit * scale)
    bar = _sole_bar(bars, unit * scale)
    if not bar.any():
        return out
    colors = np.median(ground[bar], axis=0), np.median(lab[bar], axis=0)
    if not _is_other_color(*colors) or _is_central(bar, small):
        return out
    grown = _grow(bar, lab, small, colors, unit * scale)
    if _is_wide(grown, unit * scale) or not _lies_on(grown, lab, small, colors):
        return out
    near = dilate_square(grown, 1)
    large = cv2.resize(near.astype(np.uint8), part.shape[::-1], interpolation=cv2.INTER_NEAREST)
    strap = np.asarray(large > 0) & part
    around = bounding_slices(strap, 1)
    if around is None:
        return out
    on_way, _ = _place(_weighted_lab(window[around]), *colors)
    strap[around] &= on_way > SHARP
    out[box] = strap
    return out


def _weighted_lab(bgr: Picture) -> FloatArray:
    return np.asarray(to_lab(bgr) * (LIGHTNESS, 1, 1), np.float32)


def _find_bars(lab: FloatArray, top: BoolArray, unit: float) -> tuple[BoolArray, FloatArray]:
    """Middles of bars on a top, (h, w) bool, and the color of the cloth beside each."""
    found, best = np.zeros_like(top), np.full(top.shape, APART, np.float32)
    ground = np.zeros_like(lab)
    reach = round(max(WIDTHS) * unit) + 4
    places = np.flatnonzero(cv2.copyMakeBorder(
        top.astype(np.uint8), reach, reach, reach, reach, cv2.BORDER_CONSTANT
    ))  # fmt: skip
    inner = np.flatnonzero(top)
    row = top.shape[1] + 2 * reach
    for angle in ANGLES:
        along = np.array((np.sin(angle), np.cos(angle)))
        kernel = _line(along, ALONG * unit)
        padded = (
            cv2.copyMakeBorder(plane, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
            for plane in (lab, top.astype(np.float32))
        )
        smooth, cloth = (cv2.filter2D(plane, -1, kernel) for plane in padded)
        colors, shares = smooth.reshape(-1, 3), cloth.ravel()
        for width in WIDTHS:
            beside = width / 2 * unit + max(BESIDE * unit, MIN_BESIDE)
            side, rim = (_step(along, far, row) for far in (beside, width / 4 * unit))
            on = np.minimum(shares[places + side], shares[places - side]) > ON_TOP
            at, of = places[on], inner[on]
            left, right, middle = colors[at + side], colors[at - side], colors[at]
            apart = np.minimum(_distance(middle, left), _distance(middle, right))
            far_on = apart > best.ravel()[of]
            at, of, left, right, middle, apart = (
                each[far_on] for each in (at, of, left, right, middle, apart)
            )
            for edge in (colors[at + rim], colors[at - rim]):
                apart = np.minimum(apart, _distance(edge, left))
                apart = np.minimum(apart, _distance(edge, right))
            unlike = _distance(left, right)
            for edge in (colors[at + rim], colors[at - rim]):
                unlike = np.maximum(unlike, _distance(edge, middle))
            good = (apart > best.ravel()[of]) & (unlike <= ALIKE * apart)
            found.ravel()[of[good]] = True
            best.ravel()[of[good]] = apart[good]
            ground.reshape(-1, 3)[of[good]] = (left[good] + right[good]) / 2
    return found, ground


def _line(along: NDArray[np.float64], length: float) -> FloatArray:
    """A filter that averages along a line."""
    count = round(length) | 1
    out, middle = np.zeros((count, count), np.float32), count // 2
    x, y = (round(float(v)) for v in along * middle)
    cv2.line(out, (middle - x, middle - y), (middle + x, middle + y), (1.0,), 1)
    return np.asarray(out / out.sum(), np.float32)


def _step(along: NDArray[np.float64], far: float, row: int) -> int:
    """How many places of a picture with rows of some length it is to one side of a line."""
    return round(float(along[1] * far)) - row * round(float(along[0] * far))


def _distance(a: FloatArray, b: FloatArray) -> FloatArray:
    """Distances of (N, 3) colors."""
    return np.asarray(np.sqrt(np.square(a - b).sum(axis=1)), np.float32)


def _sole_bar(bars: BoolArray, unit: float) -> BoolArray:
    """The long piece that most of what looks like a bar belongs to; empty if there is none."""
    closed = cv2.morphologyEx(bars.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    for index in range(1, count):
        width, height = stats[index, cv2.CC_STAT_WIDTH], stats[index, cv2.CC_STAT_HEIGHT]
        piece: BoolArray = bars & (pieces == index)
        sole = np.count_nonzero(piece) >= SOLE * np.count_nonzero(bars)
        upright = width <= MOST_LEVEL * height
        if sole and upright and np.hypot(width, height) >= MIN_LENGTH * unit:
            return piece
    return np.zeros_like(bars)


def _is_other_color(ground: FloatArray, color: FloatArray) -> bool:
    """Whether a bar is no fold, shadow or shine of the cloth beside it."""
    light, chroma = color[0] - ground[0], [float(np.hypot(*each[1:])) for each in (ground, color)]
    if min(chroma) > COLORED and abs(light) > SHADE:
        # Of bright colored cloth light and shade differ in chroma as well, but hardly in hue.
        turned = np.dot(ground[1:], color[1:]) / (chroma[0] * chroma[1])
        if turned > np.cos(np.deg2rad(SAME_HUE)):
            return False
    return bool(np.hypot(*(color - ground)[1:]) > OTHER_COLOR or light < -DARKER)


def _is_wide(strap: BoolArray, unit: float) -> bool:
    """Whether something is wider on average than any strap."""
    rows, columns = np.nonzero(strap)
    length = np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1)
    return bool(np.count_nonzero(strap) > MEAN_WIDTH * unit * length)


def _lies_on(
    strap: BoolArray, lab: FloatArray, top: BoolArray, colors: tuple[FloatArray, FloatArray]
) -> bool:
    """Whether a strap has cloth around it and sharp edges."""
    inner = ~dilate_square(~top, CLOTH)
    outline = dilate_square(strap, 1) & ~strap
    on_way, _ = _place(lab, *colors)
    around = dilate_square(strap, CLOTH) & inner
    mixed = (on_way[around] > MIXED[0]) & (on_way[around] < MIXED[1])
    enclosed = np.count_nonzero(outline & inner) >= ENCLOSED * np.count_nonzero(outline)
    return enclosed and np.count_nonzero(mixed) <= MOST_MIXED * mixed.size


def _is_central(bar: BoolArray, top: BoolArray) -> bool:
    """Whether a bar goes down the middle of a top, as plackets, zips and ties do."""
    rows = np.flatnonzero(bar.any(axis=1))
    columns = np.flatnonzero(bar.any(axis=0))
    if np.ptp(columns) > UPRIGHT * np.ptp(rows):
        return False
    across = np.arange(bar.shape[1])
    first = np.argmax(top[rows], axis=1)
    width = bar.shape[1] - np.argmax(top[rows, ::-1], axis=1) - first
    middle = (bar[rows] * across).sum(axis=1) / bar[rows].sum(axis=1)
    return bool(abs(np.mean((middle - first) / width) - 0.5) < MIDDLE)


def _place(lab: FloatArray, ground: FloatArray, color: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where colors are on the way from cloth (0) to strap (1), and how far from it."""
    way = (color - ground).astype(np.float32)
    from_ground = lab - ground.astype(np.float32)
    on_way = from_ground @ way / (way @ way)
    off = np.linalg.norm(from_ground - on_way[..., None] * way, axis=2)
    return np.asarray(on_way, np.float32), np.asarray(off, np.float32)


def _grow(
    bar: BoolArray,
    lab: FloatArray,
    top: BoolArray,
    colors: tuple[FloatArray, FloatArray],
    unit: float,
) -> BoolArray:
    """All of a strap: narrow, of the bar's color and joined to it."""
    on_way, off = _place(lab, *colors)
    like: BoolArray = top & (on_way > LIKE[0]) & (off < LIKE[1])
    wide = open_mask(like, WIDEST / 2 * unit)
    whole = close_mask((like & ~dilate(wide, 1.0)) | bar, 1.0) & top
    _, pieces = cv2.connectedComponents(whole.astype(np.uint8), connectivity=8)
    return np.asarray(np.isin(pieces, np.unique(pieces[bar])), np.bool_)
