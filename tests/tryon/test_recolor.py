"""A garment that is worn, in another cloth."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.garment import Cloth, lit_cloth, plain_cloth, recolor
from m2fp_cli.tryon.garment_shading import shade_like
from m2fp_cli.tryon.lighting import Light


def figure_of(part, other_people=None):
    """Somebody whose top is the part, in a window that is the whole photo."""
    labels = np.where(part, CIHP.names.index("UpperClothes"), 0).astype(np.uint8)
    others = np.zeros_like(part) if other_people is None else other_people
    return Figure(1, labels, others, (0, 0), part.shape, CIHP)


def test_flat_cloth_becomes_the_new_color_and_nothing_else_changes():
    part = np.zeros((80, 80), np.bool_)
    part[10:70, 20:60] = True
    photo = np.where(part[..., None], (90, 60, 120), 240).astype(np.uint8)
    before = photo.copy()
    done = recolor(photo, figure_of(part), part, plain_cloth("", (40, 110, 180)), 20)
    assert np.abs(photo[16:64, 26:54] - np.array([180.0, 110, 40])).max() <= 1
    assert np.array_equal(photo[~done.mask], before[~done.mask])
    assert (done.changed_outside_px, done.patterned, done.textured) == (0, False, False)


def test_cloth_of_somebody_else_beside_a_label_is_not_taken():
    share = np.clip((42 - np.broadcast_to(np.arange(80), (60, 80))) / 4, 0, 1)[..., None]
    light = share * (0.4, 0.1, 0.1) + (1 - share) * 0.9  # a soft edge at column 40
    part = np.broadcast_to(np.arange(80) < 39, (60, 80))
    cloth = plain_cloth("", (200, 30, 30))
    for others, is_taken in ((np.zeros_like(part), True), (~part, False)):
        photo = to_srgb(light.astype(np.float32))
        before = photo.copy()
        done = recolor(photo, figure_of(part, others), part, cloth, 60)
        assert (done.beyond_px > 0) == is_taken
        assert (photo != before)[~part].any() == is_taken


def test_a_tile_is_as_high_as_it_is_for_its_width():
    part = np.ones((120, 120), np.bool_)
    photo = np.full((120, 120, 3), 128, np.uint8)
    tile = np.ones((20, 40, 3), np.float32)
    tile[10:] = 0.02  # stripes that run across
    done = recolor(photo, figure_of(part), part, Cloth("", tile, 1.5), 20)
    is_dark = done.after[:, 60] < 0.3
    starts = np.flatnonzero(is_dark[1:] & ~is_dark[:-1])
    assert np.diff(starts).tolist() == [15] * 7  # 1.5 U wide, half as high
    assert np.ptp(done.after, axis=1).max() < 0.01
    assert done.textured


def test_half_of_the_light_of_satin_stays():
    part = np.ones((60, 100), np.bool_)
    light = np.full((60, 100, 3), 0.05, np.float32)
    light[20:40, 50:60] = np.linspace(0.3, 0.9, 10)[None, :, None]
    photo = to_srgb(light)
    luminance = to_linear(photo)[..., 0]
    done = recolor(photo, figure_of(part), part, plain_cloth("", (0, 0, 0)), 20)
    want = np.maximum(luminance - np.percentile(luminance, 99), 0) / 2
    assert done.after == pytest.approx(want, abs=0.01)
    assert done.after.max() == pytest.approx(0.1, abs=0.02)


def before_white(label_ends):
    """A striped top before a white ground, and its label, whose white stripes end elsewhere."""
    rows, columns = np.mgrid[:120, :80]
    is_dark = rows % 8 < 6
    photo = np.where(is_dark & (columns < 60), 30, 230).astype(np.uint8)
    part = columns < np.where(is_dark, 60, label_ends)
    return np.repeat(photo[..., None], 3, axis=2), part


@pytest.mark.parametrize("label_ends", [60, 56])
def test_stripes_in_the_color_of_the_ground_end_in_no_comb(label_ends):
    photo, part = before_white(label_ends)
    done = recolor(photo, figure_of(part), part, plain_cloth("", (40, 110, 180)), 20)
    assert done.patterned
    assert np.abs(photo[16:104, :59] - np.array([180.0, 110, 40])).max() < 40
    assert (photo[:, 63:] == 230).all()


def test_the_brightest_of_a_pattern_does_not_shine():
    photo, part = before_white(60)
    photo[40:44, 10:20] = 255
    done = recolor(photo, figure_of(part), part, plain_cloth("", (0, 0, 0)), 20)
    assert done.patterned
    assert done.after[16:104, :56].max() < 0.01


def test_dark_cloth_keeps_less_of_its_noise():
    part = np.ones((90, 90), np.bool_)
    noise = np.random.default_rng(0).standard_normal((90, 90, 1)).astype(np.float32)
    spread = []
    for level in (0.2, 0.02):
        light = np.broadcast_to(level * np.exp(0.1 * noise), (90, 90, 3)).astype(np.float32)
        folds, _ = shade_like(to_srgb(light), light, part, figure_of(part), 30)
        spread.append(np.log(folds).std())
    of_floor = (0.02 / (0.02 * 1.15 + 0.002)) / (0.2 / (0.2 * 1.15 + 0.002))
    assert spread[1] / spread[0] == pytest.approx(0.6 / 0.85 * of_floor, rel=0.08)


def test_cloth_has_the_color_and_the_dimness_of_the_light():
    cloth = plain_cloth("", (200, 100, 50))
    light = Light(0.01, 0.45 / 4, (0.9, 1.0, 1.1), (0.0, 0.0), 0.0, 0.0)  # a fourth of good light
    lit = lit_cloth(cloth, light).tile_bgr / cloth.tile_bgr
    assert lit.ravel() == pytest.approx((0.45, 0.5, 0.55))
    assert lit_cloth(cloth, None) is cloth
