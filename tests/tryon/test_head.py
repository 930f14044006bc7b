from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.eye_steps import EyeFit
from m2fp_cli.tryon.eyes import CENTER, Prior, prior_penalty
from m2fp_cli.tryon.head import HeadFrame, SkipReason
from m2fp_cli.tryon.worn_glasses import choose_fit, find_eyes_behind
from tests.support.drawn_people import draw_person, find_head


@pytest.mark.parametrize("roll", [-18, 0, 18])
@pytest.mark.parametrize("unit", [12, 30])
def test_eyes_are_found_at_any_size_and_tilt(unit, roll):
    drawn = draw_person(unit, roll)
    frame = find_head(drawn.photo_bgr, drawn.result, drawn.result.people[0])
    assert isinstance(frame, HeadFrame)
    assert np.hypot(*np.subtract(frame.eyes_xy, drawn.eyes_xy)) < 0.25 * unit
    assert abs(frame.roll - roll) < 8
    assert 0.8 < frame.unit / unit < 1.25


def test_a_drawn_face_looks_straight_ahead():
    drawn = draw_person()
    frame = find_head(drawn.photo_bgr, drawn.result, drawn.result.people[0])
    assert isinstance(frame, HeadFrame)
    assert abs(frame.yaw) < 10


def test_units_are_the_inverse_of_points():
    drawn = draw_person(roll=10)
    frame = find_head(drawn.photo_bgr, drawn.result, drawn.result.people[0])
    assert isinstance(frame, HeadFrame)
    x, y = frame.point(0.7, -1.1)
    along, below = frame.units(np.array([x]), np.array([y]))
    assert (along[0], below[0]) == pytest.approx((0.7, -1.1), abs=1e-4)


def test_boxes_of_pixels_and_single_points_are_in_the_same_units():
    drawn = draw_person(roll=14)
    frame = find_head(drawn.photo_bgr, drawn.result, drawn.result.people[0])
    assert isinstance(frame, HeadFrame)
    along, below = frame.box_units((30, 40, 35, 60))
    x, y = np.meshgrid(np.arange(30, 35) + 0.5, np.arange(40, 60) + 0.5)
    assert np.allclose((along, below), frame.units(x, y), atol=1e-5)


def test_a_back_and_a_tiny_face_are_skipped():
    drawn = draw_person(unit=4)
    assert find_head(drawn.photo_bgr, drawn.result, drawn.result.people[0]) is SkipReason.SMALL
    back = np.where(drawn.result.semantic_map == 13, 2, drawn.result.semantic_map)
    result = result_from_maps(CIHP, back.astype(np.uint8))
    assert find_head(drawn.photo_bgr, result, result.people[0]) is SkipReason.NO_FACE


def test_eyes_low_in_the_face_cost_more_than_eyes_in_its_middle():
    prior = Prior((50.0, 50.0), 20.0, ends_y=(30.0, 90.0))
    poses = np.array([[*CENTER, 1, 0], [CENTER[0], CENTER[1] + 15, 1, 0]], np.float32)
    ahead = prior_penalty(poses, prior) - prior_penalty(poses, replace(prior, ends_y=None))
    assert ahead[0] == pytest.approx(0, abs=1e-6)
    assert ahead[1] > 0.5


def with_hair_over_the_cheeks(drawn):
    labels = drawn.result.semantic_map.copy()
    labels[labels == 10] = 13  # a mask that goes on down the neck and over the chest
    columns = np.abs(np.arange(labels.shape[1]) - drawn.eyes_xy[0])[None]
    rows = np.arange(labels.shape[0])[:, None] - drawn.eyes_xy[1]
    labels[(columns < 0.8 * drawn.unit) & (rows > drawn.unit) & (rows < 4.5 * drawn.unit)] = 13
    labels[(labels == 13) & (columns > 0.85 * drawn.unit)] = 2
    return result_from_maps(CIHP, labels)


def test_a_face_that_hair_makes_narrow_is_no_profile_while_both_eyes_are_seen():
    drawn = draw_person()
    result = with_hair_over_the_cheeks(drawn)
    frame = find_head(drawn.photo_bgr, result, result.people[0])
    assert isinstance(frame, HeadFrame)
    assert np.hypot(*np.subtract(frame.eyes_xy, drawn.eyes_xy)) < 0.4 * drawn.unit


def test_a_narrow_face_without_a_pair_of_eyes_is_a_profile():
    drawn = draw_person()
    result = with_hair_over_the_cheeks(drawn)
    photo = drawn.photo_bgr.copy()
    photo[result.semantic_map == 13] = (140, 170, 215)
    assert find_head(photo, result, result.people[0]) is SkipReason.PROFILE


def with_glasses(drawn, up=0.0):
    """Glasses on the label map alone, some U above the eyes."""
    labels = drawn.result.semantic_map.copy()
    (x, y), unit = drawn.eyes_xy, drawn.unit
    for side in (-0.55, 0.55):
        middle = (round(x + side * unit), round(y + (0.09 - up) * unit))
        cv2.ellipse(labels, middle, (round(0.58 * unit), round(0.3 * unit)), 0, 0, 360, (4,), -1)
    return result_from_maps(CIHP, labels)


def without_eyes(drawn):
    photo = drawn.photo_bgr.copy()
    photo[drawn.result.semantic_map == 13] = (140, 170, 215)
    return photo


def test_labelled_glasses_say_where_the_eyes_are():
    drawn = draw_person()
    result = with_glasses(drawn)
    frame = find_head(without_eyes(drawn), result, result.people[0])
    assert isinstance(frame, HeadFrame)
    assert np.hypot(*np.subtract(frame.eyes_xy, drawn.eyes_xy)) < 0.3 * drawn.unit
    assert 0.8 < frame.unit / drawn.unit < 1.25


def test_glasses_pushed_up_into_the_hair_do_not():
    drawn = draw_person()
    result = with_glasses(drawn, up=1.6)
    frame = find_head(drawn.photo_bgr, result, result.people[0])
    assert isinstance(frame, HeadFrame)
    assert np.hypot(*np.subtract(frame.eyes_xy, drawn.eyes_xy)) < 0.25 * drawn.unit


def test_a_speck_of_the_label_of_glasses_is_no_pair():
    face = np.ones((100, 100), np.bool_)
    speck, pair = np.zeros_like(face), np.zeros_like(face)
    speck[60:64, 40:60] = True
    pair[40:60, 20:80] = True
    assert find_eyes_behind(speck, face) is None
    assert find_eyes_behind(pair, face) is not None


def test_eyes_found_far_from_the_glasses_are_not_believed():
    glasses = EyeFit((50.0, 60.0), 20.0, 0.1, 0.8, dark_lenses=True)
    near, far = replace(glasses, center_xy=(52.0, 61.0)), replace(glasses, center_xy=(50.0, 75.0))
    assert choose_fit(near, glasses) == near
    assert choose_fit(far, glasses) == glasses
