"""Paint background over a part of a photo, from background beside it.

Each piece of the hole takes the texture of one place nearby: the place whose surroundings look
most like the hole's, moved there whole, its brightness and colour led smoothly into what borders on
the hole (as a healing brush does). Diffusion alone leaves smears where the ground has texture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.morphology import dilate_square

Pixels = tuple[NDArray[np.int64], ...]  # rows and columns

SEARCH_UNIT = 12.0  # pixels per U while a place is looked for
REACH = (3.0, 1.5)  # how far away it may be, U across and down
BAND = 3  # width of the surroundings that are compared, pixels at that size
MOST_PIXELS = 100  # of hole and surroundings that are compared
SHIFT_COST = 0.15  # weight of a difference in brightness, which is led away, against one in texture
ROUGH_COST = 1.0  # weight of texture that the surroundings of the hole do not have
STEP = 2  # pixels between the places that are looked at first
ROW = 4096  # OpenCV takes no row of 32768 points
FAR_COST = 1.5  # levels per U of distance


def fill_background(
    window_bgr: Picture, pixels: Pixels, look_bgr: Picture, unknown: BoolArray, unit: float
) -> None:
    """Fill a hole with background, in place.

    Args:
        window_bgr: (h, w, 3) uint8, changed inside the hole only.
        pixels: rows and columns of the hole.
        look_bgr: the window at the size of ``unknown``.
        unknown: what is no background, the hole left out or not: (h, w) bool, or of every so many
            pixels in both directions.
        unit: U in pixels of the window.
    """
    step = window_bgr.shape[0] // unknown.shape[0]
    scale = min(1.0, SEARCH_UNIT / unit)
    height, width = window_bgr.shape[:2]
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(look_bgr, size, interpolation=cv2.INTER_AREA)
    # The small pixel that a pixel of the hole belongs to.
    into_small = pixels[0] * size[1] // height, pixels[1] * size[0] // width
    opening = np.zeros(small.shape[:2], dtype=np.bool_)
    opening[into_small] = True
    known = ~unknown
    known[pixels[0] // step, pixels[1] // step] = False
    closed = _shrunk_mask(unknown, size) | opening
    near = dilate_square(opening, 8) & closed  # what is unknown farther away does not matter here
    rough = cv2.inpaint(small, (near | opening).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    joined = dilate_square(opening, 1).astype(np.uint8)
    count, pieces = cv2.connectedComponents(joined, connectivity=8)
    belongs = pieces[into_small]
    smooth = rough.astype(np.float32)
    values = small.astype(np.float32)
    for piece in range(1, count):
        chosen = belongs == piece
        part = pixels[0][chosen], pixels[1][chosen]
        window_bgr[part] = sample_at(smooth, part, scale)
        offset = find_offset(values, (pieces == piece) & opening, ~closed, unit * scale)
        if offset is not None:
            correction = _correction(values, pieces == piece, ~closed, offset)
            _move(window_bgr, part, known, offset, correction, scale)


def _shrunk_mask(mask: BoolArray, size: tuple[int, int]) -> BoolArray:
    """A mask at another size; a pixel counts once a part of it does."""
    levels = mask.astype(np.uint8) * np.uint8(255)
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA) > 5)


def sample_at(picture: FloatArray, pixels: Pixels, scale: float) -> FloatArray:
    """Linear interpolation of a smaller picture at some pixels of the large one, (N, 3)."""
    count = pixels[0].size
    places = np.zeros((2, -(-count // ROW), ROW), dtype=np.float32)
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
        the offset, None where no place has background enough.
    """
    band = dilate_square(piece, BAND) & known
    if np.count_nonzero(band) < 8:
        return None
    reach = np.array([round(REACH[0] * unit), round(REACH[1] * unit)])
    margin = (reach[1] + 1, reach[1] + 1), (reach[0] + 1, reach[0] + 1)
    ground = np.pad(known, margin), np.pad(picture, (*margin, (0, 0)))
    here = picture[band.nonzero()]
    pixels = _some_pixels(piece, reach + 1), _some_pixels(band, reach + 1)
    axes = [np.arange(-r, r + 1, STEP) for r in reach]
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
    """How badly each place fits; infinite where it is no background or goes too far.

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
    possible = (known[inside].mean(axis=0) > 0.98) & (seen.mean(axis=0) >= 0.6)
    costs = np.full(len(offsets), np.inf, dtype=np.float32)
    if possible.any():
        chosen = tuple(c[:, possible] for c in around)
        step = max(1, len(here) // MOST_PIXELS)
        costs[possible] = _cost(picture[chosen], here[::step][:, None], seen[:, possible])
    return costs


def _some_pixels(mask: BoolArray, margin: NDArray[np.int64]) -> Pixels:
    """Rows and columns of pixels that are set, evenly thinned, in a picture with a margin."""
    rows, columns = np.nonzero(mask)
    step = max(1, rows.size // MOST_PIXELS)
    return rows[::step] + margin[1], columns[::step] + margin[0]


def _cost(there: FloatArray, here: FloatArray, seen: FloatArray) -> FloatArray:
    """How badly surroundings fit, in levels; (P, N, 3) and (P, 1, 3) to (N,)."""
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
    """What to add to the moved texture: its difference along the border, spread inwards."""
    dx, dy = offset
    moved = np.roll(picture, (-dy, -dx), axis=(0, 1))
    known_there = np.roll(known, (-dy, -dx), axis=(0, 1))
    band = dilate_square(piece, BAND) & known & known_there
    rows, columns = np.nonzero(dilate_square(piece, BAND))
    part = slice(rows[0], rows[-1] + 1), slice(columns.min(), columns.max() + 1)
    weight = band[part].astype(np.float32)
    difference = (picture[part] - moved[part]) * weight[..., None]
    total = np.concatenate((difference, weight[..., None]), axis=2)
    spread = np.zeros_like(total)
    for sigma in (2.0, 4.0, 8.0):
        # Near the border its own difference counts, farther away the mean of a longer stretch.
        flags = cv2.BORDER_CONSTANT
        wide = cv2.GaussianBlur(total, (0, 0), sigma, borderType=flags)
        spread += 8.0 ** -np.log2(sigma) * np.asarray(wide, dtype=np.float32)
    out = np.zeros_like(picture)
    out[part] = spread[..., :3] / np.maximum(spread[..., 3:], 1e-9)
    return out


def _move(
    window_bgr: Picture,
    pixels: Pixels,
    known: BoolArray,
    offset: tuple[int, int],
    correction: FloatArray,
    scale: float,
) -> None:
    """Write the moved and corrected texture where it comes from background."""
    sources = [c + round(o / scale) for c, o in zip(pixels, offset[::-1], strict=True)]
    inside = np.ones(pixels[0].shape, dtype=np.bool_)
    for source, length in zip(sources, window_bgr.shape, strict=False):
        inside &= (source >= 0) & (source < length)
    step = window_bgr.shape[0] // known.shape[0]
    y, x = (source[inside] // step for source in sources)
    inside[inside] = known[y, x]
    kept = pixels[0][inside], pixels[1][inside]
    texture = window_bgr[sources[0][inside], sources[1][inside]].astype(np.float32)
    window_bgr[kept] = np.clip(np.round(texture + sample_at(correction, kept, scale)), 0, 255)
