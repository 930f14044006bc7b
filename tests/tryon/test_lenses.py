from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.lenses import find_lenses

LENSES = ((200, 300), (420, 300))


def glasses(temples=(), radii=(90, 90)):
    """Round clear glasses, 620 pixels wide; each temple is a line of points."""
    picture = np.zeros((600, 900), np.uint8)
    for center, radius in zip(LENSES, radii, strict=True):
        cv2.circle(picture, center, radius, (1,), 10)
    cv2.line(picture, (290, 280), (330, 280), (1,), 10)
    for points in temples:
        cv2.polylines(picture, [np.array(points)], False, (1,), 12)
    return picture > 0


def middles(seen):
    found = find_lenses(seen)
    assert found is not None
    return np.array(found)


@pytest.mark.parametrize(
    "temples",
    [
        [],
        [((110, 280), (130, 40)), ((510, 280), (490, 40))],  # upwards, seen from above
        [((110, 280), (140, 560)), ((510, 280), (480, 560))],
        [((110, 250), (500, 380)), ((510, 250), (120, 380))],  # folded behind the lenses
        [((510, 280), (880, 240))],  # one at the side, seen from an angle
    ],
)
def test_temples_do_not_move_the_lenses(temples):
    assert np.abs(middles(glasses(temples)) - LENSES).max() <= 12


def test_the_lens_that_is_farther_is_smaller():
    assert np.abs(middles(glasses(radii=(60, 90))) - LENSES).max() <= 10


def test_dark_lenses_are_found_in_a_tiny_picture():
    small = cv2.resize(glasses().astype(np.uint8), (90, 60), interpolation=cv2.INTER_AREA)
    dark = small.copy()
    for x, y in LENSES:
        cv2.circle(dark, (x // 10, y // 10), 8, (1,), -1)
    assert np.abs(middles(dark > 0) - ((20.5, 30.5), (42.5, 30.5))).max() <= 1


@pytest.mark.parametrize("seen", [np.ones((80, 200), np.bool_), np.zeros((80, 200), np.bool_)])
def test_a_shield_has_no_two_lenses(seen):
    assert find_lenses(seen) is None


def test_things_above_each_other_are_no_lenses():
    assert find_lenses(glasses().T) is None
