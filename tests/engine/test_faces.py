"""Faces on a real photo, turned, mirrored, reduced and in a panorama."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from m2fp_cli.engine import faces
from m2fp_cli.engine.faces import cut_square, find_faces
from m2fp_cli.records.face import FACE_POINT_NAMES, SURE_FACE, Face, mirrored_name
from m2fp_cli.records.joints import Joints
from m2fp_cli.records.masks import Mask
from tests.support.drawn_joints import joints_at

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
# Where eyes and mouth are in it by eye, pixels.
HEAD = {
    "left_eye": (246, 103), "left_eye_inner": (238, 104), "left_eye_outer": (255, 103),
    "right_eye": (205, 102), "right_eye_inner": (213, 103), "right_eye_outer": (196, 102),
    "left_ear": (268, 116), "right_ear": (180, 116), "mouth_left": (243, 142),
    "mouth_right": (205, 140),
}  # fmt: skip


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(cv2.imread(str(ASTRONAUT)))


def face_in(picture: np.ndarray, joints: Joints, photo_hw: tuple[int, int] | None = None) -> Face:
    (face,) = find_faces(picture, photo_hw or (len(picture), len(picture[0])), [joints], [None])
    assert face is not None
    return face


def moved(matrix: np.ndarray) -> Joints:
    """The head's joints where a matrix (2, 3) brings them."""
    return joints_at({name: tuple(matrix @ (*xy, 1)) for name, xy in HEAD.items()})


def test_the_points_of_a_face_from_the_front_are_where_they_are_seen(photo):
    face = face_in(photo, joints_at(HEAD))
    assert face.score > 0.9
    for eye in ("left_eye", "right_eye"):
        assert math.dist(face.point(eye), HEAD[eye]) < 3
    assert math.dist(face.point("left_mouth"), HEAD["mouth_left"]) < 5
    assert face.point("chin")[1] > 170 > 75 > face.point("forehead")[1]
    assert abs(face.yaw) < 5


def test_a_mirrored_face_has_mirrored_points_and_looks_the_other_way(photo):
    plain = face_in(photo, joints_at(HEAD))
    names = [
        name.replace("left", "L").replace("right", "left").replace("L", "right") for name in HEAD
    ]
    back = {n: (photo.shape[1] - x, y) for n, (x, y) in zip(names, HEAD.values(), strict=True)}
    mirrored = face_in(np.ascontiguousarray(photo[:, ::-1]), joints_at(back))
    for name in FACE_POINT_NAMES:
        x, y = mirrored.point(mirrored_name(name))
        assert math.dist((photo.shape[1] - x, y), plain.point(name)) < 1.5
    assert abs(mirrored.yaw + plain.yaw) < 2
    assert abs(mirrored.roll + plain.roll) < 1


@pytest.mark.parametrize("angle", [-25, 20, 40])
def test_a_face_in_a_turned_photo_has_that_roll(photo, angle):
    matrix = cv2.getRotationMatrix2D((225, 120), -angle, 1.0)
    turned = cv2.warpAffine(photo, matrix, photo.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    plain, face = face_in(photo, joints_at(HEAD)), face_in(np.asarray(turned), moved(matrix))
    assert abs(face.roll - plain.roll - angle) < 2
    assert abs(face.yaw - plain.yaw) < 4
    assert abs(face.pitch - plain.pitch) < 4


def test_a_reduced_copy_gives_points_in_pixels_of_the_photo(photo):
    small = cv2.resize(photo, (256, 256), interpolation=cv2.INTER_AREA)
    whole, reduced = face_in(photo, joints_at(HEAD)), face_in(small, joints_at(HEAD), (512, 512))
    assert np.abs(whole.points - reduced.points).max() < 3


def test_a_face_in_a_panorama_is_that_of_the_same_photo_alone(photo):
    panorama = np.zeros((512, 40_000, 3), np.uint8)  # wider than OpenCV warps
    panorama[:, 30_000:30_512] = photo
    alone = face_in(photo, joints_at(HEAD))
    there = face_in(panorama, moved(np.array([[1, 0, 30_000], [0, 1, 0]])))
    assert np.abs(there.points - (30_000, 0) - alone.points).max() < 0.1


def test_where_joints_see_no_face_the_label_map_shows_it(photo):
    elsewhere = moved(np.array([[1, 0, 150], [0, 1, 250]]))  # on the suit
    assert face_in(photo, elsewhere).score < SURE_FACE
    (face,) = find_faces(photo, (512, 512), [elsewhere], [face_mask(512)])
    assert face is not None
    assert face.score > 0.9
    assert math.dist(face.eyes_xy, (225.5, 102.5)) < 3


def face_mask(side: int, size: float = 1.0) -> Mask:
    """The mask of the face where the photo has ``side`` pixels, or so many times as large."""
    y, x = (np.mgrid[:side, :side] + 0.5) * (512 / side)
    return Mask.from_full(np.hypot((x - 225) / 42, (y - 125) / 55) < size)


def shrunk(photo: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA))


