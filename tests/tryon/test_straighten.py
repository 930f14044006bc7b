"""Garments that lie askew."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.flat_garment import flat_garment
from m2fp_cli.tryon.straighten import find_tilt, straighten
from tests.support.drawn_garments import draw_garment, garment_picture


def turned_garment(angle: float, sleeve: float = 0.55):
    """A drawn garment that is turned against the clock by degrees."""
    wide = cv2.copyMakeBorder(draw_garment(sleeve), 200, 200, 200, 200, cv2.BORDER_CONSTANT)
    height, width = wide.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    return np.asarray(cv2.warpAffine(wide, turn, (width, height)), np.uint8)


@cache
def upright_landmarks(sleeve: float):
    return flat_garment(garment_picture(sleeve=sleeve)).landmarks


@pytest.mark.parametrize("sleeve", [0.55, 2.2])
@pytest.mark.parametrize("angle", [-25, -8, 5, 15])
def test_a_garment_that_lies_askew_is_worn_upright(angle, sleeve):
    picture = Accessory("a", "top", turned_garment(angle, sleeve), {}, {"tile_units": 2.0})
    found, upright = flat_garment(picture).landmarks, upright_landmarks(sleeve)
    for name in ("neck", "armpit", "hem", "shoulder"):
        points, true = getattr(found, name), getattr(upright, name)
        middle, expected = points.mean(axis=0), true - true.mean(axis=0)
        assert points - middle == pytest.approx(expected, abs=8)


def test_an_upright_garment_stays_as_it_is():
    picture = draw_garment(2.2)
    assert straighten(picture, picture[..., 3] > 127) is picture


def test_sleeves_that_lie_unlike_are_no_tilt():
    solid = draw_garment(2.2)[..., 3] > 127
    solid[:, :200] = draw_garment(0.55)[:, :200, 3] > 127
    assert find_tilt(solid) == 0
