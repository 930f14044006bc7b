"""Compiled passes over masks against torch's sigmoid, numpy's masks, and sums pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2fp_cli.engine.label_votes import LabelVotes
from m2fp_cli.engine.thresholding import threshold_mask
from m2fp_cli.kernels.resample import Taps, interpolate_plane
from m2fp_cli.records.masks import Mask
from tests.support.dense_taps import as_matrix, taps_of

LOGITS = (np.random.default_rng(5).standard_normal((700, 411)) * 6).astype(np.float32)
LOGITS[100:300, 64:256] = -8.0  # sixteen in a row of which none is positive,
LOGITS[300:420, 32:311] = 0.1  # none likely enough for a vote that counts
EXACT = torch.from_numpy(LOGITS).double().sigmoid().numpy()


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def taps(pixels: int, cells: int, count: int = 2) -> Taps:
    """Any few neighboring cells a pixel."""
    matrix, rng = np.zeros((pixels, cells), np.float32), np.random.default_rng(cells)
    share = rng.dirichlet(np.ones(count), pixels).astype(np.float32)
    low = rng.integers(0, cells - count + 1, pixels)
    for tap in range(count):
        matrix[np.arange(pixels), low + tap] = share[:, tap]
    return taps_of(matrix)


def same(pixels: int) -> Taps:
    """Pixels that are their cells."""
    return taps_of(np.eye(pixels, dtype=np.float32))


def thresholded(logits: np.ndarray, origin_xy: tuple[int, int] = (0, 0)):
    """The mask of logits that are one cell a pixel."""
    return threshold_mask(logits, same(logits.shape[0]), same(logits.shape[1]), origin_xy)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_bits_area_and_total_of_a_mask(count):
    rows, columns = taps(900, 700, count), taps(600, 411, count)
    found = threshold_mask(LOGITS, rows, columns, (8, 3))
    logits = interpolate_plane(LOGITS, rows, columns)
    exact = torch.from_numpy(logits).double().sigmoid().numpy() * (logits > 0)
    mask = Mask.from_bits(found.bits, (8, 3), (1000, 610), found.area)
    assert np.array_equal(mask.full()[3:903, 8:608], logits > 0)
    assert found.area == mask.area == np.count_nonzero(logits > 0)
    assert found.probability_sum == pytest.approx(exact.sum(), rel=1e-6)


def test_planes_are_mixed_from_one_to_three_cells():
    for count in (1, 2, 3):
        rows, columns = taps(90, 70, count), taps(60, 41, count)
        expected = as_matrix(rows, 70) @ LOGITS[:70, :41] @ as_matrix(columns, 41).T
        assert np.abs(interpolate_plane(LOGITS[:70, :41], rows, columns) - expected).max() < 1e-5


@pytest.mark.parametrize(("logit", "total"), [(1e30, 6.0), (-1e30, 0.0), (0.0, 0.0)])
def test_far_and_undecided_logits(logit, total):
    found = thresholded(np.full((2, 3), logit, np.float32))
    assert (found.area, found.probability_sum) == (total, total)


def test_an_empty_box_has_an_empty_mask():
    found = threshold_mask(LOGITS, taps(9, 700)[3:3], taps(7, 411), (0, 0))
    assert (found.bits.size, found.area, found.probability_sum) == (0, 0, 0.0)


@pytest.mark.parametrize("score", [0.3, 0.51, 0.8, 1.0])
def test_only_votes_above_one_half_are_added(score, threads):
    votes = LabelVotes.empty((703, 420))
    votes.add([(score, thresholded(LOGITS, (8, 3)))], (8, 3, 419, 703))
    total, count = votes.total[3:, 8:419], votes.count[3:, 8:419]
    vote = score * EXACT
    clear = np.abs(vote - 0.5) > 1e-6
    assert np.array_equal((count == 1)[clear], (vote > 0.5)[clear])
    assert np.abs(total - vote * count).max() < 5e-7
    assert votes.count.sum() == count.sum()  # nothing outside the mask's box


def test_a_mask_votes_up_to_the_last_column_of_the_photo():
    mask = thresholded(np.full((2, 21), 9.0, np.float32), (8, 0))
    votes = LabelVotes.empty((2, 29))
    votes.add([(1.0, mask), (1.0, mask)], (8, 0, 29, 2))
    assert votes.count.tolist() == [[0] * 8 + [2] * 21] * 2


def test_a_class_takes_the_pixels_where_its_mean_is_higher():
    votes = LabelVotes.empty((2, 4))
    votes.total[0, :3], votes.count[0, :3], votes.best[0, :3] = (2.0, 0.8, 0.0), (2, 1, 0), 0.9
    votes.labels[:] = 4
    votes.close_view((0, 0, 3, 1), 1)
    votes.close_class((0, 0, 3, 1), 7)
    assert votes.labels.tolist() == [[7, 4, 4, 4], [4, 4, 4, 4]]
    assert votes.best[0].tolist() == pytest.approx([1.0, 0.9, 0.9, 0.0])
    assert not votes.total.any()
    assert not votes.count.any()
    assert not votes.mean.any()
