"""Cameras say Adobe RGB in EXIF data alone; it counts as if they had embedded the profile."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from m2fp_cli.imaging.adobe_rgb import adobe_rgb_profile
from m2fp_cli.imaging.codec import decode_image
from m2fp_cli.imaging.headers.exif import says_adobe_rgb
from tests.support.picture_bytes import encoded, photo_rgb

PHOTO = photo_rgb(32, 48)
COLOR_SPACE, DIRECTORY, INTEROPERABILITY = 0xA001, 0x8769, 0xA005
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def camera_exif(order="<", index="R03", space=0xFFFF) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "Camera"
    exif.get_ifd(DIRECTORY).update({COLOR_SPACE: space, INTEROPERABILITY: {1: index}})
    return exif.tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photo_of_a_camera_in_adobe_rgb_looks_as_with_its_profile(order):
    said = decode_image(encoded(PHOTO, "JPEG", exif=camera_exif(order)), keep_original=True)
    embedded = decode_image(encoded(PHOTO, "JPEG", icc_profile=adobe_rgb_profile()))
    np.testing.assert_array_equal(said.image_bgr, embedded.image_bgr)
    name = "compatible with Adobe RGB (1998)"
    assert said.notes == (f"its colors were converted from {name} to sRGB",)
    assert said.original is not None
    assert said.original.profile.data == adobe_rgb_profile()


@pytest.mark.parametrize(
    ("photo", "options"),
    [
        (PHOTO, {"exif": camera_exif(index="R98")}),  # sRGB
        (PHOTO, {"exif": camera_exif(space=1)}),  # sRGB as well: the two contradict each other
        (PHOTO, {"exif": camera_exif(), "icc_profile": SRGB}),  # a profile knows better
        (PHOTO[..., 0], {"exif": camera_exif()}),  # gray has no primaries
    ],
)
def test_other_photos_keep_their_numbers(photo, options):
    decoded = decode_image(encoded(photo, "JPEG", **options))
    plain = decode_image(encoded(photo, "JPEG"))
    np.testing.assert_array_equal(decoded.image_bgr, plain.image_bgr)
    assert decoded.notes == ()


def test_the_colors_are_those_of_the_specification():
    """White, gray and red by the matrix of Adobe RGB (1998), 4.3.5.3 and sRGB's inverse."""
    levels = np.array([[[255, 255, 255], [128, 128, 128], [200, 50, 50], [90, 120, 60]]], np.uint8)
    linear = (levels / 255) ** (2 + 51 / 256)
    to_xyz = [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    to_srgb = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    srgb = np.clip(linear @ np.array(to_xyz).T @ np.array(to_srgb).T, 0, 1)
    wanted = np.where(srgb <= 0.0031308, srgb * 12.92, 1.055 * srgb ** (1 / 2.4) - 0.055) * 255
    decoded = decode_image(encoded(levels, "PNG", icc_profile=adobe_rgb_profile()))
    assert np.abs(decoded.image_bgr[..., ::-1] - wanted).max() < 1.5


def test_exif_data_that_end_anywhere_are_no_adobe_rgb():
    whole = camera_exif()
    assert says_adobe_rgb(whole)
    assert not any(says_adobe_rgb(whole[:end]) for end in range(len(whole) - 8))
    assert not any(says_adobe_rgb(whole[:10] + b"\xff" * n) for n in range(99))
