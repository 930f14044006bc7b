from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.tryon.compositing import Layer
from m2fp_cli.tryon.kinds.necklace import (
    NecklacePlacement,
    check_necklace,
    find_region,
    place_necklace,
)
from m2fp_cli.tryon.necklace_outline import guess_ends
from tests.support.drawn_joints import joints_at
from tests.support.drawn_people import (
    FACE,
    NECK,
    TOP,
    changed,
    draw_person,
    failed_checks,
    make_wearer,
    plain_accessory,
    record_of,
    values_of,
    wear,
)

COAT = 7  # id of CIHP


def chain(length_mm=457.0):
    """A red ribbon along the lower half of an ellipse, 400 wide and 200 high."""
    y, x = np.mgrid[:220, :440]
    away = np.hypot((x - 220) / 200, y / 200)
    bgra = np.zeros((220, 440, 4), np.uint8)
    bgra[(away > 0.9) & (away < 1.0)] = (40, 40, 200, 255)
    ends = {"left_end": (20.0, 0.0), "right_end": (420.0, 0.0), "lowest": (220.0, 200.0)}
    item = plain_accessory("necklace", bgra, ends)
    return replace(item, numbers={"length_mm": length_mm})


def place_of(wearer, item):
    place = place_necklace(wearer.frame, wearer.figure, item)
    assert isinstance(place, NecklacePlacement)
    return place


@pytest.mark.parametrize("name", ["chain", "pearls", "pendant"])
def test_a_necklace_lies_below_the_chin(name):
    drawn = draw_person()
    done = wear(drawn, {"necklace": name})
    assert record_of(done).placed
    assert "on_face" not in failed_checks(record_of(done))
    assert not changed(drawn, done)[: drawn.pixel(0, 1.7)[0]].any()


def test_a_chain_goes_around_the_neck_a_quarter_of_a_unit_below_the_chin():
    wearer = make_wearer(draw_person())
    place = place_of(wearer, chain())
    frame, (left, right) = wearer.frame, place.ends_xy
    chin_y = frame.point(0, frame.chin)[1]
    assert left[1] == right[1] == pytest.approx(chin_y + 0.27 * frame.unit, abs=0.1)
    assert (right[0] - left[0]) / 2 / frame.unit == pytest.approx(0.8, abs=0.1)
    assert (left[0] + right[0]) / 2 == pytest.approx(frame.eyes_xy[0], abs=0.1 * frame.unit)
    for point, name in ((left, "left_end"), (place.lowest_xy, "lowest")):
        u, v = place.inverse(*(np.array([value], np.float32) for value in point))
        assert (u[0], v[0]) == pytest.approx(chain().anchors[name], abs=0.01)


def test_a_longer_chain_hangs_lower_by_half_of_what_it_is_longer():
    wearer = make_wearer(draw_person())
    short, long = (place_of(wearer, chain(length)).lowest_xy[1] for length in (400.0, 463.0))
    assert long - short == pytest.approx(0.5 * wearer.frame.unit)


@pytest.mark.parametrize(("length_mm", "on_clothes"), [(457.0, False), (560.0, True)])
def test_only_a_long_chain_lies_on_clothes(length_mm, on_clothes):
    drawn = draw_person()
    done = wear(drawn, {"necklace": chain(length_mm)})
    red = changed(drawn, done) & (done.image_bgr.argmax(axis=2) == 2)
    assert red[drawn.labels == NECK].any()
    assert red[drawn.labels == TOP].any() == on_clothes


def test_a_long_chain_lies_below_a_coat():
    drawn = draw_person()
    labels = drawn.labels
    labels[drawn.box(0.2, 2.7, 9, 99)] = COAT
    coat = drawn.with_labels(labels)
    done = wear(coat, {"necklace": chain(560.0)})
    red = changed(coat, done) & (done.image_bgr.argmax(axis=2) == 2)
    assert red[drawn.box(-2, 1.9, 0.1, 99)].any()
    assert not red[drawn.box(0.3, 2.8, 9, 99)].any()


def test_a_long_chain_does_not_begin_beside_the_collar_of_a_coat():
    drawn = draw_person()
    labels = drawn.labels
    beside = np.zeros_like(labels, dtype=np.bool_)
    beside[drawn.box(-2, 2, 2, 99)] = True
    labels[beside & (labels == 0)] = COAT
    record = record_of(wear(drawn.with_labels(labels), {"necklace": chain(560.0)}))
    assert record.reason == "the neck is covered"


def test_a_chain_whose_front_is_under_a_tie_is_left_out():
    drawn = draw_person()
    labels = drawn.labels
    tied = labels.copy()
    tied[drawn.box(-0.4, 2.5, 0.4, 99)] = TOP
    for given, reason in ((labels, ""), (tied, "the neck is covered")):
        record = record_of(wear(drawn.with_labels(given), {"necklace": chain(420.0)}))
        assert record.reason == reason


def test_a_chain_may_end_below_the_photo():
    drawn = draw_person()
    wearer = make_wearer(drawn)
    lowest_y = place_of(wearer, chain()).lowest_xy[1]
    rows = round(lowest_y - 0.4 * wearer.frame.unit)
    cut = replace(drawn, photo_bgr=drawn.photo_bgr[:rows]).with_labels(drawn.labels[:rows])
    assert record_of(wear(cut, {"necklace": chain()})).placed


def test_what_the_network_calls_face_far_beside_the_neck_carries_no_chain():
    drawn = draw_person()
    labels = drawn.labels
    labels[drawn.box(1.3, 2.2, 1.9, 3.0)] = 13
    wearer = make_wearer(drawn.with_labels(labels))
    region = find_region(wearer.frame, wearer.figure, on_clothes=False)
    assert np.array_equal(region & wearer.figure.mask("Face"), np.zeros_like(region))


