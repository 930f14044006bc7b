from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.channels import max_of_channels
from m2fp_cli.tryon.compositing import (
    Layer,
    affine_inverse,
    alpha_in_window,
    blend,
    covered_box,
    premultiply,
    shift_and_blur,
    shrink_sprite,
    similarity,
    warp_sprite,
)
from m2fp_cli.tryon.figure import Figure


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


def test_a_picture_is_kept_half_as_large_again_as_it_will_be():
    whole = premultiply(np.full((200, 100, 4), 255, np.uint8))
    small = shrink_sprite(whole, 0.1)
    assert small.premultiplied.shape == (30, 15, 4)
    assert small.scale == pytest.approx(0.15)
    assert shrink_sprite(whole, 0.7).premultiplied is whole


def test_the_largest_of_three_channels_is_taken_for_each_pixel():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(max_of_channels(picture), picture.max(axis=2))
    light = picture.astype(np.float32) / 255
    assert np.array_equal(max_of_channels(light), light.max(axis=2))


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (7, -4)])
def test_a_picture_at_its_own_size_is_itself_pixel_by_pixel(dx, dy):
    whole = premultiply(np.random.default_rng(0).integers(0, 256, (120, 70, 4), dtype=np.uint8))
    move = affine_inverse(np.array([[1.0, 0, dx], [0, 1, dy]]))
    layer = warp_sprite(shrink_sprite(whole, 1.0), move, (dx, dy, dx + 70, dy + 120))
    assert np.allclose(layer.alpha, whole[..., 3], atol=0.002)
    assert np.allclose(layer.color, whole[..., :3], atol=0.002)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "box", [(0, 0, 90, 80), (31, 22, 53, 41), (3, 2, 30, 25), (60, 50, 90, 80)]
)
def test_each_pixel_of_a_window_has_the_alpha_of_its_middle(stride, box):
    photo = np.zeros((80, 90), np.float32)
    x0, y0, x1, y1 = box
    alpha = np.random.default_rng(0).random((y1 - y0, x1 - x0), dtype=np.float32)
    photo[y0:y1, x0:x1] = alpha
    shape = 40 // stride, 50 // stride
    nobody = np.zeros(shape, np.uint8)
    figure = Figure(1, nobody, nobody.astype(np.bool_), (20, 15), (80, 90), CIHP, stride)
    rows, columns = (np.arange(size) * stride + stride // 2 for size in shape)
    found = alpha_in_window(Layer(alpha[..., None], alpha, box), figure)
    assert np.array_equal(found, photo[np.ix_(15 + rows, 20 + columns)])


@pytest.mark.parametrize(
    ("shift", "box", "cut"),
    [
        ((30.0, 40.0), (30, 40, 50, 50), 0.0),
        ((30.5, 40.0), (30, 40, 51, 50), 0.0),
        ((-5.0, 40.0), (0, 40, 15, 50), 0.25),
        ((90.0, 75.0), (90, 75, 100, 80), 0.75),
        ((200.0, 40.0), (100, 40, 100, 50), 1.0),
        ((30.0, -20.0), (30, 0, 50, 0), 1.0),
    ],
)
def test_a_warped_picture_has_a_box_and_a_part_beyond_the_photo(shift, box, cut):
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    found, beyond = covered_box(matrix, (20, 10), (80, 100))
    assert found == box
    assert beyond == pytest.approx(cut)


def test_a_margin_is_added_to_each_side_of_a_box():
    matrix = np.array([[1.0, 0, 30], [0, 1, 40]])
    assert covered_box(matrix, (20, 10), (80, 100), (1, 2, 3, 4))[0] == (29, 38, 53, 54)


@pytest.mark.parametrize("sigma", [0.0, 2.0, 9.0])
def test_a_shadow_is_the_shape_moved_and_as_soft_as_asked(sigma):
    alpha = np.zeros((160, 200), np.float32)
    alpha[60:80, 90:120] = 1
    soft = shift_and_blur(alpha, 12.5, -7.0, sigma)
    y, x = np.mgrid[:160, :200]
    middle = [(soft * place).sum() / soft.sum() for place in (x, y)]
    spread = [(soft * (p - m) ** 2).sum() / soft.sum() for p, m in zip((x, y), middle, strict=True)]
    assert middle == pytest.approx((104.5 + 12.5, 69.5 - 7), abs=0.5)
    assert soft.sum() == pytest.approx(600, rel=0.01)
    assert spread == pytest.approx((900 / 12 + sigma**2, 400 / 12 + sigma**2), rel=0.06)


def test_a_layer_that_is_hidden_in_part_keeps_its_color_where_it_is_seen():
    alpha = np.full((2, 3), 0.8, np.float32)
    layer = Layer(alpha[..., None] * (0.1, 0.5, 1.0), alpha, (0, 0, 3, 2))
    keep = np.array([[0, 0.5, 1]] * 2, np.float32)
    seen = layer.masked(keep)
    assert np.allclose(seen.alpha, 0.8 * keep)
    assert np.allclose(seen.color, seen.alpha[..., None] * (0.1, 0.5, 1.0))


def test_a_shadow_takes_away_light_and_grain_is_added_to_levels():
    photo = np.full((1, 4, 3), 188, np.uint8)  # half of the light of white
    alpha = np.array([[0, 0, 1, 0]], np.float32)
    shadow = np.array([[0, 0.5, 0.5, 0]], np.float32)
    layer = Layer(alpha[..., None] * np.ones(3), alpha, (0, 0, 4, 1), np.full((1, 4), -7, np.int8))
    blend(photo, replace(layer, color=layer.color.astype(np.float32)), shadow)
    assert photo[0, :, 0].tolist() == [188, 137, 248, 188]
