from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.records.labels import CIHP
from m2fp_cli.training.dataset import IGNORE, SOMEBODY
from training.evaluate_parts import count_pairs, summarize, without_sides

COAT, DRESS, LEFT, RIGHT = (CIHP.id_of(n) for n in ("Coat", "Dress", "Left-arm", "Right-arm"))
SIZE = len(CIHP.names)


def test_only_known_parts_of_known_people_count():
    truth = np.array([[COAT, COAT, 0, IGNORE, SOMEBODY, COAT]], np.uint8)
    people = np.array([[1, 2, 0, 1, 1, IGNORE]], np.uint8)
    found = np.array([[COAT, DRESS, COAT, COAT, COAT, COAT]], np.uint8)
    counts = count_pairs(truth, people, found, SIZE)
    assert counts.sum() == 2
    assert counts[COAT, COAT] == counts[COAT, DRESS] == 1


def test_shares_and_overlaps_with_and_without_sides():
    truth = np.array([[COAT] * 4 + [LEFT] * 4], np.uint8)
    found = np.array([[COAT, COAT, DRESS, 0, LEFT, RIGHT, RIGHT, COAT]], np.uint8)
    counts = count_pairs(truth, np.ones_like(truth), found, SIZE)
    with_sides = summarize(counts, CIHP.names)
    assert with_sides["found"] == pytest.approx(7 / 8)
    assert with_sides["right"] == pytest.approx(3 / 8)
    merged = summarize(without_sides(counts, CIHP), CIHP.names)
    assert merged["right"] == pytest.approx(5 / 8)
    assert merged["iou_Coat"] == pytest.approx(2 / 5)
    assert merged["iou_Left-arm"] == pytest.approx(3 / 4)
    assert merged["mean_iou"] == pytest.approx((2 / 5 + 3 / 4) / 2)
    assert "iou_Dress" not in merged
