"""Folds of an old top for the cloth of a new one."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.figure import build_figure
from m2fp_cli.tryon.garment_shading import deepen, flatten_pattern, shade_like
from tests.support.drawn_garments import draw_standing
from tests.support.drawn_people import TOP


def test_folds_are_kept_beside_a_print():
    person = draw_standing(sleeve=0)
    worn = person.labels == TOP
    rows = np.arange(worn.shape[0])[:, None]
    folds = 1 + 0.25 * np.sin(rows / (0.12 * person.unit)) + np.zeros(worn.shape[1])
    photo = (
        np.clip(np.round(120 * folds), 0, 255).astype(np.uint8).repeat(3).reshape(*worn.shape, 3)
    )
    photo[person.box(-0.8, 5, 0.8, 7)] = (20, 20, 230)
    figure = build_figure(person.result, person.result.people[0], (0, 0, *worn.shape[::-1]))
    shading, patterned = shade_like(photo, to_linear(photo), worn, figure, person.unit)
    assert patterned
    cloth = worn[person.box(-1.8, 5, -1.2, 8)]
    along = [part[person.box(-1.8, 5, -1.2, 8)][cloth] for part in (shading, folds)]
    assert np.corrcoef(*along)[0, 1] > 0.9
    assert np.ptp(along[0]) > 0.35
    assert np.ptp(shading[person.box(-0.6, 5.5, 0.6, 6.5)]) < 0.3  # nothing of the print


def test_light_stripes_of_a_dark_top_with_light_and_shade_are_left_out():
    person = draw_standing(sleeve=0)
    worn = person.labels == TOP
    rows, columns = np.mgrid[: worn.shape[0], : worn.shape[1]] / person.unit
    gray = np.choose((columns // 0.8).astype(int) % 3, (12, 30, 60))  # broad light and shade
    gray[rows % 0.9 < 0.12] = 235
    photo = gray.astype(np.uint8)[..., None].repeat(3, axis=2)
    figure = build_figure(person.result, person.result.people[0], (0, 0, *worn.shape[::-1]))
    shading, _ = shade_like(photo, to_linear(photo), worn, figure, person.unit)
    inside = shading[person.box(-1.5, 5.5, 1.5, 7.5)]
    across, down = inside.mean(axis=0), inside.mean(axis=1)
    assert down.max() < 1.25 * down.min()
    assert across.max() > 2 * across.min()  # light and shade stay


def test_folds_of_dark_cloth_are_deeper():
    folds = np.array([[0.8, 1.0, 1.2]], np.float32)
    assert np.allclose(deepen(folds, 0.5), folds)
    assert np.ptp(deepen(folds, 0.01)) > 1.4 * np.ptp(folds)


def test_shades_that_no_light_has_are_flattened_and_those_it_has_stay():
    cloth = np.zeros((8, 8), np.bool_)
    cloth[2:] = True
    for low, high, spread in ((0.3, 2.4, 1.3), (0.6, 1.8, 3.0)):
        shades = np.linspace(low, high, 8, dtype=np.float32)[None].repeat(8, axis=0)
        folds = np.where(cloth, shades, 0)
        flat = flatten_pattern(folds, cloth)[cloth]
        assert flat.max() / flat.min() == pytest.approx(spread, rel=0.05)
        assert np.array_equal(np.argsort(flat[:8]), np.arange(8))  # dark stays dark
