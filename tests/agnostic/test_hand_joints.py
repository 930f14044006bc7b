"""Hands by joints, of drawn people whose joints are known."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.agnostic.hand_joints import find_hands_by_joints
from m2fp_cli.agnostic.hands import find_hands
from m2fp_cli.records.joints import JOINT_NAMES, Joints
from m2fp_cli.tryon.figure import build_figure
from tests.support.dressed import FACE, draw_dressed, dressed_result, label_mask

ORIGIN = (40, 20)  # of the window in the photo
HANGING = {"elbow": (0, -110), "wrist": (0, -40), "index": (4, -15), "pinky": (-4, -15)}


def joints_at(left, right, score=1.0, hand_score=1.0):
    """Hands that hang down to two points, x and y of the photo; ``score`` is the person's."""
    points, scores = np.zeros((33, 2)), np.full(33, hand_score)
    for side, tip in (("left", left), ("right", right)):
        for name, offset in HANGING.items():
            points[JOINT_NAMES.index(f"{side}_{name}")] = np.add(tip, offset)
    return Joints(points, scores, score)


def find(labels, joints):
    result = dressed_result(labels)
    figure = build_figure(result, result.people[0], (*ORIGIN, 290, 420))
    hands = np.zeros(labels.shape, np.bool_)
    hands[figure.window] = find_hands_by_joints(figure, joints, find_hands(figure))
    return hands


def tips(labels):
    """The lowest pixel of either arm, and its mask."""
    found = []
    for name in ("Left-arm", "Right-arm"):
        rows, columns = np.nonzero(label_mask(labels, name))
        found.append((float(columns[rows == rows.max()].mean()), float(rows.max())))
    return found


def test_a_hand_is_where_its_joints_are_and_no_wider_than_the_arm():
    labels = draw_dressed()
    arms = label_mask(labels, "Left-arm", "Right-arm")
    (left_x, bottom), (right_x, _) = tips(labels)
    hands = find(labels, joints_at((left_x, bottom), (right_x, bottom)))
    rows = np.arange(labels.shape[0])[:, None]
    assert hands[arms & (rows > bottom - 40)].all()
    assert not hands[rows[:, 0] < bottom - 40 - FACE].any()
    assert not hands[~arms].any()


def test_an_end_of_an_arm_where_no_hand_should_be_is_none():
    labels = draw_dressed()
    (left_x, bottom), (right_x, _) = tips(labels)
    raised = joints_at((left_x, bottom), (right_x, bottom - 3 * FACE), hand_score=0.5)
    hands = find(labels, raised)
    halves = hands[:, : labels.shape[1] // 2], hands[:, labels.shape[1] // 2 :]
    assert sorted(bool(half.any()) for half in halves) == [False, True]


def test_a_raised_hand_is_found_at_the_upper_end_of_the_lower_arm():
    labels = draw_dressed()
    (left_x, bottom), (right_x, _) = tips(labels)
    hands = find(labels, joints_at((left_x, bottom - 2 * FACE), (right_x, bottom)))
    arm = label_mask(labels, "Left-arm")
    rows = np.nonzero(hands & arm)[0]
    assert rows.size
    assert rows.max() < bottom - FACE


@pytest.mark.parametrize("joints", [joints_at((0, 0), (0, 0), score=0.4)])
def test_joints_of_what_is_hardly_a_person_change_nothing(joints):
    labels = draw_dressed()
    result = dressed_result(labels)
    figure = build_figure(result, result.people[0], (*ORIGIN, 290, 420))
    by_labels = find_hands(figure)
    assert find_hands_by_joints(figure, joints, by_labels) is by_labels


def test_a_glove_stays_a_hand_wherever_the_joints_are():
    labels = draw_dressed(extra=(("Glove", ((60, 200), (90, 200), (90, 230), (60, 230))),))
    glove = label_mask(labels, "Glove")
    assert find(labels, joints_at((0, 0), (0, 0)))[glove].all()


def test_a_hand_seen_from_the_front_goes_on_as_the_lower_arm_does():
    labels = draw_dressed()
    (left_x, bottom), (right_x, _) = tips(labels)
    joints = joints_at((left_x, bottom), (right_x, bottom))
    for name in ("left_index", "left_pinky"):
        joints.points[JOINT_NAMES.index(name)] = joints.points[JOINT_NAMES.index("left_wrist")]
    hands = find(labels, joints)
    assert hands[round(bottom) - 3, round(left_x)]
