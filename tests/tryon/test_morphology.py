"""Masks that grow and shrink, against the distance of every pair of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.morphology import (
    bounding_slices,
    close_mask,
    connected_to,
    dilate,
    dilate_square,
    erode,
    nearer_to,
    open_mask,
)

BLOBS = np.zeros((40, 50), np.bool_)
BLOBS[8:20, 5:30] = BLOBS[25:27, 30:48] = BLOBS[35, 3] = True


def distances(mask):
    """Distance of every pixel to the nearest one that is set."""
    places = np.argwhere(mask)
    grid = np.moveaxis(np.indices(mask.shape), 0, -1)[:, :, None]
    return np.sqrt(((grid - places) ** 2).sum(axis=-1)).min(axis=2)


@pytest.mark.parametrize("radius", [1, 2.4, 5])
def test_discs_reach_as_far_as_their_radius(radius):
    away, inside = distances(BLOBS), distances(~BLOBS)
    # OpenCV's distances are right to 2 %, so that pixels on the rim may fall on either side.
    clear = (np.abs(away - round(radius)) > 0.15) & (np.abs(inside - round(radius)) > 0.15)
    assert np.array_equal(dilate(BLOBS, radius)[clear], (away <= round(radius))[clear])
    assert np.array_equal(erode(BLOBS, radius)[clear], (inside > round(radius))[clear])


def test_a_radius_below_half_a_pixel_and_an_empty_mask_change_nothing():
    empty = np.zeros_like(BLOBS)
    for change in (dilate, erode):
        assert np.array_equal(change(BLOBS, 0.4), BLOBS)
        assert not change(empty, 5).any()
    assert not nearer_to(empty, BLOBS, 5).any()
    assert bounding_slices(empty) is None


def test_the_border_of_the_array_does_not_erode_a_mask():
    assert erode(np.ones((9, 9), np.bool_), 3).all()


def test_opening_removes_what_is_narrow_and_closing_fills_it():
    opened = open_mask(BLOBS, 3)
    assert not opened[25:].any()
    assert opened[8:20, 8:27].all()
    gap = np.ones((30, 30), np.bool_)
    gap[:, 14:16] = False
    assert close_mask(gap, 3).all()


def test_a_square_reaches_into_its_corners():
    dot = np.zeros((9, 9), np.bool_)
    dot[4, 4] = True
    assert np.argwhere(dilate_square(dot, 2)).min() == 2
    assert dilate_square(dot, 2).sum() == 25


def test_pixels_between_two_masks_go_to_the_nearer_one():
    left, right = np.zeros((5, 30), np.bool_), np.zeros((5, 30), np.bool_)
    left[:, 5], right[:, 12] = True, True
    assert np.flatnonzero(nearer_to(left, right, 8)[2]).tolist() == list(range(9))


def test_the_other_mask_is_seen_beyond_the_reach_around_the_first():
    left, right = np.zeros((5, 30), np.bool_), np.zeros((5, 30), np.bool_)
    left[:, 5], right[:, 15] = True, True  # 10 pixels apart, the middle 5 from both
    assert np.flatnonzero(nearer_to(left, right, 8)[2]).tolist() == list(range(10))


def test_bounds_hold_everything_and_a_margin():
    rows, columns = bounding_slices(BLOBS, 2) or (slice(0), slice(0))
    assert (rows, columns) == (slice(6, 38), slice(1, 50))


@pytest.mark.parametrize(("gap", "joined"), [(1, False), (3, True)])
def test_a_gap_of_twice_the_radius_joins_pieces(gap, joined):
    seed = np.zeros_like(BLOBS)
    seed[10, 10] = seed[38, 48] = True  # the second one lies beside the mask
    held = connected_to(BLOBS, seed, gap)
    assert held[8:20, 5:30].all()
    assert held[25:27, 30:48].all() == held[25:27, 30:48].any() == joined
    assert not held[35, 3]
