"""Which parts of a photo are looked at again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from m2fp_cli.engine.tiles.choose import LEAST_SIDE, MAX_TILES, choose_tiles, grid_tiles
from m2fp_cli.engine.tiles.setting import check_tiles
from m2fp_cli.errors import UsageError
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance
from tests.support.small_people import HUMAN, INPUT

PHOTO_HW = (1200, 1600)


def person(box, score=0.9):
    x0, y0, x1, y1 = box
    inside = np.ones((y1 - y0, x1 - x0), dtype=np.bool_)
    return Instance(HUMAN, score, Mask(PHOTO_HW, box, inside))


def test_a_portrait_has_no_tiles():
    assert choose_tiles([person((300, 100, 900, 1200))], PHOTO_HW, INPUT) == []


def test_a_small_person_gets_a_tile_four_times_as_high():
    (tile,) = choose_tiles([person((800, 500, 840, 600), 0.06)], PHOTO_HW, INPUT)
    assert tile == (620, 350, 1020, 750)


@pytest.mark.parametrize(
    ("box", "tile"),
    [((0, 1110, 40, 1200), (0, 840, 360, 1200)), ((1560, 0, 1600, 90), (1240, 0, 1600, 360))],
)
def test_a_tile_at_the_edge_is_moved_into_the_photo(box, tile):
    assert choose_tiles([person(box)], PHOTO_HW, INPUT) == [tile]


def test_neighbors_share_a_tile_and_people_far_apart_do_not():
    near, other, far = ((x, 500, x + 40, 600) for x in (100, 200, 1500))
    tiles = choose_tiles([person(near), person(other), person(far)], PHOTO_HW, INPUT)
    assert len(tiles) == 2
    assert tiles[0][0] <= near[0]
    assert tiles[0][2] >= other[2]


def test_a_much_smaller_neighbor_gets_a_larger_look():
    near, small = person((800, 500, 860, 640)), person((870, 560, 885, 600), 0.8)
    sides = [x1 - x0 for x0, _, x1, _ in choose_tiles([near, small], PHOTO_HW, INPUT)]
    assert sides == [560, 160]


def test_of_a_crowd_the_surest_get_the_tiles_that_there_may_be():
    crowd = [
        person((x, y, x + 9, y + 20), 0.9 - x / 3e3)
        for x in range(9, 1600, 400)
        for y in (9, 500, 1150)
    ]
    tiles = choose_tiles(crowd, PHOTO_HW, INPUT)
    assert len(tiles) == MAX_TILES
    assert max(x0 for x0, _, _, _ in tiles) < 800


def test_a_tile_of_a_small_photo_shows_a_part_of_it():
    (tile,) = choose_tiles([person((100, 100, 110, 120))], (150, 200), INPUT)
    assert tile == (45, 30, 165, 150)


def test_nobody_looks_for_people_in_the_hand_of_a_large_one():
    large, hand = person((300, 100, 900, 1200)), person((500, 600, 560, 660), 0.2)
    assert choose_tiles([large, hand], PHOTO_HW, INPUT) == []


def test_a_tile_is_enlarged_no_further_than_twice():
    (tile,) = choose_tiles([person((800, 500, 806, 510))], PHOTO_HW, INPUT)
    assert tile[3] - tile[1] == INPUT.min_size // 2


@pytest.mark.parametrize("across", [2, 3, 5])
@pytest.mark.parametrize("photo_hw", [(300, 400), (901, 333), (64, 64)])
def test_a_grid_covers_the_photo_and_overlaps(photo_hw, across):
    seen = np.zeros(photo_hw, int)
    tiles = grid_tiles(photo_hw, across)
    for x0, y0, x1, y1 in tiles:
        seen[y0:y1, x0:x1] += 1
        assert (y1 - y0, x1 - x0) == (tiles[0][2], tiles[0][2])
    assert seen.min() == 1
    lefts = sorted({tile[0] for tile in tiles})
    assert all(b - a <= 0.75 * tiles[0][2] + 1 for a, b in pairwise(lefts))
    assert len({t[0 if photo_hw[1] <= photo_hw[0] else 1] for t in tiles}) == across


@pytest.mark.parametrize(("photo_hw", "count"), [((2, 2000), 0), ((1, 1), 0), ((40, 40), 9)])
def test_no_tile_is_too_small_for_anybody(photo_hw, count):
    tiles = grid_tiles(photo_hw, 16)
    assert len(tiles) == count
    assert all(x1 - x0 == y1 - y0 == LEAST_SIDE for x0, y0, x1, y1 in tiles)


@pytest.mark.parametrize("tiles", ["3", 3])
def test_a_number_may_be_text(tiles):
    assert check_tiles(tiles) == 3


@pytest.mark.parametrize("tiles", ["1", 17, "many", "", "-2", "²"])
def test_other_settings_are_refused(tiles):
    with pytest.raises(UsageError, match="auto, off or a number from 2 to 16"):
        check_tiles(tiles)
