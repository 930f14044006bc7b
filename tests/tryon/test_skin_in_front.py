"""Arms that are labelled as the top."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from m2fp_cli.tryon.flat_garment import flat_garment
from tests.support.drawn_garments import draw_standing, garment_picture
from tests.support.drawn_people import FACE, DrawnPerson, changed, record_of, wear


def with_arm_in_front(person: DrawnPerson, width: float) -> DrawnPerson:
    """The person with skin across the chest that has no label of its own."""
    photo = person.photo_bgr.copy()
    skin = np.median(photo[person.labels == FACE], axis=0)
    photo[person.box(-0.5 * width, 5.0, 0.5 * width, 6.0)] = skin
    return replace(person, photo_bgr=photo)


def test_an_arm_in_front_of_the_top_keeps_its_color():
    person = with_arm_in_front(draw_standing(), 2.0)
    done = wear(person, {"top": "#a01830"})
    assert record_of(done).placed
    touched = changed(person, done)
    assert not touched[person.box(-0.8, 5.2, 0.8, 5.8)].any()
    assert touched[person.box(-0.8, 6.4, 0.8, 7.0)].all()


def test_no_garment_is_put_over_an_arm_in_front_of_the_top():
    for width, reason in (
        (2.0, "something in the color of skin is in front of the top"),
        (0.1, ""),
    ):
        person = with_arm_in_front(draw_standing(), width)
        done = wear(person, {"top": flat_garment(garment_picture())})
        assert record_of(done).reason == reason
