"""Joining humans and label map: who owns which pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.engine.people import assemble_result, result_from_maps
from m2fp_cli.records.face import Face
from m2fp_cli.records.joints import Joints
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance, ParsingResult

LABELS = LabelSet(("Background", "Hair", "Coat", "Human"), human_id=3)
HUMAN, HAIR, COAT = 3, 1, 2


def region(rows: slice, columns: slice, hw: tuple[int, int] = (8, 10)) -> Mask:
    full = np.zeros(hw, dtype=bool)
    full[rows, columns] = True
    return Mask.from_full(full)


def label_map() -> np.ndarray:
    """Hair in the two top rows, coat below, nothing in the last row."""
    out = np.full((8, 10), COAT, dtype=np.uint8)
    out[:2], out[-1] = HAIR, 0
    return out


def drawn_joints() -> Joints:
    points = np.random.default_rng(0).uniform(-2, 12, (33, 2)).round(1)
    return Joints(points, np.linspace(0, 1, 33).round(3), 0.75)


def drawn_face() -> Face:
    points = np.random.default_rng(1).uniform(-2, 12, (15, 2)).round(1)
    return Face(points, 12.5, -8.0, 3.5, 0.75)


def two_people() -> ParsingResult:
    """A person with a higher score on the right overlaps one on the left by two columns.

    Joints and face of the right one are known.
    """
    left = Instance(HUMAN, 0.6, region(slice(0, 8), slice(0, 6)))
    right = Instance(HUMAN, 0.9, region(slice(0, 8), slice(4, 9)))
    hair = Instance(HAIR, 0.8, region(slice(0, 2), slice(0, 3)))
    return assemble_result(
        LABELS,
        label_map(),
        [left, right, hair],
        find_joints=lambda _: [drawn_joints(), None],
        find_faces=lambda *_: [drawn_face(), None],
    )


def test_people_are_numbered_by_score_and_the_best_is_on_top():
    result = two_people()
    assert [person.score for person in result.people] == [0.9, 0.6]
    assert result.person_map[0].tolist() == [2, 2, 2, 2, 1, 1, 1, 1, 1, 0]


def test_joints_are_those_of_the_people_by_their_visible_boxes():
    asked = []

    def find(boxes):
        asked.extend(boxes)
        return [None, drawn_joints()]

    behind = Instance(HUMAN, 0.4, region(slice(0, 8), slice(0, 7)))
    before = Instance(HUMAN, 0.5, region(slice(0, 8), slice(5, 9)))
    result = assemble_result(LABELS, label_map(), [behind, before], find_joints=find)
    assert asked == [(5, 0, 9, 8), (0, 0, 5, 8)]
    first, second = result.people
    assert first.joints is None
    assert second.joints is not None
    assert (second.joints.points == drawn_joints().points).all()


def test_faces_are_those_of_the_people_by_their_joints_and_labelled_faces():
    def find(joints, masks):
        assert [seen is not None for seen in joints] == [True, False]
        assert [mask.box_xyxy for mask in masks] == [(4, 0, 9, 2), (0, 0, 4, 2)]
        return [None, drawn_face()]

    labels = LabelSet(("Background", "Face", "Coat", "Human"), HUMAN)
    left = Instance(HUMAN, 0.6, region(slice(0, 8), slice(0, 4)))
    right = Instance(HUMAN, 0.9, region(slice(0, 8), slice(4, 9)))
    found = assemble_result(
        labels, label_map(), [left, right], find_joints=lambda _: [drawn_joints(), None],
        find_faces=find,
    )  # fmt: skip
    assert [person.face is not None for person in found.people] == [False, True]


def test_sides_are_given_with_the_joints_of_each_person():
    def swap(labels, masks, joints):
        assert [seen is not None for seen in joints] == [True, False]
        assert [mask.area for mask in masks] == [40, 32]
        return np.where(labels == HAIR, COAT, labels)

    humans = [
        Instance(HUMAN, 0.9, region(slice(0, 8), slice(4, 9))),
        Instance(HUMAN, 0.4, region(slice(0, 8), slice(0, 6))),
    ]
    result = assemble_result(
        LABELS, label_map(), humans, find_joints=lambda _: [drawn_joints(), None], assign_sides=swap
    )
    assert [[part.label_id for part in person.parts] for person in result.people] == [[COAT]] * 2


def test_parts_are_the_label_map_cut_by_the_person():
    result = two_people()
    for person in result.people:
        own = result.person_map == person.person_id
        for part in person.parts:
            assert np.array_equal(part.mask.full(), own & (result.semantic_map == part.label_id))


def test_every_pixel_belongs_to_one_part_at_most():
    result = two_people()
    parts = [part for person in result.people for part in person.parts]
    total = sum(part.mask.full().astype(int) for part in (*parts, *result.unassigned))
    assert np.array_equal(total, (result.semantic_map > 0).astype(int))


def test_what_lies_on_nobody_is_unassigned():
    result = two_people()
    assert [part.label_id for part in result.unassigned] == [HAIR, COAT]
    assert result.unassigned[1].box_xyxy == (9, 2, 10, 7)


def test_a_part_takes_the_score_of_the_instance_that_covers_it():
    left = two_people().people[1]
    assert left.parts[0].score == 0.8
    assert left.parts[1].score == left.score


def test_a_person_who_is_wholly_covered_gets_no_id():
    big = Instance(HUMAN, 0.9, region(slice(0, 8), slice(0, 10)))
    small = Instance(HUMAN, 0.4, region(slice(2, 4), slice(2, 4)))
    result = assemble_result(LABELS, label_map(), [small, big])
    assert [person.person_id for person in result.people] == [1]
    assert len(result.instances) == 2


@pytest.mark.parametrize(("columns", "people"), [(10, 1), (8, 2)])
def test_the_rim_around_a_surer_person_is_nobody(columns, people):
    sure = Instance(HUMAN, 0.9, region(slice(0, 8), slice(0, columns - 1)))
    rim = Instance(HUMAN, 0.8, region(slice(0, 8), slice(10 - columns, 10)))
    result = assemble_result(LABELS, label_map(), [rim, sure])
    assert [person.score for person in result.people] == [0.9, 0.8][:people]
    assert result.person_map.max() == people
    assert len(result.instances) == 2


def test_a_photo_without_people_has_a_result():
    result = assemble_result(LABELS, np.zeros((8, 10), dtype=np.uint8), [])
    assert result.people == ()
    assert not result.person_map.any()


def test_order_does_not_depend_on_the_order_of_instances():
    same = [Instance(HUMAN, 0.5, region(slice(0, 8), slice(x, x + 3))) for x in (0, 3, 6)]
    one = assemble_result(LABELS, label_map(), same)
    other = assemble_result(LABELS, label_map(), same[::-1])
    assert np.array_equal(one.person_map, other.person_map)


def test_single_human_photos_hold_one_person():
    labels = LabelSet(("Background", "Hair", "Coat"))
    hair = Instance(HAIR, 0.5, region(slice(0, 2), slice(0, 10)))
    coat = Instance(COAT, 1.0, region(slice(2, 7), slice(0, 10)))
    result = assemble_result(labels, label_map(), [hair, coat], single_human=True)
    (person,) = result.people
    assert np.array_equal(person.mask.full(), label_map() > 0)
    assert person.score == pytest.approx((0.5 * 20 + 1.0 * 50) / 70)


def test_the_one_person_is_no_instance_and_background_has_no_share_in_the_score():
    labels = LabelSet(("Background", "Hair", "Coat"))
    nothing = Instance(0, 0.1, region(slice(7, 8), slice(0, 10)))
    coat = Instance(COAT, 0.7, region(slice(2, 7), slice(0, 10)))
    result = assemble_result(labels, label_map(), [nothing, coat], single_human=True)
    assert [person.score for person in result.people] == [pytest.approx(0.7)]
    assert [one.label_id for one in result.instances] == [COAT, 0]
    unsure = assemble_result(labels, label_map(), [nothing], single_human=True)
    assert [person.score for person in unsure.people] == [0.0]


def test_a_part_that_no_instance_of_its_label_overlaps_takes_the_score_of_its_person():
    elsewhere = Instance(COAT, 0.8, region(slice(7, 8), slice(9, 10)))
    person = Instance(HUMAN, 0.6, region(slice(0, 8), slice(0, 9)))
    result = assemble_result(LABELS, label_map(), [person, elsewhere])
    assert [part.score for part in result.people[0].parts] == [0.6, 0.6]
    assert [part.score for part in result.unassigned] == [0.0, 0.0]


def test_a_face_far_from_its_person_is_not_believed():
    far = replace(drawn_face(), points=drawn_face().points + 100)
    person = Instance(HUMAN, 0.6, region(slice(0, 8), slice(0, 9)))
    result = assemble_result(LABELS, label_map(), [person], find_faces=lambda *_: [far])
    assert result.people[0].face is not None
    assert result.people[0].face.score == 0


def test_maps_of_others_may_skip_ids_and_have_labels_without_a_name():
    people = np.zeros((8, 10), np.uint16)
    people[:, 1:9], people[2:4, 3:5] = 7, 300  # one inside the box of the other
    labels = label_map()
    labels[4, :] = 77
    result = result_from_maps(LABELS, labels, people)
    assert result.person_map[2].tolist() == [0, 1, 1, 2, 2, 1, 1, 1, 1, 0]
    assert not result.semantic_map[4].any()
    areas = [[(part.label_id, part.mask.area) for part in one.parts] for one in result.people]
    assert areas == [[(HAIR, 16), (COAT, 28)], [(COAT, 4)]]
    assert [(part.label_id, part.score) for part in result.unassigned] == [(HAIR, 0), (COAT, 0)]


def test_list_form_has_parts_before_humans():
    entries = two_people().as_list()
    assert [entry["label"] for entry in entries] == ["Hair", "Human", "Human"]
    assert entries[0]["mask"].shape == (8, 10)
    assert entries[0]["mask"].sum() == 6
