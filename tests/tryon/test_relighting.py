from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.tryon.fitting import FittingRoom
from m2fp_cli.tryon.relighting import shade_gain
from tests.support.drawn_people import FACE, HAIR, HAT, draw_person, wear

BACKGROUND = 0


def in_the_shade(drawn, *labels):
    """The same photo, what has some of the labels with less than a tenth of the light."""
    photo = drawn.photo_bgr.copy()
    dark = np.isin(drawn.labels, labels)
    photo[dark] = photo[dark] * 0.3
    return replace(drawn, photo_bgr=photo)


def brightest(drawn, kind, name):
    """Level of what was put on, of the brightest in twenty of its pixels."""
    done = wear(drawn, {kind: name})
    changed = (done.image_bgr != drawn.photo_bgr).any(axis=2)
    return float(np.percentile(done.image_bgr[changed].max(axis=1), 95))


def test_light_of_a_face_is_not_that_of_the_clothes():
    drawn = in_the_shade(draw_person(), FACE, HAIR)
    light = FittingRoom(drawn.photo_bgr, drawn.result)._light_on(drawn.result.people[0])
    assert light is not None
    assert light.face_high < 0.5 * light.high
    assert 0 < light.skin <= light.face_high <= light.head_high


@pytest.mark.parametrize(("kind", "name"), [("glasses", "round"), ("earrings", "hoop")])
def test_what_is_worn_on_a_face_in_the_shade_is_in_the_shade(kind, name):
    drawn = in_the_shade(draw_person(), BACKGROUND)
    dark = in_the_shade(drawn, FACE, HAIR)
    assert brightest(dark, kind, name) < 0.75 * brightest(drawn, kind, name)


def test_a_hat_is_in_the_sun_where_the_worn_one_is():
    drawn = in_the_shade(draw_person(hat=True), BACKGROUND, FACE, HAIR)
    sunny = brightest(drawn, "hat", "fedora")
    assert sunny > 1.2 * brightest(in_the_shade(drawn, HAT), "hat", "fedora")


def test_good_light_changes_nothing():
    assert shade_gain(0.3) == np.inf
    assert shade_gain(0.14) == pytest.approx(0.5)
    assert shade_gain(0.0) > 0
