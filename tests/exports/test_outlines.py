"""Masks as polygons and back."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from m2fp_cli.exports.outlines import bridge, fill_rings, find_outlines, join
from m2fp_cli.records.masks import Mask

SPOTS = [np.s_[3:4, 5:6], np.s_[3:4, 5:9], np.s_[0:2, 0:1], np.s_[0:40, 0:40]]


def hw_of(full):
    return full.shape[0], full.shape[1]


def blobs(seed, hw=(90, 120)):
    noise = np.random.default_rng(seed).random(hw).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 4) > 0.5


def rings_of(outlines):
    return [ring for one in outlines for ring in (one.outer, *one.holes)]


@pytest.mark.parametrize("seed", range(4))
def test_every_corner_kept_gives_every_pixel_back(seed):
    full = blobs(seed)
    small = cv2.connectedComponentsWithStats(full.astype(np.uint8))[2]
    outlines = find_outlines(Mask.from_full(full), 0.0)
    again = fill_rings(rings_of(outlines), hw_of(full))
    lost = np.count_nonzero(again != full)
    assert lost <= 3 * len(small)  # pieces and holes of less than three pixels
    assert sum(one.area for one in outlines) == pytest.approx(full.sum(), abs=lost + 40)


def test_one_ring_leaves_the_holes_empty_and_joins_the_pieces():
    full = np.zeros((60, 80), bool)
    full[5:40, 5:35], full[12:20, 10:18], full[25:34, 14:30] = True, False, False
    full[45:55, 50:75] = True
    ring = join([bridge(one) for one in find_outlines(Mask.from_full(full), 0.0)])
    assert (fill_rings([ring], hw_of(full)) == full).all()


def test_programs_that_cut_to_whole_numbers_get_the_same_pixels():
    full = np.zeros((60, 80), bool)
    cv2.circle(view := full.view(np.uint8), (40, 30), 21, (1,), -1)
    ring = bridge(find_outlines(Mask.from_full(view.astype(bool)), 0.0)[0])
    out = cv2.fillPoly(np.zeros(full.shape, np.uint8), [ring.astype(np.int32)], (1,))
    assert (out > 0).sum() == pytest.approx(full.sum(), rel=0.01)
    assert (out > 0)[full].all()


def test_the_coco_api_reads_the_same_mask_from_polygons():
    full = blobs(9)
    rings = [bridge(one).ravel().tolist() for one in find_outlines(Mask.from_full(full), 0.0)]
    runs = coco.frPyObjects(rings, *hw_of(full))
    again = coco.decode(coco.merge(runs)).astype(bool)
    assert (again & full).sum() / (again | full).sum() > 0.98


def test_fewer_points_stay_within_a_pixel():
    full = np.zeros((200, 200), np.uint8)
    cv2.circle(full, (100, 100), 80, (1,), -1)
    mask = Mask.from_full(full > 0)
    exact, fewer = (find_outlines(mask, tolerance)[0].outer for tolerance in (0.0, 0.75))
    assert len(fewer) < len(exact) / 4
    again = fill_rings([fewer], hw_of(full))
    assert (again & (full > 0)).sum() / (again | (full > 0)).sum() > 0.99


@pytest.mark.parametrize("box", SPOTS)
def test_lines_spots_and_whole_photos_are_rings_too(box):
    full = np.zeros((40, 40), bool)
    full[box] = True
    (outline,) = find_outlines(Mask.from_full(full))
    assert len(outline.outer) >= 3
    assert (fill_rings([outline.outer], hw_of(full)) == full).all()


@pytest.mark.parametrize("seed", range(4))
def test_rings_that_cross_themselves_and_the_edge_are_filled_where_they_are_odd(seed):
    rng = np.random.default_rng(seed)
    rings = [rng.uniform(-15, 45, (9, 2)) for _ in range(2)]
    y, x = np.mgrid[:30, :30] + 0.5
    odd = np.zeros((30, 30), bool)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            crosses = (y0 > y) != (y1 > y)
            odd ^= crosses & (x > x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    assert odd.any()
    assert (fill_rings(rings, (30, 30)) == odd).all()
    assert not fill_rings([rings[0] + 500], (30, 30)).any()


def test_a_small_ring_of_a_large_photo_costs_little():
    square = np.asarray([(5.0, 5.0), (9.0, 5.0), (9.0, 9.0), (5.0, 9.0)])
    tracemalloc.start()
    assert fill_rings([square], (3000, 4000)).sum() == 16
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 3000 * 4000  # bytes; the answer alone is one a pixel


def test_long_rings_are_joined_where_they_are_nearest_in_little_memory():
    angles = np.linspace(0, 2 * np.pi, 6000, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tracemalloc.start()
    joined = join([900 * circle, 300 * circle + (2000, 0)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    steps = np.sort(np.hypot(*np.diff(joined, axis=0).T))
    assert steps[-2:] == pytest.approx(800)  # there and back
    assert steps[-3] < 1
    assert peak < 50 * 2**20  # all distances at once are 860 MB
