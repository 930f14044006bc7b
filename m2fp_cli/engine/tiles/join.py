"""Joins the first pass over a photo with its tiles into one result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from m2fp_cli.arrays import Box
from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.engine.tiles.people import (
    PIECE,
    SAME,
    Sighting,
    Tile,
    is_piece,
    join_sightings,
    move_instance,
    sight_people,
)
from m2fp_cli.engine.tiles.rejoin import head_ids, rejoin_people
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask, mask_iou, mask_overlap
from m2fp_cli.records.results import SURE_SCORE, Instance, LabelMap

_SEEN_WELL = 0.6  # of a tile's height: whoever of the first pass is lower is seen better there


def join_tiles(first: Findings, tiles: Sequence[Tile], labels: LabelSet) -> Findings:
    """Put the people that tiles show better in place of those of the first pass.

    Whoever is too large for a tile stays as the first pass shows them, and what tiles show of them
    is left out. Of those whom the first pass doubts, the surer of both is kept. Whoever a tile
    shows whole is taken from there, with the labels inside the mask; pieces of whom the first pass
    shows whole are joined.

    Args:
        first: of the whole photo.
        tiles: of its parts.
        labels: of the model, which finds several people.
    """
    human_id = labels.human_id
    assert human_id is not None  # of a model that finds several people
    height, width = first.semantic_map.shape
    boxes = [tile.box_xyxy for tile in tiles]
    humans = [i for i in first.instances if i.label_id == human_id]
    parts = [i for i in first.instances if i.label_id != human_id]
    large = [h for h in humans if not any(_fits(h.box_xyxy, box) for box in boxes)]
    sure = [h.mask for h in large if h.score >= SURE_SCORE]
    doubtful = [h for h in large if h.score < SURE_SCORE]
    whole = [h.mask for h in humans if h not in large and h.score >= SURE_SCORE]
    sightings = join_sightings(sight_people(tiles, (height, width), human_id), boxes)
    sightings = rejoin_people(sightings, whole, tiles, head_ids(labels))
    taken = [
        s
        for s in sightings
        if not any(is_piece(s.mask, mask) for mask in sure)
        and not any(h.score > s.score and _alike(h.mask, s.mask) for h in doubtful)
    ]
    replaced = [h for h in humans if h not in large and any(_same(h.mask, s.mask) for s in taken)]
    kept = [h for h in humans if h not in replaced]
    semantic_map = _repaint(first.semantic_map, tiles, taken, kept, replaced)
    parts += _parts_of(tiles, taken, human_id)
    found = [Instance(human_id, s.score, s.mask) for s in taken]
    beaten = [h for h in doubtful if any(_alike(h.mask, s.mask) for s in taken)]
    kept = [h for h in kept if h not in beaten]
    return Findings(semantic_map, [*parts, *kept, *found])


def _fits(box: Box, tile: Box) -> bool:
    """Whether a tile shows all of a person, large enough but not too large."""
    inside = all(box[i] >= tile[i] for i in (0, 1)) and all(box[i] <= tile[i] for i in (2, 3))
    return inside and box[3] - box[1] <= _SEEN_WELL * (tile[3] - tile[1])


def _same(one: Mask, other: Mask) -> bool:
    return mask_overlap(one, other) >= PIECE * min(one.area, other.area)


def _alike(one: Mask, other: Mask) -> bool:
    """Whether two masks are so alike that they are one person, of whom neither is only a piece."""
    return mask_iou(one, other) >= SAME


def _repaint(
    semantic_map: LabelMap,
    tiles: Sequence[Tile],
    taken: Sequence[Sighting],
    kept: Sequence[Instance],
    replaced: Sequence[Instance],
) -> LabelMap:
    """The label map with the tiles' labels inside the people taken from them."""
    painted = semantic_map.copy()
    for human in replaced:  # what is left of them is background, unless it is somebody else's
        np.copyto(painted[human.mask.slices], 0, where=human.mask.inside)
    for human in kept:
        inside = human.mask.inside
        np.copyto(painted[human.mask.slices], semantic_map[human.mask.slices], where=inside)
    for sighting in sorted(taken, key=lambda s: s.score):
        inside = sighting.mask.full()
        for number in sighting.tiles:
            x0, y0, x1, y1 = tiles[number].box_xyxy
            own = tiles[number].found.semantic_map
            there = inside[y0:y1, x0:x1] & (own > 0)
            np.copyto(painted[y0:y1, x0:x1], own, where=there)
    return painted


def _parts_of(tiles: Sequence[Tile], taken: Sequence[Sighting], human_id: int) -> list[Instance]:
    """The tiles' part instances that lie on the people taken from them, for the parts' scores."""
    found = []
    for number, tile in enumerate(tiles):
        owners = [sighting.mask for sighting in taken if number in sighting.tiles]
        for instance in tile.found.instances if owners else ():
            if instance.label_id == human_id:
                continue
            moved = move_instance(instance, tile.box_xyxy, owners[0].image_hw)
            if any(is_piece(moved.mask, owner) for owner in owners):
                found.append(moved)
    return found
