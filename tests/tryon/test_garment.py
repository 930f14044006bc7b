from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.correlation import correlation
from m2fp_cli.tryon.garment_edge import extend_mask, mix_edge

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
    done = mix_edge(light, target, mask, unit=60)
    want = share * NEW + (1 - share) * GROUND
    assert np.abs(done - want)[mask].max() < 0.1
    assert np.abs(target - want)[mask].max() > 0.3


def test_a_garment_without_ground_in_the_window_is_all_new():
    light = np.full((20, 20, 3), 0.3, np.float32)
    target = np.full_like(light, 0.6)
    assert np.array_equal(mix_edge(light, target, np.ones((20, 20), np.bool_), 20), target)


def test_cloth_beside_a_label_that_ends_too_early_is_taken_and_ground_is_not():
    share, light, _ = garment_before_ground()
    mask = np.broadcast_to(np.arange(80) < 39, (60, 80))
    free = ~mask
    taken = extend_mask(light, mask, free, unit=60)
    assert taken[:, :40].all()
    assert not taken[share[..., 0] < 0.4].any()
    assert np.array_equal(extend_mask(light, mask, np.zeros_like(mask), unit=60), mask)


def test_ground_like_the_cloth_or_another_thing_beside_it_is_not_taken():
    mask = np.broadcast_to(np.arange(80) < 39, (60, 80))
    light = np.broadcast_to(CLOTH, (60, 80, 3)).astype(np.float32)
    assert np.array_equal(extend_mask(light, mask, ~mask, unit=60), mask)
    other = np.where(mask[..., None], CLOTH, GROUND).astype(np.float32)
    other[:, 39:43] = (0.1, 0.1, 0.9)  # a bag, as far from the ground as the cloth
    assert np.array_equal(extend_mask(other, mask, ~mask, unit=60), mask)


def test_arrays_in_proportion_correlate_by_one_and_never_by_more():
    rng = np.random.default_rng(0)
    for size in range(2, 400):
        values = rng.normal(size=size).astype(np.float32)
        found = correlation(values, values * np.float32(3)), correlation(values, -values)
        assert found == pytest.approx((1, -1), abs=1e-5)
        assert max(found) <= 1
        assert min(found) >= -1
