"""People of tiles: who is cut by an edge, and which sightings are one person."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.arrays import Box
from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.engine.tiles.people import Sighting, Tile, is_cut, join_sightings, sight_people
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance

HUMAN = 20
HW = (100, 300)
LEFT, RIGHT, MIDDLE = (0, 0, 120, 100), (180, 0, 300, 100), (90, 0, 210, 100)


def boxed(box: Box, hw: tuple[int, int] = HW) -> Mask:
    full = np.zeros(hw, np.bool_)
    full[box[1] : box[3], box[0] : box[2]] = True
    return Mask.from_full(full)


def sighting(box: Box, tile: int, score: float = 0.8, *, cut: bool = True) -> Sighting:
    return Sighting(score, boxed(box), (tile,), cut)


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize(("reach", "cut"), [(0, True), (1, True), (2, False)])
def test_who_reaches_an_edge_of_a_tile_is_cut_but_not_at_the_photos_own(side, reach, cut):
    near = [40, 40, 60, 60]
    near[side] = reach if side < 2 else 100 - reach
    x0, y0, x1, y1 = near
    far = (x0 + 100, y0 + 100, x1 + 100, y1 + 100)
    assert is_cut(far, (100, 100, 200, 200), (300, 300)) is cut
    assert is_cut(far, (100, 100, 200, 200), (200, 200)) is (cut and side < 2)
    assert is_cut((x0, y0, x1, y1), (0, 0, 100, 100), (300, 300)) is (cut and side > 1)


def test_what_a_tile_shows_of_two_is_what_is_visible_of_each():
    front, back = boxed((10, 10, 50, 50), (100, 120)), boxed((30, 10, 90, 50), (100, 120))
    instances = [Instance(HUMAN, 0.7, back), Instance(HUMAN, 0.9, front)]
    found = Findings(np.zeros((100, 120), np.uint8), instances)
    seen = sight_people([Tile(RIGHT, found)], HW, HUMAN)
    assert [(one.mask.box_xyxy, one.score) for one in seen] == [
        ((190, 10, 230, 50), 0.9),
        ((230, 10, 270, 50), 0.7),
    ]


def test_pieces_in_three_tiles_are_one_person_with_their_mean_score():
    ends = [sighting((60, 40, 120, 60), 0, 0.5), sighting((180, 40, 240, 60), 1, 0.9)]
    (one,) = join_sightings([*ends, sighting((90, 40, 210, 60), 2, 0.8)], [LEFT, RIGHT, MIDDLE])
    assert (one.mask.box_xyxy, one.mask.area) == ((60, 40, 240, 60), 180 * 20)
    assert one.score == pytest.approx((60 * 0.5 + 60 * 0.9 + 120 * 0.8) / 240)
    assert (one.tiles, one.cut) == ((0, 1, 2), False)


def test_who_is_seen_whole_by_two_tiles_is_taken_from_the_surer_one():
    both = [sighting((95, 20, 115, 80), n, 0.6 + 0.1 * n, cut=False) for n in range(2)]
    assert join_sightings(both, [LEFT, MIDDLE]) == [both[1]]


def test_neighbors_whose_masks_touch_in_two_tiles_stay_two():
    two = [
        sighting((70, 20, 105, 80), 0, cut=False),
        sighting((100, 20, 150, 80), 1, cut=False),
    ]
    assert join_sightings(two, [LEFT, MIDDLE]) == two
