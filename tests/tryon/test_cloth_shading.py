"""Shading and detail of the old cloth."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.cloth_shading import shade_of_old, split_shading


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


def shade_of_gray(luminance):
    """What is made of a garment of gray cloth, by its luminance."""
    light = np.repeat(luminance[..., None], 3, axis=2).astype(np.float32)
    bgr = np.round(255 * light ** (1 / 2.2)).astype(np.uint8)
    return shade_of_old(to_lab(bgr), to_linear(bgr), np.ones(luminance.shape, np.bool_), 24.0)


def test_black_sleeves_of_a_white_coat_are_as_bright_as_the_rest_of_new_cloth():
    folds = 1 + 0.2 * np.sin(np.arange(160) / 6)[:, None] + np.zeros(160)
    luminance = 0.7 * folds
    luminance[:, :60] *= 0.02
    luminance[70:75, 20:25] = 0.1  # a button that shines
    _, shading, detail, patterned = shade_of_gray(luminance)
    new = shading * detail
    assert not patterned
    assert np.median(new[:, :55]) == pytest.approx(np.median(new[:, 65:]), rel=0.1)
    assert np.corrcoef(new[:, 40], folds[:, 0])[0, 1] > 0.9
    assert new[4:-4].max() < 1.5  # no glare where black and white meet, and on the button
    assert new[4:-4].min() > 0.6


def test_sun_and_shade_on_one_cloth_stay():
    luminance = np.full((160, 160), 0.8)
    luminance[:, :60] /= 5
    _, shading, _, patterned = shade_of_gray(luminance)
    assert not patterned
    assert np.median(shading[:, 80:]) > 3 * np.median(shading[:, :40])


def test_black_lines_on_white_are_a_pattern():
    luminance = np.full((160, 160), 0.7)
    luminance[np.arange(160) % 24 < 5] = 0.01
    _, shading, detail, patterned = shade_of_gray(luminance)
    assert patterned
    assert np.ptp((shading * detail)[20:-20]) < 0.15


def test_many_grays_are_no_two_cloths():
    grays = np.repeat((0.0055, 0.085, 0.34, 0.876), 40)
    _, shading, _, patterned = shade_of_gray(np.tile(grays, (160, 1)))
    middles = [np.median(shading[:, first : first + 40]) for first in range(0, 160, 40)]
    assert not patterned
    assert (np.diff(middles) > 0.3).all()
