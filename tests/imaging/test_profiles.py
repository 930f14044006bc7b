"""Color profiles: what the eye sees goes to the network, and the photo keeps its numbers."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from PIL import Image, ImageCms

from m2fp_cli.imaging.codec import decode_image
from m2fp_cli.imaging.profiles import read_profile
from tests.support.icc import hollow_profile, matrix_profile, scanner_profile
from tests.support.picture_bytes import encoded, photo_rgb

# Display P3's primaries under D50 (ICC registry), and sRGB's transfer function as a gamma of 2.2.
P3 = matrix_profile(((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PHOTO = photo_rgb(32, 48)


def test_the_colors_are_those_of_the_profile():
    linear = (PHOTO / 255.0) ** 2.2
    to_xyz = np.array(P3.columns).T
    from_xyz = np.linalg.inv(
        np.array(((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))).T
    )
    srgb = np.clip(linear @ to_xyz.T @ from_xyz.T, 0, 1)
    encoded_srgb = np.where(srgb <= 0.0031308, srgb * 12.92, 1.055 * srgb ** (1 / 2.4) - 0.055)
    decoded = decode_image(encoded(PHOTO, "PNG", icc_profile=P3.data))
    difference = np.abs(decoded.image_bgr[..., ::-1] - encoded_srgb * 255)
    assert difference.max() < 6
    assert difference.mean() < 1
    assert decoded.notes == ("its colors were converted from test to sRGB",)


def test_a_profile_of_srgb_changes_nothing():
    decoded = decode_image(encoded(PHOTO, "PNG", icc_profile=SRGB))
    np.testing.assert_array_equal(decoded.image_bgr[..., ::-1], PHOTO)
    assert decoded.notes == ()
    assert read_profile(SRGB) is None


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_format_carries_its_profile(fmt):
    decoded = decode_image(encoded(PHOTO, fmt, icc_profile=P3.data), keep_original=True)
    assert decoded.original is not None
    assert decoded.original.profile.data == P3.data


def test_only_changed_pixels_get_new_numbers():
    decoded = decode_image(encoded(PHOTO, "PNG", icc_profile=P3.data), keep_original=True)
    changed = decoded.image_bgr.copy()
    changed[5:9, 7:20] = (10, 200, 90)
    assert decoded.original is not None
    back = decoded.original.take_changes(decoded.image_bgr, changed)
    outside = np.ones((32, 48), bool)
    outside[5:9, 7:20] = False
    np.testing.assert_array_equal(back[outside], PHOTO[..., ::-1][outside])
    again = decode_image(encoded(back[..., ::-1], "PNG", icc_profile=P3.data)).image_bgr
    assert np.abs(again[6, 10].astype(int) - (10, 200, 90)).max() <= 2


def test_a_profile_for_other_pixels_is_ignored():
    gray = Image.fromarray(PHOTO[..., 0])
    decoded = decode_image(encoded(gray, "PNG", icc_profile=P3.data))
    np.testing.assert_array_equal(decoded.image_bgr[..., 1], PHOTO[..., 0])
    assert decoded.notes == ("its color profile is for RGB pixels and was ignored",)


@pytest.mark.parametrize(("space", "mode"), [(b"GRAY", "L"), (b"CMYK", "CMYK"), (b"RGB ", "RGB")])
def test_a_profile_with_a_header_alone_costs_no_pixels(space, mode):
    photo = Image.fromarray(PHOTO).convert(mode)
    decoded = decode_image(encoded(photo, "TIFF", icc_profile=hollow_profile(space)))
    np.testing.assert_array_equal(decoded.image_bgr[..., ::-1], np.asarray(photo.convert("RGB")))
    assert decoded.notes == ("its color profile is damaged and was ignored",)


def test_colors_that_only_a_scanner_has_are_not_kept():
    data = encoded(PHOTO, "PNG", icc_profile=scanner_profile())
    decoded = decode_image(data, keep_original=True)
    assert decoded.original is None
    assert decoded.notes == ("its colors were converted from test to sRGB",)


@functools.cache
def deep(fmt: str) -> bytes:
    samples = (np.arange(48 * 64, dtype=np.uint16) * 21).reshape(48, 64)
    return encoded(Image.fromarray(samples), fmt)


@pytest.mark.parametrize("fmt", ["PNG", "TIFF"])
def test_lost_bits_are_noted(fmt):
    assert decode_image(deep(fmt)).notes == ("its 16-bit samples were reduced to 8 bits",)
