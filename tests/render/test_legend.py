"""The legend: where it may lie, and what it must never hide."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.records.labels import CIHP
from m2fp_cli.render.legend import LegendEntry, draw_legend, find_place, plan_legend

ENTRIES = tuple(LegendEntry(name, (255, 0, 0)) for name in CIHP.names[1:9])


@pytest.mark.parametrize("seed", range(12))
def test_legend_never_touches_a_face(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(240, 900, 2)
    faces = np.zeros((height, width), np.bool_)
    for _ in range(rng.integers(1, 30)):
        y, x, side = rng.integers(0, height), rng.integers(0, width), rng.integers(4, 120)
        faces[y : y + side, x : x + side] = True
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    drawn = draw_legend(image.copy(), plan_legend(ENTRIES, faces, faces))
    assert (drawn[:height][faces] == image[faces]).all()
    assert (drawn[:height] != image).any() or drawn.shape[0] > height


@pytest.mark.parametrize("hw", [(480, 640), (2160, 3840), (4320, 7680)])
def test_a_face_of_one_pixel_is_a_face(hw):
    rng = np.random.default_rng(1)
    for _ in range(5):
        faces = np.zeros(hw, np.bool_)
        y, x = rng.integers(0, hw[0] // 10), rng.integers(0, hw[1] // 10)
        faces[y, x] = True
        place = find_place([(hw[0] // 2, hw[1] // 2)], faces, faces)
        assert place is not None
        assert x < place[1] or y < place[2]


def test_legend_prefers_the_background():
    people = np.ones((600, 800), np.bool_)
    people[300:, 500:] = False
    place = find_place([(150, 200)], np.zeros_like(people), people)
    assert place is not None
    _, x, y = place
    assert not people[y : y + 150, x : x + 200].any()


def test_legend_prefers_a_corner():
    nobody = np.zeros((600, 800), np.bool_)
    place = find_place([(150, 200)], nobody, nobody)
    assert place is not None
    _, x, y = place
    assert min(x, 800 - 200 - x) < 40
    assert min(y, 600 - 150 - y) < 40


def test_legend_goes_below_a_picture_full_of_faces():
    image = np.full((300, 400, 3), 9, np.uint8)
    everywhere = np.ones((300, 400), np.bool_)
    drawn = draw_legend(image, plan_legend(ENTRIES, everywhere, everywhere))
    assert (drawn[:300] == image).all()
    assert drawn.shape[0] > 300
    assert drawn.shape[1] == 400
    assert (drawn[300:] == (0, 0, 255)).all(axis=2).any()


def test_legend_on_a_clear_background_brings_its_own():
    clear = np.zeros((300, 400, 4), np.uint8)
    nobody = np.zeros((300, 400), np.bool_)
    drawn = draw_legend(clear, plan_legend(ENTRIES, nobody, nobody))
    assert drawn[..., 3].max() == 255
    assert (drawn[..., 3] == 0).any()
