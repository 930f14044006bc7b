"""Garments that a network calls by two names, drawn."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.one_garment import bhattacharyya, join_mislabeled

LEFT, RIGHT = (np.broadcast_to(np.arange(80) // 40 == side, (60, 80)) for side in (0, 1))
BOTH, NOBODY = np.ones((60, 80), np.bool_), np.zeros((60, 80), np.bool_)
MASKS = {"Coat": LEFT, "UpperClothes": RIGHT, "Dress": NOBODY}


def cloths(right: int) -> np.ndarray:
    """Gray cloth of level 90 on the left, of another on the right, both a little noisy."""
    noise = np.random.default_rng(0).normal(0, 4, (60, 80, 3))
    return np.clip(noise + np.where(LEFT, 90, right)[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("right", "claim", "joins"), [
    (90, BOTH, True),
    (90, LEFT, False),  # nobody doubts that the right half is another garment
    (170, BOTH, False),  # there is a seam in the photo
])  # fmt: skip
def test_a_contested_piece_of_the_same_cloth_is_joined(right, claim, joins):
    top_instances = {"Coat": claim, "UpperClothes": RIGHT, "Dress": NOBODY}
    joined = join_mislabeled(cloths(right), MASKS, top_instances, "Coat", 20)
    assert np.array_equal(joined, BOTH if joins else LEFT)


@pytest.mark.parametrize(("right", "columns", "names", "joins"), [
    (90, 60, ("Coat", "UpperClothes"), True),  # half of the other is contested
    (90, 50, ("Coat", "UpperClothes"), False),  # a quarter, as below an open coat of its color
    (108, 60, ("Coat", "UpperClothes"), False),  # not quite the same cloth ...
    (108, 80, ("Coat", "UpperClothes"), True),  # ... which is enough where all is contested
    (90, 60, ("UpperClothes", "Dress"), False),  # as the top and skirt of one suit
])  # fmt: skip
def test_less_doubt_asks_for_the_very_same_cloth(right, columns, names, joins):
    masks = {names[0]: LEFT, names[1]: RIGHT}
    claims = {names[0]: BOTH & (np.arange(80) < columns), names[1]: RIGHT}
    joined = join_mislabeled(cloths(right), masks, claims, names[0], 20)
    assert np.array_equal(joined, BOTH if joins else LEFT)


def test_the_other_name_may_claim_the_garment_instead():
    top_instances = {"Coat": LEFT, "UpperClothes": BOTH, "Dress": NOBODY}
    assert join_mislabeled(cloths(90), MASKS, top_instances, "Coat", 20).all()


def test_a_piece_elsewhere_is_not_joined():
    masks = {**MASKS, "UpperClothes": RIGHT & (np.arange(80) > 60)}
    top_instances = dict.fromkeys(MASKS, BOTH)
    assert np.array_equal(join_mislabeled(cloths(90), masks, top_instances, "Coat", 20), LEFT)


def test_bhattacharyya_of_two_normal_distributions():
    rng = np.random.default_rng(1)
    a = rng.normal(0, 3, (40_000, 3)).astype(np.float32)  # with the noise of any cloth: variance 25
    assert bhattacharyya(a, a) == pytest.approx(1)
    assert bhattacharyya(a, a + np.array([10, 0, 0], np.float32)) == pytest.approx(
        np.exp(-100 / 25 / 8), rel=0.02
    )
