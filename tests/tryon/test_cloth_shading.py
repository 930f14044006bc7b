"""Shading and detail of the old cloth."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.cloth_shading import split_shading


def weave(depth):
    rng = np.random.default_rng(0)
    return (0.2 * np.exp(depth * rng.standard_normal((90, 90)))).astype(np.float32)


def test_rough_cloth_of_one_color_keeps_its_weave_and_colors_make_a_pattern():
    mask = np.ones((90, 90), np.bool_)
    _, detail, patterned = split_shading(weave(0.45), mask, 30)
    assert not patterned
    assert np.corrcoef(np.log(detail).ravel(), np.log(weave(0.45)).ravel())[0, 1] > 0.8
    assert split_shading(weave(0.45), mask, 30, colors=20)[2]
    assert split_shading(weave(1.5), mask, 30)[2]


def test_a_scarf_on_patterned_cloth_is_hardly_a_shade():
    luminance = weave(1.5)
    luminance[:, 30:60] *= 0.1
    shading, _, patterned = split_shading(luminance, np.ones((90, 90), np.bool_), 30)
    low, high = np.percentile(shading, (2, 98))
    assert patterned
    assert high / low == pytest.approx(np.exp(0.6), rel=0.01)
    assert shading[:, 40:50].max() < shading[:, :20].min()  # the light of dark folds stays
