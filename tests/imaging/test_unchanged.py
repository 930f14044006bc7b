"""Which photos go into a data set as they are: those that every reader sees alike."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.imaging.codec import read_image
from m2fp_cli.imaging.unchanged import read_unchanged

PHOTO = Image.fromarray(np.full((8, 12, 3), 90, np.uint8))


def taken(path, photo, **options):
    photo.save(path, **options)
    return read_unchanged(path, read_image(path))


@pytest.mark.parametrize(("name", "mode"), [("a.jpg", "RGB"), ("a.jpg", "L"), ("a.png", "P")])
def test_an_ordinary_photo_is_taken_as_it_is(tmp_path, name, mode):
    suffix, data = taken(tmp_path / name, PHOTO.convert(mode))
    assert (suffix, data) == (name[1:], (tmp_path / name).read_bytes())


def test_colors_for_print_are_not_taken_as_they_are(tmp_path):
    assert taken(tmp_path / "a.jpg", PHOTO.convert("CMYK")) is None
    assert taken(tmp_path / "b.jpg", PHOTO.convert("CMYK"), progressive=True) is None


def test_photos_that_readers_see_differently_are_not_taken(tmp_path):
    turned = Image.Exif()
    turned[0x112] = 6
    assert taken(tmp_path / "a.jpg", PHOTO, exif=turned) is None
    assert taken(tmp_path / "b.webp", PHOTO) is None
    deep = Image.fromarray(np.full((8, 12), 30_000, np.uint16))
    assert taken(tmp_path / "c.png", deep) is None


@pytest.mark.parametrize(("name", "cut"), [("a.jpg", 1), ("a.jpg", 2), ("a.png", 12)])
def test_a_file_without_its_end_is_not_taken(tmp_path, name, cut):
    """Pillow refuses such a JPEG, OpenCV such a PNG as well."""
    path = tmp_path / name
    PHOTO.save(path)
    path.write_bytes(path.read_bytes()[:-cut])
    decoded = read_image(path)
    assert decoded.notes == ()  # nothing of the photo is missing
    assert read_unchanged(path, decoded) is None


def test_a_file_that_was_replaced_meanwhile_is_not_taken(tmp_path):
    path = tmp_path / "a.png"
    PHOTO.save(path)
    decoded = read_image(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == decoded.sha256
    PHOTO.rotate(180).crop((0, 0, 5, 5)).save(path)
    assert read_unchanged(path, decoded) is None
