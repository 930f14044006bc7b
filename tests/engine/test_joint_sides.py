"""Sides by joints: against exact distances, on drawn people, and on a real photo and its mirror."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from m2fp_cli.engine import joint_sides
from m2fp_cli.engine.joint_sides import (
    assign_sides_by_joints,
    distance_to_chain,
    limb_chains,
    sides_by_joints,
)
from m2fp_cli.engine.joints import find_joints
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.masks import Mask

ARMS = {(14, 15): ((0, 1, 2), (3, 4, 5))}
ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def test_a_pixel_gets_the_side_of_the_nearer_limb():
    rng = np.random.default_rng(0)
    for height, width in ((301, 160), (40, 333), (7, 5)):
        labels = rng.choice(np.array((0, 5, 14, 15), np.uint8), (height, width))
        joints = rng.uniform(-0.2, 1.2, (6, 2)) * (width, height)
        pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
        left, right = (distance_to_chain(pixels, joints[i : i + 3]) for i in (0, 3))
        lead = (right - left).reshape(height, width)
        sided, limb = sides_by_joints(labels, joints, ARMS), labels >= 14
        assert (sided[~limb] == labels[~limb]).all()
        clear = limb & (np.abs(lead) > 0.03 * max(height, width))
        assert (sided == np.where(lead > 0, 14, 15))[clear].all()


def test_crossed_legs_get_the_side_of_the_joints_they_lie_on():
    labels = np.full((100, 60), 16, np.uint8)
    joints = np.array([[10.0, 0.0], [50.0, 99.0], [50.0, 0.0], [10.0, 99.0]])
    sided = sides_by_joints(labels, joints, {(16, 17): ((0, 1), (2, 3))})
    assert sided[5, 10] == sided[95, 50] == 16
    assert sided[5, 50] == sided[95, 10] == 17


def test_everybody_has_sides_of_their_own(monkeypatch):
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, 5:25], labels[10:30, 35:55], labels[2:5, 58] = 14, 14, 15
    masks = [Mask.from_full((labels == 14) & (np.arange(60) // 30 == side)) for side in (0, 1)]
    facing, turned = np.full((33, 2), np.nan), np.full((33, 2), np.nan)
    facing[11], facing[13], facing[12], facing[14] = (20, 10), (20, 29), (9, 10), (9, 29)
    turned[11], turned[13], turned[12], turned[14] = (38, 10), (38, 29), (51, 10), (51, 29)
    monkeypatch.setattr(joint_sides, "find_joints", lambda *_: [facing, turned])
    picture = np.zeros((40, 60, 3), np.uint8)
    sided = assign_sides_by_joints(labels, masks, picture, CIHP)
    assert (sided[20, [6, 24, 36, 54]] == (15, 14, 14, 15)).all()
    assert (sided[2:5, 58] == 15).all()  # nobody's
    assert (labels[10:30, 5:25] == 14).all()


def test_people_without_bare_limbs_or_shoes_are_not_looked_at(monkeypatch):
    asked = []

    def note(picture, photo_hw, boxes):
        asked.append(boxes)
        return []

    monkeypatch.setattr(joint_sides, "find_joints", note)
    labels = np.full((9, 9), 5, np.uint8)
    whole = Mask.from_full(labels > 0)
    picture = np.zeros((9, 9, 3), np.uint8)
    assert (assign_sides_by_joints(labels, [whole], picture, CIHP) == labels).all()
    assert asked == [[]]


def test_limbs_are_known_by_their_names():
    assert set(limb_chains(CIHP)) == set(CIHP.side_pairs())


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(cv2.imread(str(ASTRONAUT)))


def test_a_mirrored_person_has_mirrored_joints_of_the_other_side(photo):
    height, width = photo.shape[:2]
    box = (0, 0, width, height)
    (plain,), (mirrored,) = (
        find_joints(np.ascontiguousarray(view), (height, width), [box])
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
    (whole,), (reduced,) = (find_joints(p, (height, width), [box]) for p in (photo, small))
    assert np.abs(whole - reduced)[:13].max() < 0.03 * height


def test_a_person_in_a_panorama_has_the_joints_of_the_same_person_alone(photo):
    height, width = photo.shape[:2]
    panorama = np.zeros((height, 40_000, 3), np.uint8)  # wider than OpenCV warps
    panorama[:, 30_000 : 30_000 + width] = photo
    (alone,) = find_joints(photo, (height, width), [(0, 0, width, height)])
    box = (30_000, 0, 30_000 + width, height)
    (there,) = find_joints(panorama, (height, 40_000), [box])
    assert (
        np.abs(there - (30_000, 0) - alone)[:25].max() < 0.02 * height
    )  # a pixel of the square or two
    boxes = [(0, 0, 40_000, height), (39_999, height - 1, 40_000, height)]
    assert np.isfinite(find_joints(panorama, (height, 40_000), boxes)).all()
