"""Heads from behind, on which a nape is called a face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from m2fp_cli.tryon.face_seen import is_face_seen
from m2fp_cli.tryon.fitting import try_on
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
        assert is_face_seen(wearer.figure, unsure, 0.8)
        assert not is_face_seen(wearer.figure, unsure, 0.7)
