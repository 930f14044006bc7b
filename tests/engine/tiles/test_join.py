"""The first pass and its tiles in one result: who is taken from where, and what is painted."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.arrays import Box
from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.engine.tiles.join import join_tiles
from m2fp_cli.engine.tiles.people import Tile
from m2fp_cli.network.config import parse_config
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance
from tests.support.family import small_document

LABELS = parse_config(small_document()).labels
HUMAN, HAIR, SHIRT, TROUSERS = 20, 2, 5, 9
HW = (200, 300)
TILE, NEXT = (0, 0, 150, 100), (100, 0, 250, 100)


def one(box: Box, score: float = 0.9, label: int = HUMAN, hw: tuple[int, int] = HW) -> Instance:
    full = np.zeros(hw, np.bool_)
    full[box[1] : box[3], box[0] : box[2]] = True
    return Instance(label, score, Mask.from_full(full))


def seen(*instances: Instance, labels: dict[Box, int], hw: tuple[int, int] = HW) -> Findings:
    """Instances, and a label map with these boxes in it."""
    painted = np.zeros(hw, np.uint8)
    for (x0, y0, x1, y1), label in labels.items():
        painted[y0:y1, x0:x1] = label
    return Findings(painted, instances)


def tile(*instances: Instance, labels: dict[Box, int], box: Box = TILE) -> Tile:
    return Tile(box, seen(*instances, labels=labels, hw=(100, 150)))


def in_tile(box: Box, score: float = 0.9, label: int = HUMAN) -> Instance:
    return one(box, score, label, (100, 150))


def people(found: Findings) -> list[tuple[Box, float]]:
    return sorted((i.box_xyxy, i.score) for i in found.instances if i.label_id == HUMAN)


def test_of_who_is_taken_from_a_tile_nothing_is_left_but_where_somebody_else_is():
    first = seen(
        one((20, 20, 60, 60)), one((50, 20, 52, 190)),
        labels={(20, 20, 60, 60): SHIRT, (50, 20, 52, 190): HAIR},
    )  # fmt: skip
    narrow = tile(in_tile((20, 20, 40, 60), 0.8), labels={(20, 20, 40, 60): TROUSERS})
    found = join_tiles(first, [narrow], LABELS)
    assert people(found) == [((20, 20, 40, 60), 0.8), ((50, 20, 52, 190), 0.9)]
    row = found.semantic_map[30]
    assert [row[x] for x in (19, 20, 39, 40, 49, 50, 52, 59)] == [0, 9, 9, 0, 0, 2, 0, 0]


def test_who_is_too_high_for_a_tile_stays_as_the_whole_photo_shows_them():
    tall = (20, 10, 60, 75)  # of 100 rows
    first = seen(one(tall, 0.7), labels={tall: SHIRT})
    found = join_tiles(first, [tile(in_tile(tall, 0.95), labels={tall: TROUSERS})], LABELS)
    assert people(found) == [(tall, 0.7)]
    assert set(found.semantic_map[10:75, 20:60].flat) == {SHIRT}


def test_a_child_before_somebody_large_and_doubtful_replaces_nobody():
    tall, child = (20, 10, 140, 190), (60, 40, 80, 80)
    first = seen(one(tall, 0.4), labels={tall: SHIRT})
    found = join_tiles(first, [tile(in_tile(child), labels={child: HAIR})], LABELS)
    assert people(found) == [(tall, 0.4), (child, 0.9)]
    assert found.semantic_map[50, 50] == SHIRT
    assert found.semantic_map[50, 70] == HAIR


@pytest.mark.parametrize("scores", [(0.6, 0.8), (0.8, 0.6)])
def test_of_two_from_different_tiles_the_surer_one_is_on_top(scores):
    left = tile(in_tile((80, 40, 125, 60), scores[0]), labels={(80, 40, 125, 60): SHIRT})
    right = tile(
        in_tile((20, 40, 60, 60), scores[1]), labels={(20, 40, 60, 60): TROUSERS}, box=NEXT
    )
    found = join_tiles(seen(labels={}), [left, right], LABELS)
    assert len(people(found)) == 2
    assert found.semantic_map[50, 122] == (SHIRT if scores[0] > scores[1] else TROUSERS)


def test_what_one_of_two_tiles_calls_background_keeps_the_label_of_the_other():
    left = tile(in_tile((60, 40, 150, 60)), labels={(60, 40, 150, 60): SHIRT})
    right = tile(in_tile((0, 40, 80, 60)), labels={(50, 40, 80, 60): TROUSERS}, box=NEXT)
    found = join_tiles(seen(labels={}), [left, right], LABELS)
    assert [box for box, _ in people(found)] == [(60, 40, 180, 60)]
    assert [found.semantic_map[50, x] for x in (60, 149, 150, 179)] == [5, 5, 9, 9]


def test_parts_of_a_tile_come_with_the_people_taken_from_it():
    shirt, bag = in_tile((20, 20, 40, 40), 0.6, SHIRT), in_tile((100, 20, 120, 40), 0.6, HAIR)
    given = tile(in_tile((20, 20, 40, 60)), shirt, bag, labels={(20, 20, 40, 60): SHIRT})
    found = join_tiles(seen(labels={}), [given], LABELS)
    parts = [(i.label_id, i.score, i.mask.image_hw) for i in found.instances if i.label_id != HUMAN]
    assert parts == [(SHIRT, 0.6, HW)]


@pytest.mark.parametrize(("score", "number"), [(0.9, 1), (0.4, 2)])
def test_halves_are_joined_only_to_whom_the_whole_photo_is_sure_of(score, number):
    whole, upper, lower = (20, 20, 40, 70), (20, 20, 40, 45), (20, 45, 40, 70)
    halves = tile(
        in_tile(upper), in_tile(lower), labels={(20, 20, 40, 30): HAIR, (20, 30, 40, 70): SHIRT}
    )
    first = seen(one(whole, score), labels={whole: SHIRT})
    assert len(people(join_tiles(first, [halves], LABELS))) == number
