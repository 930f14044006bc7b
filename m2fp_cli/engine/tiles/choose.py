"""Which parts of a photo are parsed again: around people too small to be seen well in the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m2fp_cli.arrays import Box
from m2fp_cli.engine.preprocess import shortest_edge_hw
from m2fp_cli.network.model_config import InputConfig
from m2fp_cli.records.masks import Mask, mask_overlap, union_box
from m2fp_cli.records.results import SURE_SCORE, Instance

SEARCH_SCORE = 0.05  # lowest score of a person who is looked at again
SMALL_HEIGHT = 96  # pixels of the network's input; who is taller is seen well
MAX_TILES = 8  # of one photo that are chosen by themselves
OVERLAP = 0.25  # of a grid's tile, with each neighbor
LEAST_SIDE = 16  # pixels of a grid's tile: nobody is known in fewer, and a long line has thousands
_WANTED_HEIGHT = 0.25  # of a tile, for the person it is laid around
_MARGIN = 0.1  # of a tile's side, around the people it is laid for
_MAX_ENLARGED = 2.0  # a tile is never scaled up more
_LEAST_GAIN = 1.25  # a tile that shows people less enlarged than this is not worth a pass
_INSIDE = 0.5  # share of a mask in a larger person's from which on it is a piece of them


def choose_tiles(
    humans: Sequence[Instance], image_hw: tuple[int, int], config: InputConfig
) -> list[Box]:
    """Lay square tiles around the small people that a first pass found or suspects.

    A tile is four times as high as the person it is laid for, and takes in neighbors of like size.

    Args:
        humans: what the first pass gave for people, also with low scores.
        image_hw: size of the photo.
        config: the sizes the network sees.

    Returns:
        Half-open boxes in the photo; none if nobody is small.
    """
    largest = min(image_hw) / _LEAST_GAIN
    smallest = min(config.min_size / _MAX_ENLARGED, largest)
    waiting = find_small(humans, image_hw, config)
    tiles: list[Box] = []
    while waiting and len(tiles) < MAX_TILES:
        first = waiting.pop(0)
        height = first[3] - first[1]
        side = min(max(height / _WANTED_HEIGHT, smallest), largest)
        group = first
        for box in sorted(waiting, key=lambda other: _distance(first, other)):
            both = union_box(group, box)
            longest = max(both[2] - both[0], both[3] - both[1])
            if longest <= side * (1 - 2 * _MARGIN) and box[3] - box[1] >= height / 3:
                group = both
                waiting.remove(box)
        tiles.append(_square_around(group, round(side), image_hw))
    return tiles


def find_small(
    humans: Sequence[Instance], image_hw: tuple[int, int], config: InputConfig
) -> list[Box]:
    """Boxes of people lower than ``SMALL_HEIGHT`` in the network's input, likeliest first.

    Pieces of a larger person who is sure are left out.
    """
    limit = SMALL_HEIGHT * image_hw[0] / shortest_edge_hw(image_hw, config)[0]
    large = [h.mask for h in humans if h.score >= SURE_SCORE and _height(h.mask) >= limit]
    small = [
        human
        for human in humans
        if human.score >= SEARCH_SCORE
        and _height(human.mask) < limit
        and not any(mask_overlap(human.mask, m) > _INSIDE * human.mask.area for m in large)
    ]
    return [h.box_xyxy for h in sorted(small, key=lambda h: -h.score)]


def grid_tiles(image_hw: tuple[int, int], across: int) -> list[Box]:
    """Cover a photo with square tiles that overlap by at least ``OVERLAP``.

    Args:
        image_hw: size of the photo.
        across: tiles along the shorter side, at least 2; fewer where they would be too small.

    Returns:
        Half-open boxes in the photo, row by row; none of a photo that is too narrow for one.
    """
    side = max(int(np.ceil(min(image_hw) / (across - (across - 1) * OVERLAP))), LEAST_SIDE)
    if side > min(image_hw):
        return []
    tops, lefts = (_starts(length, side) for length in image_hw)
    return [(left, top, left + side, top + side) for top in tops for left in lefts]


def _starts(length: int, side: int) -> list[int]:
    """First pixels of evenly spread tiles along one axis."""
    count = 1 + int(np.ceil((length - side) / (side * (1 - OVERLAP)) - 1e-9))
    return [round(start) for start in np.linspace(0, length - side, max(count, 1))]


def _square_around(box: Box, side: int, image_hw: tuple[int, int]) -> Box:
    """The square of this side around a box's middle, moved into the photo."""
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left = min(max(round(middle[0] - side / 2), 0), image_hw[1] - side)
    top = min(max(round(middle[1] - side / 2), 0), image_hw[0] - side)
    return left, top, left + side, top + side


def _height(mask: Mask) -> int:
    return mask.box_xyxy[3] - mask.box_xyxy[1]


def _distance(a: Box, b: Box) -> float:
    return float(np.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]))
