"""What people carry before their clothes, taken out of the label map by a bundled network.

A small parsing network calls a clutch held before a coat a coat. Whoever dyes or replaces the coat
then paints the clutch. A network that looks at one garment close up tells them apart.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.engine.packed_layers import load_packed
from m2fp_cli.network.carried_network import INPUT_HW, CarriedNetwork
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import LabelMap

GARMENTS = ("UpperClothes", "Dress", "Coat")  # what bags are taken for

MARGIN = 1.15  # of the window, over the garment; as the network learned
# Root of a garment's area in pixels of the picture; on smaller ones bags are specks.
_LEAST_SIDE = 24
# Logits from which on a pixel belongs to a piece, and that a piece reaches somewhere; and its least
# area, as a share of the garment's. Chosen on 107 street photos kept for it: 9.6 instead of 12.8 %
# of what is annotated as a bag is read as a garment. Of the garments .3 % go: looked at, some are
# straps and clutches that nobody annotated, others ends of sleeves.
_PIECE, _SURE, _LEAST_SHARE = 0.3, 2.5, 0.004
_NOT_CARRIED = -20.0  # logit of pieces that are left out
_BATCH = 4  # garments at once, as in ``joints``
_BAND = 512  # rows at once when an answer is enlarged, so that 50 megapixels need no second copy
_WEIGHTS = Path(__file__).parents[1] / "models" / "carried"


@dataclass(frozen=True, eq=False)
class _Garment:
    """One person's garment as the network sees it.

    Attributes:
        pixels: (256, 192, 3) float32 RGB in [0, 1]; black beyond the picture.
        guides: (256, 192, 3) float32 in [0, 1], see ``CarriedNetwork.forward``.
        window_xyxy: what is seen, in pixels of the photo; it may reach beyond it.
        box_xyxy: the garment's box in the photo.
        inside: (h, w) bool, the garment in its box.
    """

    pixels: NDArray[np.float32]
    guides: NDArray[np.float32]
    window_xyxy: tuple[float, float, float, float]
    box_xyxy: tuple[int, int, int, int]
    inside: BoolArray


def take_out_carried(
    semantic_map: LabelMap, masks: Sequence[Mask], labels: LabelSet, picture_bgr: Picture
) -> LabelMap:
    """Call background what people carry before their upper clothes, dress or coat.

    Args:
        semantic_map: (H, W) uint8 label ids of the photo.
        masks: of the people, disjoint.
        labels: names of the label ids.
        picture_bgr: (h, w, 3) uint8, upright; the photo or a reduced copy of it.

    Returns:
        The label map, (H, W) uint8: the array that was given, unless something is taken out.

    Raises:
        ModelError: see ``load_carried_network``.
    """
    ids = [labels.names.index(name) for name in GARMENTS if name in labels.names]
    garments = [
        garment
        for mask in masks
        if (garment := _see_garment(semantic_map, mask, ids, picture_bgr)) is not None
    ]
    out = semantic_map
    for start in range(0, len(garments), _BATCH):
        batch = garments[start : start + _BATCH]
        pixels, guides = (
            torch.from_numpy(np.stack(parts)).movedim(3, 1)
            for parts in ([one.pixels for one in batch], [one.guides for one in batch])
        )
        with torch.inference_mode():
            answers = _look_twice(pixels, guides)[:, 0].numpy()
        for garment, answer in zip(batch, answers, strict=True):
            logits = _keep_pieces(answer, garment)
            if (logits > _PIECE).any():
                out = out.copy() if out is semantic_map else out
                _clear(out, garment, logits)
    return out


def _look_twice(pixels: Tensor, guides: Tensor) -> Tensor:
    """The mean answer about garments and their mirror images."""
    network = load_carried_network()
    mirrored: Tensor = network(pixels.flip(3), guides.flip(3))
    answer: Tensor = network(pixels, guides)
    return (answer + mirrored.flip(3)) / 2


def _keep_pieces(answer: NDArray[np.float32], garment: _Garment) -> NDArray[np.float32]:
    """Logits at the network's size, without pieces that are small or nowhere sure."""
    logits = np.asarray(
        cv2.resize(answer, INPUT_HW[::-1], interpolation=cv2.INTER_LINEAR), np.float32
    )
    own = garment.guides[..., 0] > 0
    pieces = (own & (logits > _PIECE)).astype(np.uint8)
    count, found, stats, _ = cv2.connectedComponentsWithStats(pieces)
    numbers = np.asarray(found, np.intp)
    highest = np.full(count, _NOT_CARRIED, np.float32)
    np.maximum.at(highest, numbers, logits)
    kept = (highest >= _SURE) & (stats[:, cv2.CC_STAT_AREA] >= _LEAST_SHARE * own.sum())
    kept[0] = False
    return np.where((pieces > 0) & ~kept[numbers], np.float32(_NOT_CARRIED), logits)


