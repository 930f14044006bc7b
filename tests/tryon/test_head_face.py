"""Heads whose face the face network has seen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.records.face import Face
from m2fp_cli.tryon.face_seen import doubt_face
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head
from tests.support.drawn_face import face_at
from tests.support.drawn_people import DrawnPerson, draw_person, make_wearer

POINTS = {
    "left_eye": (0.5, 0.0), "right_eye": (-0.5, 0.0), "chin": (0.0, 1.7),
    "left_cheek": (1.1, 0.3), "right_cheek": (-1.1, 0.3),
}  # fmt: skip


def drawn_face(
    drawn: DrawnPerson,
    *,
    yaw: float = 0.0,
    roll: float = 0.0,
    score: float = 1.0,
    along: float = 0.0,
) -> Face:
    """The face of a drawn person, U beside its own place, turned about the eyes."""
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    narrow = math.cos(math.radians(yaw))
    points = {}
    for name, (x, y) in POINTS.items():
        u, v = narrow * x, y
        points[name] = (
            drawn.eyes_xy[0] + drawn.unit * (along + cos * u - sin * v),
            drawn.eyes_xy[1] + drawn.unit * (sin * u + cos * v),
        )
    return face_at(points, yaw=yaw, roll=roll, score=score)


def head_of(drawn: DrawnPerson, face: Face | None) -> HeadFrame | SkipReason:
    wearer = make_wearer(drawn)
    return fit_head(drawn.photo_bgr[wearer.figure.window], replace(wearer.figure, face=face))


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize(("yaw", "roll"), [(0.0, 0.0), (30.0, 0.0), (-20.0, 15.0)])
def test_a_head_is_where_its_face_is_seen(yaw, roll, times):
    drawn = draw_person(roll=roll)
    larger = replace(
        drawn.enlarged(times),
        eyes_xy=(times * drawn.eyes_xy[0], times * drawn.eyes_xy[1]),
        unit=times * drawn.unit,
    )
    frame = head_of(larger, drawn_face(larger, yaw=yaw, roll=roll))
    assert isinstance(frame, HeadFrame)
    assert frame.by_face
    assert math.dist(frame.eyes_xy, larger.eyes_xy) < 0.01
    assert (frame.unit, frame.yaw, frame.roll) == pytest.approx((larger.unit, yaw, roll))
    assert frame.chin == pytest.approx(1.7 + 0.09)
    assert frame.face_width == pytest.approx(2.2 * larger.unit * math.cos(math.radians(yaw)))


@pytest.mark.parametrize("away", [{"score": 0.4}, {"along": 2.5}])
def test_a_face_in_doubt_or_beside_the_head_is_as_none(away):
    drawn = draw_person()
    assert head_of(drawn, drawn_face(drawn, yaw=30, **away)) == head_of(drawn, None)


@pytest.mark.parametrize(("below", "off"), [(0.6, 0.0), (0.2, 0.2)])
def test_eyes_that_are_clear_beside_a_seen_face_are_those_of_the_head(below, off):
    drawn = draw_person()
    x, y = drawn.eyes_xy
    frame = head_of(drawn, drawn_face(replace(drawn, eyes_xy=(x, y + below * drawn.unit))))
    assert isinstance(frame, HeadFrame)
    assert frame.by_face
    assert frame.unit == pytest.approx(drawn.unit)
    assert math.dist(frame.eyes_xy, (x, y + off * drawn.unit)) < 0.1 * drawn.unit


@pytest.mark.parametrize("apart", [0.0, 1e-9, 1e3, 1e9])
def test_a_face_of_another_size_is_as_none(apart):
    drawn = draw_person()
    x, y = drawn.eyes_xy
    far = dict.fromkeys(("chin", "left_cheek", "right_cheek"), (x + 1e9, y - 1e9))
    eyes = {"left_eye": (x + apart, y), "right_eye": (x - apart, y)}
    assert head_of(drawn, face_at({**far, **eyes})) == head_of(drawn, None)


@pytest.mark.parametrize("angles", [{"yaw": 180.0}, {"roll": -180.0}, {"pitch": 180.0}])
def test_absurd_faces_are_dressed_or_left_alone(angles):
    drawn = draw_person()
    (person,) = drawn.result.people
    x, y = drawn.eyes_xy
    points = dict.fromkeys(POINTS, (x + 1e9, y + 1e9))
    points |= {"left_eye": (x + 15, y), "right_eye": (x - 15, y)}
    result = replace(drawn.result, people=(replace(person, face=face_at(points, **angles)),))
    outfit = {"hat": "fedora", "glasses": "round", "necklace": "pearls"}
    done = try_on(drawn.photo_bgr, result, outfit)
    assert done.image_bgr.shape == drawn.photo_bgr.shape


@pytest.mark.parametrize("yaw", [-40.0, 40.0])
def test_an_eye_beside_the_head_is_one_of_a_profile(yaw):
    drawn, way = draw_person(), 1 if yaw > 0 else -1
    face = drawn_face(drawn, yaw=yaw)
    labels = drawn.labels
    beside = np.arange(labels.shape[1]) - drawn.eyes_xy[0]
    for reach, seen in ((0.45, True), (0.25, False)):  # the averted eye is at 0.38 U
        cut = np.where((way * beside > reach * drawn.unit)[None], 0, labels).astype(np.uint8)
        frame = head_of(drawn.with_labels(cut), face)
        assert isinstance(frame, HeadFrame) is seen
        if not seen:
            assert frame is SkipReason.PROFILE


def test_who_lies_is_told_by_the_face_alone():
    drawn = draw_person()
    assert head_of(drawn, drawn_face(drawn, roll=60)) is SkipReason.TURNED
    assert isinstance(head_of(drawn, drawn_face(drawn, roll=40)), HeadFrame)


@pytest.mark.parametrize(
    ("score", "unit", "image_hw", "reason"),
    [
        (None, 9.0, (520, 420), None),  # nobody looked
        (0.1, 30.0, (520, 420), SkipReason.NOT_SEEN),
        (0.1, 9.0, (520, 420), SkipReason.SMALL),
        (0.1, 30.0, (4000, 3000), None),  # it was small in the reduced copy that was looked at
        (1.0, 30.0, (520, 420), SkipReason.NOT_SEEN),  # a face, but not where the label is
    ],
)
def test_a_face_that_the_network_does_not_see_is_left_alone(score, unit, image_hw, reason):
    wearer = make_wearer(draw_person())
    face = None if score is None else face_at({}, score=score)
    figure = replace(wearer.figure, face=face, image_hw=image_hw)
    frame = replace(wearer.frame, unit=unit, confidence=1.0)
    assert doubt_face(figure, frame, 1.0) is reason


def test_a_seen_face_is_dressed_without_its_label_being_sure():
    wearer = make_wearer(draw_person())
    assert (
        doubt_face(wearer.figure, replace(wearer.frame, by_face=True, confidence=0.1), 0.1) is None
    )
