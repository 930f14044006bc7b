"""Sides from joints, and parts and people read anew inside what is known."""

from __future__ import annotations

import numpy as np

from m2fp_cli.records.joints import distance_to_chain
from m2fp_cli.records.labels import CIHP
from m2fp_cli.training.dataset import IGNORE, LabelledPhoto
from training.joint_sides import sides_by_joints
from training.relabel import find_boxed_people, label_people, people_map

LEFT, RIGHT, ARM_CHAINS = 16, 17, {(16, 17): ((0, 1), (2, 3))}


def test_distance_is_to_the_nearest_segment_that_is_known():
    chain = np.array([[0.0, 0.0], [10.0, 0.0], [np.nan, 5.0]])
    pixels = np.array([[5.0, 3.0], [14.0, 3.0]])
    np.testing.assert_allclose(distance_to_chain(pixels, chain), [3, 5])
    assert np.isinf(distance_to_chain(pixels, chain[1:])).all()


def test_crossed_legs_get_the_side_of_the_joints_they_lie_on():
    labels = np.full((100, 60), LEFT, np.uint8)
    joints = np.array([[10.0, 0.0], [50.0, 99.0], [50.0, 0.0], [10.0, 99.0]])
    sided = sides_by_joints(labels, joints, ARM_CHAINS)
    assert sided[5, 10] == sided[95, 50] == LEFT
    assert sided[5, 50] == sided[95, 10] == RIGHT
    assert sided[49, 30] == IGNORE  # where they cross neither is nearer
    joints[2] = np.nan
    assert (sides_by_joints(labels, joints, ARM_CHAINS) == IGNORE).all()


def test_parts_are_read_inside_known_people_only():
    people = np.zeros((20, 30), np.uint8)
    people[:, 5:15], people[:, 20:] = 1, IGNORE
    votes = np.zeros((20, 20, 30), np.float32)
    votes[0], votes[5], votes[9, :, 10:] = 0.8, 0.15, 0.14
    photo = LabelledPhoto("a", np.zeros((20, 30, 3), np.uint8), people, people)
    labels = label_people(photo, votes, 0.6, {}, CIHP)
    assert (labels[:, 5:10] == 5).all()  # although background has most of the votes
    assert (labels[:, 10:15] == IGNORE).all()  # two garments are as likely
    assert (labels[:, 20:] == IGNORE).all()
    assert not labels[:, :5].any()


def test_a_found_person_is_known_if_box_joints_and_mirror_image_agree():
    mask = np.zeros((40, 40), bool)
    mask[5:35, 10:20] = True
    entry = {"person": 255, "box": [10, 5, 20, 35], "keypoints": [[15, 10, 2]] * 17}
    assert list(find_boxed_people([mask], [mask], [entry])) == [0]
    assert not find_boxed_people([mask], [mask[:, ::-1]], [entry])
    assert not find_boxed_people([mask], [mask], [{**entry, "box": [10, 5, 40, 35]}])
    assert not find_boxed_people([mask], [mask], [{**entry, "keypoints": [[35, 10, 2]] * 17}])
    before = np.full((40, 40), IGNORE, np.uint8)
    before[20:, :] = 0
    after = people_map(before, {0: mask}, [entry])
    assert set(np.unique(after[mask & (before == IGNORE)])) == {1}
    assert (after[20:33, 8:22][mask[20:33, 8:22]] == IGNORE).all()
