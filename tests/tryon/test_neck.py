from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.tryon.head import window_units
from m2fp_cli.tryon.neck import (
    MIDDLE_BELOW_CHIN,
    SHOULDERS,
    USUAL_HALF,
    find_neck,
    measure_half_width,
    measure_reach,
)
from tests.support.drawn_joints import joints_at
from tests.support.drawn_people import HAIR, draw_person, make_wearer


def neck_of(wearer, joints):
    """Middle of the neck, U beside the chin and below it."""
    frame, figure = wearer.frame, replace(wearer.figure, joints=joints)
    skin = figure.mask("Torso-skin") & (window_units(frame, figure)[1] > frame.chin)
    chin = np.array(frame.point(0.0, frame.chin))
    return (np.array(find_neck(frame, figure, skin)) - chin) / frame.unit


def shoulders_of(wearer, beside, below, half=2.5, score=1.0):
    """Joints whose shoulders are at places from the chin, U."""
    frame = wearer.frame
    left, right = (frame.point(beside + out, frame.chin + below) for out in (-half, half))
    return joints_at({"right_shoulder": left, "left_shoulder": right}, score)


@pytest.mark.parametrize(("beside", "below"), [(0.0, 1.6), (0.6, 1.4), (-0.9, 2.0)])
def test_a_neck_is_halfway_from_the_chin_to_the_shoulders(beside, below):
    wearer = make_wearer(draw_person())
    neck = neck_of(wearer, shoulders_of(wearer, beside, below))
    assert neck == pytest.approx((beside / 2, below / 2), abs=0.01)


def test_a_neck_follows_half_of_what_a_nod_moves_the_chin():
    upright = make_wearer(draw_person())
    joints = shoulders_of(upright, 0.0, 1.6)
    nodding = make_wearer(draw_person(), chin=upright.frame.chin + 0.4)
    assert neck_of(upright, joints)[1] == pytest.approx(0.8, abs=0.01)
    assert neck_of(nodding, joints)[1] == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize(
    "joints",
    [
        None,
        "a doubtful person",
        "a hidden shoulder",
        "somebody from behind",
        "somebody from the side",
        "shoulders above the chin",
        "the shoulders of somebody else",
    ],
)
def test_a_neck_without_shoulders_is_below_the_chin(joints):
    wearer = make_wearer(draw_person())
    made = {
        None: None,
        "a doubtful person": shoulders_of(wearer, 0.5, 1.6, score=0.4),
        "a hidden shoulder": shoulders_of(wearer, 0.5, 1.6),
        "somebody from behind": shoulders_of(wearer, 0.5, 1.6, half=-2.5),
        "somebody from the side": shoulders_of(wearer, 0.5, 1.6, half=0.5),
        "shoulders above the chin": shoulders_of(wearer, 0.5, -0.3),
        "the shoulders of somebody else": shoulders_of(wearer, 3.5, 1.6),
    }[joints]
    if joints == "a hidden shoulder":
        assert made is not None
        made.scores[SHOULDERS[1]] = 0.3
    assert neck_of(wearer, made) == pytest.approx((0.0, MIDDLE_BELOW_CHIN), abs=0.05)


def test_a_mask_reaches_up_to_its_first_gap():
    wearer = make_wearer(draw_person())
    figure, frame = wearer.figure, wearer.frame
    along, below = window_units(frame, figure)
    near = np.abs(below - 1.0) < 0.3
    mask = near & ((np.abs(along) < 0.8) | (along > 1.1))
    for side in (-1, 1):
        reach = measure_reach(mask, figure, frame.unit, frame.point(0.0, 1.0), side)
        assert reach == pytest.approx(0.8, abs=0.06)
    assert measure_reach(mask, figure, frame.unit, frame.point(0.9, 1.0), 1) == 0
    assert measure_reach(mask, figure, frame.unit, frame.point(0.0, 2.0), 1) == 0


def test_a_mask_ends_with_the_window():
    wearer = make_wearer(draw_person())
    figure = wearer.figure
    everywhere = np.ones_like(figure.mask("Face"))
    x0, y0, x1, y1 = figure.window_xyxy
    unit = (x1 - x0) / 2  # of which twice as many are looked at
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    for side in (-1, 1):
        assert measure_reach(everywhere, figure, unit, middle, side) == pytest.approx(1, abs=0.03)


def test_a_neck_is_as_wide_as_the_side_that_hair_leaves_free():
    drawn = draw_person()
    labels = drawn.labels
    labels[drawn.box(-9, 1.5, -0.3, 99)] = HAIR
    for given in (drawn, drawn.with_labels(labels)):
        wearer = make_wearer(given)
        at = drawn.eyes_xy[0], drawn.eyes_xy[1] + 2.4 * drawn.unit
        half = measure_half_width(wearer.figure, wearer.frame.unit, at)
        assert half == pytest.approx(0.8 * drawn.unit / wearer.frame.unit, abs=0.06)


def test_a_neck_under_hair_has_the_usual_width():
    drawn = draw_person()
    labels = drawn.labels
    for left, right in ((-9, -0.3), (0.3, 9)):
        labels[drawn.box(left, 1.5, right, 99)] = HAIR
    wearer = make_wearer(drawn.with_labels(labels))
    at = drawn.eyes_xy[0], drawn.eyes_xy[1] + 2.4 * drawn.unit
    assert measure_half_width(wearer.figure, wearer.frame.unit, at) == USUAL_HALF
