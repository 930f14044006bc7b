"""White paper behind clear lenses, which cutting out leaves: it would hide the eyes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.accessory import VISIBLE_ALPHA, content_box
from m2fp_cli.tryon.morphology import dilate_square
from m2fp_cli.tryon.paper_rectangle import is_on_paper

LEAST_WHITE = 222  # of 255, the darkest channel of paper
MOST_COLOR = 16  # of 255, between its channels
OPAQUE = 250  # of 255; lenses that are less were cut out with care
LEAST_PIECE = 0.002  # of the content's box: reflections in dark lenses may be as small
LEAST_LENS = 0.12  # of the half of the box at each side, what lies there together
EDGE = 2  # pixels of the rim that paper has mixed into


def without_paper(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture of glasses with the paper behind its lenses made clear.

    Args:
        bgra: (H, W, 4) uint8 with at least one visible pixel.

    Returns:
        likewise, shades on the paper half clear; ``bgra`` itself where there is none, and where
        nothing is cut out.
    """
    if (bgra[..., 3] > VISIBLE_ALPHA).all() or is_on_paper(bgra):
        return bgra
    x0, y0, x1, y1 = content_box(bgra)
    content = bgra[y0:y1, x0:x1]
    paper = _find_paper(content)
    middle = (x1 - x0) // 2
    halves = [part.mean() if part.size else 0.0 for part in (paper[:, :middle], paper[:, middle:])]
    if min(halves) < LEAST_LENS:
        return bgra
    clear = bgra.copy()
    where = dilate_square(paper, EDGE) & (content[..., 3] >= OPAQUE)
    color = content[where][:, :3].astype(np.float32)
    white = np.median(content[paper][:, :3], axis=0).astype(np.float32)
    # What is seen is the glass in front of white: as clear as its darkest channel allows.
    alpha = np.clip(1 - (color / white).min(axis=1), 0, 1)[:, None]
    glass = (color - (1 - alpha) * white) / np.maximum(alpha, 1 / 255)
    clear[y0:y1, x0:x1][where] = np.round(
        np.clip(np.concatenate((glass, 255 * alpha), axis=1), 0, 255)
    )
    return clear


def _find_paper(bgra: NDArray[np.uint8]) -> BoolArray:
    """Opaque white pieces that something of another color encloses, (h, w) bool."""
    channels = bgra[..., :3]
    low, high = channels.min(axis=2), channels.max(axis=2)
    white = (bgra[..., 3] >= OPAQUE) & (low >= LEAST_WHITE) & (high - low <= MOST_COLOR)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(white.astype(np.uint8))
    # What touches the outside, or the picture's border, is white itself, such as a white frame.
    outside = np.pad(bgra[..., 3] <= VISIBLE_ALPHA, 1, constant_values=True)
    near = dilate_square(outside, EDGE)[1:-1, 1:-1]
    inside = stats[:, cv2.CC_STAT_AREA] >= LEAST_PIECE * white.size
    inside[np.unique(pieces[near])] = False
    inside[0] = False
    return np.asarray(inside[pieces]) if count > 1 else np.zeros_like(white)
