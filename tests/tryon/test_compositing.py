from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.compositing import (
    Layer,
    affine_inverse,
    blend,
    max_of_channels,
    premultiply,
    shrink_sprite,
    similarity,
    warp_sprite,
)


def test_linear_light_and_back_keeps_every_level():
    levels = np.arange(256, dtype=np.uint8)
    assert (to_srgb(to_linear(levels)) == levels).all()


def test_similarity_moves_both_points():
    matrix = similarity(((10, 20), (50, 20)), ((100, 80), (100, 160)))
    assert matrix @ (10, 20, 1) == pytest.approx((100, 80))
    assert matrix @ (50, 20, 1) == pytest.approx((100, 160))


def test_half_alpha_mixes_light_not_levels():
    photo = np.zeros((4, 4, 3), np.uint8)
    half = np.full((4, 4), 0.5, np.float32)
    blend(photo, Layer(np.full((4, 4, 3), 0.5, np.float32), half, (0, 0, 4, 4)))
    assert (photo == 188).all()  # sRGB level of half the light of white


def test_only_pixels_under_the_layer_change():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    before = photo.copy()
    alpha = np.zeros((20, 20), np.float32)
    alpha[5:9, 5:9] = 1
    blend(photo, Layer(np.zeros((20, 20, 3), np.float32), alpha, (10, 10, 30, 30)))
    changed = (photo != before).any(axis=2)
    assert not changed[:15].any()
    assert changed[15:19, 15:19].mean() > 0.9
    assert not changed[:, 19:].any()


def test_shrinking_leaves_no_dark_fringe():
    bgra = np.zeros((200, 200, 4), np.uint8)
    bgra[40:160, 40:160] = 255  # white on clear black
    matrix = np.array([[0.1, 0, 0], [0, 0.1, 0]])
    layer = warp_sprite(
        shrink_sprite(premultiply(bgra), 0.1), affine_inverse(matrix), (0, 0, 20, 20)
    )
    seen = layer.alpha > 0.02
    assert layer.color[seen] / layer.alpha[seen][:, None] == pytest.approx(1.0, abs=1e-3)
    assert layer.alpha.sum() == pytest.approx(144, rel=0.02)


def test_the_largest_of_three_channels_is_taken_for_each_pixel():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(max_of_channels(picture), picture.max(axis=2))
    light = picture.astype(np.float32) / 255
    assert np.array_equal(max_of_channels(light), light.max(axis=2))
