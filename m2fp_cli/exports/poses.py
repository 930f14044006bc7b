"""Joints in the orders of OpenPose and COCO, and the files that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.exports.framing import Frame
from m2fp_cli.exports.seen_joints import SEEN, SeenJoints
from m2fp_cli.records.joints import JOINT_NAMES, Points

_RIGHT_ARM = ("right_shoulder", "right_elbow", "right_wrist")
_LEFT_ARM = ("left_shoulder", "left_elbow", "left_wrist")
_RIGHT_LEG = ("right_hip", "right_knee", "right_ankle")
_LEFT_LEG = ("left_hip", "left_knee", "left_ankle")
_HEAD = ("right_eye", "left_eye", "right_ear", "left_ear")

BODY_25 = (
    "nose", "neck", *_RIGHT_ARM, *_LEFT_ARM, "mid_hip", *_RIGHT_LEG, *_LEFT_LEG, *_HEAD,
    "left_foot_index", "left_small_toe", "left_heel",
    "right_foot_index", "right_small_toe", "right_heel",
)  # fmt: skip
"""OpenPose's default model; the foot index of MediaPipe is its big toe."""
COCO_18 = ("nose", "neck", *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG, *_HEAD)
"""OpenPose's model of 18 joints, which DressCode and ControlNet use."""
COCO_17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""COCO's own joints, by COCO's names."""

_MIDDLES = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}
_POINT_DIGITS, _SCORE_DIGITS = 3, 6
_DRESSCODE_WH = (384, 512)  # pixels that its keypoints count, whatever the picture's size
_NONE = (-1.0, -1.0, 0.0, -1.0)


@dataclass(frozen=True, eq=False)
class Pose:
    """The joints of a person in the order of another program.

    Attributes:
        points: (J, 2) float64 x, y; 0 where a joint is missing.
        scores: (J,) float64 in [0, 1]; 0 where it is missing.
    """

    points: Points
    scores: NDArray[np.float64]

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which joints are there, (J,) bool."""
        return self.scores > 0

    def framed(self, frame: Frame) -> Pose:
        """The pose in a picture of a photo; joints outside the picture are missing."""
        points = frame.to_picture(self.points)
        inside = ((points >= 0) & (points < frame.size_wh)).all(axis=1) & self.found
        points[~inside] = 0
        return replace(self, points=points, scores=np.where(inside, self.scores, 0))


def find_pose(joints: SeenJoints | None, order: Sequence[str]) -> Pose:
    """The seen joints in an order, in pixels of the photo; without any, all are missing.

    The neck is the middle of the shoulders and the middle of the hips that of both, with the
    smaller score; they are missing where one of both is. So is what MediaPipe does not see, the
    small toes.
    """
    points, scores = np.zeros((len(order), 2)), np.zeros(len(order))
    for index, name in enumerate(order):
        sources = [JOINT_NAMES.index(n) for n in _MIDDLES.get(name, (name,)) if n in JOINT_NAMES]
        if joints is not None and sources and (joints.seen[sources] == SEEN).all():
            points[index] = joints.points[sources].mean(axis=0)
            scores[index] = joints.scores[sources].min()
    return Pose(points, scores)


def openpose_document(pose: Pose) -> dict[str, Any]:
    """What OpenPose 1.7 writes of a picture with one person: without joints nobody is in it."""
    points, scores = pose.points.round(_POINT_DIGITS), pose.scores.round(_SCORE_DIGITS)
    numbers = np.column_stack((points, scores)).ravel().tolist()
    others = [f"{part}_keypoints_2d" for part in ("face", "hand_left", "hand_right")]
    others += [f"{part}_keypoints_3d" for part in ("pose", "face", "hand_left", "hand_right")]
    person = {"person_id": [-1], "pose_keypoints_2d": numbers, **{name: [] for name in others}}
    return {"version": 1.3, "people": [person] if pose.found.any() else []}


def dresscode_document(pose: Pose, size_wh: tuple[int, int]) -> dict[str, Any]:
    """DressCode's keypoints of 18 joints: x, y, score, and a number that counts what was found.

    Args:
        pose: in pixels of the picture.
        size_wh: of the picture.
    """
    scale = np.divide(_DRESSCODE_WH, size_wh)
    rows, count = [], 0
    for point, score in zip(pose.points * scale, pose.scores.tolist(), strict=True):
        if score > 0:
            x, y = point.round(_POINT_DIGITS).tolist()
            rows.append((x, y, round(score, _SCORE_DIGITS), float(count)))
            count += 1
        else:
            rows.append(_NONE)
    return {"keypoints": rows}
