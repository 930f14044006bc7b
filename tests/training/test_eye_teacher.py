from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from m2fp_cli.imaging.codec import read_image
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.eyes import Prior
from training.eye_teacher import find_known_eyes

pytestmark = pytest.mark.skipif(
    not hasattr(cv2, "CascadeClassifier"), reason="OpenCV 5 has no cascades"
)
PORTRAIT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def test_eyes_of_a_portrait_are_known():
    gray = to_gray(read_image(PORTRAIT).image_bgr)
    known = find_known_eyes(gray, np.ones(gray.shape, bool), Prior((225.0, 130.0), 52.0))
    assert known is not None
    assert known.center_xy == pytest.approx((224.5, 101.5), abs=2)  # read off the picture
    assert known.unit == pytest.approx(43, abs=3)


def test_nothing_is_known_where_there_is_no_face():
    gray = np.full((200, 200), 120, np.uint8)
    assert find_known_eyes(gray, gray > 0, Prior((100.0, 100.0), 40.0)) is None
