"""Passes over planes against torch's sigmoid and numpy's masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2fp_cli.engine.resample import Taps, interpolate_plane
from m2fp_cli.engine.strength import add_strength, certain_plane, close_class, close_view

LOGITS = (np.random.default_rng(5).standard_normal((700, 411)) * 6).astype(np.float32)
EXACT = torch.from_numpy(LOGITS).double().sigmoid().numpy()


PLANE = np.where(LOGITS > 0, EXACT, 0).astype(np.float32)


def taps(pixels: int, cells: int) -> Taps:
    """Any two cells a pixel."""
    matrix, rng = np.zeros((pixels, cells), np.float32), np.random.default_rng(cells)
    share = rng.random(pixels, np.float32)
    low = rng.integers(0, cells - 1, pixels)
    matrix[np.arange(pixels), low], matrix[np.arange(pixels), low + 1] = share, 1 - share
    return Taps.of(matrix)


def same(pixels: int) -> Taps:
    """Pixels that are their cells."""
    return Taps.of(np.eye(pixels, dtype=np.float32))


@pytest.mark.parametrize("threads", [1, 3])
def test_probabilities_area_and_total_of_the_inside(threads):
    before, rows, columns = torch.get_num_threads(), taps(900, 700), taps(600, 411)
    torch.set_num_threads(threads)
    plane, area, total = certain_plane(LOGITS, rows, columns)
    logits = interpolate_plane(LOGITS, rows, columns)
    torch.set_num_threads(before)
    exact = torch.from_numpy(logits).double().sigmoid().numpy() * (logits > 0)
    assert np.abs(plane - exact).max() < 5e-7
    assert area == np.count_nonzero(logits > 0) == np.count_nonzero(plane)
    assert total == pytest.approx(exact.sum(), rel=1e-6)


@pytest.mark.parametrize(("logit", "probability"), [(1e30, 1.0), (-1e30, 0.0), (0.0, 0.0)])
def test_far_and_undecided_logits(logit, probability):
    plane, area, total = certain_plane(np.full((2, 3), logit, np.float32), same(2), same(3))
    assert (plane == probability).all()
    assert (area, total) == (6 * probability, 6 * probability)


def test_an_empty_box_has_an_empty_plane():
    plane, area, total = certain_plane(LOGITS, taps(9, 700)[3:3], taps(7, 411))
    assert (plane.shape, area, total) == ((0, 7), 0, 0.0)


@pytest.mark.parametrize("score", [0.3, 0.51, 0.8, 1.0])
def test_only_more_than_one_half_is_added(score):
    total, times = np.ones(LOGITS.shape, np.float32), np.zeros(LOGITS.shape, np.uint8)
    add_strength(PLANE, score, total, times)
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
