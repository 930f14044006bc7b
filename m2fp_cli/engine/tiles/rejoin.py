"""Joins a torso and the legs below it, where tiles take them for two people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from m2fp_cli.arrays import Box
from m2fp_cli.engine.tiles.people import Sighting, Tile, is_piece, join_pieces
from m2fp_cli.records.labels import LabelSet, folded
from m2fp_cli.records.masks import Mask, mask_iou
from m2fp_cli.records.results import SURE_SCORE

_HEAD = frozenset({"hat", "hair", "sunglasses", "face", "head"})  # folded names
_WITH_HEAD = 0.02  # share of a piece's labelled pixels; one true person in ten has less than .05
_ALIKE = 0.7  # least IoU of the pieces together with the person; none has it alone
_BESIDE = 0.5  # share of the lower box's height from which on two stand beside each other


def head_ids(labels: LabelSet) -> list[int]:
    """Ids of the labels that only a head has; none in sets of other things than people."""
    return [i for i in labels.part_ids if folded(labels.names[i]) in _HEAD]


def rejoin_people(
    sightings: Sequence[Sighting],
    whole: Sequence[Mask],
    tiles: Sequence[Tile],
    heads: Sequence[int],
) -> list[Sighting]:
    """Make one person of sure sightings that together are one of the first pass.

    One of them has a head, the others lie above or below it, and none alone is that person. Two
    people whom the first pass took for one each show a head as a rule, or stand side by side.

    Args:
        sightings: people of the tiles, one each.
        whole: masks of sure people of the first pass.
        tiles: all tiles, for their labels.
        heads: ids of ``head_ids``; without any, nothing is joined.
    """
    left = list(sightings)
    for person in whole if heads else ():
        pieces = [s for s in left if s.score >= SURE_SCORE and is_piece(s.mask, person)]
        if len(pieces) < 2 or any(mask_iou(piece.mask, person) >= _ALIKE for piece in pieces):
            continue
        with_head = [piece for piece in pieces if _has_head(piece, tiles, heads)]
        others = [piece for piece in pieces if piece not in with_head]
        if len(with_head) != 1 or any(_stand_beside(with_head[0], other) for other in others):
            continue
        joined = join_pieces(pieces)
        if mask_iou(joined.mask, person) >= _ALIKE:
            best = max(piece.score for piece in pieces)
            left = [s for s in left if s not in pieces] + [replace(joined, score=best)]
    return left


def _has_head(piece: Sighting, tiles: Sequence[Tile], heads: Sequence[int]) -> bool:
    """Whether a tile that shows a piece has a head's labels in it."""
    inside = piece.mask.full()
    for number in piece.tiles:
        x0, y0, x1, y1 = tiles[number].box_xyxy
        labels = tiles[number].found.semantic_map[inside[y0:y1, x0:x1]]
        if np.isin(labels, heads).sum() > _WITH_HEAD * np.count_nonzero(labels):
            return True
    return False


def _stand_beside(one: Sighting, other: Sighting) -> bool:
    """Whether the boxes of two masks share half of the lower one's rows."""
    a, b = one.mask.box_xyxy, other.mask.box_xyxy
    return min(a[3], b[3]) - max(a[1], b[1]) >= _BESIDE * min(_height(a), _height(b))


def _height(box: Box) -> int:
    return box[3] - box[1]
