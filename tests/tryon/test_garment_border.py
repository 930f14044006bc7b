"""The border of a new garment, and tops of two cloths."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.garment_border import blend_border, fill_bites, widen
from m2fp_cli.tryon.two_cloths import level_cloths

UNIT = 24.0


@pytest.mark.parametrize("cloth", [(0.02, 0.02, 0.02), (0.9, 0.9, 0.9), (0.1, 0.02, 0.5)])
def test_nothing_of_the_old_cloth_is_left_beside_the_new(cloth):
    light, worn = np.full((160, 160, 3), 0.45, np.float32), np.zeros((160, 160), np.bool_)
    worn[30:130, 30:130] = True
    light[worn] = cloth
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), 1.0), np.float32)
    label = np.zeros_like(worn)
    label[31:129, 31:129] = True  # a pixel short
    found = widen(light, label, ~label, UNIT)
    new = np.broadcast_to(np.array((0.1, 0.45, 0.1), np.float32), light.shape)
    out, rim = blend_border(light, new, found, ~found, UNIT)
    # Neither the new cloth nor the ground has another green than .45.
    assert np.abs(out[..., 1] - 0.45).max() < 0.25 * abs(cloth[1] - 0.45)
    assert np.allclose(out[45:115, 45:115], new[45:115, 45:115])
    assert not (rim & found).any()
    assert np.array_equal(out[~found & ~rim], light[~found & ~rim])


def test_a_second_cloth_is_no_shadow():
    light, worn = np.full((160, 160, 3), 0.4, np.float32), np.ones((160, 160), np.bool_)
    folds = 1 + 0.2 * np.sin(np.arange(160) / 5)[:, None, None]
    light[:, :50] = (0.06, 0.02, 0.02)  # a navy sleeve
    light[:, 50:] = (0.05, 0.2, 0.5)
    light *= folds.astype(np.float32)
    bgr = np.round(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    luminance = light.mean(axis=2)
    level = level_cloths(to_lab(bgr), luminance, worn, UNIT)
    assert np.median(level[:, :45]) / np.median(level[:, 55:]) > 0.85
    assert np.corrcoef(level[:, 20], folds[:, 0, 0])[0, 1] > 0.99
    plain = np.broadcast_to(light[:, 80:81], light.shape)
    bgr = np.broadcast_to(bgr[:, 80:81], bgr.shape).copy()
    assert level_cloths(to_lab(bgr), plain.mean(axis=2), worn, UNIT) is not None
    assert np.array_equal(
        level_cloths(to_lab(bgr), plain.mean(axis=2), worn, UNIT), plain.mean(axis=2)
    )


def test_bites_between_stripes_are_filled_and_the_gap_beside_an_arm_is_not():
    rows, columns = np.mgrid[:120, :80]
    mask = (columns < 60) & ~((rows % 8 < 2) & (columns >= 56))
    mask[:, 20:24] = False  # between an arm and the body
    filled = fill_bites(mask, ~mask, 20)
    assert filled[2:118, 24:59].all()
    assert not filled[:, 20:24].any()
    assert not filled[:, 60:].any()
