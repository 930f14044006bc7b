"""Agnostic masks of drawn people: what is covered, and what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.agnostic.categories import CATEGORIES
from m2fp_cli.agnostic.mask import Growth, MaskSettings, build_mask, parse_growth
from m2fp_cli.agnostic.rules import PERSON_HEIGHT, RULES, filled, smoothed
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.errors import UsageError
from m2fp_cli.records.labels import CIHP, LABEL_SETS
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance
from tests.support.dressed import draw_dressed, dressed_result, label_mask

LABELS = draw_dressed()
COAT = ("Coat", ((-50, 72), (-16, 72), (-20, 230), (-56, 230)))


def mask_of(labels=LABELS, category="upper", rule="hull", **settings):
    result = dressed_result(labels)
    return build_mask(result, result.people[0], MaskSettings(category, rule, **settings)).mask


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("category", CATEGORIES)
def test_old_clothes_are_covered_and_the_head_is_not(category, rule):
    mask = mask_of(category=category, rule=rule)
    names = CATEGORIES[category].clothes
    worn = [n for n in names if n in CIHP.names and label_mask(LABELS, n).any()]
    worn = worn or ["UpperClothes"]  # no coat is worn: that of a top
    assert (mask[label_mask(LABELS, *worn)] == 255).all()
    assert (mask[label_mask(LABELS, "Face", "Hair", "Left-shoe", "Right-shoe")] == 0).all()
    assert set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize("rule", RULES)
def test_a_top_leaves_legs_and_hands(rule):
    mask = mask_of(rule=rule)
    assert not mask[label_mask(LABELS, "Left-leg", "Right-leg")].any()
    assert mask[12 + 230, 150 + 86] == 0
    assert mask[12 + 120, 150 + 60] == 255


def test_trousers_leave_arms():
    mask = mask_of(category="lower")
    assert not mask[label_mask(LABELS, "Left-arm", "Right-arm")].any()
    assert mask[label_mask(LABELS, "Left-leg")].all()


def test_a_hull_leaves_the_trousers_but_for_a_seam():
    mask, pants = mask_of(rule="hull"), label_mask(LABELS, "Pants")
    assert not mask[pants & (np.arange(420)[:, None] > 12 + 196)].any()
    assert mask_of(rule="fashn")[12 + 196, 150]


def test_a_hull_goes_farther_over_the_background_than_over_the_trousers():
    mask, scale = mask_of(rule="hull"), (393 - 4) / PERSON_HEIGHT
    aside = np.flatnonzero(mask[12 + 150]).max() - (150 + 77)
    below = np.flatnonzero(mask[:, 150]).max() - (12 + 190)
    assert aside >= 17 * scale
    assert below <= 15 * scale


def test_rules_go_from_narrow_to_wide():
    tight, loose = mask_of(rule="tight"), mask_of(rule="fashn")
    assert (loose[tight > 0] == 255).all()
    assert np.count_nonzero(tight) < np.count_nonzero(mask_of(rule="hull"))
    assert np.count_nonzero(mask_of(rule="hull")) < np.count_nonzero(loose)


def test_stockings_are_painted_with_trousers_and_a_scarf_with_a_top():
    stocking = ("Socks", ((10, 290), (36, 290), (34, 350), (12, 350)))
    scarf = ("Scarf", ((-20, 76), (20, 76), (16, 110), (-16, 110)))
    labels = draw_dressed(extra=(stocking, scarf))
    assert mask_of(labels, "lower")[label_mask(labels, "Socks")].all()
    assert mask_of(labels, "upper")[12 + 90 : 12 + 110, 150].all()
    assert not mask_of(labels, "upper")[label_mask(labels, "Socks")].any()


def test_the_shaft_of_a_boot_is_painted_and_its_foot_is_not():
    boots = tuple(
        (f"{side}-shoe", ((s * 12, 290), (s * 35, 290), (s * 45, 392), (s * 10, 392)))
        for side, s in (("Left", 1), ("Right", -1))
    )
    labels = draw_dressed(extra=boots)
    mask, shoes = mask_of(labels, "lower"), label_mask(labels, "Left-shoe", "Right-shoe")
    assert mask[shoes & (np.arange(420)[:, None] < 12 + 340)].all()
    assert not mask[shoes & (np.arange(420)[:, None] > 12 + 360)].any()
    assert not mask_of(labels, "upper")[shoes].any()


def test_a_hem_that_lies_on_a_shoe_is_covered_with_a_seam():
    trousers = ("Pants", ((10, 276), (40, 276), (42, 376), (10, 376)))
    labels = draw_dressed(extra=(trousers,))
    mask, shoes = mask_of(labels, "lower"), label_mask(labels, "Left-shoe")
    assert mask[12 + 378, 150 + 25]
    assert not mask[shoes & (np.arange(420)[:, None] > 12 + 380)].any()
    assert not mask_of(labels, "upper")[shoes].any()


def test_a_scarf_at_the_chin_is_covered_with_a_top_and_stays_with_trousers():
    scarf = ("Scarf", ((-12, 52), (12, 52), (16, 74), (-16, 74)))
    labels = draw_dressed(extra=(scarf,))
    assert mask_of(labels)[12 + 55, 150]
    assert not mask_of(labels)[label_mask(labels, "Face")].any()
    assert not mask_of(labels, "lower")[label_mask(labels, "Scarf")].any()


def test_a_small_piece_of_other_clothes_at_the_old_ones_is_one_of_them():
    flap = ("Coat", ((-60, 230), (-41, 230), (-41, 262), (-60, 262)))
    labels = draw_dressed(extra=(flap,))
    assert mask_of(labels, "lower")[label_mask(labels, "Coat")].all()
    assert not mask_of(labels, "lower")[12 + 80 : 12 + 150, 150].any()


def test_the_neck_below_the_chin_stays_and_a_collar_is_covered():
    collar = ("UpperClothes", ((-10, 56), (10, 56), (16, 74), (-16, 74)))
    open_neck, closed = mask_of(), mask_of(draw_dressed(extra=(collar,)))
    assert open_neck[12 + 55, 150] == 0
    assert open_neck[12 + 71, 150] == 255
    assert closed[12 + 57, 150] == 255
    assert not closed[label_mask(LABELS, "Face")].any()


def test_a_sleeve_that_the_parse_misses_is_covered_up_to_the_hand():
    gap = ("Background", ((44, 84), (58, 84), (92, 200), (76, 204)))
    labels = draw_dressed(extra=(gap,))
    mask = mask_of(labels)
    assert mask[12 + 150, 150 + 72] == 255
    assert not mask[label_mask(labels, "Left-arm")].any()


def test_other_people_stay():
    people = (LABELS > 0).astype(np.uint16)
    people[60:300, 215:260] = 2
    labels = np.where(people == 2, CIHP.id_of("Coat"), LABELS).astype(np.uint8)
    result = result_from_maps(CIHP, labels, people)
    mask = build_mask(result, result.people[0], MaskSettings(rule="fashn")).mask
    assert not mask[people == 2].any()


def test_an_inner_top_leaves_the_coat_and_an_outer_one_the_top():
    labels = draw_dressed(extra=(COAT,))
    coat, top = label_mask(labels, "Coat"), label_mask(labels, "UpperClothes")
    assert not mask_of(labels, "inner")[coat].any()
    assert mask_of(labels, "inner")[top].all()
    assert mask_of(labels, "outer")[coat].all()
    assert mask_of(labels, "outer", rule="tight")[top].mean() < 50


def test_a_dress_below_a_coat_is_an_inner_garment():
    labels = draw_dressed(extra=(COAT,))
    labels[label_mask(labels, "UpperClothes")] = CIHP.id_of("Dress")
    mask = mask_of(labels, "inner")
    assert not mask[label_mask(labels, "Coat")].any()
    assert mask[label_mask(labels, "Dress")].all()


def test_a_cuff_alone_is_not_a_coat():
    cuff = ("Coat", ((80, 190), (95, 190), (95, 204), (80, 204)))
    labels = draw_dressed(extra=(cuff,))
    assert mask_of(labels, "outer")[label_mask(labels, "UpperClothes", "Coat")].all()


def test_what_is_carried_in_front_stays_and_a_belt_is_painted():
    bag = ("Background", ((-20, 120), (20, 120), (20, 160), (-20, 160)))
    belt = ("Background", ((-30, 176), (30, 176), (30, 179), (-30, 179)))
    mask = mask_of(draw_dressed(extra=(bag, belt)))
    assert mask[12 + 140, 150] == 0
    assert mask[12 + 177, 150] == 255


def test_a_spot_of_other_clothes_within_the_old_ones_is_painted():
    spot = ("Skirt", ((-8, 120), (8, 120), (8, 150), (-8, 150)))
    labels = draw_dressed(extra=(spot,))
    for rule in RULES:
        assert mask_of(labels, rule=rule)[label_mask(labels, "Skirt")].all()


def test_trousers_that_the_network_also_takes_for_a_dress_count_as_one():
    result = dressed_result(LABELS)
    low = label_mask(LABELS, "Pants")
    sure = Instance(CIHP.id_of("Dress"), 0.5, Mask.from_full(low))
    object.__setattr__(result, "instances", (sure,))
    assert build_mask(result, result.people[0], MaskSettings()).mask[low].all()


def test_growing_and_shrinking_keep_the_head_and_the_old_clothes():
    wider, narrower = (mask_of(grow=parse_growth(text)) for text in ("10", "-10"))
    usual, top = mask_of(), label_mask(LABELS, "UpperClothes")
    assert np.count_nonzero(wider) > np.count_nonzero(usual) > np.count_nonzero(narrower)
    assert (narrower[top] == 255).all()
    assert not wider[label_mask(LABELS, "Face", "Hair")].any()


def test_growth_may_be_a_share_of_the_person():
    assert parse_growth("2%").pixels(400) == 8
    assert parse_growth("-3").pixels(400) == -3
    assert parse_growth(str(Growth(2, percent=True))) == Growth(2, percent=True)
    for wrong in ("", "wide", "nan", "1e9"):
        with pytest.raises(UsageError, match="--grow takes"):
            parse_growth(wrong)


def test_a_feathered_edge_falls_outside_of_the_mask_only():
    hard, soft = mask_of(), mask_of(feather=6)
    assert (soft[hard > 0] == 255).all()
    outside = soft[hard == 0]
    assert len(np.unique(outside)) > 4
    assert not soft[label_mask(LABELS, "Face", "Hair")].any()


def test_twice_the_photo_is_twice_the_mask():
    large = np.kron(LABELS, np.ones((2, 2), np.uint8))
    for rule in RULES:
        twice, once = mask_of(large, rule=rule) > 0, mask_of(rule=rule) > 0
        once = np.kron(once, np.ones((2, 2), bool))
        assert (twice & once).sum() / (twice | once).sum() > 0.96


def test_labels_of_another_set_are_known_by_their_names():
    atr = LABEL_SETS["atr"]
    labels = np.zeros((60, 40), np.uint8)
    labels[5:15, 15:25], labels[15:35, 10:30] = atr.id_of("Face"), atr.id_of("Dress")
    labels[20:28, 28:36] = atr.id_of("Bag")
    result = result_from_maps(atr, labels)
    mask = build_mask(result, result.people[0], MaskSettings("dress", "fashn")).mask
    assert mask[labels == atr.id_of("Dress")].all()
    assert not mask[(labels == atr.id_of("Bag")) | (labels == atr.id_of("Face"))].any()


def test_nothing_worn_gives_an_empty_mask():
    labels = np.zeros((60, 40), np.uint8)
    labels[5:15, 15:25] = CIHP.id_of("Face")
    assert not mask_of(labels).any()


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="--category takes one of upper"):
        MaskSettings("hat")
    with pytest.raises(UsageError, match="--rule takes one of fashn"):
        MaskSettings(rule="wide")


def test_holes_are_filled_and_corners_rounded():
    ring = np.zeros((40, 40), bool)
    ring[5:35, 5:35] = True
    whole = ring.copy()
    ring[15:25, 15:25] = False
    assert (filled(ring) == whole).all()
    round_one = smoothed(whole, 4)
    assert not round_one[5, 5]
    assert round_one[8:32, 8:32].all() or round_one[20, 6]
