"""Figures of merit against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from m2fp_cli.records.labels import LabelSet
from training.metrics import (
    FoundPeople,
    LabelFigures,
    average_precision,
    count_pixels,
    group_iou,
    label_iou,
    recall_and_precision,
)

TRUTH = np.array([[0, 0, 1, 1], [2, 2, 2, 255]], np.uint8)
FOUND = np.array([[0, 1, 1, 1], [2, 1, 0, 0]], np.uint8)


def test_counts_and_iou_by_hand():
    counts = count_pixels(TRUTH, FOUND, 4)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(label_iou(counts), [1 / 3, 2 / 4, 1 / 3, np.nan])
    assert group_iou(counts, (1, 2)) == pytest.approx(4 / 6)
    figures = LabelFigures(counts, LabelSet(("Background", "Coat", "Dress", "Hat")))
    assert figures.mean_iou == pytest.approx((1 / 3 + 1 / 2 + 1 / 3) / 3)
    assert figures.pixel_accuracy == pytest.approx(4 / 7)
    assert figures.person_iou == pytest.approx(4 / 6)
    assert figures.upper_garment_iou == pytest.approx(4 / 6)


def masks(*columns: tuple[int, int]) -> list[NDArray[np.bool_]]:
    out = []
    for start, stop in columns:
        mask = np.zeros((1, 20), bool)
        mask[0, start:stop] = True
        out.append(mask)
    return out


def test_average_precision_by_hand():
    # Hit, miss, hit over three true people: precision 1, 1/2, 2/3; the envelope 1, 2/3, 2/3.
    scene = FoundPeople([0.9, 0.8, 0.7], masks((0, 5), (15, 16), (5, 10)),
                        masks((0, 5), (5, 10), (10, 15)))  # fmt: skip
    assert average_precision([scene], 0.5) == pytest.approx(1 / 3 + 2 / 3 / 3)
    assert recall_and_precision([scene], 0.5, 0.75) == (1 / 3, 1 / 2)


def test_a_person_found_twice_counts_once():
    scene = FoundPeople([0.9, 0.8], masks((0, 5), (0, 5)), masks((0, 5)))
    assert average_precision([scene], 0.5) == 1
    assert recall_and_precision([scene], 0.5, 0) == (1, 0.5)


def test_nobody_found_is_zero_and_overlap_must_reach_the_threshold():
    assert average_precision([FoundPeople([], [], masks((0, 5)))], 0.5) == 0
    loose = FoundPeople([0.9], masks((0, 11)), masks((0, 5)))
    assert average_precision([loose], 0.5) == 0
    assert average_precision([loose], 0.4) == 1
