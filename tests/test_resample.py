"""Compiled resampling against dense matrices and numpy's argmax."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m2fp_cli.engine.geometry import interpolation
from m2fp_cli.engine.resample import Taps, highest_plane, interpolate_plane
from m2fp_cli.engine.threads import SHARED_PIXELS

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("cells", "pixels"), [(5, 23), (23, 5), (7, 7), (1, 9)])
def test_taps_hold_every_weight_of_a_matrix(cells, pixels):
    matrix = interpolation(cells, pixels)
    taps, rebuilt = Taps.of(matrix), np.zeros_like(matrix)
    for tap in range(len(taps.index)):
        rebuilt[np.arange(pixels), taps.index[tap]] += taps.weight[tap]
    assert np.array_equal(rebuilt, matrix)


def test_a_plane_is_the_product_with_both_matrices():
    rows, columns = interpolation(6, 31), interpolation(9, 40)
    cells = RNG.standard_normal((6, 9), dtype=np.float32)
    plane = interpolate_plane(cells, Taps.of(rows), Taps.of(columns))
    assert np.abs(plane - rows @ cells @ columns.T).max() < 1e-5


@pytest.mark.parametrize("threads", [1, 3])
def test_the_highest_plane_is_argmax_first_on_ties(threads):
    rows, columns = interpolation(5, 600), interpolation(8, SHARED_PIXELS // 500)
    cells = RNG.integers(-2, 3, (4, 5, 8)).astype(np.float32)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    number, value = highest_plane(cells, Taps.of(rows), Taps.of(columns))
    torch.set_num_threads(before)
    planes = np.stack([interpolate_plane(c, Taps.of(rows), Taps.of(columns)) for c in cells])
    assert np.array_equal(value, planes.max(0))
    assert np.array_equal(number, planes.argmax(0))
    assert len(np.unique(number)) == 4
