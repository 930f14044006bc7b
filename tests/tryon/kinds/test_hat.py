from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.hat_outline import guess_band
from m2fp_cli.tryon.kinds.hat import place_hat
from tests.support.drawn_people import (
    FACE,
    HAIR,
    HAT,
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


def plain_hat(hangs=0.0):
    """A plain blue hat; ``hangs`` is how far its front reaches below its band, 100 pixels each."""
    bgra = np.zeros((400, 300, 4), np.uint8)
    bgra[: 150 + round(hangs * 100), 20:280] = (160, 80, 40, 255)
    anchors = {"band_left": (30, 150), "band_right": (270, 150), "front_low": (150, 200)}
    return plain_accessory("hat", bgra, anchors)


@pytest.mark.parametrize("roll", [0, 15])
@pytest.mark.parametrize("hat", ["fedora", "cap", "beanie", "sun_hat"])
def test_a_hat_sits(hat, roll):
    record = record_of(wear(draw_person(roll=roll), {"hat": hat}))
    assert record.placed
    sits = {"gap_median_u", "band_above_eyes_u", "band_width_u", "roll_difference_deg"}
    assert not failed_checks(record) & sits


@pytest.mark.parametrize("roll", [-12.0, 0.0, 20.0])
def test_the_band_is_around_the_head_above_the_eyes(roll):
    wearer = make_wearer(draw_person(), roll=roll)
    place = place_hat(wearer.frame, wearer.figure, plain_hat())
    ends = [place.matrix @ (x, 150, 1) for x in (30, 270)]
    (x0, y0), (x1, y1) = ends
    assert np.hypot(x1 - x0, y1 - y0) / wearer.frame.unit == pytest.approx(2 * 1.35, abs=0.2)
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(roll, abs=1e-6)
    middle = wearer.frame.point(place.band.offset, -0.65)
    assert np.allclose((ends[0] + ends[1]) / 2, middle)


def test_a_hat_does_not_lean_farther_than_a_head_can():
    wearer = make_wearer(draw_person(), roll=80.0)
    assert place_hat(wearer.frame, wearer.figure, plain_hat()).band.roll == 35


def test_a_hat_is_pulled_down_to_where_a_fringe_ends():
    drawn = draw_person()
    labels = drawn.labels
    rows = np.arange(labels.shape[0]) - drawn.eyes_xy[1]
    labels[(labels == FACE) & (rows < -0.5 * drawn.unit)[:, None]] = HAIR
    bare, low = (
        record_of(wear(person, {"hat": "sun_hat"})).numbers["band_above_eyes_u"]
        for person in (drawn, drawn.with_labels(labels))
    )
    assert bare == pytest.approx(load_accessory("sun_hat", "hat").numbers["band_above_eyes"])
    assert low == pytest.approx(0.55, abs=0.1)


@pytest.mark.parametrize(("hangs", "band"), [(0.3, 0.65), (0.6, 0.85)])
def test_a_hat_is_lifted_off_the_eyes(hangs, band):
    record = record_of(wear(draw_person(), {"hat": plain_hat(hangs)}))
    assert values_of(record)["eyes_covered"] < 0.05
    assert record.numbers["band_above_eyes_u"] == pytest.approx(band, abs=0.06)
    assert ("the hat was pushed up to free the eyes" in record.notes) == (band > 0.65)


def test_the_visor_of_a_cap_points_to_where_the_face_looks(monkeypatch):
    cap = replace(plain_hat(), style="cap")
    cap.bgra[:150, 150:] = (40, 80, 160, 255)  # red at the right
    drawn = draw_person()
    sides = []
    for turn in (-180.0, 180.0):
        monkeypatch.setattr("m2fp_cli.tryon.kinds.hat.CAP_TURN", turn)
        done = wear(drawn, {"hat": cap})
        sides.append(done.image_bgr[drawn.pixel(0.6, -1.2)].argmax())
    assert sides == [2, 0]  # red; blue, for the cap is mirrored


@pytest.mark.parametrize(("hangs", "fails"), [(0.0, False), (-0.15, True)])
def test_a_hat_that_ends_above_the_head_has_a_gap(hangs, fails):
    drawn = draw_person()
    labels = drawn.labels
    labels[: drawn.pixel(0, -0.75)[0]] = 0
    record = record_of(wear(drawn.with_labels(labels), {"hat": plain_hat(hangs)}))
    assert record.placed
    assert ("gap_median_u" in failed_checks(record)) == fails


def test_a_brim_may_come_down_before_the_eyes_a_little(monkeypatch):
    monkeypatch.setattr("m2fp_cli.tryon.kinds.hat.MAX_EYES_COVERED", 0.5)
    low = plain_hat(0.46)
    failed = {
        style: "eyes_covered" in failed_checks(record_of(wear(draw_person(), {"hat": hat})))
        for style in ("beanie", "brim")
        for hat in (replace(low, style=style),)
    }
    assert failed == {"beanie": True, "brim": False}


def test_a_hat_that_would_cover_the_eyes_anyway_is_left_out():
    drawn = draw_person()
    done = wear(drawn, {"hat": plain_hat(1.6)})
    assert record_of(done).reason == "the hat would cover the eyes"
    assert not changed(drawn, done).any()


def test_a_hat_that_would_float_above_the_face_is_left_out(monkeypatch):
    drawn = draw_person(hat=True)
    labels = drawn.labels
    rows = np.arange(labels.shape[0]) - drawn.eyes_xy[1]
    labels[(labels == HAIR) & (rows < -0.5 * drawn.unit)[:, None]] = HAT
    monkeypatch.setattr("m2fp_cli.tryon.kinds.hat.LIFTS", (0.6,))
    done = wear(drawn.with_labels(labels), {"hat": "beanie"})
    assert record_of(done).reason == "the hat would float above the face"
    assert not changed(drawn, done).any()


@pytest.mark.parametrize(("hidden_u", "placed"), [(2.4, False), (0.6, True)])
def test_a_hat_of_which_little_would_be_seen_is_left_out(hidden_u, placed):
    drawn = draw_person()
    labels = drawn.labels
    owners = (labels > 0).astype(np.uint16)
    for area in (drawn.box(1.5 - hidden_u, -9, 99, -0.5), drawn.box(2, -9, 99, 99)):
        labels[area], owners[area] = TOP, 2
    owners[-20:][owners[-20:] == 1] = labels[-20:][owners[-20:] == 1] = 0
    result = result_from_maps(CIHP, labels, owners)
    record = record_of(try_on(drawn.photo_bgr, result, {"hat": "fedora"}, people=[1]))
    assert record.placed == placed
    assert record.reason == ("" if placed else "the head is hidden by somebody in front")


def test_a_hat_that_would_lie_outside_the_photo_is_left_out():
    drawn = draw_person()
    first = drawn.pixel(0, -0.75)[0]
    result = result_from_maps(CIHP, np.ascontiguousarray(drawn.labels[first:]))
    record = record_of(try_on(drawn.photo_bgr[first:], result, {"hat": "fedora"}))
    assert record.reason == "the hat would lie outside the photo"


def test_the_band_of_a_picture_is_its_lowest_wide_row():
    seen = np.zeros((100, 80), np.bool_)
    seen[:90, 10:70] = True  # a beanie, with a bobble below that is no band
    seen[90:, 35:45] = True
    anchors = guess_band(seen)
    assert anchors["band_left"] == (10.0, 89.5)
    assert anchors["band_right"] == (70.0, 89.5)


def test_a_brim_is_wider_than_the_band():
    seen = np.zeros((100, 200), np.bool_)
    seen[:80, 50:150], seen[80:] = True, True
    anchors = guess_band(seen)
    assert anchors["band_right"][0] - anchors["band_left"][0] == pytest.approx(100)
    assert anchors["front_low"] == (100.0, 100.0)
