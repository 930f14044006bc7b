"""Heads from behind, on which a nape is called a face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.tryon.face_seen import doubt_face
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.head import SkipReason
from tests.support.drawn_joints import BEHIND, FRONT, joints_at
from tests.support.drawn_people import FACE, HAIR, draw_person, make_wearer


def test_a_head_from_behind_is_left_alone():
    drawn = draw_person()
    labels, photo = drawn.labels, drawn.photo_bgr.copy()
    behind = labels == FACE
    behind[drawn.box(-0.9, 1.0, 0.2, 1.8)] = False  # the nape
    labels[behind] = HAIR
    photo[behind] = 35, 40, 50
    outfit = {"hat": "fedora", "glasses": "round", "necklace": "pearls"}
    done = try_on(photo, drawn.with_labels(labels).result, outfit)
    assert {item.reason for item in done.people[0].items} == {"the face is turned away or hidden"}
    assert np.array_equal(done.image_bgr, photo)


def test_a_whole_face_whose_eyes_are_in_doubt_is_one():
    for drawn in (draw_person(), draw_person(roll=25), draw_person(hat=True)):
        wearer = make_wearer(drawn)
        unsure = replace(wearer.frame, confidence=0.3)
        assert doubt_face(wearer.figure, unsure, 0.8) is None
        assert doubt_face(wearer.figure, unsure, 0.7) is SkipReason.NOT_SEEN


@pytest.mark.parametrize("roll", [0, -25])
@pytest.mark.parametrize(
    ("points", "presence", "confidence", "label", "seen"),
    [
        (FRONT, 1.0, 0.3, 0.1, True),  # the same eyes
        (BEHIND, 1.0, 1.0, 1.0, False),  # ears on the wrong sides
        (FRONT, 0.2, 0.3, 0.1, False),  # the joints are not to be believed
        (BEHIND, 0.2, 1.0, 1.0, True),
    ],
)
def test_ears_and_eyes_of_the_joints_say_whether_a_face_is_seen(
    points, presence, confidence, label, seen, roll
):
    wearer = make_wearer(draw_person(roll=roll))
    joints = joints_at({name: wearer.frame.point(*xy) for name, xy in points.items()}, presence)
    figure = replace(wearer.figure, joints=joints)
    doubt = doubt_face(figure, replace(wearer.frame, confidence=confidence), label)
    assert doubt is (None if seen else SkipReason.NOT_SEEN)
