"""Joints on a real photo, its mirror image, a reduced copy and a panorama."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from m2fp_cli.arrays import Box
from m2fp_cli.engine.joints import find_joints
from m2fp_cli.records.joints import Points

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(cv2.imread(str(ASTRONAUT)))


def points_of(picture: np.ndarray, photo_hw: tuple[int, int], box: Box) -> Points:
    (joints,) = find_joints(picture, photo_hw, [box])
    assert joints is not None
    return joints.points


def test_a_mirrored_person_has_mirrored_joints_of_the_other_side(photo):
    height, width = photo.shape[:2]
    box = (0, 0, width, height)
    plain, mirrored = (
        points_of(np.ascontiguousarray(view), (height, width), box)
        for view in (photo, photo[:, ::-1])
    )
    shoulders = plain[[11, 12]]
    assert shoulders[0, 0] > shoulders[1, 0] + 0.2 * width  # she faces the camera
    back = mirrored[[12, 11]] * (-1, 1) + (width, 0)
    assert np.abs(back - shoulders).max() < 0.06 * height


def test_a_reduced_copy_gives_joints_in_pixels_of_the_photo(photo):
    height, width = photo.shape[:2]
    box = (0, 0, width, height)
    small = cv2.resize(photo, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    whole, reduced = (points_of(p, (height, width), box) for p in (photo, small))
    assert np.abs(whole - reduced)[:13].max() < 0.03 * height


def test_a_person_in_a_panorama_has_the_joints_of_the_same_person_alone(photo):
    height, width = photo.shape[:2]
    panorama = np.zeros((height, 40_000, 3), np.uint8)  # wider than OpenCV warps
    panorama[:, 30_000 : 30_000 + width] = photo
    lowest = height - 4  # not cut off by the lower edge, which would make the square larger
    alone = points_of(photo, (height, width), (0, 0, width, lowest))
    box = (30_000, 0, 30_000 + width, lowest)
    there = points_of(panorama, (height, 40_000), box)
    assert (
        np.abs(there - (30_000, 0) - alone)[:25].max() < 0.02 * height
    )  # a pixel of the square or two
    for box in ((0, 0, 40_000, height), (39_999, 0, 40_000, height)):
        assert np.isfinite(points_of(panorama, (height, 40_000), box)).all()


def test_somebody_whom_the_lower_edge_cuts_off_has_hips_below_the_photo(photo):
    height, width = photo.shape[:2]
    cut, above = (
        points_of(photo, (height, width), (0, 0, width, bottom)) for bottom in (height, height - 4)
    )
    hips = [23, 24]
    assert (cut[hips, 1] > height).all()  # she is seen to the waist
    assert (above[hips, 1] < height).all()  # the network folds the whole person into its square
    tall = points_of(photo, (height, width), (150, 0, 300, height))
    same = points_of(photo, (height, width), (150, 0, 300, height - 1))
    assert np.abs(tall - same).max() < 0.02 * height  # high enough as it is


def test_only_people_that_are_large_in_the_picture_are_looked_at(photo):
    height, width = photo.shape[:2]
    boxes = [(0, 0, 40, 63), (0, 0, width, height), (0, 0, 64, 20)]
    tiny, whole, wide = find_joints(photo, (height, width), boxes)
    assert tiny is None
    assert whole is not None
    assert wide is not None
    small = cv2.resize(photo, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    assert find_joints(small, (height, width), [(0, 0, 40, 120)]) == [None]


def test_people_are_told_from_what_is_not_a_person(photo):
    height, width = photo.shape[:2]
    empty = np.full_like(photo, 128)
    (her,), (nobody,) = (
        find_joints(seen, (height, width), [(0, 0, width, height)]) for seen in (photo, empty)
    )
    assert her is not None
    assert nobody is not None
    assert her.score > 0.7 > 0.1 > nobody.score
    assert her.scores[[0, 11, 12]].min() > 0.9 > 0.5 > her.scores[[27, 28]].max()  # cut off below


def test_everybody_of_a_group_has_joints_of_their_own(photo):
    height, width = photo.shape[:2]
    row = np.hstack([photo] * 6)  # more than the network sees at once
    boxes = [(width * i, 0, width * (i + 1), height - 4) for i in range(6)]
    boxes.insert(2, (0, 0, 9, 9))
    found = find_joints(row, (height, 6 * width), boxes)
    assert [i for i, one in enumerate(found) if one is None] == [2]
    noses = [one.points[0, 0] for one in found if one is not None]
    assert np.abs(np.diff(noses) - width).max() < 0.03 * width
