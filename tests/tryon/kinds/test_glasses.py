from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.compositing import Layer
from m2fp_cli.tryon.kinds.glasses import (
    check_glasses,
    foreshortening,
    glasses_width,
    guess_lenses,
    place_glasses,
    wear_glasses,
)
from tests.support.drawn_people import (
    HAIR,
    SUNGLASSES,
    changed,
    draw_person,
    failed_checks,
    make_wearer,
    plain_accessory,
    record_of,
    wear,
)


def bar():
    """A red bar instead of glasses: 2.3 U wide where its lenses are on the eyes."""
    bgra = np.zeros((60, 250, 4), np.uint8)
    bgra[10:50, 10:240] = (40, 40, 200, 255)
    return plain_accessory("glasses", bgra, guess_anchors(bgra))


def guess_anchors(bgra):
    return {
        name: (x + 10, y + 10) for name, (x, y) in guess_lenses(bgra[10:50, 10:240, 3] > 0).items()
    }


@pytest.mark.parametrize("roll", [0, -15])
@pytest.mark.parametrize("name", ["clear", "round", "sunglasses", "wide"])
def test_glasses_sit_before_the_eyes(name, roll):
    record = record_of(wear(draw_person(roll=roll), {"glasses": name}))
    assert record.placed
    assert not failed_checks(record) & {"eyes_in_lenses", "lens_to_eye_u", "roll_difference_deg"}


def test_dark_lenses_hide_the_eyes():
    drawn = draw_person()
    done = wear(drawn, {"glasses": "sunglasses"})
    for side in (-0.5, 0.5):
        assert changed(drawn, done)[drawn.pixel(side, 0)]
        assert done.image_bgr[drawn.pixel(side, 0)].max() < 90


def test_lenses_are_at_the_eyes_and_a_little_below():
    wearer = make_wearer(draw_person(), yaw=0.0)
    place = place_glasses(wearer.frame, load_accessory("round", "glasses"))
    for (x, y), side in zip(place.lenses_xy, (-0.5, 0.5), strict=True):
        along, below = wearer.frame.units(np.array([x]), np.array([y]))
        assert abs(along[0] - side) < 0.12
        assert below[0] == pytest.approx(0.09, abs=1e-4)


def test_the_half_of_a_turned_face_that_is_farther_is_narrower():
    assert foreshortening(0.0) == (1.0, 1.0)
    near, far = foreshortening(30.0)  # to the image's right: its right half is the far one
    assert far < near < 1
    assert foreshortening(-30.0) == (far, near)
    assert foreshortening(80.0) == foreshortening(45.0)


@pytest.mark.parametrize(("face_width", "width"), [(2.2, 2.211), (1.0, 2.185), (9.0, 2.4)])
def test_the_width_is_halfway_between_usual_and_the_face(face_width, width):
    frame = make_wearer(draw_person()).frame
    frame = replace(frame, face_width=face_width * frame.unit)
    assert glasses_width(frame) == pytest.approx(width, abs=1e-3)


def test_sides_are_hidden_by_hair():
    drawn = draw_person()
    labels = drawn.labels
    labels[drawn.box(0.98, -0.6, 1.6, 0.8)] = HAIR
    done = wear(drawn.with_labels(labels), {"glasses": bar()})
    touched = changed(drawn, done)
    assert touched[drawn.pixel(0.7, 0.1)]
    assert not touched[drawn.box(1.15, -0.6, 1.6, 0.8)].any()


@pytest.mark.parametrize(("confidence", "reason"), [(0.1, "the eyes cannot be found"), (0.3, "")])
def test_glasses_need_eyes(confidence, reason):
    assert wear_glasses(make_wearer(draw_person(), confidence=confidence), bar()).reason == reason


@pytest.mark.parametrize(
    ("across", "radius", "worn"), [(0.5, 0.25, True), (0.5, 0.04, False), (3.0, 0.3, False)]
)
def test_only_glasses_on_the_face_are_worn_already(across, radius, worn):
    drawn = draw_person()
    labels = drawn.labels
    row, column = drawn.pixel(across, 0)
    cv2.circle(labels, (column, row), round(radius * drawn.unit), (SUNGLASSES,), -1)
    record = record_of(wear(drawn.with_labels(labels), {"glasses": "round"}))
    assert (record.reason == "glasses are worn already") == worn


def test_dark_glasses_may_cover_those_that_are_worn():
    drawn = draw_person()
    labels = drawn.labels
    labels[drawn.box(-1.05, -0.08, 1.05, 0.22)] = SUNGLASSES
    opaque = replace(bar(), numbers={"lens_alpha": 1.0})
    assert record_of(wear(drawn.with_labels(labels), {"glasses": opaque})).placed


@pytest.mark.parametrize(
    ("moved", "failed"), [(0.0, set()), (0.4, {"eyes_in_lenses", "lens_to_eye_u"})]
)
def test_lenses_beside_the_eyes_are_found(moved, failed):
    wearer = make_wearer(draw_person())
    place = place_glasses(wearer.frame, bar())
    (x0, y0), (x1, y1) = place.lenses_xy
    up = moved * wearer.frame.unit
    place = replace(place, lenses_xy=((x0, y0 - up), (x1, y1 - up)))
    nothing = Layer(np.zeros((9, 9, 3), np.float32), np.zeros((9, 9), np.float32), (0, 0, 9, 9))
    checks = check_glasses(wearer.frame, wearer.figure, place, nothing)
    assert {check.name for check in checks if not check.ok} == failed


def test_lenses_of_a_picture_are_in_the_middles_of_its_halves():
    anchors = guess_lenses(np.ones((80, 200), np.bool_))
    assert anchors["lens_left"] == (53.0, 40.0)
    assert anchors["lens_right"] == (147.0, 40.0)
    assert (anchors["hinge_left"], anchors["hinge_right"]) == ((0.0, 20.0), (200.0, 20.0))
