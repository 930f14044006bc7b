"""Passes over logits against torch's sigmoid and numpy's masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2fp_cli.engine.strength import add_strength, close_class, close_view, measure_inside

LOGITS = (np.random.default_rng(5).standard_normal((700, 411)) * 6).astype(np.float32)
EXACT = torch.from_numpy(LOGITS).double().sigmoid().numpy()


@pytest.mark.parametrize("threads", [1, 3])
def test_area_and_total_of_the_inside(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    area, total = measure_inside(LOGITS)
    torch.set_num_threads(before)
    assert area == np.count_nonzero(LOGITS > 0)
    assert total == pytest.approx(EXACT[LOGITS > 0].sum(), rel=1e-6)


def test_far_and_empty_logits():
    assert measure_inside(np.full((2, 3), 1e30, np.float32)) == (6, 6.0)
    assert measure_inside(np.full((2, 3), -1e30, np.float32)) == (0, 0.0)
    assert measure_inside(np.zeros((0, 3), np.float32)) == (0, 0.0)


@pytest.mark.parametrize("score", [0.3, 0.51, 0.8, 1.0])
def test_only_more_than_one_half_is_added(score):
    total, times = np.ones(LOGITS.shape, np.float32), np.zeros(LOGITS.shape, np.uint8)
    add_strength(LOGITS, score, total, times)
    strength = score * EXACT
    sure = np.abs(strength - 0.5) > 1e-6
    assert np.array_equal((times == 1)[sure], (strength > 0.5)[sure])
    assert np.abs(total - 1 - strength * times).max() < 5e-7


def test_a_class_takes_the_pixels_where_its_mean_is_higher():
    total, times = np.array([[2.0, 0.8, 0.0]], np.float32), np.array([[2, 1, 0]], np.uint8)
    mean, best = np.zeros((1, 3), np.float32), np.array([[0.9, 0.9, 0.0]], np.float32)
    labels = np.full((1, 3), 4, np.uint8)
    close_view(total, times, mean, 1)
    close_class(mean, best, labels, 7)
    assert labels.tolist() == [[7, 4, 4]]
    assert best.tolist() == pytest.approx(np.array([[1.0, 0.9, 0.0]]))
    assert not total.any()
    assert not times.any()
    assert not mean.any()
