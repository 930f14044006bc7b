from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.tryon.compositing import affine_inverse
from m2fp_cli.tryon.kinds.necklace import NecklacePlacement
from training.necklace_marks import Marks, compare_marks, read_marks

SKIN = np.ones((1, 1), np.bool_)
IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
PLACE = NecklacePlacement(
    affine_inverse(IDENTITY), ((80.0, 50.0), (120.0, 50.0)), (100.0, 90.0), SKIN, SKIN, IDENTITY
)


def test_marks_are_of_different_photos_with_what_is_seen():
    marks = read_marks()
    assert all(name.isdigit() for name in marks)
    assert {one.use for one in marks.values()} == {"chosen", "judged", "blind"}
    for one in marks.values():
        left, right = one.ends_xy
        assert left is None or left[0] < one.middle_x
        assert right is None or one.middle_x < right[0]


def test_errors_are_in_units_to_the_right_and_below():
    errors = compare_marks(PLACE, Marks(105.0, ((82.0, 40.0), (126.0, 56.0)), "blind"), 20.0)
    assert errors == pytest.approx({"x": 0.25, "end_x": 0.2, "end_y": -0.1})


def test_a_hidden_end_says_nothing():
    one = compare_marks(PLACE, Marks(100.0, (None, (120.0, 60.0)), "blind"), 20.0)
    assert one == pytest.approx({"x": 0.0, "end_x": 0.0, "end_y": 0.5})
    none = compare_marks(PLACE, Marks(100.0, (None, None), "blind"), 20.0)
    assert np.isnan([none["end_x"], none["end_y"]]).all()
