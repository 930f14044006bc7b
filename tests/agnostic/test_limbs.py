"""Hands and bare feet against drawn people whose joints are known."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.agnostic.hands import find_hands
from m2fp_cli.agnostic.limbs import (
    distance_inside,
    face_height,
    find_bare_feet,
    find_shod_feet,
)
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.figure import build_figure
from tests.support.dressed import FACE, draw_dressed, dressed_result, label_mask

SLEEVES = (
    ("UpperClothes", ((44, 84), (58, 90), (91, 196), (77, 200))),
    ("UpperClothes", ((-44, 84), (-58, 90), (-91, 196), (-77, 200))),
)


def figure_of(labels):
    result = dressed_result(labels)
    return build_figure(result, result.people[0], (0, 0, 300, 420))


def test_a_face_is_measured():
    assert face_height(figure_of(draw_dressed())) == pytest.approx(FACE, abs=3)


def test_without_a_face_the_stature_says_how_high_it_is():
    figure = figure_of(draw_dressed(without=("Face",)))
    assert face_height(figure) == pytest.approx(FACE, rel=0.15)


@pytest.mark.parametrize("first", [12 + 42, 12 + 52], ids=["chin", "neck"])
def test_the_chest_says_how_high_a_face_is_that_the_photo_cuts_off(first):
    figure = figure_of(draw_dressed()[first : 12 + 230])
    assert face_height(figure) == pytest.approx(FACE, rel=0.25)


def test_a_flared_dress_down_to_the_feet_is_no_wide_chest():
    gown = ("Dress", ((-30, 90), (30, 90), (110, 330), (-110, 330)))
    labels = draw_dressed(extra=(gown,))[12 + 52 :]
    assert face_height(figure_of(labels)) < 1.4 * FACE  # a circle in it is 4 faces wide


def test_hands_of_somebody_without_a_head_in_the_photo_are_whole():
    labels = draw_dressed()
    hands = find_hands(figure_of(labels[12 + 52 : 12 + 240]))
    whole = find_hands(figure_of(labels))[12 + 52 : 12 + 240]
    assert (hands & whole).sum() > 0.9 * whole.sum()


def test_the_hand_of_a_bare_arm_is_its_end():
    labels = draw_dressed()
    hands, arms = find_hands(figure_of(labels)), label_mask(labels, "Left-arm", "Right-arm")
    rows = np.arange(labels.shape[0])[:, None]
    assert hands[arms & (rows > 12 + 206)].all()
    assert not hands[rows[:, 0] < 12 + 180].any()
    assert not hands[~arms].any()


def test_what_a_sleeve_leaves_free_is_a_hand():
    labels = draw_dressed(extra=SLEEVES)
    hands = find_hands(figure_of(labels))
    below = label_mask(labels, "Left-arm", "Right-arm")
    below[: 12 + 200] = False
    assert hands[below].all()


def test_a_hand_at_the_chest_is_told_from_the_sleeve_by_what_is_around_it():
    bent = ("Left-arm", ((52, 150), (66, 150), (20, 108), (0, 100), (0, 112), (12, 120)))
    labels = draw_dressed(without=("Left-arm",), extra=(bent,))
    hands = find_hands(figure_of(labels))
    left = label_mask(labels, "Left-arm")
    assert hands[left & (np.arange(300)[None] < 150 + 12)].all()


def test_a_gloved_hand_costs_no_more_of_the_arm():
    glove = ("Glove", ((92, 200), (94, 236), (80, 236), (76, 204)))
    labels = draw_dressed(extra=(glove,))
    hands = find_hands(figure_of(labels))
    assert (hands[:, 160:] == label_mask(labels, "Glove")[:, 160:]).all()


def test_of_three_pieces_of_arm_the_one_at_the_shoulder_has_no_hand():
    patch = ("Right-arm", ((30, 80), (46, 80), (46, 96), (30, 96)))
    hands = find_hands(figure_of(draw_dressed(extra=(*SLEEVES, patch))))
    assert not hands[: 12 + 120].any()
    assert hands[12 + 220, 150 + 86]
    assert hands[12 + 220, 150 - 86]


OVER_THE_HANDS = tuple(
    (
        "UpperClothes",
        tuple((s * x, y) for x, y in ((44, 84), (58, 88), (96, 200), (96, 238), (74, 238))),
    )
    for s in (1, -1)
)
HANDS = (
    ("Left-arm", ((0, 140), (22, 140), (22, 156), (0, 156))),
    ("Right-arm", ((0, 140), (-22, 140), (-22, 156), (0, 156))),
)


def test_hands_that_are_folded_are_both_found_and_not_an_elbow_in_a_sleeve():
    elbow = ("Left-arm", ((60, 120), (92, 120), (92, 150), (60, 150)))
    labels = draw_dressed(extra=(*OVER_THE_HANDS, *HANDS, elbow))
    hands = find_hands(figure_of(labels))
    assert hands[12 + 142 : 12 + 155, 150 - 20 : 150 + 20].all()
    assert not hands[:, 150 + 50 :].any()


def test_one_hand_with_the_labels_of_both_sides_leaves_the_other_hand_its_place():
    halves = tuple((name, tuple((x // 3, y) for x, y in points)) for name, points in HANDS)
    far = ("Left-arm", ((70, 205), (92, 205), (92, 232), (70, 232)))
    hands = find_hands(figure_of(draw_dressed(extra=(*OVER_THE_HANDS, *halves, far))))
    assert hands[12 + 142 : 12 + 155, 150 - 5 : 150 + 5].all()
    assert hands[12 + 210 : 12 + 230, 150 + 75 : 150 + 90].all()


def test_a_low_shoe_is_all_foot_and_a_boot_is_one_up_to_the_ankle():
    boot = ("Left-shoe", ((12, 300), (35, 300), (45, 392), (10, 392)))
    feet = find_shod_feet(figure_of(draw_dressed(extra=(boot,))))
    assert feet[12 + 375, 150 - 25]
    assert feet[12 + 380, 150 + 25]
    assert not feet[: 12 + 350].any()


def test_only_legs_without_shoes_end_in_feet():
    labels = draw_dressed(without=("Left-shoe",))
    feet = find_bare_feet(figure_of(labels))
    assert feet[12 + 365, 150 + 20]
    assert not feet[:, :150].any()
    assert not feet[: 12 + 330].any()


def test_a_shoe_on_the_wrong_side_is_a_shoe():
    labels = draw_dressed(without=("Left-shoe",))
    labels[12 + 371 : 12 + 393, 150 + 10 : 150 + 43] = CIHP.id_of("Right-shoe")
    assert not find_bare_feet(figure_of(labels)).any()


def test_way_through_a_region_is_that_of_a_search():
    region = np.random.default_rng(3).random((24, 31)) < 0.75
    start = np.zeros_like(region)
    start[np.argwhere(region)[0][0], np.argwhere(region)[0][1]] = True
    away, seen, front, number = np.full(region.shape, np.inf), start.copy(), start.copy(), 0
    away[start] = 0
    for number in range(1, region.size):
        wider = np.zeros_like(front)
        for row, column in np.argwhere(seen):
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    y, x = row + dy, column + dx
                    inside = 0 <= y < region.shape[0] and 0 <= x < region.shape[1]
                    if inside and (number % 2 == 0 or dy == 0 or dx == 0):
                        wider[y, x] |= region[y, x]
        new = wider & ~seen
        away[new], seen = number, seen | new
        if not new.any() and number % 2 == 0:
            break
    assert (distance_inside(region, start) == away).all()
