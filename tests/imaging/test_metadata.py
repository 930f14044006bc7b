"""Damaged metadata cost no pixels, and what was damaged is noted."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from m2fp_cli.imaging.codec import decode_image
from m2fp_cli.imaging.metadata import strip_metadata
from tests.support.picture_bytes import encoded, exif_block, oriented, photo_rgb, png_chunk

PHOTO = photo_rgb(40, 56)
GARBAGE = b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(range(256))
PROFILE_NOTE = "its color profile is damaged and was ignored"
CHUNK_NOTE = "its 'pHYs' chunk is damaged and was ignored"
CLEAR_NOTE = "its 'tRNS' chunk is damaged and was ignored"
EXIF_NOTE = "its EXIF data are damaged and were ignored"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segment(marker: int, body: bytes) -> bytes:
    data = encoded(PHOTO, "JPEG")
    return data[:2] + segment(marker, body) + data[2:]


def with_chunk(chunk: bytes) -> bytes:
    data = encoded(PHOTO, "PNG")
    return data[:33] + chunk + data[33:]


def broken(chunk: bytes) -> bytes:
    return chunk[:-1] + bytes((chunk[-1] ^ 255,))


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (with_segment(0xE1, GARBAGE), (EXIF_NOTE,)),
        (with_segment(0xE2, b"ICC_PROFILE\0\1\2half"), (PROFILE_NOTE,)),
        (with_segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(400)), (PROFILE_NOTE,)),
        (with_segment(0xE0, b"JFIF\0"), ()),
        (with_segment(0xFE, bytes(range(256))), ()),
        (with_chunk(broken(png_chunk(b"pHYs", bytes(9)))), (CHUNK_NOTE,)),
        (with_chunk(broken(png_chunk(b"tRNS", bytes(6)))), (CLEAR_NOTE,)),
        (with_chunk(png_chunk(b"tRNS", bytes(1))), (CLEAR_NOTE,)),
        (with_chunk(png_chunk(b"iCCP", b"name\0\0not zlib")), (PROFILE_NOTE,)),
        (with_chunk(png_chunk(b"eXIf", GARBAGE[6:])), (EXIF_NOTE,)),
        (with_chunk(png_chunk(b"tIME", b"")), ()),
        (encoded(PHOTO, "WEBP", lossless=True, exif=GARBAGE), (EXIF_NOTE,)),
        (with_segment(0xE1, exif_block(1)), ()),
        (with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), ()),
        (with_segment(0xE3, exif_block(1)[:9]), ()),
        (with_chunk(png_chunk(b"eXIf", exif_block(1)[6:])), ()),
        (encoded(PHOTO, "WEBP", lossless=True, exif=exif_block(1), xmp=b"<x/>"), ()),
    ],
)  # fmt: skip
def test_pixels_decide(data, notes):
    decoded = decode_image(data)
    whole = decode_image(encoded(PHOTO, "JPEG")) if data[:2] == b"\xff\xd8" else None
    expected = PHOTO[..., ::-1] if whole is None else whole.image_bgr
    np.testing.assert_array_equal(decoded.image_bgr, expected)
    assert decoded.notes == notes


@pytest.mark.parametrize("kind", [b"tEXt", b"eXIf"])
def test_metadata_behind_the_pixels_may_be_cut(kind):
    data = encoded(PHOTO, "PNG")[:-12] + png_chunk(kind, bytes(900))[:-500]
    np.testing.assert_array_equal(decode_image(data).image_bgr, PHOTO[..., ::-1])


def test_a_webp_cut_in_its_metadata_has_its_pixels():
    data = encoded(PHOTO, "WEBP", lossless=True, exif=exif_block(1) + bytes(4000))
    np.testing.assert_array_equal(decode_image(data[:-3000]).image_bgr, PHOTO[..., ::-1])


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
def test_the_decoder_sees_no_metadata(fmt):
    plain = strip_metadata(encoded(oriented(6), fmt, exif=exif_block(6), icc_profile=b"abc"), fmt)
    assert b"Exif" not in plain.data
    assert b"eXIf" not in plain.data
    assert plain.profile == b"abc"
    assert strip_metadata(plain.data, fmt).data == plain.data
