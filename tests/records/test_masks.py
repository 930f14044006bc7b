"""Masks and their run lengths, against pycocotools and by construction."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.records.masks import Mask, decode_rle, encode_rle, mask_iou, mask_overlap, union_box

RNG = np.random.default_rng(7)
CASES = {
    "empty": np.zeros((5, 7), dtype=bool),
    "full": np.ones((5, 7), dtype=bool),
    "one pixel": np.eye(1, dtype=bool),
    "one column": np.ones((9, 1), dtype=bool),
    "one row": np.ones((1, 9), dtype=bool),
    "first pixel": np.arange(12).reshape(3, 4) == 0,
    "last pixel": np.arange(12).reshape(3, 4) == 11,
    "runs over column ends": np.arange(12).reshape(3, 4) % 4 >= 1,
    "noise": RNG.random((33, 47)) < 0.5,
    "sparse noise": RNG.random((120, 90)) < 0.01,
    "long runs": np.arange(90_000).reshape(300, 300) % 300 < 250,
}


@pytest.mark.parametrize("name", CASES)
def test_run_lengths_are_those_of_pycocotools(name):
    coco = pytest.importorskip("pycocotools.mask")
    full = CASES[name]
    wanted = coco.encode(np.asfortranarray(full.astype(np.uint8)))
    rle = encode_rle(Mask.from_full(full))
    assert rle == {"size": list(full.shape), "counts": wanted["counts"].decode()}


@pytest.mark.parametrize("name", CASES)
def test_run_lengths_give_the_mask_back(name):
    full = CASES[name]
    assert np.array_equal(decode_rle(encode_rle(Mask.from_full(full))).full(), full)


def test_uncompressed_counts_are_read():
    mask = decode_rle({"size": [2, 3], "counts": [1, 2, 3]})
    assert mask.full().T.ravel().tolist() == [False, True, True, False, False, False]


def test_counts_that_do_not_fill_the_mask_are_refused():
    with pytest.raises(ValueError, match="do not add up to the 6 pixels"):
        decode_rle({"size": [2, 3], "counts": [5]})


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


def test_wrong_crop_is_named():
    with pytest.raises(ValueError, match="must be bool"):
        Mask((4, 4), (0, 0, 2, 2), np.zeros((3, 2), dtype=bool))
    with pytest.raises(ValueError, match="outside an image"):
        Mask((4, 4), (0, 0, 5, 1), np.zeros((1, 5), dtype=bool))


def test_union_box_ignores_empty_boxes():
    assert union_box((0, 0, 0, 0), (3, 4, 5, 6)) == (3, 4, 5, 6)
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
