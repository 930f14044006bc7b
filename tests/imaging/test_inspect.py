from __future__ import annotations

import contextlib
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.record import ImageHeader
from m2fp_cli.imaging.inspect import inspect_image
from tests.support.hostile_pictures import HostileFile, hostile_files
from tests.support.picture_bytes import (
    encoded,
    exif_block,
    oriented,
    photo_rgb,
    png_chunk,
    tiff_ifd,
)

# Refused by the decoder, not by the header: their headers are in order.
LEFT_TO_THE_DECODER = {
    "bit_flip.png", "no_strips.tif", "float.tif", "int32.tif",
    "cut_2.jpg", "cut_50.jpg", "cut_99.9.jpg", "cut_progressive.jpg",
    "heic_named.jpg",
}  # fmt: skip
BY_NAME = {one.name: one for one in hostile_files()}


def upright_hw(header: ImageHeader) -> tuple[int, int]:
    """Height and width once the orientation is applied: 5 to 8 turn the photo by a quarter."""
    hw = (header.height, header.width)
    return hw if header.orientation < 5 else hw[::-1]


@pytest.mark.parametrize("one", hostile_files(), ids=lambda one: one.name)
def test_every_hostile_file_gets_its_answer(one: HostileFile) -> None:
    if one.reason is None or one.name in LEFT_TO_THE_DECODER:
        header = inspect_image(one.data)
        assert one.image_hw in (None, upright_hw(header))
    else:
        with pytest.raises(ImageError) as caught:
            inspect_image(one.data)
        assert caught.value.reason == one.reason
        assert "\n" not in str(caught.value)


def test_no_hostile_file_keeps_the_pre_flight_busy() -> None:
    for one in hostile_files():
        start = time.process_time()
        with contextlib.suppress(ImageError):
            inspect_image(one.data)
        assert time.process_time() - start < 1.0, one.name


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("hw", [(1, 1), (1, 2), (40, 33), (257, 300)])
def test_format_and_size_are_those_written(fmt: str, hw: tuple[int, int]) -> None:
    header = inspect_image(encoded(photo_rgb(*hw), fmt))
    assert header == ImageHeader(fmt, hw[1], hw[0])


def test_webp_sizes_of_all_three_kinds() -> None:
    photo = Image.fromarray(photo_rgb(37, 91))
    kinds = {
        b"VP8 ": encoded(photo, "WEBP"),
        b"VP8L": encoded(photo, "WEBP", lossless=True),
        b"VP8X": encoded(photo, "WEBP", exif=exif_block(6)),
    }
    for kind, data in kinds.items():
        assert data[12:16] == kind
        header = inspect_image(data)
        assert (header.width, header.height) == (91, 37)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("big_endian", [False, True])
def test_exif_orientation(fmt: str, orientation: int, big_endian: bool) -> None:
    block = exif_block(orientation, big_endian=big_endian)
    header = inspect_image(encoded(oriented(orientation), fmt, exif=block))
    assert (header.orientation, upright_hw(header)) == (orientation, (48, 80))


def test_tiff_orientation() -> None:
    data = encoded(oriented(8), "TIFF", tiffinfo={274: 8})
    header = inspect_image(data)
    assert (header.width, header.height, upright_hw(header)) == (48, 80, (48, 80))


@pytest.mark.parametrize("packet", [b'<x tiff:Orientation="6"/>', b"<tiff:Orientation>6</x>"])
def test_xmp_orientation_counts_when_exif_says_nothing(packet: bytes) -> None:
    assert inspect_image(encoded(oriented(6), "JPEG", xmp=packet)).orientation == 6
    both = encoded(oriented(3), "JPEG", xmp=packet, exif=exif_block(3))
    assert inspect_image(both).orientation == 3


def test_xmp_in_a_png_is_found_packed_or_not() -> None:
    png = encoded(oriented(6), "PNG")
    packet = b'<x tiff:Orientation="6"/>'
    for text in (b"\0\0\0\0" + packet, b"\1\0\0\0" + zlib.compress(packet)):
        chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0" + text)
        assert inspect_image(png[:33] + chunk + png[33:]).orientation == 6


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_out_of_range_means_upright(value: int) -> None:
    data = encoded(oriented(1), "JPEG", exif=exif_block(value))
    assert inspect_image(data).orientation == 1


def test_broken_exif_is_no_reason_to_refuse_a_photo() -> None:
    data = encoded(oriented(1), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert inspect_image(data).orientation == 1


def test_big_tiff() -> None:
    entries = struct.pack("<HHQQ", 256, 16, 1, 640) + struct.pack("<HHQQ", 257, 4, 1, 480)
    data = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 2) + entries + bytes(8)
    assert inspect_image(data) == ImageHeader("TIFF", 640, 480)


def test_the_pixel_limit_is_inclusive_and_named() -> None:
    data = encoded(np.zeros((100, 200), np.uint8), "PNG")
    assert inspect_image(data, max_pixels=20_000).width == 200
    with pytest.raises(ImageError, match=r"0\.02 megapixels \(200 x 100\).*; make it smaller$"):
        inspect_image(data, max_pixels=19_999)


def test_the_twenty_thousand_square_says_what_to_do() -> None:
    with pytest.raises(
        ImageError, match=r"has 400 megapixels .* more than the limit of 250; make it smaller$"
    ):
        inspect_image(BY_NAME["huge.png"].data)


def test_long_pictures_pass_up_to_the_documented_ratio() -> None:
    assert inspect_image(encoded(np.zeros((2, 2000), np.uint8), "PNG")).width == 2000
    with pytest.raises(ImageError, match="1000:1"):
        inspect_image(encoded(np.zeros((2, 2001), np.uint8), "PNG"))


def test_avif_and_heic_sizes_come_from_the_largest_item() -> None:
    header = inspect_image(BY_NAME["heic_named.jpg"].data)
    assert header == ImageHeader("HEIF", 64, 48)


@pytest.mark.parametrize(
    "rest", [b"\0\0\1\2SEFH" + bytes(40) + b"SEFT", b"\0\0\0\3abcd", b"abc" * 9, b"\n"]
)
@pytest.mark.parametrize("fmt", ["AVIF", "JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_bytes_behind_a_photo_do_not_count(fmt: str, rest: bytes) -> None:
    whole = encoded(photo_rgb(9, 11), fmt)
    assert inspect_image(whole + rest) == inspect_image(whole)


def test_an_avif_cut_in_its_pixels_is_refused() -> None:
    with pytest.raises(ImageError, match="is truncated: its 'mdat' box"):
        inspect_image(encoded(photo_rgb(9, 11), "AVIF")[:-5])


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_damaged_bytes_raise_nothing_but_image_errors(fmt: str) -> None:
    options = {} if fmt in ("BMP", "GIF") else {"exif": exif_block(6)}
    whole = encoded(photo_rgb(9, 11), fmt, **options)
    random = np.random.default_rng(7)
    for _ in range(300):
        data = bytearray(whole[: random.integers(1, len(whole) + 1)])
        for at in random.integers(0, min(len(data), 120), 3):
            data[at] = random.integers(256)
        with contextlib.suppress(ImageError):
            assert inspect_image(bytes(data)).width > 0


def test_a_directory_of_other_types_is_no_crash() -> None:
    for kind in range(20):
        data = tiff_ifd([(256, kind, 1, 9), (257, kind, 70000, 9), (274, kind, 1, 6)])
        with pytest.raises(ImageError):
            inspect_image(data)
