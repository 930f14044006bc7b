from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon import blending
from m2fp_cli.tryon.blur_and_grain import measure_grain
from m2fp_cli.tryon.compositing import Layer


def test_a_dark_fringe_is_found():
    photo = np.full((20, 20, 3), 200, np.uint8)
    half = np.full((20, 20), 0.5, np.float32)
    before, after = photo.copy(), np.full_like(photo, 180)
    layer = Layer(to_linear(photo) * half[..., None], half, (0, 0, 20, 20))
    assert blending._measure_fringe(before, after, layer, None) == 20
    assert blending._measure_fringe(before, photo, layer, None) == 0


def test_grain_of_normal_noise_is_its_deviation():
    noise = np.random.default_rng(0).standard_normal((200, 200))
    everywhere = np.ones(noise.shape, np.bool_)
    for sigma in (2, 6):
        noisy = np.round(128 + sigma * noise).astype(np.uint8)
        assert measure_grain(noisy, everywhere) == pytest.approx(
            sigma, rel=0.08
        )  # levels are whole
    assert measure_grain(np.full((50, 50), 9, np.uint8), everywhere[:50, :50]) == 0
