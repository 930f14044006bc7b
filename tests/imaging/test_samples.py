"""Samples that Pillow leaves as the file stores them, although the file says what they mean."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.imaging.codec import decode_image, decode_with_alpha
from tests.support.icc import gray_profile
from tests.support.picture_bytes import encoded, photo_rgb, png_chunk, png_ihdr, png_of

SHORT, LONG = 3, 4
HEIGHT, WIDTH = 6, 10
RGB = photo_rgb(HEIGHT, WIDTH)
GRAY = RGB[..., 1]


def plain_tiff(pixels, bits, photometric, *, samples=1, planes=1):
    """A TIFF without compression, a strip for each plane."""
    size = len(pixels) // planes
    depths, strips = 8, 8 + 2 * samples
    counts = strips + 4 * planes
    first = counts + 4 * planes
    begin = [first + size * plane for plane in range(planes)]
    blocks = struct.pack(f"<{samples}H", *[bits] * samples)
    blocks += struct.pack(f"<{2 * planes}I", *begin, *[size] * planes) + pixels
    entries = [
        (256, LONG, 1, WIDTH),
        (257, LONG, 1, HEIGHT),
        (258, SHORT, samples, depths if samples > 2 else bits),
        (259, SHORT, 1, 1),
        (262, SHORT, 1, photometric),
        (273, LONG, planes, strips if planes > 1 else begin[0]),
        (277, SHORT, 1, samples),
        (278, LONG, 1, HEIGHT),
        (279, LONG, planes, counts if planes > 1 else size),
        (284, SHORT, 1, 2 if planes > 1 else 1),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    header = struct.pack("<2sHI", b"II", 42, 8 + len(blocks))
    return header + blocks + struct.pack("<H", len(entries)) + directory + bytes(4)


@pytest.mark.parametrize("bits", [8, 16])
def test_planes_of_a_tiff_are_read(bits):
    planes = np.moveaxis(RGB, -1, 0).astype("<u2") * 257
    stored = planes.tobytes() if bits == 16 else np.moveaxis(RGB, -1, 0).tobytes()
    decoded = decode_image(plain_tiff(stored, bits, 2, samples=3, planes=3))
    np.testing.assert_array_equal(decoded.image_bgr[..., ::-1], RGB)


def test_16_bits_where_0_is_white_are_no_negative():
    stored = 65535 - GRAY.astype("<u2") * 257
    decoded = decode_image(plain_tiff(stored.tobytes(), 16, 0))
    np.testing.assert_array_equal(decoded.image_bgr[..., 0], GRAY)


def test_12_bits_are_not_black():
    high, low = GRAY.reshape(-1, 2).astype(int).T
    packed = np.stack([high, low >> 4, (low & 15) << 4], -1).astype(np.uint8)
    decoded = decode_image(plain_tiff(packed.tobytes(), 12, 1))
    np.testing.assert_array_equal(decoded.image_bgr[..., 0], GRAY)
    assert decoded.notes == ("its 12-bit samples were reduced to 8 bits",)


@pytest.mark.parametrize(("bits", "key"), [(2, 2), (4, 9), (8, 200), (16, 40000)])
def test_the_transparent_gray_of_a_png_is_transparent(bits, key):
    others = np.full(16, 1)
    others[[3, 8]] = key
    digits = np.unpackbits(others.astype(">u2").view(np.uint8)).reshape(16, 16)[:, 16 - bits :]
    idat = png_chunk(b"IDAT", zlib.compress(b"\0" + np.packbits(digits).tobytes()))
    data = png_of(png_ihdr(16, 1, bits, 0), png_chunk(b"tRNS", struct.pack(">H", key)), idat)
    assert np.flatnonzero(decode_with_alpha(data)[0, :, 3] == 0).tolist() == [3, 8]
    assert np.flatnonzero(decode_image(data).image_bgr[0, :, 0] == 255).tolist() == [3, 8]


def bmp_with_alpha(alpha):
    bgra = np.dstack([RGB[..., ::-1], np.full((HEIGHT, WIDTH), alpha, np.uint8)])[::-1]
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHI", 56, WIDTH, HEIGHT, 1, 32, 3) + bytes(20) + masks
    return b"BM" + struct.pack("<IHHI", 70 + bgra.size, 0, 0, 70) + info + bgra.tobytes()


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_bmp_without_any_alpha_is_a_photo(alpha):
    decoded = decode_image(bmp_with_alpha(alpha))
    np.testing.assert_array_equal(decoded.image_bgr[..., ::-1], RGB)
    assert (decode_with_alpha(bmp_with_alpha(alpha))[..., 3] == 255).all()
    assert decoded.notes == ()


def test_a_bmp_may_be_clear_in_places():
    half = decode_image(bmp_with_alpha(np.arange(WIDTH, dtype=np.uint8) % 2 * 255))
    assert (half.image_bgr[:, ::2] == 255).all()


def test_gray_with_alpha_keeps_its_profile():
    opaque = decode_image(encoded(GRAY, "PNG", icc_profile=gray_profile(1.0)))
    pair = Image.merge("LA", [Image.fromarray(GRAY), Image.new("L", (WIDTH, HEIGHT), 128)])
    seen = decode_with_alpha(encoded(pair, "PNG", icc_profile=gray_profile(1.0)))
    np.testing.assert_array_equal(seen[..., :3], opaque.image_bgr)
    assert np.abs(seen[..., 0].astype(int) - GRAY).max() > 20
