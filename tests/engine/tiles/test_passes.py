"""The whole photo and its tiles, against drawn crowds whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.engine.tiles.passes import find_in_tiles
from m2fp_cli.engine.tiles.people import Tile, join_sightings, sight_people
from m2fp_cli.network.config import parse_config
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance
from tests.support.family import small_document
from tests.support.small_people import HUMAN, INPUT, SHIRT, TROUSERS, Stare, draw_crowd

HAIR = 2
CONFIG = replace(parse_config(small_document()), input=INPUT)
LARGE = (60, 40, 260, 580)
CROWD = [(x, 100 + x // 4, x + 14, 140 + x // 4) for x in range(320, 780, 30)]


def look(photo, tiles, stare=None):
    return find_in_tiles(stare or Stare(), photo, photo.shape[:2], CONFIG, tiles, 0.1)


def boxes(found):
    return sorted(i.box_xyxy for i in found.instances if i.label_id == HUMAN)


@pytest.mark.parametrize("tiles", ["auto", 3])
def test_small_people_are_found_in_tiles_and_large_ones_stay(tiles):
    photo = draw_crowd((600, 800), [LARGE, *CROWD])
    assert boxes(Stare()(photo, (600, 800), 0.1)) == [LARGE]
    found = look(photo, tiles)
    assert boxes(found) == sorted([LARGE, *CROWD])
    for x0, y0, x1, y1 in [LARGE, *CROWD]:
        middle = (y0 + y1) // 2
        assert (found.semantic_map[y0:middle, x0:x1] == SHIRT).all()
        assert (found.semantic_map[middle:y1, x0:x1] == TROUSERS).all()
    assert (found.semantic_map[photo[:, :, 0] == 0] == 0).all()


def test_a_portrait_is_looked_at_once():
    stare = Stare()
    look(draw_crowd((600, 800), [LARGE]), "auto", stare)
    assert stare.shown == [(600, 800)]


def test_whoever_is_suspected_in_vain_is_not_reported():
    photo = draw_crowd((600, 800), [(400, 300, 402, 303)])
    assert boxes(look(photo, "auto")) == []


def test_someone_longer_than_the_overlap_is_joined_across_the_seam():
    lying = (150, 290, 430, 310)  # no tile of 3 across, 240 pixels, shows all of it
    photo = draw_crowd((600, 800), [lying])
    found = find_in_tiles(OnlyTiles(), photo, (600, 800), CONFIG, 3, 0.1)
    assert boxes(found) == [lying]
    assert (found.semantic_map[290:310, 150:430] > 0).all()


@pytest.mark.parametrize(("right", "people"), [(400, 0), (396, 1)])
def test_what_one_tile_alone_shows_of_somebody_at_its_edge_is_left_out(right, people):
    box = 100, 100, 400, 400
    seen = Stare()(draw_crowd((300, 300), [(240, 40, right - 100, 90)]), (300, 300), 0.1)
    found = sight_people([Tile(box, seen)], (600, 800), HUMAN)
    assert len(join_sightings(found, [box])) == people


@pytest.mark.parametrize(("doubt", "score"), [(0.2, 0.9), (0.4, 0.9), (0.95, 0.95)])
def test_whoever_the_first_pass_doubts_is_reported_once(doubt, score):
    tall = (330, 100, 420, 560)  # no tile of 2 across, 343 pixels, shows all of it
    photo = draw_crowd((600, 800), [tall])
    found = find_in_tiles(Doubter(doubt), photo, (600, 800), CONFIG, 2, 0.1)
    assert [i.score for i in found.instances] == [pytest.approx(score)]
    assert boxes(found) == [tall]


def test_a_doubt_stays_where_tiles_doubt_more():
    tall = (330, 100, 420, 560)
    photo = draw_crowd((600, 800), [tall])
    found = find_in_tiles(Doubter(0.4, 0.2), photo, (600, 800), CONFIG, 2, 0.1)
    assert [i.score for i in found.instances] == [0.4]
    assert (found.semantic_map[100:560, 330:420] > 0).all()


class Doubter(Stare):
    """Gives all people one score in the whole photo, another in tiles."""

    def __init__(self, in_photo, in_tiles=0.9):
        super().__init__()
        self.scores = in_tiles, in_photo

    def __call__(self, picture, size_hw, min_score):
        found, score = super().__call__(picture, size_hw, min_score), self.scores[size_hw[0] >= 600]
        return replace(found, instances=[replace(i, score=score) for i in found.instances])


class OnlyTiles(Stare):
    """Sees nothing in the whole photo."""

    def __call__(self, picture, size_hw, min_score):
        return super().__call__(picture * np.uint8(size_hw[0] < 600), size_hw, min_score)


def test_a_reduced_copy_is_cut_where_the_photo_is():
    photo = draw_crowd((600, 800), CROWD[:1])
    stare = Stare()
    find_in_tiles(stare, photo[::2, ::2], (600, 800), CONFIG, 2, 0.1)
    assert stare.shown[0] == (600, 800)
    assert set(stare.shown[1:]) == {(343, 343)}


class Halver(Stare):
    """Takes upper and lower halves for two people in tiles; the upper ones have hair."""

    def __call__(self, picture, size_hw, min_score):
        found = super().__call__(picture, size_hw, min_score)
        if size_hw[0] >= 600:
            return found
        labels, halves = found.semantic_map.copy(), []
        for person in found.instances:
            x0, y0, x1, y1 = person.box_xyxy
            labels[y0 : y0 + (y1 - y0) // 8, x0:x1] = HAIR
            rows = np.arange(size_hw[0])[:, None] < (y0 + y1) // 2
            both = (rows, 0.8), (~rows, 0.9)
            halves += [Instance(HUMAN, s, Mask.from_full(person.mask.full() & r)) for r, s in both]
        return Findings(labels, halves)


def test_a_torso_and_the_legs_below_it_are_one_person_as_the_whole_photo_shows():
    box = (380, 200, 410, 280)
    found = find_in_tiles(Halver(), draw_crowd((600, 800), [box]), (600, 800), CONFIG, "auto", 0.1)
    assert [(i.box_xyxy, i.score) for i in found.instances] == [(box, 0.9)]


class Merger(Stare):
    """Takes everybody in the whole photo for one person; in tiles the first of them has hair."""

    def __call__(self, picture, size_hw, min_score):
        found = super().__call__(picture, size_hw, min_score)
        if size_hw[0] >= 600:
            mask = Mask.from_full(found.semantic_map > 0)
            return replace(found, instances=[Instance(HUMAN, 0.9, mask)])
        labels = found.semantic_map.copy()
        labels[:, : size_hw[1] // 2][labels[:, : size_hw[1] // 2] == SHIRT] = HAIR
        return replace(found, semantic_map=labels)


def test_two_who_stand_side_by_side_stay_two_though_one_shows_no_head():
    two = [(380, 200, 400, 270), (402, 200, 424, 280)]
    found = find_in_tiles(Merger(), draw_crowd((600, 800), two), (600, 800), CONFIG, "auto", 0.1)
    assert boxes(found) == two
