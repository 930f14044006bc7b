"""Compiled resampling against dense matrices and numpy's argmax."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2fp_cli.kernels.resample import Taps, argmax_planes, interpolate_plane
from m2fp_cli.kernels.threads import PARALLEL_PIXELS
from tests.support.dense_taps import as_matrix, interpolation, taps_of

RNG = np.random.default_rng(3)


SIZES = [(5, 23), (23, 5), (7, 7), (1, 9), (7, 1)]


@pytest.mark.parametrize(("cells", "pixels"), SIZES)
def test_bilinear_taps_are_torchs_weights(cells, pixels):
    taps = Taps.bilinear(cells, pixels)
    assert np.abs(as_matrix(taps, cells) - interpolation(cells, pixels)).max() < 1e-5
    assert len(taps.index) <= min(cells, 2)


@pytest.mark.parametrize(("cells", "pixels"), SIZES)
def test_two_steps_at_once_are_the_product_of_both(cells, pixels):
    first = Taps.bilinear(cells, 12)[2:11]
    both = Taps.bilinear(9, pixels).after(first)
    product = interpolation(9, pixels) @ as_matrix(first, cells)
    assert np.abs(as_matrix(both, cells) - product).max() < 1e-6
    assert len(both.index) == np.count_nonzero(as_matrix(both, cells), axis=1).max()


def test_taps_are_padded_with_the_last_cell_at_weight_0():
    taps = Taps.bilinear(9, 5).padded(16)
    assert np.array_equal(as_matrix(taps, 9)[:5], as_matrix(Taps.bilinear(9, 5), 9))
    assert not taps.weight[:, 5:].any()
    assert (taps.index[:, 5:] == taps.index[:, 4:5]).all()  # far cells would widen the last block


def test_a_plane_is_the_product_with_both_matrices():
    rows, columns = interpolation(6, 31), interpolation(9, 40)
    cells = RNG.standard_normal((6, 9), dtype=np.float32)
    plane = interpolate_plane(cells, taps_of(rows), taps_of(columns))
    assert np.abs(plane - rows @ cells @ columns.T).max() < 1e-5


@pytest.mark.parametrize("threads", [1, 3])
def test_argmax_takes_the_first_plane_on_ties(threads):
    rows, columns = interpolation(5, 600), interpolation(8, PARALLEL_PIXELS // 500)
    cells = RNG.integers(-2, 3, (4, 5, 8)).astype(np.float32)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    value = np.full((len(rows), len(columns)), np.nan, np.float32)
    number = argmax_planes(cells, taps_of(rows), taps_of(columns), value)
    alone = argmax_planes(cells, taps_of(rows), taps_of(columns))
    torch.set_num_threads(before)
    planes = np.stack([interpolate_plane(c, taps_of(rows), taps_of(columns)) for c in cells])
    assert np.array_equal(value, planes.max(0))
    assert np.array_equal(number, planes.argmax(0))
    assert np.array_equal(number, alone)
    assert len(np.unique(number)) == 4
