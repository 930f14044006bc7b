"""Which joints of a person are seen, from the joint network and the parse together.

The network alone calls the nose of somebody seen from behind visible, the far ear of a profile,
and hands that lie outside the person. Of 228 people of at least 100 rows in COCO photos it sees
58 % of the joints that COCO leaves out, with the rules below 37 %; 70 % of COCO's own joints are
where COCO has them (object keypoint similarity of at least 0.5), with the rules 68 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.joints import JOINT_NAMES, SURE_PRESENCE, Joints, Points, joint_indices
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.figure import FACE

SEEN, HIDDEN, UNKNOWN = 2, 1, 0
"""As COCO marks joints: seen, hidden but in the photo, and neither."""

# Of joints with a score of 0.5 to 0.8 that COCO has, 59 % are right, with 0.2 to 0.5 45 %, below
# 36 %. F1 is best with 0.3 to 0.6.
_LEAST_SEEN, _LEAST_HIDDEN = 0.5, 0.2
# In roots of the person's area: farther from the person than the first 31 % of COCO's joints are
# right; COCO has 90 % of the noses that are nearer to a face than the second, of the others 27 %.
_NEAR_PERSON, _NEAR_FACE = 0.1, 0.05
# Of the way from ear to ear, across the head: COCO has 12 % of the ears that are nearer to the
# nose, and 73 % of the others.
_NEAR_NOSE = 0.3


_FACE_JOINTS = [i for i, n in enumerate(JOINT_NAMES) if n.startswith(("nose", "mouth"))] + [
    i for i, name in enumerate(JOINT_NAMES) if "eye" in name
]
_EARS = joint_indices("left_ear", "right_ear")
_NOSE, *_DOWN_THE_FACE = joint_indices("nose", "left_eye", "right_eye", "mouth_left", "mouth_right")


@dataclass(frozen=True, eq=False)
class SeenJoints:
    """The joints of one person, and which of them can be relied on.

    Attributes:
        points: (33, 2) float64 x, y in pixels of the upright photo, as in ``Joints``.
        scores: (33,) float64 in [0, 1].
        seen: (33,) uint8, ``SEEN``, ``HIDDEN`` or ``UNKNOWN``.
    """

    points: Points
    scores: NDArray[np.float64]
    seen: NDArray[np.uint8]


def known_joints(person: Person) -> Joints | None:
    """All joints of a person; None where they are not known or the network sees nobody."""
    joints = person.joints
    return None if joints is None or joints.score < SURE_PRESENCE else joints


def see_joints(result: ParsingResult, person: Person) -> SeenJoints | None:
    """Which joints of a person are seen; None as ``known_joints`` has it."""
    joints = known_joints(person)
    if joints is None:
        return None
    height, width = result.image_hw
    in_photo = ((joints.points >= 0) & (joints.points < (width, height))).all(axis=1)
    averted = _find_averted(joints, result, person)
    reach = _NEAR_PERSON * person.mask.area**0.5
    clear = (joints.scores >= _LEAST_SEEN) & _are_near(joints.points, [person.mask], reach)
    guessed = in_photo & ~averted & (joints.scores >= _LEAST_HIDDEN)
    seen = np.where(guessed, np.where(clear, SEEN, HIDDEN), UNKNOWN).astype(np.uint8)
    return SeenJoints(joints.points, joints.scores, seen)


def why_unknown(person: Person, *, looked_for: bool) -> str | None:
    """Why a person has no joints, as a message ends; None where they have some.

    Args:
        person: of a result.
        looked_for: whether the m2fp that made the result looks for joints.
    """
    if person.joints is not None:
        return "not seen by the joint network" if known_joints(person) is None else None
    return "too small" if looked_for else "parsed by an older m2fp (parse again)"


def across_face(points: Points) -> Points:
    """From a person's right to their left across the face, (2,) x, y, as long as it is high.

    It is the way from the eyes to the mouth, turned by a quarter: in faces that look at us it
    points to the left eye, in heads seen from behind away from it.
    """
    left_eye, right_eye, *mouth = points[_DOWN_THE_FACE]
    down_x, down_y = np.mean(mouth, axis=0) - (left_eye + right_eye) / 2
    return np.array((down_y, -down_x))


def _find_averted(joints: Joints, result: ParsingResult, person: Person) -> BoolArray:
    """Joints of the head that are turned away, (33,) bool; of models without faces none are."""
    averted = np.zeros(len(JOINT_NAMES), np.bool_)
    names = result.labels.names
    if not any(name in FACE for name in names):
        return averted
    faces = [part.mask for part in person.parts if names[part.label_id] in FACE]
    near = _are_near(joints.points, faces, _NEAR_FACE * person.mask.area**0.5)
    averted[_FACE_JOINTS] = ~near[_FACE_JOINTS]
    if near[_NOSE]:
        averted[_EARS] = _are_behind_the_nose(joints.points)
    return averted


def _are_behind_the_nose(points: Points) -> BoolArray:
    """Whether the left and the right ear are hidden by the head, (2,) bool."""
    left, right = (points[_EARS] - points[_NOSE]) @ across_face(points) * (1, -1)
    across = left + right
    if across <= 0:  # seen from behind
        return np.zeros(2, np.bool_)
    return np.asarray(np.array((left, right)) < _NEAR_NOSE * across)


def _are_near(points: Points, masks: Sequence[Mask], reach: float) -> BoolArray:
    """Whether points are within so many pixels of one of some masks, (P,) bool."""
    near = np.zeros(len(points), np.bool_)
    edge = int(reach) + 1
    for mask in masks:
        outside = np.pad(~mask.inside, edge, constant_values=True).astype(np.uint8)
        distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        columns, rows = np.floor(points - mask.box_xyxy[:2] + edge).T
        height, width = distance.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        where = rows[inside].astype(np.intp), columns[inside].astype(np.intp)
        near[inside] |= distance[where] <= reach
    return near
