"""Straps of bags that are labelled as the top."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.flat_garment import flat_garment
from tests.support.drawn_garments import draw_standing, garment_picture
from tests.support.drawn_people import TOP, DrawnPerson, changed, record_of, wear

CLOTH = (120, 90, 70)  # BGR, of who is drawn
GREEN, SHADE = (50, 130, 60), (90, 67, 52)
STRAP = ((-1.8, 2.8), (1.2, 9.6))  # from a shoulder to the other hip, U
PLACKET = ((0.0, 2.8), (0.0, 9.6))


def with_bars(
    color: tuple[int, int, int], *bars: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[DrawnPerson, np.ndarray]:
    """Somebody with bars across the top that are labelled as it, and where those are."""
    person = draw_standing()
    drawn = np.zeros(person.labels.shape, np.uint8)
    for ends in bars:
        first, last = (person.pixel(*end)[::-1] for end in ends)
        cv2.line(drawn, first, last, (1,), round(0.5 * person.unit))
    there = (drawn > 0) & (person.labels == TOP)
    photo = np.where(there[..., None], np.asarray(color, np.uint8), person.photo_bgr)
    return replace(person, photo_bgr=photo), there


@pytest.mark.parametrize("garment", [False, True])
def test_a_strap_stays_in_front_of_the_new_top(garment):
    person, strap = with_bars(GREEN, STRAP)
    done = wear(person, {"top": flat_garment(garment_picture()) if garment else "#a01830"})
    assert record_of(done).placed
    touched = changed(person, done)
    assert touched[strap].mean() < 0.05
    assert touched[person.box(-2.0, 6.5, -1.2, 7.5)].all()


@pytest.mark.parametrize(
    ("color", "bars"),
    [
        (GREEN, (PLACKET,)),
        (SHADE, (STRAP,)),
        (GREEN, (((-1.5, 2.8), (-1.4, 9.6)), ((1.5, 2.8), (1.4, 9.6)))),
        (GREEN, (((-1.6, 6.0), (-1.4, 7.0)),)),
        (GREEN, (((-2.5, 6.0), (2.0, 6.0)),)),
    ],
    ids=["placket", "shade", "pattern", "short", "level"],
)
def test_what_is_no_strap_is_painted(color, bars):
    person, bar = with_bars(color, *bars)
    done = wear(person, {"top": "#a01830"})
    assert changed(person, done)[bar].mean() > 0.95


def test_a_strap_is_found_as_well_in_a_larger_photo():
    person, strap = with_bars(GREEN, STRAP)
    done = wear(person.enlarged(2), {"top": "#a01830"})
    touched = changed(person.enlarged(2), done)
    assert touched[strap.repeat(2, axis=0).repeat(2, axis=1)].mean() < 0.05
