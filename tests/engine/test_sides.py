"""Left and right of drawn people, alone and through the whole result."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.engine.people import assemble_result
from m2fp_cli.engine.sides import assign_sides, assign_sides_by_body, occurring_ids
from m2fp_cli.records.labels import CIHP, LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance

PAIRS = [(2, 3)]


def body() -> np.ndarray:
    """A trunk of columns 6 to 13 with two feet below it, all labelled 1 so far."""
    labels = np.zeros((12, 20), np.uint8)
    labels[2:8, 6:14] = 1
    return labels


def test_parts_get_the_side_they_lie_on():
    labels = body()
    labels[8:12, 6:9] = 2  # left in the photo: the person's right
    labels[8:12, 11:14] = 3
    labels[10, 12] = 2
    sided = assign_sides(labels, PAIRS)
    assert (sided[8:, 6:9] == 3).all()
    assert (sided[8:, 11:14] == 2).all()
    assert (sided[:8] == labels[:8]).all()


def test_what_lies_on_both_sides_goes_where_its_center_is():
    labels = body()
    labels[8:12, 5:15] = 2
    labels[11, 10:15] = 1  # more of it is left in the photo
    assert (assign_sides(labels, PAIRS)[labels == 2] == 3).all()
    mirrored = np.ascontiguousarray(labels[:, ::-1])
    assert (assign_sides(mirrored, PAIRS)[mirrored == 2] == 2).all()


@pytest.mark.parametrize(("bridge_rows", "pieces"), [(1, {2, 3}), (5, {2})])
def test_shoes_that_hang_together_by_little_are_two(bridge_rows, pieces):
    labels = np.zeros((200, 60), np.uint8)
    labels[:180, 20:40] = 1
    labels[180:200, 12:26], labels[180:200, 32:50] = 2, 2
    labels[190 : 190 + bridge_rows, 26:32] = 2
    sided = assign_sides(labels, PAIRS, bridged=PAIRS)
    assert set(np.unique(sided[180:])) == {0, *pieces}
    assert ((sided > 1) == (labels > 1)).all()


def test_a_shoe_thinner_than_the_bridge_is_a_shoe():
    labels = np.zeros((200, 60), np.uint8)
    labels[:180, 20:40] = 1
    labels[180:182, 12:26], labels[180:200, 32:50] = 2, 2
    sided = assign_sides(labels, PAIRS, bridged=PAIRS)
    assert (sided[180:182, 12:26] == 3).all()
    assert (sided[180:200, 32:50] == 2).all()


def test_nobody_has_no_sides():
    nobody = np.zeros((4, 5), np.uint8)
    assert not assign_sides(nobody, PAIRS).any()
    assert (assign_sides(body(), PAIRS) == body()).all()


def test_sides_go_by_each_person_of_a_photo():
    labels = np.hstack([body(), body()])
    labels[8:12, 6:9], labels[8:12, 31:34] = 14, 14
    labels[labels == 1] = 5
    humans = [
        Instance(20, score, Mask.from_full((labels > 0) & (np.arange(40) // 20 == side)))
        for side, score in enumerate((0.9, 0.8))
    ]

    def assign(found, masks, _):
        return assign_sides_by_body(found, masks, CIHP)

    result = assemble_result(CIHP, labels, humans, assign_sides=assign)
    assert (result.semantic_map[8:, 6:9] == 15).all()
    assert (result.semantic_map[8:, 31:34] == 14).all()
    assert [{part.label_id for part in one.parts} for one in result.people] == [{5, 15}, {5, 14}]


def test_left_comes_first_in_a_pair_whatever_its_id():
    labels = LabelSet(("Background", "Right-shoe", "Face", "left_shoe", "Human"), human_id=4)
    assert labels.side_pairs() == ((3, 1),)
    assert CIHP.side_pairs() == ((14, 15), (16, 17), (18, 19))
    assert CIHP.side_pairs("shoe") == ((18, 19),)


def test_the_ids_of_a_part_of_a_map():
    labels = np.zeros((9, 7), np.uint8)
    labels[2, 3], labels[8, 6], labels[0, 0] = 4, 255, 7
    assert np.flatnonzero(occurring_ids(labels)).tolist() == [0, 4, 7, 255]
    assert np.flatnonzero(occurring_ids(labels[1:, 2:])).tolist() == [0, 4, 255]