def test_where_two_looks_at_the_joints_differ_the_label_map_is_asked(photo):
    scale, size = 96 / 512, 1.8
    beside = [
        [scale * size, 0, scale * 225 * (1 - size)],
        [0, scale * size, scale * 120 * (1 - size)],
    ]
    joints = moved(np.array(beside))  # 1.8 times as large
    assert face_in(shrunk(photo, 96), joints).score == 0
    (face,) = find_faces(shrunk(photo, 96), (96, 96), [joints], [face_mask(96)])
    assert face is not None
    assert face.score > 0.9


@pytest.mark.parametrize("size", [2.0, 2.3])
def test_a_small_face_with_too_large_a_label_is_looked_at_in_another_size(photo, size, monkeypatch):
    masks = [face_mask(96, size)]
    (face,) = find_faces(shrunk(photo, 96), (96, 96), [None], masks)  # without joints, too
    assert face is not None
    assert face.score > 0.9
    monkeypatch.setattr(faces, "_SIZES", (1.0,))
    (missed,) = find_faces(shrunk(photo, 96), (96, 96), [None], masks)
    assert missed is not None
    assert missed.score < SURE_FACE


def test_people_without_joints_and_label_and_heads_that_are_small_are_not_looked_at(photo):
    scale = 4.5 / 41  # of the distance between the eyes
    tiny = moved(np.array([[scale, 0, 100], [0, scale, 100]]))
    seen = find_faces(photo, (512, 512), [None, tiny, joints_at(HEAD)], [None, None, None])
    assert seen[:2] == [None, None]
    assert seen[2] is not None


@pytest.mark.parametrize("far", [-1e9, 1e9])
def test_joints_far_beyond_the_photo_are_no_face(photo, far):
    gone = joints_at({name: (x + far, y) for name, (x, y) in HEAD.items()})
    huge = joints_at({name: (x * far, y * far) for name, (x, y) in HEAD.items()})
    for face in find_faces(photo, (512, 512), [gone, huge], [None, None]):
        assert face is None or face.score < SURE_FACE


def test_a_square_is_cut_as_its_matrix_says():
    y, x = np.mgrid[:300, :400].astype(np.float64)
    photo = np.dstack((x / 2, y / 2, x / 4 + y / 4)).round().astype(np.uint8)
    square, matrix = cut_square(photo, (200.0, 150.0), 120.0, 0.3)
    inner = np.mgrid[20:170:10, 20:170:10].reshape(2, -1)  # rows, columns
    places = matrix @ np.vstack((inner[::-1] + 0.5, np.ones(inner.shape[1])))
    seen = square[inner[0], inner[1], :2].T.astype(np.float64)
    assert np.abs(seen - (places - 0.5) / 2).max() < 1
    assert np.allclose(matrix @ (96, 0.42 * 192, 1), (200, 150))
