"""Inpaint a part of a photo with background from beside it.

Each piece of the hole takes the texture of one place nearby: the place whose surroundings look
most like the hole's. It is copied as a whole, and its brightness and color are corrected so that
they join what borders on the hole (as a healing brush does). Diffusion alone leaves smears where
the ground has texture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.morphology import bounding_slices, dilate_square

Pixels = tuple[NDArray[np.int64], ...]  # rows and columns

# Where texture is looked for.
SEARCH_UNIT = 12.0  # pixels per U of the small picture that is searched
REACH = (3.0, 1.5)  # how far away it may be, U across and down
STRIDE = 2  # pixels between the places that are looked at first
RING = 3  # width of the hole's surroundings that are compared, pixels of the small picture
MIN_RING_PIXELS = 8
MAX_PIXELS = 100  # of hole and surroundings that are compared
MIN_KNOWN_INSIDE, MIN_KNOWN_AROUND = 0.98, 0.6  # shares of a place that must be background

# What a place costs, in levels of 255.
SHIFT_COST = 0.15  # of a difference in brightness, which is corrected, against one in texture
ROUGH_COST = 1.0  # of texture that the surroundings of the hole do not have
FAR_COST = 1.5  # levels per U of distance

# How it is joined.
CORRECTION_SIGMAS = (2.0, 4.0, 8.0)  # of the blurs that spread it, pixels of the small picture
CORRECTION_POWER = 8.0  # by which a blur of twice the sigma counts less
INPAINT_RADIUS = 3  # of the diffusion below the texture, pixels of the small picture
MIN_COVERED = 5  # of 255, from which a pixel of the small picture counts as unknown

MAX_ROW = 4096  # pixels; OpenCV's remap takes no row of 32768


def fill_background(
    window_bgr: Picture, pixels: Pixels, known_bgr: Picture, unknown: BoolArray, unit: float
) -> None:
    """Fill a hole with background, in place.

    Args:
        window_bgr: (h, w, 3) uint8, changed inside the hole only.
        pixels: rows and columns of the hole.
        known_bgr: the window at the size of ``unknown``, uint8.
        unknown: bool, what is not background, the hole left out or not; (h, w), or smaller by a
            whole factor.
        unit: U in pixels of the window.
    """
    stride = window_bgr.shape[0] // unknown.shape[0]
    scale = min(1.0, SEARCH_UNIT / unit)
    height, width = window_bgr.shape[:2]
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = np.asarray(cv2.resize(known_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    # The small pixel that a pixel of the hole belongs to.
    into_small = pixels[0] * size[1] // height, pixels[1] * size[0] // width
    hole = np.zeros(small.shape[:2], dtype=np.bool_)
    hole[into_small] = True
    known = ~unknown
    known[pixels[0] // stride, pixels[1] // stride] = False
    small_unknown = _downsample_mask(unknown, size) | hole
    diffused = _diffuse(small, hole, small_unknown)
    levels = small.astype(np.float32)
    joined = dilate_square(hole, 1).astype(np.uint8)
    count, pieces = cv2.connectedComponents(joined, connectivity=8)
    piece_of = pieces[into_small]
    for number in range(1, count):
        chosen = piece_of == number
        part = pixels[0][chosen], pixels[1][chosen]
        window_bgr[part] = sample_at(diffused, part, scale)
        piece = pieces == number
        offset = find_offset(levels, piece & hole, ~small_unknown, unit * scale)
        if offset is not None:
            correction = _correction(levels, piece, ~small_unknown, offset)
            _copy_texture(window_bgr, part, known, offset, correction, scale)


def _diffuse(picture: Picture, hole: BoolArray, unknown: BoolArray) -> FloatArray:
    """A small picture whose unknown pixels are spread from the known ones, float32 levels.

    All of it, also far from the hole: hair below a hole at the photo's edge would be the nearest
    color there otherwise. Without any ground the rest must do.
    """
    todo = hole if unknown.all() else unknown
    filled = cv2.inpaint(picture, todo.astype(np.uint8), INPAINT_RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(filled, dtype=np.float32)


def _downsample_mask(mask: BoolArray, size: tuple[int, int]) -> BoolArray:
    """A mask at another size; a pixel counts as soon as a part of it does."""
    levels = mask.astype(np.uint8) * np.uint8(255)
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA) > MIN_COVERED)


def sample_at(picture: FloatArray, pixels: Pixels, scale: float) -> FloatArray:
    """Interpolate a smaller picture at some pixels of the large one.

    Args:
        picture: (h, w, 3) float32.
        pixels: rows and columns of the large one, N each.
        scale: size of the smaller one relative to the large one.

    Returns:
        (N, 3) float32.
    """
    count = pixels[0].size
    places = np.zeros((2, -(-count // MAX_ROW), MAX_ROW), dtype=np.float32)
    for place, coordinate in zip(places, pixels, strict=True):
        place.reshape(-1)[:count] = (coordinate + 0.5) * scale - 0.5
    rows, columns = places
    out = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32).reshape(-1, 3)[:count]


def find_offset(
    picture: FloatArray, piece: BoolArray, known: BoolArray, unit: float
) -> tuple[int, int] | None:
    """Where the best texture for one piece of a hole lies, (columns, rows) from the piece.

    Args:
        picture: (h, w, 3) float32 levels.
        piece: (h, w) bool.
        known: (h, w) bool, background.
        unit: U in pixels.

    Returns:
        the offset, None where no place has enough background.
    """
    ring = dilate_square(piece, RING) & known
    if np.count_nonzero(ring) < MIN_RING_PIXELS:
        return None
    reach = np.array([round(REACH[0] * unit), round(REACH[1] * unit)])
    margin = (reach[1] + 1, reach[1] + 1), (reach[0] + 1, reach[0] + 1)
    ground = np.pad(known, margin), np.pad(picture, (*margin, (0, 0)))
    here = picture[ring.nonzero()]
    pixels = _some_pixels(piece, reach + 1), _some_pixels(ring, reach + 1)
    axes = [np.arange(-r, r + 1, STRIDE) for r in reach]
    offsets = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    best = None
    for _ in range(2):
        costs = _costs(ground, pixels, offsets, here) + FAR_COST * np.hypot(*offsets.T) / unit
        least = int(np.argmin(costs))
        if not np.isfinite(costs[least]):
            return best
        best = int(offsets[least, 0]), int(offsets[least, 1])
        offsets = offsets[least] + np.mgrid[-1:2, -1:2].reshape(2, -1).T
    return best


def _costs(
    ground: tuple[BoolArray, FloatArray],
    pixels: tuple[Pixels, Pixels],
    offsets: NDArray[np.int64],
    here: FloatArray,
) -> FloatArray:
    """What each place costs, (N,) levels; infinite where it is not background.

    Args:
        ground: what is background, and the picture, both with a margin of the reach and one pixel.
        pixels: rows and columns of the piece and of its surroundings in ``ground``.
        offsets: (N, 2) columns and rows.
        here: (P, 3) levels of the surroundings.
    """
    known, picture = ground
    inside, around = (
        tuple(c[:, None] + offsets[:, axis] for c, axis in zip(part, (1, 0), strict=True))
        for part in pixels
    )
    seen = known[around].astype(np.float32)
    possible = known[inside].mean(axis=0) > MIN_KNOWN_INSIDE
    possible &= seen.mean(axis=0) >= MIN_KNOWN_AROUND
    costs = np.full(len(offsets), np.inf, dtype=np.float32)
    if possible.any():
        chosen = tuple(c[:, possible] for c in around)
        step = max(1, len(here) // MAX_PIXELS)
        costs[possible] = _cost(picture[chosen], here[::step][:, None], seen[:, possible])
    return costs


def _some_pixels(mask: BoolArray, margin: NDArray[np.int64]) -> Pixels:
    """Rows and columns of pixels that are set, evenly thinned, in a picture with a margin."""
    rows, columns = np.nonzero(mask)
    step = max(1, rows.size // MAX_PIXELS)
    return rows[::step] + margin[1], columns[::step] + margin[0]


def _cost(there: FloatArray, here: FloatArray, seen: FloatArray) -> FloatArray:
    """What places cost by their surroundings, (N,) levels.

    Args:
        there: (P, N, 3) levels around the places.
        here: (P, 1, 3) levels around the hole.
        seen: (P, N) float32, 1 where those around the places are background.
    """
    weight = seen[..., None] / np.maximum(seen.sum(axis=0), 1)[:, None]
    difference = there - here
    shift = (difference * weight).sum(axis=0)
    texture = np.sqrt((((difference - shift) ** 2) * weight).sum(axis=0).mean(axis=1))
    middle = (there * weight).sum(axis=0)
    rough = np.sqrt((((there - middle) ** 2) * weight).sum(axis=0).mean(axis=1))
    excess = np.maximum(rough - float(here.std(axis=0).mean()), 0)
    out: FloatArray = texture + SHIFT_COST * np.abs(shift).mean(axis=1) + ROUGH_COST * excess
    return out


def _correction(
    picture: FloatArray, piece: BoolArray, known: BoolArray, offset: tuple[int, int]
) -> FloatArray:
    """What to add to the copied texture: its difference along the border, spread inwards.

    Near the border its own difference counts, farther away the mean over a longer stretch.
    """
    dx, dy = offset
    copied = np.roll(picture, (-dy, -dx), axis=(0, 1))
    known_there = np.roll(known, (-dy, -dx), axis=(0, 1))
    with_ring = dilate_square(piece, RING)
    part = bounding_slices(with_ring)
    assert part is not None, "a piece of a hole has pixels"
    weight = (with_ring & known & known_there)[part].astype(np.float32)
    difference = (picture[part] - copied[part]) * weight[..., None]
    total = np.concatenate((difference, weight[..., None]), axis=2)
    spread = np.zeros_like(total)
    for sigma in CORRECTION_SIGMAS:
        wide = cv2.GaussianBlur(total, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        spread += CORRECTION_POWER ** -np.log2(sigma) * np.asarray(wide, dtype=np.float32)
    out = np.zeros_like(picture)
    out[part] = spread[..., :3] / np.maximum(spread[..., 3:], 1e-9)
    return out


def _copy_texture(
    window_bgr: Picture,
    pixels: Pixels,
    known: BoolArray,
    offset: tuple[int, int],
    correction: FloatArray,
    scale: float,
) -> None:
    """Write the copied and corrected texture where it comes from background."""
    sources = [c + round(o / scale) for c, o in zip(pixels, offset[::-1], strict=True)]
    inside = np.ones(pixels[0].shape, dtype=np.bool_)
    for source, length in zip(sources, window_bgr.shape, strict=False):
        inside &= (source >= 0) & (source < length)
    stride = window_bgr.shape[0] // known.shape[0]
    y, x = (source[inside] // stride for source in sources)
    inside[inside] = known[y, x]
    kept = pixels[0][inside], pixels[1][inside]
    texture = window_bgr[sources[0][inside], sources[1][inside]].astype(np.float32)
    change = sample_at(correction, kept, scale)
    # What darkens takes of dark places less: they would become one strong color.
    middle = np.maximum(texture.sum(axis=0) / max(len(texture), 1), 1)
    change = np.where(change < 0, change * np.minimum(texture / middle, 1), change)
    window_bgr[kept] = np.clip(np.round(texture + change), 0, 255)
