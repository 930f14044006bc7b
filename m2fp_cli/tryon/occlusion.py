"""What is in front of an accessory: hands, other people, hair; and masks on other grids."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box, FloatArray
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.compositing import Layer
from m2fp_cli.tryon.figure import HANDS, HEAD, Figure

TOUCHING = 0.1  # distance up to which a hand is at the head, U
LOWER_SHARE = 0.02  # of the photo's height by which a nearer person ends lower
LARGER = 1.3  # area of a nearer person over the other's, where the photo cuts off both
BORDER = 2  # pixels; a person who ends nearer to the photo's lower border is cut off by it
MIN_SIGMA = 0.2  # pixels; a narrower edge stays hard


def hands_in_front(figure: Figure, unit: float) -> BoolArray:
    """Arms and gloves of the person that touch the head.

    Args:
        figure: the person.
        unit: U in pixels of the photo.

    Returns:
        (h, w) bool in the figure's window.
    """
    hands = figure.mask(*HANDS)
    if not hands.any():
        return hands
    head = figure.dilate(figure.mask(*HEAD), TOUCHING * unit)
    _, pieces = cv2.connectedComponents(hands.astype(np.uint8), connectivity=8)
    touching = np.unique(pieces[hands & head])
    return np.isin(pieces, touching[touching > 0])


def nearer_people(result: ParsingResult, person: Person) -> list[int]:
    """Ids of the people who stand nearer to the camera: those who end lower in the photo."""
    height = result.image_hw[0]
    end = person.box_xyxy[3]
    nearer = []
    for other in result.people:
        other_end = other.box_xyxy[3]
        both_cut = min(other_end, end) >= height - BORDER
        larger = other.mask.area > LARGER * person.mask.area
        if other_end - end > LOWER_SHARE * height or (both_cut and larger and other is not person):
            nearer.append(other.person_id)
    return nearer


def mask_in_layer(mask: BoolArray, figure: Figure, layer: Layer, sigma: float) -> FloatArray:
    """A mask of the figure's window as an alpha in the layer's box.

    Args:
        mask: (h, w) bool in the figure's window.
        figure: the person; where their stride is above 1, edges slope over as many pixels.
        layer: its box says where.
        sigma: standard deviation of the blur of the edges of others, pixels.

    Returns:
        (h, w) float32, 0..1.
    """
    x0, y0, x1, y1 = layer.box_xyxy
    if figure.stride > 1:
        alpha: FloatArray = _upsample(mask, figure, layer.box_xyxy).astype(np.float32)
        alpha *= 1 / 255
        return alpha
    wx0, wy0, wx1, wy1 = figure.window_xyxy
    out = np.zeros((y1 - y0, x1 - x0), dtype=np.float32)
    left, upper, right, lower = max(x0, wx0), max(y0, wy0), min(x1, wx1), min(y1, wy1)
    if left < right and upper < lower:
        part = mask[upper - wy0 : lower - wy0, left - wx0 : right - wx0]
        out[upper - y0 : lower - y0, left - x0 : right - x0] = part
        if not part.any():
            return out
    return _soften_edges(out, sigma)


def upsample_mask(mask: BoolArray, figure: Figure, box_xyxy: Box) -> BoolArray:
    """A mask of the figure's window at every pixel of a box, rather too large than too small.

    Args:
        mask: (h, w) bool in the figure's window.
        figure: the person.
        box_xyxy: half-open, pixels of the photo.

    Returns:
        (y1 - y0, x1 - x0) bool.
    """
    return np.asarray(_upsample(mask, figure, box_xyxy) > 0)


def _upsample(mask: BoolArray, figure: Figure, box_xyxy: Box) -> NDArray[np.uint8]:
    """A mask at every pixel of a box, 0..255, linear between the pixels that the figure has."""
    x0, y0, x1, y1 = box_xyxy
    stride, (left, upper) = figure.stride, figure.origin_xy
    middle = stride // 2
    matrix = np.array(
        [
            [1 / stride, 0, (x0 - left - middle) / stride],
            [0, 1 / stride, (y0 - upper - middle) / stride],
        ]
    )
    levels = mask.view(np.uint8) * np.uint8(255)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(levels, matrix, (x1 - x0, y1 - y0), flags=flags), np.uint8)


def people_mask(result: ParsingResult, layer: Layer, ids: list[int], sigma: float) -> FloatArray:
    """Where some people are, as an alpha in the layer's box.

    Args:
        result: of the photo.
        layer: its box says where.
        ids: of the people.
        sigma: standard deviation of the blur of the edges, pixels.

    Returns:
        (h, w) float32, 0..1.
    """
    alpha = np.isin(result.person_map[layer.slices], ids).astype(np.float32)
    return _soften_edges(alpha, sigma)


def _soften_edges(alpha: FloatArray, sigma: float) -> FloatArray:
    if sigma <= MIN_SIGMA:
        return alpha
    return cv2.GaussianBlur(alpha, (0, 0), sigma).astype(np.float32)
