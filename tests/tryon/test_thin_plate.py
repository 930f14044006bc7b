"""Thin-plate splines against maps that are known."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.thin_plate import fit_thin_plate


def some_points(count: int = 12) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 100, (count, 2))


def test_points_are_met():
    source, target = some_points(), some_points() + np.random.default_rng(2).normal(0, 5, (12, 2))
    x, y = fit_thin_plate(source, target)(*source.T.astype(np.float32))
    assert np.stack((x, y), axis=1) == pytest.approx(target, abs=1e-3)


def test_an_affine_map_is_found_everywhere():
    matrix, shift = np.array([[1.2, 0.3], [-0.1, 0.8]]), np.array([7, -3])
    plate = fit_thin_plate(some_points(), some_points() @ matrix.T + shift)
    far = np.array([[250, -40], [3, 3]], np.float32)
    assert np.stack(plate(*far.T), axis=1) == pytest.approx(far @ matrix.T + shift, abs=1e-2)


def test_a_stiff_plate_bends_less():
    source = some_points()
    target = source + np.random.default_rng(3).normal(0, 5, source.shape)
    missed = []
    for stiffness in (0.0, 1.0, 1e6):
        x, y = fit_thin_plate(source, target, stiffness)(*source.T.astype(np.float32))
        missed.append(float(np.abs(np.stack((x, y), axis=1) - target).mean()))
    assert missed == sorted(missed)
    assert missed[1] > 0.1
