"""Clear glasses that are worn, by the lines of their frame."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.frame_lines import even_crop, measure_frame
from m2fp_cli.tryon.kinds.glasses import wear_glasses
from m2fp_cli.tryon.worn_pair import LEAST_LINES
from tests.support.drawn_people import SUNGLASSES, DrawnPerson, draw_person, make_wearer

LENSES = (-0.5, 0.5)  # their middles, U


def with_frame(drawn: DrawnPerson, sides: tuple[float, ...] = LENSES) -> DrawnPerson:
    """The same person behind clear glasses; with lenses on some sides."""
    photo = drawn.photo_bgr.copy()
    thick = max(round(0.08 * drawn.unit), 1)

    def at(x, y):
        row, column = drawn.pixel(x, y)
        return column, row

    for side in sides:
        axes = (round(0.36 * drawn.unit), round(0.32 * drawn.unit))
        cv2.ellipse(photo, at(side, 0.09), axes, 0, 0, 360, (40, 40, 45), thick, cv2.LINE_AA)
    if len(sides) > 1:
        cv2.line(photo, at(-0.16, 0.02), at(0.16, 0.02), (40, 40, 45), thick, cv2.LINE_AA)
    return replace(drawn, photo_bgr=photo)


def seen(drawn: DrawnPerson):
    """Somebody about to wear glasses, whose face was seen where it was drawn."""
    head = {"eyes_xy": drawn.eyes_xy, "unit": drawn.unit, "yaw": 0.0, "by_face": True}
    return make_wearer(drawn, right_xy=(1.0, 0.0), down_xy=(0.0, 1.0), roll=0.0, **head)


@pytest.mark.parametrize("unit", [14.0, 30.0, 50.0])
@pytest.mark.parametrize("name", ["clear", "sunglasses"])
def test_a_frame_on_the_face_is_worn_already(name, unit):
    wearer = seen(with_frame(draw_person(unit=unit)))
    before = wearer.photo_bgr.copy()
    record = wear_glasses(wearer, load_accessory(name, "glasses"))
    assert record.reason == "glasses are worn already"
    assert np.array_equal(wearer.photo_bgr, before)


@pytest.mark.parametrize("unit", [14.0, 30.0, 50.0])
@pytest.mark.parametrize("sides", [(), (0.5,)], ids=["bare", "one side"])
def test_a_face_without_a_pair_takes_glasses(sides, unit):
    wearer = seen(with_frame(draw_person(unit=unit), sides))
    assert wear_glasses(wearer, load_accessory("clear", "glasses")).placed


@pytest.mark.parametrize(
    "head", [{"by_face": False}, {"yaw": 40.0}, {"unit": 9.0}], ids=lambda head: next(iter(head))
)
def test_lines_are_not_believed_where_they_cannot_be_told(head):
    wearer = seen(with_frame(draw_person()))
    assert measure_frame(wearer.photo_bgr, wearer.frame) is not None
    assert measure_frame(wearer.photo_bgr, replace(wearer.frame, **head)) is None


def test_faint_shades_of_dark_skin_are_no_lines():
    bare, framed = draw_person(), with_frame(draw_person())
    photo = bare.photo_bgr * 0.2
    photo[(framed.photo_bgr != bare.photo_bgr).any(axis=2)] -= 10
    wearer = seen(replace(bare, photo_bgr=np.clip(photo, 0, 255).astype(np.uint8)))
    faint, strong = (measure_frame(one.photo_bgr, wearer.frame) for one in (wearer, framed))
    assert faint is not None
    assert strong is not None
    assert faint < LEAST_LINES < strong


@pytest.mark.parametrize("eyes_xy", [(0.0, 0.0), (419.9, 519.9), (-80.0, 700.0)])
@pytest.mark.parametrize("unit", [12.0, 300.0])
def test_eyes_may_lie_at_or_beyond_the_edge_of_the_photo(eyes_xy, unit):
    wearer = seen(draw_person())
    crop = even_crop(wearer.photo_bgr, replace(wearer.frame, eyes_xy=eyes_xy, unit=unit))
    assert crop.shape == (26, 36)
    assert np.isfinite(crop).all()


def test_the_crop_turns_with_the_head():
    upright, turned = draw_person(unit=40.0), draw_person(unit=40.0, roll=20.0)
    radians = np.deg2rad(20.0)
    right = (float(np.cos(radians)), float(np.sin(radians)))
    head = replace(seen(turned).frame, right_xy=right, down_xy=(-right[1], right[0]))
    crops = even_crop(upright.photo_bgr, seen(upright).frame), even_crop(turned.photo_bgr, head)
    assert np.corrcoef(crops[0].ravel(), crops[1].ravel())[0, 1] > 0.95


def test_dark_glasses_may_cover_those_that_are_labelled():
    drawn = with_frame(draw_person())
    labels = drawn.labels
    labels[drawn.box(-0.75, -0.1, 0.75, 0.3)] = SUNGLASSES
    wearer = seen(drawn.with_labels(labels))
    assert wear_glasses(wearer, load_accessory("sunglasses", "glasses")).placed


@pytest.mark.parametrize(("sides", "placed"), [((), True), (LENSES, False)], ids=["bare", "pair"])
def test_specks_that_are_labelled_glasses_count_where_lines_confirm_them(sides, placed):
    drawn = with_frame(draw_person(), sides)
    labels = drawn.labels
    labels[drawn.box(0.4, -0.1, 0.65, 0.1)] = SUNGLASSES
    wearer = seen(drawn.with_labels(labels))
    record = wear_glasses(wearer, load_accessory("clear", "glasses"))
    assert record.placed == placed
