"""The passes over one photo: the whole, then its tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from m2fp_cli.arrays import Box, Picture
from m2fp_cli.engine.candidates import is_reported
from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.engine.tiles.choose import SEARCH_SCORE, choose_tiles, grid_tiles
from m2fp_cli.engine.tiles.join import join_tiles
from m2fp_cli.engine.tiles.people import Tile
from m2fp_cli.network.model_config import ModelConfig

Find = Callable[[Picture, tuple[int, int], float], Findings]  # picture, size, lowest score


def find_in_tiles(
    find: Find, image_bgr: Picture, photo_hw: tuple[int, int], config: ModelConfig,
    tiles: int | str, min_score: float,
) -> Findings:  # fmt: skip
    """Look at a photo, then at parts of it.

    Args:
        find: one pass over a picture: the picture, the size of what it shows, and the lowest score
            of a reported instance.
        image_bgr: (H, W, 3) uint8; it may be a reduced copy of the photo.
        photo_hw: size of the photo.
        config: the model; it finds several people.
        tiles: ``auto``, or how many tiles lie along the shorter side.
        min_score: lowest score of a reported instance.
    """
    human_id = config.labels.human_id
    assert human_id is not None  # of a model that finds several people
    if isinstance(tiles, int):
        first = find(image_bgr, photo_hw, min_score)
        boxes = grid_tiles(photo_hw, tiles)
    else:
        first = find(image_bgr, photo_hw, min(min_score, SEARCH_SCORE))
        humans = [i for i in first.instances if i.label_id == human_id]
        boxes = choose_tiles(humans, photo_hw, config.input)
        reported = [i for i in first.instances if is_reported(i, human_id, min_score)]
        first = replace(first, instances=reported)
    if not boxes:
        return first
    looks = []
    for box in boxes:
        size_hw = box[3] - box[1], box[2] - box[0]
        looks.append(Tile(box, find(cut_out(image_bgr, box, photo_hw), size_hw, min_score)))
    return join_tiles(first, looks, config.labels)


def cut_out(image_bgr: Picture, box_xyxy: Box, photo_hw: tuple[int, int]) -> Picture:
    """The part of a picture, perhaps a reduced one, that lies in a box of the photo."""
    down, across = (n / full for n, full in zip(image_bgr.shape[:2], photo_hw, strict=True))
    left, right = round(box_xyxy[0] * across), round(box_xyxy[2] * across)
    top, bottom = round(box_xyxy[1] * down), round(box_xyxy[3] * down)
    return np.ascontiguousarray(image_bgr[top : max(bottom, top + 1), left : max(right, left + 1)])
