"""Photos in a size that a pipeline wants, and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.exports.framing import frame_person, frame_whole
from tests.support.framed import frame_of, put_back

RNG = np.random.default_rng(1)


def test_the_whole_photo_is_shown_on_white():
    frame = frame_whole((100, 300), (60, 80))
    picture = frame.picture(np.zeros((100, 300, 3), np.uint8))
    assert picture.shape == (80, 60, 3)
    assert (picture[0] == 255).all()
    assert (picture[40] == 0).all()
    assert frame.record()["pad_ltrb"] == [0, 30, 0, 30]
    assert frame.record()["scale"] == 0.2


@pytest.mark.parametrize("photo_hw", [(20, 37), (13, 50)])
def test_the_white_edges_of_a_small_photo_are_as_wide_as_the_record_says(photo_hw):
    frame = frame_whole(photo_hw, (768, 1024))
    _, top, _, bottom = frame.record()["pad_ltrb"]
    shown = (frame.map(np.full(photo_hw, 7, np.uint8)) == 7)[:, 384]
    assert np.abs(np.flatnonzero(shown)[[0, -1]] - (top, 1023 - bottom)).max() <= 1


def test_a_map_holds_its_own_ids_only_and_agrees_with_the_slow_way():
    ids = RNG.integers(0, 20, (97, 131)).astype(np.uint8)
    frame = frame_whole((97, 131), (48, 64))
    x0, y0, x1, y1 = frame.window_xyxy
    found = frame.map(ids)
    for row in range(64):
        for column in range(48):
            y = y0 + int((row + 0.5) * (y1 - y0) / 64)
            x = x0 + int((column + 0.5) * (x1 - x0) / 48)
            inside = 0 <= y < 97 and 0 <= x < 131
            assert found[row, column] == (ids[y, x] if inside else 0)


@pytest.mark.parametrize(
    ("photo_hw", "rows", "columns"), [((200, 30_000), 4, 600), ((30_000, 150), 800, 4)]
)
def test_a_panorama_needs_no_more_memory_than_its_picture(photo_hw, rows, columns):
    frame = frame_whole(photo_hw, (600, 800))  # a window of 3.6 GB, or of 2
    ids = np.full(photo_hw, 7, np.uint8)
    pictures = [
        frame.picture(np.zeros((*photo_hw, 3), np.uint8)) == 0,
        frame.map(ids)[..., None] == 7,
    ]
    for shown in pictures:
        where = np.argwhere(shown.any(axis=2))
        assert (where.max(axis=0) - where.min(axis=0) + 1).tolist() == [rows, columns]
        assert np.abs(where.mean(axis=0) - (399.5, 299.5)).max() == 0
    assert (frame.resized(ids, 0, cv2.INTER_AREA) == np.where(pictures[0].any(axis=2), 7, 0)).all()


@pytest.mark.parametrize("box", [(0, 0, 40, 90), (200, 10, 280, 190), (120, 60, 140, 100)])
def test_a_crop_holds_the_person_in_the_ratio_and_stays_in_the_photo_if_it_can(box):
    frame = frame_person(box, (200, 300), (96, 128))
    x0, y0, x1, y1 = frame.window_xyxy
    assert x0 <= box[0]
    assert y0 <= box[1]
    assert x1 >= box[2]
    assert y1 >= box[3]
    assert (x1 - x0) / (y1 - y0) == pytest.approx(0.75, abs=0.02)
    assert x0 >= 0
    assert x1 <= 300


def test_a_record_gives_the_frame_back():
    frame = frame_person((10, 20, 60, 150), (200, 300), (96, 128))
    assert frame_of(frame.record()) == frame


def test_putting_an_unchanged_picture_back_changes_only_the_mask():
    photo = RNG.integers(0, 256, (80, 60, 3)).astype(np.uint8)
    frame = frame_whole((80, 60), (60, 80))
    mask = np.zeros((80, 60), np.uint8)
    mask[20:40, 20:40] = 255
    back = put_back(frame, np.zeros((80, 60, 3), np.uint8), photo, mask)
    assert (back[20:40, 20:40] == 0).all()
    outside = mask == 0
    assert (back[outside] == photo[outside]).all()
