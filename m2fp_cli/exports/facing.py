"""Which way a person faces, from the joints of the face, or the labels of the head and its eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.exports.seen_joints import across_face, known_joints
from m2fp_cli.records.joints import Points, joint_indices
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.figure import FACE, HAIR, Figure, build_figure, head_stride, head_window
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head

# Without joints: measured on 219 people of at least 120 rows in COCO photos whose keypoints say
# which way they face (both eyes and the nose: front; one eye or ear: side; neither: back), parsed
# by the starter. The confidence is the share of them for whom the word was right: 145 front, 25
# side, 16 back.
_FRONT, _SIDE, _FAR_SIDE, _BACK = 0.8, 0.55, 0.7, 0.4
_LITTLE_FACE, _SOME_FACE = 0.12, 0.25  # of a head: below the first it is seen from behind
_LEAST_HAIR = 0.02  # of a person, to call what has no face a back of a head
# One of them at the full value is a head seen from the side.
_FULL_OFFSET = 0.35  # of the face from the middle of the head, in roots of the face's area
_FULL_YAW = 35.0  # degrees
_FAR_TURN = 1.5  # from here on it is clearly so


@dataclass(frozen=True)
class Facing:
    """Which way somebody faces.

    Attributes:
        word: ``front``, ``side``, ``back`` or ``unknown``.
        confidence: how often the word is right, 0 to 1; 0 for ``unknown``.
    """

    word: str
    confidence: float


UNKNOWN = Facing("unknown", 0.0)


# Where a person's joints are known: from how far apart the eyes are, towards the person's left, in
# distances of eyes and mouth; the first bound that is reached counts. Measured on 262 people of at
# least 120 rows in COCO photos, parsed by the starter; front is both eyes and the nose, side one
# eye, back neither. Right are 138 of 147, 16 of 20, 20 of 39, 22 of 26, and 21 of 30. The bounds
# were chosen on 204 of them, where 84 % are right (by the labels 72 %); of the others 78 (64) %.
_BY_EYES = (
    (0.8, Facing("front", 0.95)),
    (0.65, Facing("front", 0.8)),
    (0.2, Facing("side", 0.5)),
    (-0.25, Facing("side", 0.85)),
    (-np.inf, Facing("back", 0.7)),
)


def find_facing(image_bgr: Picture, result: ParsingResult, person: Person) -> Facing:
    """Which way a person faces.

    Args:
        image_bgr: (H, W, 3) uint8, the photo.
        result: what was parsed in it.
        person: one of its people.
    """
    joints = known_joints(person)
    if joints is not None:
        apart = _eyes_apart(joints.points)
        return next(facing for least, facing in _BY_EYES if apart >= least)
    areas = {result.labels.names[part.label_id]: part.mask.area for part in person.parts}
    face, hair = (sum(areas.get(name, 0) for name in names) for names in (FACE, HAIR))
    window = head_window(result, person)
    if window is None or not face:
        seen = hair >= _LEAST_HAIR * max(person.mask.area, 1)
        return Facing("back", _BACK) if seen else UNKNOWN
    figure = build_figure(result, person, window, head_stride(window))
    share = _face_share(figure)
    if share < _LITTLE_FACE:
        return Facing("back", _BACK)
    turn = max(_offset(figure) / _FULL_OFFSET, _yaw(image_bgr, figure) / _FULL_YAW)
    if turn >= 1:
        return Facing("side", _FAR_SIDE if turn >= _FAR_TURN else _SIDE)
    return Facing("front", _FRONT) if share >= _SOME_FACE else UNKNOWN


def _eyes_apart(points: Points) -> float:
    """How far the left eye is from the right one across the face, in distances of eyes and mouth.

    About 1 for a face that looks at us, 0 for a profile, below 0 for a head seen from behind.
    """
    left, right = points[joint_indices("left_eye", "right_eye")]
    across = across_face(points)
    return float((left - right) @ across / max(float(across @ across), 1e-9))


def _face_share(figure: Figure) -> float:
    """Share of the face in the head, down to the chin."""
    face = figure.mask(*FACE)
    hair = figure.mask(*HAIR) & _above_chin(face)
    return float(np.count_nonzero(face) / max(np.count_nonzero(face | hair), 1))


def _offset(figure: Figure) -> float:
    """How far the face lies beside the middle of face and hair, in roots of its area."""
    face = figure.mask(*FACE)
    head = face | (figure.mask(*HAIR) & _above_chin(face))
    rows, columns = np.nonzero(face)
    if not rows.size:
        return 0.0
    return float(abs(columns.mean() - np.nonzero(head)[1].mean()) / np.sqrt(rows.size))


def _above_chin(face: BoolArray) -> BoolArray:
    """Rows down to the lowest of the face: long hair says nothing about a turn."""
    rows = np.flatnonzero(face.any(axis=1))
    last = int(rows[-1]) if rows.size else -1
    return np.asarray(np.arange(face.shape[0])[:, None] <= last)


def _yaw(image_bgr: Picture, figure: Figure) -> float:
    """Degrees that the head is turned by; 0 where its eyes are not found."""
    fit = fit_head(image_bgr[figure.window], figure)
    if isinstance(fit, HeadFrame):
        return abs(fit.yaw)
    return 2 * _FULL_YAW if fit is SkipReason.PROFILE else 0.0
