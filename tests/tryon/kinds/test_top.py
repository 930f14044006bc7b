from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import read_color
from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.garment import Cloth, picture_cloth, plain_cloth
from m2fp_cli.tryon.inspection import find_faults
from m2fp_cli.tryon.kind import PictureSort
from m2fp_cli.tryon.kinds.top import load_top
from m2fp_cli.tryon.morphology import dilate, erode
from tests.support.drawn_garments import draw_garment
from tests.support.drawn_people import (
    TOP,
    changed,
    draw_person,
    failed_checks,
    plain_accessory,
    record_of,
    values_of,
    wear,
)


def test_a_color_changes_the_garment_only():
    drawn = draw_person()
    done = wear(drawn, {"top": "#a01830"})
    garment, touched = drawn.labels == TOP, changed(drawn, done)
    assert not touched[~garment].any()
    assert touched[garment].mean() > 0.98
    assert not failed_checks(record_of(done))


@pytest.mark.parametrize("color", ["#a01830", "#e8e8e8", "#203050"])
def test_folds_stay_and_the_color_is_met(color):
    drawn = draw_person()
    done = wear(drawn, {"top": color})
    garment = done.image_bgr[drawn.labels == TOP]
    assert np.median(garment, axis=0)[::-1] == pytest.approx(read_color(color), abs=14)
    assert values_of(record_of(done))["folds_kept_r"] > 0.94


def test_bright_folds_of_pale_cloth_do_not_burn_out():
    drawn = draw_person()
    garment = drawn.labels == TOP
    photo = drawn.photo_bgr.copy()
    folds = 1 + 0.5 * np.sin(np.arange(photo.shape[1]) / drawn.unit * 3)
    rows = np.array([120, 90, 70]) * folds[:, None]
    photo[garment] = np.broadcast_to(rows, photo.shape)[garment].astype(np.uint8)
    done = wear(replace(drawn, photo_bgr=photo), {"top": "#f4f4f4"})
    assert done.image_bgr[garment].min(axis=1).max() < 254


def test_the_edge_says_nothing_about_folds():
    drawn = draw_person()
    photo, garment = drawn.photo_bgr.copy(), drawn.labels == TOP
    photo[garment] += 100  # pale cloth before a dark ground, and a mask that is too large
    photo[drawn.labels == 0] = 20
    labels = np.where(dilate(garment, 4) & (drawn.labels == 0), TOP, drawn.labels)
    larger = replace(drawn.with_labels(labels.astype(np.uint8)), photo_bgr=photo)
    done = wear(larger, {"top": "#101018"})
    assert values_of(record_of(done))["folds_kept_r"] > 0.9


def test_a_fabric_repeats_along_its_width():
    drawn = draw_person()
    tile = np.full((40, 40, 4), 255, np.uint8)
    tile[:, :20, :3] = (30, 30, 200)  # red and white stripes
    done = wear(drawn, {"top": picture_cloth("stripes", tile, 1.0)})
    row = done.image_bgr[drawn.pixel(0, 7)[0], drawn.box(-3, 0, 3, 1)[1]].astype(int)
    is_red = row[:, 2] - row[:, 0] > 60
    assert np.count_nonzero(is_red[1:] != is_red[:-1]) == pytest.approx(12, abs=2)
    assert is_red.mean() == pytest.approx(0.5, abs=0.1)


