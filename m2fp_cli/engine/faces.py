"""Where the faces of people are and which way they look, as a third, bundled network sees them."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.packed_layers import load_packed
from m2fp_cli.network.face_network import INPUT_SIDE, FaceNetwork
from m2fp_cli.records.face import FACE_POINT_NAMES, SURE_FACE, Face, mirrored_name
from m2fp_cli.records.joints import Joints, joint_indices
from m2fp_cli.records.masks import Mask

Array = NDArray[np.float64]

# Points of the network's mesh that are kept; an eye is the mean of its corners.
_MESH = {
    "left_eye": (362, 263), "left_eye_inner": (362,), "left_eye_outer": (263,),
    "right_eye": (133, 33), "right_eye_inner": (133,), "right_eye_outer": (33,),
    "nose": (1,), "left_mouth": (291,), "right_mouth": (61,), "forehead": (10,), "chin": (152,),
    "left_cheek": (454,), "right_cheek": (234,), "left_jaw": (397,), "right_jaw": (172,),
}  # fmt: skip
# Pairs of the mesh, the person's right and left, that say how the face is turned: corners of eyes
# and mouth, cheeks, jaw; and the ends of its middle, which say how it nods.
_RIGHTS = [33, 133, 61, 234, 127, 93, 132, 58]
_LEFTS = [263, 362, 291, 454, 356, 323, 361, 288]
_FOREHEAD, _CHIN = 10, 152
_LEFT_EYE, _RIGHT_EYE = (FACE_POINT_NAMES.index(name) for name in ("left_eye", "right_eye"))
_OTHER_SIDE = [FACE_POINT_NAMES.index(mirrored_name(name)) for name in FACE_POINT_NAMES]

# The square around a face, in distances between its eyes. With 3.1, 3.6, 4.0 and 5.0 the network
# sees 194, 226, 234 and 130 of 401 faces whose eyes are annotated in COCO photos when it looks the
# second time, and errs in the distance between the eyes by -4, -1, 2 and 10 %.
_REACH = 3.9
_EYES_ROW = 0.42  # of the square, from its upper edge to the eyes

# Where joints and masks expect a face.
_EYE_JOINTS = joint_indices(
    "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer",
)  # fmt: skip
_PUPILS, _MOUTH = joint_indices("left_eye", "right_eye"), joint_indices("mouth_left", "mouth_right")
_EARS = joint_indices("left_ear", "right_ear")
_MOUTH_BELOW, _EARS_APART = 1.05, 2.6  # in distances between the eyes, of a face from the front
# Of a face's mask, in roots of its area: how far the eyes are apart, and how far they lie above its
# middle.
_OF_MASK, _ABOVE_MIDDLE = 0.45, 0.16

# Factors on the distance between the eyes that the mask suggests: how much of a head is labelled as
# its face varies. Of 156 people whose eyes are annotated in COCO photos the network sees six with
# the second or third factor alone.
_SIZES = (1.0, 0.75, 1.33)

_LEAST_UNIT = 5.0  # pixels between the eyes; of 39 smaller faces in COCO photos 5 are seen
_BESIDE = 2  # pixels around a square that are cut out with it
_LEAST_PRESENCE = 0.1  # with less no second look is taken
# Distances between the eyes by which two looks may differ; 97 % of right ones do less.
_APART = 0.12
_WEIGHTS = Path(__file__).parents[1] / "models" / "faces"


@dataclass(frozen=True)
class _Place:
    """Where a face is expected: middle between the eyes, their distance, and the roll in radians.

    All of it is in pixels of the picture.
    """

    eyes_xy: tuple[float, float]
    unit: float
    tilt: float


@dataclass(frozen=True, eq=False)
class _Look:
    """What the network says of one square; depths are away from the camera.

    Attributes:
        points: (15, 3) float64 x, y and depth in pixels of the picture.
        across: (8, 3) from points at the person's right to the same ones at the left.
        down: (3,) from the forehead to the chin.
        presence: probability of a face.
    """

    points: Array
    across: Array
    down: Array
    presence: float


def find_faces(
    picture_bgr: Picture,
    photo_hw: tuple[int, int],
    joints: Sequence[Joints | None],
    face_masks: Sequence[Mask | None],
) -> list[Face | None]:
    """Faces of people; None for those whose head is too small, or of whom no head is known.

    The network is shown the place where the joints have the face and, unless it is sure of it, the
    place where the label map has it. What may be a face is shown to it twice more, from the place
    where it was seen: as it is, and mirrored.

    Args:
        picture_bgr: (h, w, 3) uint8, upright; the photo or a reduced copy of it.
        photo_hw: size of the photo.
        joints: of the people, pixels of the photo.
        face_masks: what is labelled as their face.

    Raises:
        ModelError: see ``load_face_network``.
    """
    scale = np.divide(picture_bgr.shape[1::-1], photo_hw[::-1])
    faces: list[Face | None] = []
    for seen, mask in zip(joints, face_masks, strict=True):
        places: list[tuple[_Place, Sequence[float]]] = []
        if seen is not None:
            places.append((_expect_by_joints(seen.points * scale), (1.0,)))
        if mask is not None:
            places.append((_expect_by_mask(mask, scale), _SIZES))
        large = [(place, sizes) for place, sizes in places if place.unit >= _LEAST_UNIT]
        faces.append(_find_face(picture_bgr, large, scale))
    return faces


@functools.cache
def load_face_network() -> FaceNetwork:
    """The bundled network, read once in every process that needs it.

    Raises:
        ModelError: the installation lacks its weights, or they are damaged.
    """
    return load_packed(FaceNetwork(), _WEIGHTS)


def _find_face(
    picture_bgr: Picture, places: Sequence[tuple[_Place, Sequence[float]]], scale: Array
) -> Face | None:
    """The first face that is sure, going through the places; the likeliest one if none is.

    Args:
        picture_bgr: as in ``find_faces``.
        places: each with the sizes to try; those after the first only where there may be a face.
        scale: pixels of the picture for a pixel of the photo, along x and y.
    """
    best: Face | None = None
    for place, sizes in places:
        for size in sizes:
            (first,) = _look(picture_bgr, replace(place, unit=size * place.unit))
            face = _see_face(picture_bgr, first, scale)
            if best is None or face.score > best.score:
                best = face
            if best.score >= SURE_FACE:
                return best
            if first.presence < _LEAST_PRESENCE:
                break
    return best


def _see_face(picture_bgr: Picture, first: _Look, scale: Array) -> Face:
    """The face that a first look has seen.

    If it may be one, its place is looked at twice more, and the mean of these two is the face. Its
    score is the lowest of all three; 0 where the two disagree about the place.
    """
    if first.presence < _LEAST_PRESENCE:
        return _face_of([first], first.presence, scale)
    looks = _look(picture_bgr, _place_of(first), (False, True))
    one, other = (_place_of(look) for look in looks)
    agree = math.dist(one.eyes_xy, other.eyes_xy) <= _APART * one.unit
    score = min(look.presence for look in (first, *looks)) if agree else 0.0
    return _face_of(looks, score, scale)


def _expect_by_joints(points: Array) -> _Place:
    """Where the joints of a person, (33, 2) in pixels of the picture, have the face."""
    eyes, mouth = points[_EYE_JOINTS].mean(axis=0), points[_MOUTH].mean(axis=0)
    across, down = points[_PUPILS[0]] - points[_PUPILS[1]], mouth - eyes
    ears = np.hypot(*(points[_EARS[0]] - points[_EARS[1]])) / _EARS_APART
    unit = max(np.hypot(*across), np.hypot(*down) / _MOUTH_BELOW, ears)
    x, y = across + np.array((down[1], -down[0]))
    return _Place((float(eyes[0]), float(eyes[1])), float(unit), math.atan2(y, x))


def _expect_by_mask(mask: Mask, scale: Array) -> _Place:
    """Where the mask of an upright face, in pixels of the photo, has the eyes in the picture."""
    side = math.sqrt(mask.area)
    y, x = np.nonzero(mask.inside)
    left, top, _, _ = mask.box_xyxy
    middle = left + x.mean() + 0.5, top + y.mean() + 0.5 - _ABOVE_MIDDLE * side
    center = np.multiply(middle, scale)
    return _Place((float(center[0]), float(center[1])), _OF_MASK * side * float(scale.mean()), 0.0)


def _place_of(look: _Look) -> _Place:
    """Where a look has the face."""
    left, right = look.points[[_LEFT_EYE, _RIGHT_EYE]]
    across, middle = left - right, (left + right) / 2
    unit = max(float(np.linalg.norm(across)), 1.0)
    return _Place((float(middle[0]), float(middle[1])), unit, math.atan2(across[1], across[0]))


def _look(picture_bgr: Picture, place: _Place, mirrored: Sequence[bool] = (False,)) -> list[_Look]:
    """Run the network on the square around a place, as it is (False) or mirrored (True)."""
    side = _REACH * place.unit
    square, matrix = cut_square(picture_bgr, place.eyes_xy, side, place.tilt)
    levels = torch.from_numpy(np.ascontiguousarray(square[None, ..., ::-1])).movedim(3, 1) / 255
    looks = []
    for mirror in mirrored:  # two at once would take longer
        with torch.inference_mode():
            seen, presence = load_face_network()(levels.flip(3) if mirror else levels)
        mesh = seen[0].double().numpy()
        if mirror:
            mesh[:, 0] = INPUT_SIDE - mesh[:, 0]
        flat = mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        mesh = np.column_stack((flat, side / INPUT_SIDE * mesh[:, 2]))
        looks.append(_measure(mesh, float(presence[0]), mirror=mirror))
    return looks


def _measure(mesh: Array, presence: float, *, mirror: bool) -> _Look:
    """What a mesh says, (468, 3) in pixels of the picture."""
    points = np.stack([mesh[list(indices)].mean(axis=0) for indices in _MESH.values()])
    across = mesh[_LEFTS] - mesh[_RIGHTS]
    if mirror:  # what looks like a left cheek is the right one
        points, across = points[_OTHER_SIDE], -across
    return _Look(points, across, mesh[_CHIN] - mesh[_FOREHEAD], presence)


def _face_of(looks: Sequence[_Look], score: float, scale: Array) -> Face:
    """The mean of some looks, in pixels of the photo."""
    points = np.mean([look.points[:, :2] for look in looks], axis=0)
    across = np.mean([_unit_vectors(look.across).mean(axis=0) for look in looks], axis=0)
    down = np.mean([look.down for look in looks], axis=0)
    x, y = points[_LEFT_EYE] - points[_RIGHT_EYE]
    roll = math.atan2(y, x)
    along = across[0] * math.cos(roll) + across[1] * math.sin(roll)
    below = down[1] * math.cos(roll) - down[0] * math.sin(roll)
    yaw, pitch = math.atan2(across[2], along), math.atan2(-down[2], below)
    yaw, pitch, roll = map(math.degrees, (yaw, pitch, roll))
    return Face(points / scale, yaw, pitch, roll, score)


def _unit_vectors(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def cut_square(
    picture_bgr: Picture, eyes_xy: tuple[float, float], side: float, tilt: float
) -> tuple[Picture, Array]:
    """Cut an upright square around a face out of a picture.

    Args:
        picture_bgr: (h, w, 3) uint8.
        eyes_xy: middle between the eyes, pixels.
        side: of the square, pixels.
        tilt: roll of the head in radians, positive = clockwise in the image.

    Returns:
        the square, (192, 192, 3) uint8, with the picture's edge repeated beyond it; and the (2, 3)
        float64 matrix from its pixels to the picture's, whose corners have whole numbers.
    """
    step = side / INPUT_SIDE
    cos, sin = step * math.cos(tilt), step * math.sin(tilt)
    turn = np.array([[cos, -sin], [sin, cos]])
    start = np.asarray(eyes_xy) - turn @ (INPUT_SIDE / 2, _EYES_ROW * INPUT_SIDE)
    ends = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) * INPUT_SIDE @ turn.T + start
    size = np.array(picture_bgr.shape[1::-1])
    low = np.clip(np.floor(ends.min(axis=0)) - _BESIDE, 0, size - 1).astype(int)
    high = np.clip(np.ceil(ends.max(axis=0)) + _BESIDE, low + 1, size).astype(int)
    # A window alone, as ``cv2.warpAffine`` refuses pictures of more than 32,766 pixels.
    window = picture_bgr[low[1] : high[1], low[0] : high[0]]
    smaller = np.ones(2)
    if step > 1:
        reduced = np.clip(np.round((high - low) / step), 1, None)
        smaller = reduced / (high - low)
        wanted = (int(reduced[0]), int(reduced[1]))
        window = np.asarray(cv2.resize(window, wanted, interpolation=cv2.INTER_AREA), np.uint8)
    centers = np.column_stack((turn, start - low + turn @ (0.5, 0.5))) * smaller[:, None]
    centers[:, 2] -= 0.5  # OpenCV's whole numbers are the centers of pixels
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(
        window, centers, (INPUT_SIDE, INPUT_SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(square, np.uint8), np.column_stack((turn, start))
