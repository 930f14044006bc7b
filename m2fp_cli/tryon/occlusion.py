"""What is in front of an accessory: hands, other people, hair."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box, FloatArray
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.compositing import Layer
from m2fp_cli.tryon.figure import HANDS, Figure


def hands_in_front(figure: Figure, unit: float) -> BoolArray:
    """Arms and gloves of the person that touch face, hair or hat."""
    hands = figure.mask(*HANDS)
    if not hands.any():
        return hands
    head = figure.dilate(figure.mask("Face", "Hair", "Hat", "Sunglasses"), 0.1 * unit)
    _, pieces = cv2.connectedComponents(hands.astype(np.uint8), connectivity=8)
    touching = np.unique(pieces[hands & head])
    return np.isin(pieces, touching[touching > 0])


def nearer_people(result: ParsingResult, person: Person) -> list[int]:
    """Ids of the people who stand nearer to the camera: those who end lower in the photo."""
    height = result.image_hw[0]
    own = person.box_xyxy[3]
    nearer = []
    for other in result.people:
        lower = other.box_xyxy[3] - own
        both_cut = min(other.box_xyxy[3], own) >= height - 2
        larger = other.mask.area > 1.3 * person.mask.area
        if lower > 0.02 * height or (both_cut and larger and other is not person):
            nearer.append(other.person_id)
    return nearer


def to_layer(mask: BoolArray, figure: Figure, layer: Layer, soft: float) -> FloatArray:
    """A mask of the figure's window in the layer's box, with an edge ``soft`` pixels wide.

    That of a figure which leaves pixels out has edges that slope over as many.
    """
    x0, y0, x1, y1 = layer.box_xyxy
    if figure.step > 1:
        return _spread(mask, figure, layer)
    wx0, wy0, wx1, wy1 = figure.window_xyxy
    out = np.zeros((y1 - y0, x1 - x0), dtype=np.float32)
    left, top, right, bottom = max(x0, wx0), max(y0, wy0), min(x1, wx1), min(y1, wy1)
    if left < right and top < bottom:
        part = mask[top - wy0 : bottom - wy0, left - wx0 : right - wx0]
        out[top - y0 : bottom - y0, left - x0 : right - x0] = part
        if not part.any():
            return out
    return cv2.GaussianBlur(out, (0, 0), soft).astype(np.float32) if soft > 0.2 else out


def _spread(mask: BoolArray, figure: Figure, layer: Layer) -> FloatArray:
    """Linear interpolation between the pixels that a figure looks at."""
    levels = _at_every_pixel(mask.view(np.uint8) * np.uint8(255), figure, layer.box_xyxy)
    wide: FloatArray = levels.astype(np.float32)
    wide *= 1 / 255
    return wide


def enlarged(mask: BoolArray, figure: Figure, box_xyxy: Box) -> BoolArray:
    """A mask of the figure's window in a box of the photo, rather too large than too small."""
    return np.asarray(_at_every_pixel(mask.view(np.uint8) * np.uint8(255), figure, box_xyxy) > 0)


def _at_every_pixel(levels: NDArray[np.uint8], figure: Figure, box_xyxy: Box) -> NDArray[np.uint8]:
    x0, y0, x1, y1 = box_xyxy
    step, (left, top) = figure.step, figure.origin_xy
    middle = step // 2
    matrix = np.array(
        [[1 / step, 0, (x0 - left - middle) / step], [0, 1 / step, (y0 - top - middle) / step]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(levels, matrix, (x1 - x0, y1 - y0), flags=flags), np.uint8)


def people_mask(result: ParsingResult, layer: Layer, ids: list[int], soft: float) -> FloatArray:
    """Where some people are, in the layer's box."""
    mask = np.isin(result.person_map[layer.slices], ids).astype(np.float32)
    return cv2.GaussianBlur(mask, (0, 0), soft).astype(np.float32) if soft > 0.2 else mask