@functools.cache
def load_carried_network() -> CarriedNetwork:
    """The bundled network, read once in every process that needs it.

    Raises:
        ModelError: the installation lacks its weights, or they are damaged.
    """
    return load_packed(CarriedNetwork(), _WEIGHTS)


def _see_garment(
    semantic_map: LabelMap, mask: Mask, ids: Sequence[int], picture_bgr: Picture
) -> _Garment | None:
    """A person's garment, None if it is too small."""
    inside = np.isin(semantic_map[mask.slices], ids) & mask.inside
    larger = np.divide(semantic_map.shape[::-1], picture_bgr.shape[1::-1])  # photo over picture
    rows, columns = inside.any(1).nonzero()[0], inside.any(0).nonzero()[0]
    if np.count_nonzero(inside) < _LEAST_SIDE**2 * larger.prod():
        return None
    x, y = mask.box_xyxy[:2]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    box = (int(x + left), int(y + top), int(x + right), int(y + bottom))
    start, size = _window(box, larger)
    window = (*(start * larger), *((start + size) * larger))
    own = inside[top:bottom, left:right]
    pixels = _cut(picture_bgr, start, size)[..., ::-1] / np.float32(255)
    guides = _guides(semantic_map, own, box, window)
    return _Garment(np.ascontiguousarray(pixels), guides, window, box, own)


def _window(
    box_xyxy: tuple[int, int, int, int], larger: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corner and size, x and y in pixels of the picture, of what the network sees of a box."""
    corners = np.reshape(box_xyxy, (2, 2)) / larger
    shape = np.array(INPUT_HW[::-1])
    side = MARGIN * float((np.ptp(corners, axis=0) / shape).max())
    size = np.maximum(np.round(side * shape), 1).astype(np.int64)
    return np.round(corners.mean(0) - size / 2).astype(np.int64), size


def _cut(
    picture_bgr: Picture, start: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """A window of the picture at the network's size; black beyond the picture.

    Not by ``cv2.warpAffine``, which refuses pictures of more than 32,766 pixels.
    """
    ends = np.clip((start, start + size), 0, picture_bgr.shape[1::-1])
    height, width = INPUT_HW
    (left, top), (right, bottom) = np.round((ends - start) * (width, height) / size).astype(int)
    (x0, y0), (x1, y1) = ends
    pixels = np.zeros((height, width, 3), np.uint8)
    if right > left and bottom > top:
        how = cv2.INTER_AREA if right - left < x1 - x0 else cv2.INTER_LINEAR
        shape = (int(right - left), int(bottom - top))
        pixels[top:bottom, left:right] = cv2.resize(
            picture_bgr[y0:y1, x0:x1], shape, interpolation=how
        )
    return pixels


def _guides(
    semantic_map: LabelMap,
    own: BoolArray,
    box_xyxy: tuple[int, int, int, int],
    window_xyxy: tuple[float, float, float, float],
) -> NDArray[np.float32]:
    """Where the garment, other labels and the background are in a window."""
    rows, columns = (
        np.floor(_pixel_centers(window_xyxy[axis], window_xyxy[axis + 2], count)).astype(int)
        for axis, count in ((1, INPUT_HW[0]), (0, INPUT_HW[1]))
    )
    seen = _take(semantic_map, rows, columns) > 0
    garment = _take(own, rows - box_xyxy[1], columns - box_xyxy[0]) > 0
    return np.stack((garment, seen & ~garment, ~(seen | garment)), 2).astype(np.float32)


def _pixel_centers(first: float, last: float, count: int) -> NDArray[np.float64]:
    """Where the centers of so many pixels lie that fill an interval."""
    return first + (np.arange(count) + 0.5) * ((last - first) / count)


def _take(
    values: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[Any]:
    """Rows and columns of a map, 0 where they lie beyond it."""
    height, width = values.shape
    out = values[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    out[(rows < 0) | (rows >= height)] = 0
    out[:, (columns < 0) | (columns >= width)] = 0
    return out


def _clear(semantic_map: LabelMap, garment: _Garment, answer: NDArray[np.float32]) -> None:
    """Call background what an answer is sure of, in place; band by band, to save memory."""
    x0, y0, x1, y1 = garment.box_xyxy
    left, top, right, bottom = garment.window_xyxy
    across = _weights(left, right, answer.shape[1], np.arange(x0, x1)).T
    for first in range(y0, y1, _BAND):
        rows = np.arange(first, min(first + _BAND, y1))
        logits = _weights(top, bottom, answer.shape[0], rows) @ answer @ across
        band = semantic_map[rows[0] : rows[-1] + 1, x0:x1]
        band[garment.inside[rows[0] - y0 : rows[-1] + 1 - y0] & (logits > _PIECE)] = 0


def _weights(
    first: float, last: float, cells: int, pixels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Linear interpolation from cells that fill an interval to pixels, (pixels, cells)."""
    place = ((pixels + 0.5 - first) * (cells / (last - first)) - 0.5).clip(0, cells - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(cells)), 0).astype(np.float32)
