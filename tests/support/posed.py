"""Joints of the person that ``dressed.draw_dressed`` draws, and a photo of one who has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from m2fp_cli.exports.format import ExportedPhoto
from m2fp_cli.records.joints import JOINT_NAMES, Joints
from tests.support.exporting import drawn_photo

# Pixels around the top of the head; what is not here lies in the middle of the trousers.
PLACES = {
    "nose": (0, 32), "left_eye": (6, 24), "right_eye": (-6, 24), "left_ear": (14, 26),
    "right_ear": (-14, 26), "mouth_left": (5, 42), "mouth_right": (-5, 42),
    "left_shoulder": (42, 84), "right_shoulder": (-42, 84), "left_elbow": (66, 150),
    "right_elbow": (-66, 150), "left_wrist": (86, 220), "right_wrist": (-86, 220),
    "left_hip": (22, 186), "right_hip": (-22, 186), "left_knee": (22, 290),
    "right_knee": (-22, 290), "left_ankle": (22, 368), "right_ankle": (-22, 368),
    "left_heel": (16, 386), "right_heel": (-16, 386), "left_foot_index": (40, 388),
    "right_foot_index": (-40, 388),
}  # fmt: skip
_TOP = (150, 12)  # where ``drawn_photo`` has the top of the head


def at(name: str) -> tuple[int, int]:
    """Where a joint is in ``posed_photo``, x and y."""
    x, y = PLACES.get(name, (0, 200))
    return _TOP[0] + x, _TOP[1] + y


def drawn_joints(*, scores: dict[str, float] | None = None, score: float = 0.9, **moved) -> Joints:
    """Joints with a score of 0.8; some may have others, or be moved to another x, y."""
    points = np.array([moved.get(name, at(name)) for name in JOINT_NAMES], np.float64)
    each = np.array([(scores or {}).get(name, 0.8) for name in JOINT_NAMES])
    return Joints(points, each, score)


def posed_photo(name: str = "a", *, people: int = 1, **joints) -> ExportedPhoto:
    """A drawn photo whose first person has joints."""
    photo = drawn_photo(name, people=people)
    first, *others = photo.result.people
    posed = replace(first, joints=drawn_joints(**joints))
    return replace(photo, result=replace(photo.result, people=(posed, *others)))
