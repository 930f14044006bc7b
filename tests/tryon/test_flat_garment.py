"""Drawn garments: what is found in their pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.flat_garment import FlatGarment, cut_ground, flat_garment
from m2fp_cli.tryon.garment_outline import NotFlat, find_landmarks
from m2fp_cli.tryon.kinds.top import load_top
from tests.support.drawn_garments import (
    ARMPIT_AT,
    HEM_AT,
    NECK_AT,
    SCALE,
    SHOULDER_AT,
    at,
    draw_garment,
    garment_picture,
)
from tests.support.drawn_people import plain_accessory


@pytest.mark.parametrize("sleeve", [0.5, 2.2])
def test_landmarks_are_where_they_were_drawn(sleeve):
    found = find_landmarks(draw_garment(sleeve)[..., 3] > 127)
    for i, side in enumerate((-1, 1)):
        for points, place in (
            (found.neck, NECK_AT), (found.shoulder, SHOULDER_AT), (found.armpit, ARMPIT_AT)
        ):  # fmt: skip
            assert points[i] == pytest.approx(at(side * place[0], place[1]), abs=0.09 * SCALE)
        assert found.sides[i, -1] == pytest.approx(at(side * HEM_AT[0], HEM_AT[1]), abs=6)
        assert found.sleeves[i].length == pytest.approx(sleeve * SCALE, abs=0.35 * SCALE)
    assert found.open_neck
    assert found.collar == pytest.approx(at(0, 0.4), abs=8)


def test_a_near_white_ground_is_cut_away():
    clear, white = draw_garment(), draw_garment(background=250)
    alpha = cut_ground(white)[..., 3]
    assert ((alpha > 127) == (clear[..., 3] > 127)).mean() > 0.995
    assert cut_ground(clear) is clear


def test_a_colored_ground_cannot_be_cut():
    with pytest.raises(NotFlat, match="its ground is not near white"):
        cut_ground(draw_garment(background=120))


def test_the_inside_of_the_back_is_left_out():
    open_neck, back = (flat_garment(garment_picture(back=b)) for b in (False, True))
    column = round(back.landmarks.collar[0])
    x, y = at(0, 0.2)
    assert back.alpha[y, x] == 0
    assert back.landmarks.collar[1] == pytest.approx(open_neck.landmarks.collar[1], abs=12)
    assert (back.alpha[at(0, 0.6)[1] :, column] > 0.9).mean() > 0.8


@pytest.mark.parametrize("low", [0.0, 0.08])  # how low the back is cut
def test_a_print_below_the_neck_is_no_neckline(low):
    picture = garment_picture(back=True)
    picture.bgra[(picture.bgra[..., :3] == 10).all(axis=2), :3] = 60
    neck = np.array([at(x, low * (1 - abs(x) / 0.4)) for x in np.linspace(-0.4, 0.4, 9)])
    cv2.fillPoly(picture.bgra, [np.array([*neck, at(0.4, -1), at(-0.4, -1)])], (0, 0, 0, 0))
    cv2.rectangle(picture.bgra, at(-0.2, 0.6), at(0.2, 1.0), (250, 250, 250, 255), -1)
    garment = flat_garment(picture)
    assert garment.landmarks.collar == pytest.approx(at(0, 0.4), abs=10)
    assert garment.alpha[at(0, 0.25)[1], at(0, 0)[0]] == 0
    assert garment.alpha[at(0, 0.57)[1], at(0, 0)[0]] == 1


def test_a_neckline_that_is_not_seen_is_not_guessed_from_folds():
    picture = garment_picture()
    mask = np.array([at(x, 0.02) for x in (-0.4, 0.4)] + [at(0.2, 0.5), at(-0.2, 0.5)])
    cv2.fillPoly(picture.bgra, [mask], (190, 60, 40, 255))
    picture.bgra[..., :3] = (120, 120, 120)
    picture.bgra[at(0, 0.2)[1] :, :, :3] = (121, 121, 121)
    depth = flat_garment(picture).landmarks.collar[1] - at(0, 0)[1]
    assert depth == pytest.approx(0.9 * 0.4 * SCALE, abs=0.06 * SCALE)


def test_colors_go_on_beyond_the_outline():
    garment = flat_garment(garment_picture())
    x, y = at(1.6, 2.0)
    assert garment.alpha[y, x] == 0
    assert garment.color[y, x].argmax() == 2  # as the red half beside it


@pytest.mark.parametrize(("change", "why"), [
    (lambda p: p[:, :320], "too different|no gap|no sleeves"),
    (lambda p: p[:24, :24], "fully transparent|too small"),
    (lambda p: np.full_like(p, 255), "cannot be told from its ground"),
])  # fmt: skip
def test_what_is_not_a_garment_is_said(change, why):
    picture = plain_accessory("top", np.ascontiguousarray(change(draw_garment(1.2))), {})
    with pytest.raises(NotFlat, match=why):
        flat_garment(picture)


@pytest.mark.parametrize("name", ["blazer", "hoodie", "knit", "striped_shirt", "tshirt"])
def test_the_garments_that_come_with_the_tool_are_found(name):
    garment = load_top(name)
    assert isinstance(garment, FlatGarment)
    marks = garment.landmarks
    assert marks.open_neck
    assert garment.is_jacket == (name == "blazer")
    middle = (marks.shoulder[0, 0] + marks.shoulder[1, 0]) / 2
    for left, right in (marks.neck, marks.armpit, marks.sides[:, 2]):
        assert middle - left[0] == pytest.approx(right[0] - middle, rel=0.04)
    lengths = [one.length / (marks.armpit[1, 0] - middle) for one in marks.sleeves]
    assert lengths == pytest.approx([0.65 if name == "tshirt" else 2.02] * 2, rel=0.08)


@pytest.mark.parametrize("name", ["blazer", "hoodie", "knit", "striped_shirt", "tshirt"])
def test_a_garment_that_lies_upside_down_is_not_put_on_so(name):
    picture = load_accessory(name, "top")
    turned = plain_accessory("top", np.ascontiguousarray(picture.bgra[::-1, ::-1]), {})
    with pytest.raises(NotFlat, match="turn it if it lies upside down"):
        flat_garment(turned)


def test_a_top_hat_is_no_shirt_with_a_brim_for_sleeves():
    picture = np.zeros((400, 440, 4), np.uint8)
    crown = [(80, 20), (360, 20), (330, 200), (350, 330), (90, 330), (110, 200)]
    cv2.fillPoly(picture, [np.array(crown)], (60, 50, 50, 255))
    cv2.ellipse(picture, (220, 300), (210, 80), 0, 0, 180, (60, 50, 50, 255), -1)
    for x in (45, 395):
        cv2.circle(picture, (x, 285), 35, (60, 50, 50, 255), -1)  # the brim curls up
    with pytest.raises(NotFlat, match="no sleeves hang from its shoulders"):
        flat_garment(plain_accessory("top", picture, {}))


def test_sleeves_along_the_body_are_refused():
    mask = draw_garment(1.2)[..., 3] > 127
    mask[at(0, 0.6)[1] : at(0, 2.7)[1], at(-1.9, 0)[0] : at(1.9, 0)[0]] = True
    with pytest.raises(NotFlat, match="spread the sleeves"):
        find_landmarks(mask)


def test_a_see_through_garment_is_not_called_fully_transparent():
    bgra = draw_garment()
    bgra[..., 3] = bgra[..., 3] // 9 * 4
    with pytest.raises(NotFlat, match="no part of it is opaque"):
        flat_garment(plain_accessory("top", bgra, {}))
