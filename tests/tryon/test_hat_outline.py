from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.catalog import guess_anchors, load_accessory
from m2fp_cli.tryon.hat_outline import guess_band, is_arch
from m2fp_cli.tryon.kinds.hat import KIND as HAT
from tests.support.drawn_people import draw_person, plain_accessory, record_of, values_of, wear


def draw(*polygons, size=(500, 700)):
    picture = np.zeros(size, np.uint8)
    for points in polygons:
        cv2.fillPoly(picture, [np.array(points)], (1,))
    return picture


def band(picture):
    rows, columns = np.nonzero(picture)
    seen = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] > 0
    anchors = guess_band(seen)
    ends = (anchors[name][0] + columns.min() for name in ("band_left", "band_right"))
    return pytest.approx(tuple(ends), abs=16)


def dome(left, right, upper, lower):
    picture, middle = np.zeros((500, 700), np.uint8), (left + right) // 2
    cv2.ellipse(
        picture, (middle, lower), ((right - left) // 2, lower - upper), 0, 180, 360, (1,), -1
    )
    return picture


def tiara():
    picture = np.zeros((400, 700), np.uint8)
    cv2.ellipse(picture, (350, 340), (300, 280), 0, 180, 360, (1,), 26)
    return picture


def test_a_beanie_with_a_pompom_has_no_brim():
    picture = dome(150, 550, 150, 420) | draw([(140, 400), (560, 400), (560, 490), (140, 490)])
    cv2.circle(picture, (350, 100), 70, (1,), -1)
    assert band(picture) == (140, 560)


def test_the_lower_edge_of_a_beanie_is_not_its_band():
    picture = dome(150, 550, 150, 420) | draw([(140, 380), (560, 380), (560, 440), (140, 440)])
    cv2.ellipse(picture, (350, 440), (210, 50), 0, 0, 180, (1,), -1)  # bends down in front
    assert band(picture) == (152, 548)


@pytest.mark.parametrize("name", ["beanie", "cap", "fedora", "sun_hat"])
def test_the_band_of_a_shipped_hat_is_guessed_as_wide_as_stated(name):
    hat = load_accessory(name, "hat")
    guessed = guess_anchors(hat.bgra, HAT)
    widths = [one["band_right"][0] - one["band_left"][0] for one in (guessed, hat.anchors)]
    assert widths[0] == pytest.approx(widths[1], rel=0.05)


def test_a_crown_that_is_wider_above_stands_on_its_base():
    spikes = [(100, 80), (225, 250), (350, 60), (475, 250), (600, 80)]
    assert band(draw([*spikes, (510, 460), (190, 460)])) == (190, 510)


def test_a_crown_is_as_wide_as_its_band():
    points = [(100, 450), (100, 100), (225, 300), (350, 80), (475, 300), (600, 100), (600, 450)]
    assert band(draw(points)) == (100, 600)


def test_a_brim_that_curls_up_is_no_band():
    brim = [(20, 220), (180, 400), (350, 440), (520, 400), (680, 220), (560, 470), (140, 470)]
    assert band(draw(brim, [(200, 60), (500, 60), (500, 430), (200, 430)])) == (200, 500)


def test_a_visor_at_one_side_is_no_band():
    visor = [(260, 330), (60, 400), (20, 440), (60, 450), (340, 400)]
    assert band(dome(220, 660, 80, 380) | draw(visor)) == (220, 660)


def test_a_tiara_ends_at_the_temples():
    assert is_arch(tiara() > 0)
    assert band(tiara()) == (37, 663)


def test_a_cap_with_strings_is_no_tiara():
    strings = draw(*([(x, 300), (x + 20, 300), (x + 20, 490), (x, 490)] for x in (160, 520)))
    picture = dome(150, 550, 80, 310) | strings
    assert not is_arch(picture > 0)
    assert band(picture) == (150, 550)


def test_hair_stays_in_a_tiara():
    bgra = np.zeros((400, 700, 4), np.uint8)
    bgra[tiara() > 0] = (80, 80, 220, 255)
    anchors = {"band_left": (50, 340), "band_right": (650, 340), "front_low": (350, 340)}
    drawn = draw_person()
    done = wear(drawn, {"hat": plain_accessory("hat", bgra, anchors)})
    assert record_of(done).placed
    assert values_of(record_of(done))["hair_outside"] == 0
    above = drawn.pixel(0, -1.0)  # hair between the band and the arch
    assert (done.image_bgr[above] == drawn.photo_bgr[above]).all()
