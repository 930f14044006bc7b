"""Masks, by construction."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.records.masks import Mask, mask_iou, mask_overlap, union_box

RNG = np.random.default_rng(7)


def test_box_is_tight_and_half_open():
    full = np.zeros((10, 20), dtype=bool)
    full[3:5, 7:12] = True
    mask = Mask.from_full(full)
    assert mask.box_xyxy == (7, 3, 12, 5)
    assert mask.area == 10


def test_crop_is_placed_at_its_origin():
    crop = np.array([[False, False], [False, True]])
    mask = Mask.from_crop(crop, (4, 2), (6, 8))
    assert mask.box_xyxy == (5, 3, 6, 4)
    assert np.argwhere(mask.full()).tolist() == [[3, 5]]


def test_empty_mask_has_an_empty_box():
    mask = Mask.from_full(np.zeros((4, 4), dtype=bool))
    assert mask.box_xyxy == (0, 0, 0, 0)
    assert not mask.full().any()


def test_overlap_counts_common_pixels():
    for _ in range(20):
        a, b = (RNG.random((15, 18)) < p for p in RNG.random(2))
        one, other = Mask.from_full(a), Mask.from_full(b)
        assert mask_overlap(one, other) == np.sum(a & b)
        union = np.sum(a | b)
        assert mask_iou(one, other) == pytest.approx(np.sum(a & b) / union if union else 0)


def test_masks_anywhere_in_a_photo_are_compared_pixel_by_pixel():
    for _ in range(40):
        a, b = np.zeros((2, 30, 70), dtype=bool)
        for full in (a, b):
            rows, columns = (np.sort(RNG.integers(0, side, 2)) for side in full.shape)
            window = full[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]
            window[:] = RNG.random(window.shape) < 0.6
        one, other = Mask.from_full(a), Mask.from_full(b)
        assert np.array_equal(one.full(), a)
        assert mask_overlap(one, other) == mask_overlap(other, one) == np.sum(a & b)


def test_wrong_crop_is_named():
    with pytest.raises(ValueError, match="must be bool"):
        Mask((4, 4), (0, 0, 2, 2), np.ones((2, 2), dtype=np.uint8))
    with pytest.raises(ValueError, match="must be bool"):
        Mask((4, 4), (0, 0, 2, 2), np.zeros((3, 2), dtype=bool))
    with pytest.raises(ValueError, match="outside an image"):
        Mask((4, 4), (0, 0, 5, 1), np.zeros((1, 5), dtype=bool))


def test_union_box_ignores_empty_boxes():
    assert union_box((0, 0, 0, 0), (3, 4, 5, 6)) == (3, 4, 5, 6)
    assert union_box((3, 4, 5, 6), (0, 0, 0, 0)) == (3, 4, 5, 6)
    assert union_box((1, 1, 2, 9), (0, 3, 5, 6)) == (0, 1, 5, 9)


@pytest.mark.parametrize("origin_xy", [(0, 0), (16, 5)])
def test_bits_become_the_mask_that_they_are(origin_xy):
    inside = np.zeros((9, 24), dtype=np.bool_)
    inside[2:7, 3:18] = np.random.default_rng(1).random((5, 15)) > 0.5
    bits = np.packbits(inside, axis=1, bitorder="little")
    mask = Mask.from_bits(bits, origin_xy, (20, 40), int(inside.sum()))
    twin = Mask.from_crop(inside, origin_xy, (20, 40))
    assert (mask.box_xyxy, mask.area) == (twin.box_xyxy, twin.area)
    assert np.array_equal(mask.full(), twin.full())
    assert mask_iou(mask, twin) == 1.0


def test_no_bits_are_an_empty_mask():
    mask = Mask.from_bits(np.zeros((4, 2), dtype=np.uint8), (8, 0), (9, 30), 0)
    assert (mask.box_xyxy, mask.area) == ((0, 0, 0, 0), 0)
