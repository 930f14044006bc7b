"""Heads of drawn people in photos that are turned."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.figure import build_figure
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.head_turn import is_turned
from tests.support.drawn_people import FACE, HAIR, TOP, draw_person


@pytest.mark.parametrize(("quarters", "reason"), [
    (0, ""),
    (1, "the head is turned by more than 50 degrees"),
    (2, "the head is turned by more than 50 degrees"),
    (3, "the head is turned by more than 50 degrees"),
])  # fmt: skip
def test_a_turned_photo_gets_no_hat(quarters, reason):
    drawn = draw_person()
    photo, labels = (
        np.ascontiguousarray(np.rot90(a, quarters)) for a in (drawn.photo_bgr, drawn.labels)
    )
    done = try_on(photo, result_from_maps(CIHP, labels), {"hat": "fedora"})
    assert done.people[0].items[0].reason == reason
    assert (done.image_bgr == photo).all() == bool(reason)


@pytest.mark.parametrize("roll", [-30, 30])
def test_a_head_that_leans_keeps_its_hat(roll):
    drawn = draw_person(roll=roll)
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": "fedora"})
    assert done.people[0].items[0].reason != "the head is turned by more than 50 degrees"


@pytest.mark.parametrize(("body", "hair", "turned"), [
    (57, 44, True),  # a child that lies, by both of them together
    (57, -44, False),  # hair that falls
    (57, 20, False),  # somebody who leans
    (0, 0, False),
])  # fmt: skip
def test_hair_and_body_that_lean_to_the_same_side_turn_a_head(body, hair, turned):
    labels = np.zeros((300, 300), np.uint8)
    for degrees, reach, label in ((hair, -45, HAIR), (body, 70, TOP), (0, 0, FACE)):
        x, y = (reach * f(math.radians(degrees)) for f in (math.sin, math.cos))
        cv2.circle(labels, (round(150 + x), round(150 + y)), 30, (label,), -1)
    result = result_from_maps(CIHP, labels)
    figure = build_figure(result, result.people[0], (0, 0, 300, 300))
    assert is_turned(figure, labels == FACE) == turned
