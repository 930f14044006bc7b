"""Masks as PNG, put together from parts."""

from __future__ import annotations

import io
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from m2fp_cli.imaging.mask_png import encode_mask_png

SIZES = [(1, 1), (3, 5), (700, 1000), (3000, 2600)]  # the last has several parts above the box


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_mask_is_the_same_when_it_is_read(hw, share):
    height, width = (int(share * side) for side in hw)
    origin_xy = (hw[1] - width) * 2 // 3, (hw[0] - height) * 2 // 3
    inside = np.random.default_rng(1).random((height, width)) > 0.3
    expected = np.zeros(hw, np.uint8)
    expected[origin_xy[1] :, origin_xy[0] :][:height, :width][inside] = 255
    data = encode_mask_png(inside, origin_xy, hw)
    picture = Image.open(io.BytesIO(data))
    assert picture.mode == "L"
    assert (np.asarray(picture) == expected).all()
    assert (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) == expected).all()


def test_the_checksum_is_that_of_the_whole():
    inside = np.ones((30, 30), np.bool_)
    data = encode_mask_png(inside, (5, 1200), (2000, 1500))
    stream = data[data.index(b"IDAT") + 4 : -16]
    assert len(zlib.decompress(stream)) == 2000 * 1501  # which refuses a wrong checksum


def test_what_is_empty_is_small():
    inside = np.ones((1, 1), np.bool_)
    assert len(encode_mask_png(inside, (3999, 3999), (4000, 4000))) < 25_000
