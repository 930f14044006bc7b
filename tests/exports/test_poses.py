"""Joints in the orders of OpenPose and COCO, and skeletons."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.exports.framing import frame_whole
from m2fp_cli.exports.poses import (
    BODY_25,
    COCO_17,
    COCO_18,
    dresscode_document,
    find_pose,
    openpose_document,
)
from m2fp_cli.exports.seen_joints import see_joints
from m2fp_cli.exports.skeletons import BODY_25_STYLE, COCO_18_STYLE, draw_skeleton
from tests.support.posed import at, posed_photo

# Numbers of OpenPose's documentation, and the joint that should be there.
OPENPOSE_25 = {
    0: "nose", 2: "right_shoulder", 3: "right_elbow", 4: "right_wrist", 5: "left_shoulder",
    6: "left_elbow", 7: "left_wrist", 9: "right_hip", 10: "right_knee", 11: "right_ankle",
    12: "left_hip", 13: "left_knee", 14: "left_ankle", 15: "right_eye", 16: "left_eye",
    17: "right_ear", 18: "left_ear", 19: "left_foot_index", 21: "left_heel",
    22: "right_foot_index", 24: "right_heel",
}  # fmt: skip
OPENPOSE_18 = {
    0: "nose", 2: "right_shoulder", 4: "right_wrist", 5: "left_shoulder", 7: "left_wrist",
    8: "right_hip", 10: "right_ankle", 11: "left_hip", 13: "left_ankle", 14: "right_eye",
    15: "left_eye", 16: "right_ear", 17: "left_ear",
}  # fmt: skip


def pose_of(order, **joints):
    result = posed_photo(**joints).result
    return find_pose(see_joints(result, result.people[0]), order)


@pytest.mark.parametrize(("order", "named"), [(BODY_25, OPENPOSE_25), (COCO_18, OPENPOSE_18)])
def test_joints_have_the_numbers_of_openpose(order, named):
    pose = pose_of(order)
    assert {i: tuple(pose.points[i]) for i in named} == {i: at(name) for i, name in named.items()}


def test_neck_and_mid_hip_are_in_the_middle_with_the_smaller_score():
    pose = pose_of(BODY_25, scores={"left_hip": 0.6})
    assert tuple(pose.points[1]) == (150, 96)
    assert tuple(pose.points[8]) == (150, 198)
    assert (pose.scores[1], pose.scores[8]) == (0.8, 0.6)


def test_what_is_not_seen_is_zero_and_takes_the_middle_with_it():
    pose = pose_of(BODY_25, scores={"left_shoulder": 0.3})
    gone = [1, 5, 20, 23]  # neck, left shoulder, small toes
    assert not pose.points[gone].any()
    assert not pose.scores[gone].any()
    assert pose.found.sum() == 25 - len(gone)


def test_a_pose_moves_into_the_picture_and_loses_what_is_outside():
    frame = frame_whole((420, 600), (300, 400))  # half as large, below 95 white rows
    pose = pose_of(COCO_17).framed(frame)
    x, y = at("nose")
    assert tuple(pose.points[0]) == (x / 2, y / 2 + 95)
    narrow = type(frame)((100, 0, 200, 420), (100, 420), (420, 600))
    left_wrist = pose_of(COCO_17).framed(narrow)
    assert left_wrist.scores[9] == 0
    assert left_wrist.points[0, 0] == x - 100


def test_a_pose_without_joints_is_a_picture_without_people_for_openpose():
    nobody = find_pose(None, BODY_25)
    assert openpose_document(nobody) == {"version": 1.3, "people": []}
    assert not draw_skeleton(nobody, (30, 40), BODY_25_STYLE).any()


def test_dresscode_counts_in_384x512_and_numbers_what_is_found():
    pose = pose_of(COCO_18, scores={"nose": 0.1})
    rows = dresscode_document(pose, (600, 420))["keypoints"]
    assert rows[0] == (-1.0, -1.0, 0.0, -1.0)
    x, y = at("right_shoulder")
    assert rows[2] == (round(x * 384 / 600, 3), round(y * 512 / 420, 3), 0.8, 1.0)
    assert rows[17][3] == 16.0


@pytest.mark.parametrize(
    ("order", "style", "joint", "bgr"),
    [
        (BODY_25, BODY_25_STYLE, 4, (0, 255, 255)),  # right wrist: yellow
        (BODY_25, BODY_25_STYLE, 7, (0, 255, 0)),  # left wrist: green
        (COCO_18, COCO_18_STYLE, 4, (0, 255, 170)),
        (COCO_18, COCO_18_STYLE, 13, (255, 0, 85)),  # left ankle
    ],
)
def test_joints_have_the_colors_of_openpose(order, style, joint, bgr):
    pose = pose_of(order)
    drawn = draw_skeleton(pose, (600, 420), style)
    x, y = pose.points[joint].astype(int)
    color = drawn[y, x].astype(float)
    assert np.abs(color / color.max() - np.divide(bgr, 255)).max() < 0.35
    assert drawn.shape == (420, 600, 3)


def test_limbs_are_ellipses_between_their_joints():
    pose = pose_of(COCO_18)
    drawn = draw_skeleton(pose, (600, 420), COCO_18_STYLE).any(axis=2)
    knee, ankle = pose.points[9], pose.points[10]
    x, y = ((knee + ankle) / 2).astype(int)
    half = round(420 * 4 / 512)
    assert np.abs(np.flatnonzero(drawn[y, x - 20 : x + 20]).size - 2 * half) <= 2
    assert not drawn[y, x + half + 3]


def test_small_people_have_thin_limbs_as_in_openpose():
    pose = pose_of(BODY_25)
    small = type(pose)(pose.points / 4, pose.scores)
    widths = [
        draw_skeleton(one, (600, 420), BODY_25_STYLE).any(axis=2).sum() / one.points.max()
        for one in (pose, small)
    ]
    assert widths[1] < 0.5 * widths[0]
