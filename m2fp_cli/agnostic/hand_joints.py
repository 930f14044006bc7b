"""Hands, from where a person's joints are.

By labels alone the far end of an arm is a hand, and where a hand is raised to the face an elbow may
be. Joints say where hands are, within some half of a hand, and labels which pixels these have. A
mask of the top then covers 15 % of the hands of 49 street photos, where the joints of a larger
network (MediaPipe's "heavy") tell what a hand is; without joints 27 %. It covers as much of the old
clothes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.agnostic.limbs import face_height
from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.joints import SURE_PRESENCE, Joints, Points, distance_to_chain, joint_indices
from m2fp_cli.tryon.figure import ARMS, Figure

_SURE_HAND = 0.8  # of a wrist and its knuckles; hands in pockets have less
# Lengths in heights of a face, which is as high as a hand is long.
_BEFORE_WRIST, _BEYOND_WRIST = 0.1, 1.0  # a hand goes from the first to the second
_WIDTH = 0.3  # of a sure hand to either side: what is arm there is the hand
_REACH = 0.6  # farther from where a hand should be, nothing is one
_SHORTEST = 0.15  # from the wrist to the knuckles; less, seen from the front, tells no direction


def find_hands_by_joints(figure: Figure, joints: Joints, by_labels: BoolArray) -> BoolArray:
    """Gloves and hands, (h, w) bool.

    Args:
        figure: the person.
        joints: of the person, in pixels of the photo.
        by_labels: (h, w) bool, hands as ``find_hands`` finds them; of these, those stay that lie
            where a hand should be.
    """
    if joints.score < SURE_PRESENCE:
        return by_labels
    arms = figure.mask(*ARMS)
    rows, columns = np.nonzero(arms | by_labels)
    pixels = np.column_stack((columns, rows)).astype(np.float64)
    face = face_height(figure)
    points = (joints.points - figure.origin_xy) / figure.stride
    is_near, is_hand = np.zeros((2, len(pixels)), np.bool_)
    for side in ("left", "right"):
        away = distance_to_chain(pixels, _hand_axis(points, side, face))
        is_near |= away <= _REACH * face
        if _score(joints, side) >= _SURE_HAND:
            is_hand |= away <= _WIDTH * face
    hands = np.array(figure.mask("Glove"))
    hands[rows, columns] |= (by_labels[rows, columns] & is_near) | (arms[rows, columns] & is_hand)
    return hands


def _hand_axis(points: Points, side: str, face: float) -> NDArray[np.float64]:
    """Two ends of a hand, (2, 2) x, y; along the lower arm where the hand tells no direction."""
    names = (f"{side}_{name}" for name in ("elbow", "wrist", "index", "pinky"))
    elbow, wrist, index, pinky = points[joint_indices(*names)]
    along = (index + pinky) / 2 - wrist
    if np.linalg.norm(along) < _SHORTEST * face:
        along = wrist - elbow
    step = face * along / max(float(np.linalg.norm(along)), 1e-6)
    return np.stack((wrist - _BEFORE_WRIST * step, wrist + _BEYOND_WRIST * step))


def _score(joints: Joints, side: str) -> float:
    names = (f"{side}_{name}" for name in ("wrist", "index", "pinky"))
    return float(joints.scores[joint_indices(*names)].min())
