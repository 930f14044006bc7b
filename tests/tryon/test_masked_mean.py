"""Means of a part of a picture, against slow ones at full size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.masked_mean import masked_mean


@pytest.mark.parametrize("channels", [1, 3])
def test_it_equals_the_mean_at_full_size(channels):
    random = np.random.default_rng(5)
    values = random.random((120, 90, channels), np.float32)
    values = np.asarray(cv2.GaussianBlur(values, (0, 0), 4), np.float32).reshape(120, 90, channels)
    part = np.zeros((120, 90), np.bool_)
    part[20:80, 10:50] = True
    weight = cv2.GaussianBlur(part.astype(np.float32), (0, 0), 6)
    blurred = cv2.GaussianBlur(values * part[..., None], (0, 0), 6).reshape(values.shape)
    near = weight > 0.2
    found = masked_mean(values, part, (6, 24))
    assert found[near] == pytest.approx((blurred / np.maximum(weight, 1e-9)[..., None])[near],
                                        abs=0.01)  # fmt: skip


def test_far_from_the_part_its_wide_mean_goes_on():
    values = np.zeros((60, 200, 1), np.float32)
    values[:, :20] = 0.7
    part = np.zeros((60, 200), np.bool_)
    part[:, :20] = True
    found = masked_mean(values, part, (2, 40))
    assert found[30, 5, 0] == pytest.approx(0.7, abs=1e-3)
    assert found[30, 100, 0] == pytest.approx(0.7, abs=1e-3)
