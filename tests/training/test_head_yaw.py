"""Yaw of annotated heads."""

from __future__ import annotations

import numpy as np
import pytest

from training.face_teacher import _LEFT, _RIGHT, cut_face, yaw_of
from training.head_yaw import (
    FACE_POINTS,
    WORST_FIT,
    are_seen,
    combine,
    fit_yaw,
    judge,
    rotation,
)


@pytest.mark.parametrize("yaw", [-45, -12, 0, 30])
def test_the_yaw_of_a_drawn_head_is_found(yaw):
    flat = (FACE_POINTS @ rotation(yaw, 5).T)[:, :2] * 24 + (200, 90)
    far_ear = 3 if yaw > 0 else 4
    points = np.column_stack((flat, np.where(np.arange(5) == far_ear, 0, 2)))
    found, left = fit_yaw(points)
    assert found == pytest.approx(yaw, abs=4)
    assert left < WORST_FIT
    assert are_seen(points)


def test_points_that_are_no_face_fit_badly():
    points = np.array([[10, 5, 2], [30, 40, 2], [12, 38, 2], [20, 0, 2], [22, 80, 2]], float)
    assert fit_yaw(points)[1] > WORST_FIT


def test_heads_are_judged_by_weights_that_did_not_see_their_photo():
    rng = np.random.default_rng(0)
    sides = rng.normal(size=(60, 5)) * 20
    yaws = sides @ np.array([1.0, -2, 0, 0.5, 0])
    yaws[:2] = 999  # a photo that is wrong does not teach itself
    none = np.zeros(60, bool)
    found = judge(sides, yaws, np.repeat(np.arange(30), 2), none, none)
    assert np.abs(found[:2]).max() < 400
    assert np.abs(found[2:] - yaws[2:]).max() > 10  # the others learn from it


def test_two_yaws_that_do_not_agree_are_left_out():
    assert combine(10.0, 16.0) == 13.0
    assert combine(10.0, None) == combine(None, 10.0) == 10.0
    assert combine(10.0, 40.0) is None


@pytest.mark.parametrize("yaw", [-40, 0, 25])
def test_the_yaw_of_landmarks_in_depth(yaw):
    landmarks = np.zeros((468, 3), np.float32)
    turn = np.radians(yaw)
    for side, places in ((-1, _LEFT), (1, _RIGHT)):
        landmarks[places] = (side * 30 * np.cos(turn), 0, side * 30 * np.sin(turn))
    assert yaw_of(landmarks) == pytest.approx(yaw, abs=0.1)


def test_the_eyes_lie_at_the_same_place_of_every_square():
    photo = np.zeros((400, 300, 3), np.uint8)
    photo[208:212, 118:122] = 255
    for unit, tilt in ((20.0, 0.0), (30.0, 0.5)):
        bright = np.argwhere(cut_face(photo, (120.0, 210.0), unit, tilt)[..., 0] > 128)
        assert bright.mean(axis=0) == pytest.approx((192 * 2.1 / 5, 96), abs=1.5)
