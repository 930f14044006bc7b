"""A face belongs to one person, who is where it is."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.engine.own_faces import keep_own_faces
from m2fp_cli.records.face import FACE_POINT_NAMES, Face
from m2fp_cli.records.masks import Mask


def face_at(x, y, score=1.0):
    points = np.tile((float(x), float(y)), (len(FACE_POINT_NAMES), 1))
    points[FACE_POINT_NAMES.index("left_eye"), 0] += 5
    points[FACE_POINT_NAMES.index("right_eye"), 0] -= 5
    return Face(points, 0.0, 0.0, 0.0, score)


def masks_of(*boxes):
    masks = []
    for x0, y0, x1, y1 in boxes:
        full = np.zeros((200, 200), np.bool_)
        full[y0:y1, x0:x1] = True
        masks.append(Mask.from_full(full))
    return masks


def scores(faces, masks):
    return [None if one is None else one.score for one in keep_own_faces(faces, masks)]


def test_a_face_far_outside_its_persons_box_is_nobodys():
    masks = masks_of((0, 0, 60, 200), (0, 0, 60, 200), (0, 0, 60, 200))
    assert scores([face_at(30, 20), face_at(150, 20), face_at(65, 90)], masks) == [1.0, 0.0, 1.0]


def test_a_shared_face_belongs_to_whose_mask_has_it():
    masks = masks_of((0, 100, 100, 200), (0, 0, 100, 100))
    faces = [face_at(50, 95), face_at(51, 95)]
    assert scores(faces, masks) == [0.0, 1.0]
    assert scores(faces[::-1], masks[::-1]) == [1.0, 0.0]


def test_of_two_without_it_in_their_masks_the_first_keeps_it():
    masks = masks_of((0, 100, 100, 200), (0, 99, 100, 200))
    assert scores([face_at(50, 95), face_at(51, 95)], masks) == [1.0, 0.0]


def test_unknown_and_doubtful_faces_stay_as_they_are():
    masks = masks_of((0, 0, 9, 9), (0, 0, 9, 9))
    assert scores([None, face_at(150, 20, 0.2)], masks) == [None, 0.2]


@pytest.mark.parametrize(("dx", "dy"), [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_a_face_may_lie_a_little_beside_the_box_on_every_side(dx, dy):
    masks = masks_of((80, 80, 120, 120))
    near, far = (face_at(100 + away * dx, 100 + away * dy) for away in (26, 34))
    assert scores([near], masks) == [1.0]
    assert scores([far], masks) == [0.0]


def test_a_doubtful_face_is_nobodys_rival():
    masks = masks_of((0, 100, 100, 200), (0, 99, 100, 200))
    assert scores([face_at(50, 95, 0.2), face_at(51, 95)], masks) == [0.2, 1.0]


def test_a_face_in_a_hole_of_somebodys_mask_is_that_of_who_is_seen_there():
    around = np.zeros((200, 200), np.bool_)
    around[10:150, 110:190] = True
    around[60:80, 140:160] = False
    masks = [Mask.from_full(around), *masks_of((140, 60, 160, 80))]
    faces = [face_at(150, 70), face_at(150, 71)]
    assert scores(faces, masks) == [0.0, 1.0]
    assert scores(faces, masks[::-1]) == [1.0, 0.0]


def test_of_two_with_their_own_look_at_one_face_in_their_masks_the_first_keeps_it():
    masks = masks_of((0, 0, 100, 200), (100, 0, 200, 200))
    assert scores([face_at(99, 50), face_at(101, 50)], masks) == [1.0, 0.0]