@pytest.mark.parametrize(("upper", "there"), [(1.7, True), (2.2, False)])
def test_a_face_below_the_own_one_is_no_neck(upper, there):
    drawn = draw_person()
    labels = drawn.labels
    neck = np.zeros_like(labels, dtype=np.bool_)
    neck[drawn.box(-1, upper, 1, 3.0)] = True
    labels[neck & (labels == NECK)] = FACE
    wearer = make_wearer(drawn.with_labels(labels))
    region = find_region(wearer.frame, wearer.figure, on_clothes=False)
    assert (region & wearer.figure.mask("Face")).any() == there


@pytest.mark.parametrize("left_u", [0.0, 0.3])
def test_a_neck_under_cloth_or_seen_in_part_carries_no_chain(left_u):
    drawn = draw_person()
    labels = drawn.labels
    labels[drawn.box(-9, 1.75, left_u, 99)] = TOP
    labels[drawn.box(left_u + 0.7 if left_u else -9, 1.75, 9, 99)] = TOP
    done = wear(drawn.with_labels(labels), {"necklace": "chain"})
    assert record_of(done).reason == "the neck is covered"
    assert not changed(drawn, done).any()


@pytest.mark.parametrize("collar", [False, True])
def test_a_chain_does_not_begin_on_the_cloth_of_a_wide_collar(collar):
    drawn = draw_person()
    labels = drawn.labels
    beside = np.zeros_like(labels, dtype=np.bool_)
    beside[drawn.box(-2, 2, 2, 99)] = collar
    labels[beside & (labels == 0)] = TOP
    record = record_of(wear(drawn.with_labels(labels), {"necklace": "chain"}))
    assert (record.reason == "the neck is covered") is collar


def test_a_chain_that_begins_on_bare_skin_fails_its_check():
    drawn = draw_person()
    labels = drawn.labels
    beside = np.zeros_like(labels, dtype=np.bool_)
    beside[drawn.box(-1.4, 1.95, 1.4, 3.1)] = True
    labels[beside & (labels == 0)] = NECK
    record = record_of(wear(drawn.with_labels(labels), {"necklace": "pearls"}))
    assert record.placed
    assert "ends_to_edge_u" in failed_checks(record)


def test_a_chain_hangs_below_the_middle_between_chin_and_shoulders():
    wearer = make_wearer(draw_person())
    frame = wearer.frame
    left, right = (frame.point(0.8 + side * 2.5, frame.chin + 1.6) for side in (-1, 1))
    joints = joints_at({"right_shoulder": left, "left_shoulder": right})
    place = place_necklace(frame, replace(wearer.figure, joints=joints), chain())
    assert isinstance(place, NecklacePlacement)
    (x0, y0), (x1, y1) = place.ends_xy
    assert place.lowest_xy[0] == (x0 + x1) / 2
    assert y0 == y1
    middle = frame.point(0.4, frame.chin + 0.8)
    assert place.lowest_xy[0] == pytest.approx(middle[0], abs=0.02 * frame.unit)
    assert y0 == pytest.approx(middle[1] - 0.57 * frame.unit, abs=0.02 * frame.unit)


@pytest.mark.parametrize("seed", range(8))
def test_no_more_of_a_chain_than_all_of_it_is_on_the_body(seed):
    drawn = draw_person()
    wearer = make_wearer(drawn)
    (y, x), side = drawn.pixel(-0.4, 2.2), 24
    alpha = np.random.default_rng(seed).random((side, side), np.float32)
    layer = Layer(np.zeros((side, side, 3), np.float32), alpha, (x, y, x + side, y + side))
    checks = check_necklace(wearer.frame, wearer.figure, place_of(wearer, chain()), layer, 1.0)
    assert {check.name: check.value for check in checks}["on_body"] == 1


def test_ends_of_a_picture_are_its_upper_corners():
    anchors = guess_ends(np.ones((60, 100), np.bool_))
    assert anchors == {"left_end": (0.5, 0.0), "right_end": (99.5, 0.0), "lowest": (50.0, 60.0)}


def ring():
    """A red ring, 400 wide and high."""
    y, x = np.mgrid[:420, :420]
    bgra = np.zeros((420, 420, 4), np.uint8)
    bgra[np.abs(np.hypot(x - 210, y - 210) - 195) < 6] = (40, 40, 200, 255)
    return bgra


def test_a_closed_chain_goes_around_the_neck_where_it_is_widest():
    seen = ring()[9:411, 9:411, 3] > 0
    anchors = guess_ends(seen)
    (left, y0), (right, y1) = anchors["left_end"], anchors["right_end"]
    assert (left, right) == pytest.approx((0.5, 401.5), abs=1)
    assert y0 == y1 == pytest.approx(195, abs=25)
    assert anchors["lowest"] == (201.0, 402.0)
    assert guess_ends(seen[190:])["left_end"] == (0.5, 0.0)
    assert guess_ends(np.ones((400, 30), np.bool_))["left_end"] == (0.5, 0.0)


def test_the_back_of_a_closed_chain_does_not_lie_across_the_throat():
    drawn = draw_person()
    item = plain_accessory("necklace", ring(), {})
    item = replace(item, anchors=guess_ends(ring()[..., 3] > 0))
    ends_y = place_of(make_wearer(drawn), item).ends_xy[0][1]
    done = wear(drawn, {"necklace": item})
    red = changed(drawn, done) & (done.image_bgr.argmax(axis=2) == 2)
    middle = red[:, drawn.box(-0.4, 0, 0.4, 1)[1]].any(axis=1)
    assert record_of(done).placed
    assert np.flatnonzero(middle)[0] > ends_y + 0.5 * drawn.unit
    assert values_of(record_of(done))["seen"] > 0.7  # of its front
