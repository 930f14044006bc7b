from __future__ import annotations

import numpy as np

from m2fp_cli.tryon.garment import follow_edge, split_shading

CLOTH, GROUND, NEW = (
    np.array(c, np.float32) for c in ((0.4, 0.1, 0.1), (0.9,) * 3, (0.1, 0.5, 0.1))
)


def garment_before_ground():
    """Share of cloth per pixel (its edge is soft), the photo, and a mask that reaches too far."""
    x = np.broadcast_to(np.arange(80, dtype=np.float32), (60, 80))
    share = np.clip((42 - x) / 4, 0, 1)[..., None]
    return share, share * CLOTH + (1 - share) * GROUND, x < 43


def test_an_edge_is_mixed_as_the_photo_mixes_it():
    share, light, mask = garment_before_ground()
    target = np.broadcast_to(NEW, light.shape).astype(np.float32)
    done = follow_edge(light, target, mask, unit=60)
    want = share * NEW + (1 - share) * GROUND
    assert np.abs(done - want)[mask].max() < 0.1
    assert np.abs(target - want)[mask].max() > 0.3


def test_a_garment_without_ground_in_the_window_is_all_new():
    light = np.full((20, 20, 3), 0.3, np.float32)
    target = np.full_like(light, 0.6)
    assert np.array_equal(follow_edge(light, target, np.ones((20, 20), np.bool_), 20), target)


def weave(depth):
    rng = np.random.default_rng(0)
    return (0.2 * np.exp(depth * rng.standard_normal((90, 90)))).astype(np.float32)


def test_rough_cloth_of_one_colour_keeps_its_weave_and_colours_make_a_pattern():
    mask = np.ones((90, 90), np.bool_)
    _, detail, patterned = split_shading(weave(0.45), mask, 30)
    assert not patterned
    assert np.corrcoef(np.log(detail).ravel(), np.log(weave(0.45)).ravel())[0, 1] > 0.8
    assert split_shading(weave(0.45), mask, 30, colors=20)[2]
    assert split_shading(weave(1.5), mask, 30)[2]
