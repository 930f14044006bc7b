"""Decoded pixels of any kind as opaque sRGB."""

from PIL import Image

from m2fp_cli.imaging.srgb import to_srgb


def test_a_picture_in_srgb_is_not_copied():
    # A copy of 12 megapixels takes as long as a sixth of their decoding.
    image = Image.new("RGB", (3, 2), (10, 20, 30))
    assert to_srgb(image, None).srgb is image


def test_a_gray_picture_becomes_rgb_and_stays_itself():
    image = Image.new("L", (3, 2), 40)
    assert to_srgb(image, None).srgb.getpixel((2, 1)) == (40, 40, 40)
    assert image.mode == "L"
