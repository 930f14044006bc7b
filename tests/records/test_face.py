"""The record of a face: names, distance between the eyes, JSON and back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from m2fp_cli.records.face import FACE_POINT_NAMES, NUM_FACE_POINTS, Face, mirrored_name, read_face
from tests.support.drawn_face import face_at


def test_every_point_has_one_in_the_mirror():
    mirrored = [mirrored_name(name) for name in FACE_POINT_NAMES]
    assert sorted(mirrored) == sorted(FACE_POINT_NAMES)
    assert mirrored_name("left_eye_inner") == "right_eye_inner"
    assert mirrored_name("nose") == "nose"


@pytest.mark.parametrize("yaw", [-60.0, 0.0, 30.0])
def test_the_unit_is_the_distance_between_the_eyes_from_the_front(yaw):
    half = 10 * math.cos(math.radians(yaw))
    face = face_at({"left_eye": (50 + half, 40), "right_eye": (50 - half, 40)}, yaw=yaw)
    assert face.unit == pytest.approx(20)
    assert face.eyes_xy == (50, 40)


def test_it_is_read_back_as_it_was_written():
    face = Face(np.arange(30).reshape(15, 2) * 1.5, 12.5, -3.0, 179.9, 0.75)
    back = read_face(face.as_json())
    assert (back.points == face.points).all()
    assert (back.yaw, back.pitch, back.roll, back.score) == (12.5, -3.0, 179.9, 0.75)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("points", [[1, 2]] * 14, "14 points"),
        ("points", [[1, 2]] * 16, "at most 15"),
        ("points", [[1]] * 15, '"y" must be a number'),
        ("points", [[1, 2, 3]] * 15, "at most 2 items"),
        ("points", [[1, 1e300]] * 15, '"y" must be a number from'),
        ("points", {"x": 1}, '"points" must be a list'),
        ("yaw", 181, '"yaw" must be a number from'),
        ("pitch", float("nan"), '"pitch" must be a number'),
        ("roll", None, '"roll" must be a number'),
        ("score", 2, '"score" must be a number from 0 to 1'),
    ],
)
def test_damaged_faces_are_refused(key, value, named):
    document = {**face_at({}).as_json(), key: value}
    with pytest.raises(ValueError, match=named):
        read_face(document)


def test_it_has_fifteen_points():
    with pytest.raises(ValueError, match="has 3 points of a face, not 15"):
        Face(np.zeros((3, 2)), 0.0, 0.0, 0.0, 1.0)
    assert NUM_FACE_POINTS == 15
