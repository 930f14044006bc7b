"""Run lengths of masks, against pycocotools and by construction."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.records.masks import Mask
from m2fp_cli.records.run_lengths import decode_rle, encode_rle

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


@pytest.mark.parametrize(
    ("rle", "said"),
    [
        ({"counts": "06"}, '"size" must be'),
        ({"size": [6], "counts": "06"}, '"size" must be'),
        ({"size": [2, 3]}, '"counts" must be a text or a list'),
        ({"size": [2, 3], "counts": "06 "}, "not a compressed run-length text"),  # below 48
        ({"size": [2, 3], "counts": "06p"}, "not a compressed run-length text"),  # above 111
        ({"size": [2, 3], "counts": "P" * 9 + "0"}, "not a compressed run-length text"),  # too long
    ],
)
def test_what_is_not_of_the_form_is_refused(rle, said):
    with pytest.raises(ValueError, match=said):
        decode_rle(rle)
