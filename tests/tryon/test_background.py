from __future__ import annotations

import numpy as np

from m2fp_cli.tryon import background

STRIPES = np.broadcast_to(
    np.where(np.arange(200) % 10 < 5, 60, 160).astype(np.uint8)[None, :, None], (160, 200, 3)
).copy()


def holed(top, left, height, width):
    hole = np.zeros(STRIPES.shape[:2], bool)
    hole[top : top + height, left : left + width] = True
    photo = STRIPES.copy()
    photo[hole] = (0, 0, 255)
    return photo, hole


def fill_background(photo, hole, unknown, unit):
    filled = photo.copy()
    background.fill_background(filled, np.nonzero(hole), photo, unknown, unit)
    return filled


def test_texture_goes_on_in_the_hole():
    photo, hole = holed(60, 80, 30, 18)
    filled = fill_background(photo, hole, hole, 12.0)
    assert (filled[~hole] == photo[~hole]).all()
    assert np.abs(filled[hole].astype(int) - STRIPES[hole]).mean() < 3


def test_brightness_follows_what_borders_on_the_hole():
    photo, hole = holed(60, 80, 30, 18)
    slope = np.linspace(0, 60, 160)[:, None, None]
    truth = STRIPES + slope
    slanted = np.where(hole[..., None], photo, truth).astype(np.uint8)
    filled = fill_background(slanted, hole, hole, 12.0)
    assert np.abs(filled[hole].astype(int) - truth[hole]).mean() < 12


def test_what_is_no_background_does_not_bleed_in():
    photo, hole = holed(60, 80, 30, 18)
    unknown = hole.copy()
    unknown[90:, 60:140] = True
    photo[90:, 60:140] = (0, 255, 0)
    filled = fill_background(photo, hole, unknown, 24.0)
    assert np.ptp(filled[hole].astype(int), axis=1).max() < 12  # gray, like the ground


def test_a_hole_without_any_ground_is_filled_somehow():
    photo, hole = holed(60, 80, 30, 18)
    filled = fill_background(photo, hole, np.ones_like(hole), 12.0)
    assert (filled[~hole] == photo[~hole]).all()


def test_a_hole_of_more_pixels_than_a_row_of_opencv_takes():
    hole = np.zeros((400, 700), bool)
    hole[100:300, 200:420] = True
    photo = np.full((400, 700, 3), 90, np.uint8)
    photo[hole] = 0
    assert (fill_background(photo, hole, hole, 100.0) == 90).all()


def test_a_hole_in_a_large_picture_is_filled_from_what_a_smaller_one_knows():
    photo, hole = holed(60, 80, 30, 18)
    large = np.repeat(np.repeat(photo, 4, axis=0), 4, axis=1)
    wide = np.repeat(np.repeat(hole, 4, axis=0), 4, axis=1)
    truth = np.repeat(np.repeat(STRIPES, 4, axis=0), 4, axis=1)
    background.fill_background(large, np.nonzero(wide), photo, hole, 48.0)
    assert (large[~wide] == truth[~wide]).all()
    assert np.abs(large[wide].astype(int) - truth[wide]).mean() < 3


def test_what_is_no_background_does_not_bleed_in_where_the_photo_ends():
    photo, hole = holed(0, 80, 10, 40)
    unknown = hole.copy()
    unknown[:80, 60:140] = True
    photo[10:80, 60:140] = (0, 255, 0)
    filled = fill_background(photo, hole, unknown, 12.0)
    assert np.ptp(filled[hole].astype(int), axis=1).max() < 12  # gray, like the ground


def test_dark_texture_that_is_copied_into_shade_does_not_turn_black():
    hole = np.zeros(STRIPES.shape[:2], bool)
    hole[40:120, 84:116] = True
    truth = STRIPES.copy()
    truth[36:124, 80:120] = truth[36:124, 80:120] * 0.35
    filled = fill_background(np.where(hole[..., None], 0, truth).astype(np.uint8), hole, hole, 24.0)
    assert filled[50:110, 90:110].min() > 10  # 21 in truth
