"""Dark and tinted glasses that are worn and that no label shows."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.kinds.glasses import wear_glasses
from m2fp_cli.tryon.lens_tint import measure_lenses
from tests.support.drawn_people import DrawnPerson, draw_person
from tests.tryon.test_frame_lines import LENSES, seen, with_frame

DARK, GRAY = (30, 28, 28), (175, 175, 175)


def with_lenses(
    drawn: DrawnPerson, color: tuple[int, int, int], share: float, sides: tuple[float, ...] = LENSES
) -> DrawnPerson:
    """The same person behind lenses that hide a share of what is behind them."""
    lenses = np.zeros(drawn.photo_bgr.shape[:2], np.uint8)
    for side in sides:
        row, column = drawn.pixel(side, 0.09)
        axes = (round(0.36 * drawn.unit), round(0.32 * drawn.unit))
        cv2.ellipse(lenses, (column, row), axes, 0, 0, 360, (255,), -1)
    photo = drawn.photo_bgr.astype(np.float64)
    photo[lenses > 0] = (1 - share) * photo[lenses > 0] + share * np.array(color)
    return replace(drawn, photo_bgr=photo.round().astype(np.uint8))


@pytest.mark.parametrize("unit", [8.0, 14.0, 40.0])
def test_dark_lenses_without_a_label_are_worn_already(unit):
    wearer = seen(with_lenses(draw_person(unit=unit), DARK, 0.9))
    record = wear_glasses(wearer, load_accessory("sunglasses", "glasses"))
    assert record.reason == "glasses are worn already"


@pytest.mark.parametrize("unit", [11.0, 14.0, 40.0])
@pytest.mark.parametrize("sides", [(), (0.5,)], ids=["bare", "one side"])
def test_a_bare_face_and_shadow_on_one_side_are_no_dark_lenses(unit, sides):
    wearer = seen(with_lenses(draw_person(unit=unit), DARK, 0.9, sides))
    lenses = measure_lenses(wearer.photo_bgr, wearer.frame)
    assert lenses is not None
    assert not lenses.are_dark
    assert not lenses.are_tinted


def test_a_dark_face_has_no_dark_lenses():
    drawn = draw_person()
    wearer = seen(replace(drawn, photo_bgr=(0.3 * drawn.photo_bgr).astype(np.uint8)))
    lenses = measure_lenses(wearer.photo_bgr, wearer.frame)
    assert lenses is not None
    assert not lenses.are_dark


def test_lenses_that_take_the_color_from_the_skin_are_tinted():
    plain, gray = (seen(with_lenses(draw_person(), GRAY, share)) for share in (0.0, 0.8))
    lenses = measure_lenses(gray.photo_bgr, gray.frame)
    assert lenses is not None
    assert lenses.are_tinted
    assert not lenses.are_dark
    bare = measure_lenses(plain.photo_bgr, plain.frame)
    assert bare is not None
    assert not bare.are_tinted


@pytest.mark.parametrize(("tint", "worn"), [(0.0, False), (20.0, True)])
def test_faint_lines_are_a_frame_where_the_lenses_are_tinted(tint, worn, monkeypatch):
    wearer = seen(draw_person())
    lenses = measure_lenses(wearer.photo_bgr, wearer.frame)
    assert lenses is not None
    room = "m2fp_cli.tryon.worn_pair."
    monkeypatch.setattr(room + "measure_lenses", lambda *_: replace(lenses, tint=tint))
    monkeypatch.setattr(room + "measure_frame", lambda *_: 0.195)
    record = wear_glasses(wearer, load_accessory("clear", "glasses"))
    assert (record.reason == "glasses are worn already") is worn


@pytest.mark.parametrize(
    "head", [{"by_face": False}, {"yaw": 40.0}, {"unit": 5.0}], ids=lambda head: next(iter(head))
)
def test_lenses_are_not_believed_where_they_cannot_be_told(head):
    wearer = seen(with_frame(draw_person()))
    assert measure_lenses(wearer.photo_bgr, replace(wearer.frame, **head)) is None
