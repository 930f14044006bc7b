"""What a mask is measured against, on constructed annotations."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.records.labels import CIHP
from tests.support.dressed import draw_dressed, label_mask
from training.agnostic import Covered, compare, is_worn_there, read_wrong, without_wrong

LABELS = draw_dressed()


def test_shares_are_those_of_the_annotation():
    top, face = label_mask(LABELS, "UpperClothes"), label_mask(LABELS, "Face")
    mask = top.copy()
    mask[: 12 + 100] = False
    mask |= face
    one = compare("0001", LABELS, mask, "upper")
    assert one is not None
    assert one.garment == pytest.approx((mask & top).sum() / top.sum())
    assert (one.face, one.hair, one.shoes) == (1, 0, 0)
    assert one.area == pytest.approx(mask.sum() / (LABELS > 0).sum())


def test_what_is_not_worn_is_not_measured():
    labels = draw_dressed(without=("Pants",))
    assert compare("0001", labels, labels > 0, "lower") is None


def test_a_dress_below_a_top_is_a_skirt_and_one_above_trousers_a_top():
    dress = CIHP.id_of("Dress")
    skirt = np.where(label_mask(LABELS, "Pants"), dress, LABELS).astype(np.uint8)
    top = np.where(label_mask(LABELS, "UpperClothes"), dress, LABELS).astype(np.uint8)
    assert [is_worn_there(skirt, each) for each in ("upper", "lower")] == [False, True]
    assert [is_worn_there(top, each) for each in ("upper", "lower")] == [True, False]


def test_wrong_annotations_are_listed_by_name():
    assert "0480" in read_wrong()
    assert all(name.isdigit() for name in read_wrong())
    assert set(read_wrong().values()) == {"all", "face"}


def test_a_wrong_face_leaves_the_garment_in_the_figures():
    found = [Covered(name, 0.9, 0.5, 0.0, 0.0, 1.0) for name in ("0001", "0002", "0003")]
    right = without_wrong(found, {"0001": "all", "0002": "face"})
    assert [one.name for one in right] == ["0002", "0003"]
    assert np.isnan(right[0].face)
    assert right[1].face == 0.5