def test_the_pattern_of_old_cloth_is_left_out_and_said():
    drawn = draw_person()
    garment = drawn.labels == TOP
    stripes = (np.arange(garment.shape[1]) // 4 % 2 == 0)[None] & garment
    drawn.photo_bgr[stripes] = (20, 20, 160)
    drawn.photo_bgr[garment & ~stripes] = (230, 230, 230)
    done = wear(drawn, {"top": "#3060a0"})
    assert "the old cloth is patterned, its detail was left out" in record_of(done).notes
    inside = done.image_bgr[drawn.box(-2, 5, 2, 8)]
    assert inside.std(axis=(0, 1)).max() < 12


def test_folds_of_two_cloths_are_kept_where_they_would_pass_for_a_pattern():
    drawn = draw_person(unit=20.0)
    garment = drawn.labels == TOP
    rows, columns = np.indices(garment.shape)
    vest = np.abs(columns - drawn.eyes_xy[0]) < 1.6 * drawn.unit
    rng = np.random.default_rng(0)
    folds = np.exp(0.3 * np.sin(rows / 5) + 0.25 * rng.standard_normal(garment.shape))
    weave = np.exp(0.15 * rng.standard_normal((*garment.shape, 3)))
    for part, color in ((vest, (20, 20, 90)), (~vest, (150, 140, 130))):
        lit = np.array(color) * weave * folds[..., None]
        drawn.photo_bgr[garment & part] = np.clip(lit, 0, 255)[garment & part]
    record = record_of(done := wear(drawn, {"top": "#3060a0"}))
    assert not failed_checks(record) & {"folds_kept_r"}
    assert "the old cloth is patterned, its detail was left out" not in record.notes
    luminance = done.image_bgr.astype(np.float32).mean(axis=2)
    for part in (vest, ~vest):
        inside = erode(garment & part, 4.0)
        assert np.corrcoef(np.log(luminance[inside]), np.log(folds[inside]))[0, 1] > 0.7
    levels = [np.median(luminance[garment & part]) for part in (vest, ~vest)]
    assert levels[0] == pytest.approx(levels[1], rel=0.15)


def test_somebody_without_a_top_is_left_alone():
    drawn = draw_person()
    labels = drawn.labels
    labels[labels == TOP] = 9  # trousers
    done = wear(drawn.with_labels(labels), {"top": "#a01830"})
    assert record_of(done).reason == "no top is visible"
    assert not changed(drawn, done).any()


def test_every_sort_of_cloth_is_read(tmp_path):
    for reference in ("#102030", "denim"):
        cloth = load_top(reference)
        assert isinstance(cloth, Cloth)
        tile = cloth.tile_bgr
        assert tile.dtype == np.float32
        assert 0 <= tile.min() <= tile.max() <= 1
    with pytest.raises(UsageError, match=r"no top has this name; .*denim.*, or a color such as #7"):
        load_top(str(tmp_path / "nothing"))


def save_tank_top(folder):
    """The photo of a product that is no garment with sleeves."""
    photo = np.full((400, 400, 3), 250, np.uint8)
    photo[60:340, 120:280] = (40, 40, 160)
    cv2.imwrite(str(folder / "tank.png"), photo)
    return str(folder / "tank.png")


def test_a_product_does_not_become_a_pattern_of_small_ones(tmp_path):
    tank = save_tank_top(tmp_path)
    with pytest.raises(UsageError, match=r"/tank\.png: shows one thing .* no gap .* crop it"):
        load_top(tank)
    assert "cannot be worn as a garment" in find_faults(load_accessory(tank, "top"))[0]
    assert isinstance(load_top(tank, PictureSort.FABRIC), Cloth)
    (tmp_path / "tank.json").write_text('{"style": "fabric"}')
    assert isinstance(load_top(tank), Cloth)


def test_a_garment_on_colored_paper_is_to_be_cut_out(tmp_path):
    garment = draw_garment(background=120)
    cv2.imwrite(str(tmp_path / "tee.png"), garment[..., :3])
    with pytest.raises(
        UsageError, match=r"/tee\.png: shows one thing .* not near white; cut it out"
    ):
        load_top(str(tmp_path / "tee.png"))


def test_clear_pixels_of_a_fabric_show_its_mean_color():
    bgra = np.zeros((4, 4, 4), np.uint8)
    bgra[:, :2] = (0, 0, 255, 255)
    assert np.allclose(
        picture_cloth("half", bgra, 1.0).tile_bgr, plain_cloth("", (255, 0, 0)).tile_bgr
    )


@pytest.mark.parametrize(("side", "faults"), [(31, 1), (32, 0)])
def test_a_fabric_needs_some_pixels(side, faults):
    fabric = plain_accessory("top", np.full((side, 64, 4), 255, np.uint8), {})
    assert len(find_faults(fabric)) == faults
