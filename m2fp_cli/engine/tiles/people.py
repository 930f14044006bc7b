"""People that tiles show, in the photo's pixels, joined across the tiles' edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import Box
from m2fp_cli.engine.people import paint_people, sorted_instances
from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.records.masks import Mask, mask_overlap, union_box
from m2fp_cli.records.results import Instance

PIECE = 0.5  # share of the smaller mask from which on two are the same person, or a piece
SAME = 0.5  # IoU, where both tiles can see, from which on two masks are one person
_EDGE = 2  # pixels from a tile's edge within which a mask is cut by it


@dataclass(frozen=True, eq=False)
class Tile:
    """A part of a photo, parsed by itself.

    Attributes:
        box_xyxy: where it is in the photo, half-open.
        found: what is there, in the tile's own pixels.
    """

    box_xyxy: Box
    found: Findings


@dataclass(frozen=True, eq=False)
class Sighting:
    """A person in one tile, or joined from several.

    Attributes:
        score: of the person.
        mask: in the photo.
        tiles: numbers of the tiles it is from.
        cut: it ends at the edge of a tile inside the photo.
    """

    score: float
    mask: Mask
    tiles: tuple[int, ...]
    cut: bool


def sight_people(
    tiles: Sequence[Tile], image_hw: tuple[int, int], human_id: int | None
) -> list[Sighting]:
    """The visible masks of all tiles' people, each by itself."""
    sighted = []
    for number, tile in enumerate(tiles):
        humans = sorted_instances(i for i in tile.found.instances if i.label_id == human_id)
        for human, visible in paint_people(humans, tile.found.semantic_map.shape)[1]:
            mask = move_mask(visible, tile.box_xyxy, image_hw)
            cut = is_cut(mask.box_xyxy, tile.box_xyxy, image_hw)
            sighted.append(Sighting(human.score, mask, (number,), cut))
    return sighted


def is_piece(mask: Mask, of: Mask) -> bool:
    """Whether a mask lies in another one, at least by half of its pixels."""
    return mask_overlap(mask, of) >= PIECE * mask.area


def move_mask(mask: Mask, tile_xyxy: Box, image_hw: tuple[int, int]) -> Mask:
    """A mask in a tile's pixels as one in the photo's."""
    left, top = tile_xyxy[:2]
    x0, y0, x1, y1 = mask.box_xyxy
    return Mask(image_hw, (x0 + left, y0 + top, x1 + left, y1 + top), mask.inside)


def move_instance(instance: Instance, tile_xyxy: Box, image_hw: tuple[int, int]) -> Instance:
    """The same of an instance."""
    mask = move_mask(instance.mask, tile_xyxy, image_hw)
    return Instance(instance.label_id, instance.score, mask)


def is_cut(box: Box, tile_xyxy: Box, image_hw: tuple[int, int]) -> bool:
    """Whether a box reaches an edge of a tile that is not an edge of the photo."""
    height, width = image_hw
    left, top, right, bottom = tile_xyxy
    return (
        (left > 0 and box[0] < left + _EDGE)
        or (top > 0 and box[1] < top + _EDGE)
        or (right < width and box[2] > right - _EDGE)
        or (bottom < height and box[3] > bottom - _EDGE)
    )


def join_sightings(found: Sequence[Sighting], tiles: Sequence[Box]) -> list[Sighting]:
    """One sighting for each person.

    Two tiles see one person if their masks agree where the tiles overlap. If a tile shows the
    person whole, its mask is taken, by the best score; else pieces of several tiles are joined,
    with their mean score by area. A piece that no other tile goes on with is left out.

    Args:
        found: people of single tiles.
        tiles: boxes of all tiles, in the photo.
    """
    group = list(range(len(found)))
    for i, one in enumerate(found):
        for j in range(i):
            if group[i] != group[j] and _agree(one, found[j], tiles):
                old, new = group[i], group[j]
                group = [new if number == old else number for number in group]
    return [
        person
        for number in sorted(set(group))
        if (person := _as_one([f for f, g in zip(found, group, strict=True) if g == number]))
    ]


def _agree(one: Sighting, other: Sighting, tiles: Sequence[Box]) -> bool:
    """Whether two tiles' masks are one person's, as far as both tiles can see."""
    a, b = tiles[one.tiles[0]], tiles[other.tiles[0]]
    common = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    if one.tiles == other.tiles or common[0] >= common[2] or common[1] >= common[3]:
        return False
    both = mask_overlap(one.mask, other.mask)
    if not both:
        return False
    either = _area_in(one.mask, common) + _area_in(other.mask, common) - both
    return both >= SAME * either


def _area_in(mask: Mask, box: Box) -> int:
    """Number of a mask's pixels inside a box of the photo."""
    left, top = mask.box_xyxy[:2]
    rows = slice(max(box[1] - top, 0), max(box[3] - top, 0))
    columns = slice(max(box[0] - left, 0), max(box[2] - left, 0))
    return int(np.count_nonzero(mask.inside[rows, columns]))


def _as_one(group: Sequence[Sighting]) -> Sighting | None:
    """The person that a group of sightings is; None for a single piece."""
    whole = [sighting for sighting in group if not sighting.cut]
    if whole:
        return max(whole, key=lambda sighting: sighting.score)
    if len(group) == 1:
        return None
    return join_pieces(group)


def join_pieces(group: Sequence[Sighting]) -> Sighting:
    """One person of all these masks, with their mean score by area."""
    box = group[0].mask.box_xyxy
    for sighting in group[1:]:
        box = union_box(box, sighting.mask.box_xyxy)
    inside = np.zeros((box[3] - box[1], box[2] - box[0]), dtype=np.bool_)
    for sighting in group:
        x0, y0, x1, y1 = sighting.mask.box_xyxy
        inside[y0 - box[1] : y1 - box[1], x0 - box[0] : x1 - box[0]] |= sighting.mask.inside
    total = sum(sighting.mask.area for sighting in group)
    score = sum(sighting.score * sighting.mask.area for sighting in group) / total
    mask = Mask(group[0].mask.image_hw, box, inside)
    return Sighting(score, mask, tuple(sorted({n for s in group for n in s.tiles})), cut=False)
