from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.drawn_face import face_at
from training.clear_glasses import head_of, read_marks

FOLDERS = ("ccp/photos", "ccp/unlabelled", "people/coco/photos")


@pytest.mark.parametrize("folder", FOLDERS)
def test_marks_belong_to_a_folder_and_say_what_is_worn(folder):
    marks = read_marks(Path("data") / folder)
    worn = [one for photo in marks.values() for _, _, one in photo]
    assert set(worn) == {"clear", "dark", "unclear"}
    assert not read_marks(Path("elsewhere"))


def test_the_head_of_a_face_has_its_eyes_and_its_roll():
    face = face_at({"left_eye": (60.0, 70.0), "right_eye": (20.0, 40.0)}, roll=36.87)
    head = head_of(face)
    assert head.point(0.5, 0.0) == pytest.approx((60.0, 70.0), abs=1e-3)
    assert np.dot(head.right_xy, head.down_xy) == pytest.approx(0.0)
