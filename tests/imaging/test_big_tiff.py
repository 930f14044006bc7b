"""BigTIFF in both byte orders: the pixels are those of the plain file."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import decode_image
from tests.support.picture_bytes import photo_rgb

tifffile = pytest.importorskip("tifffile")
PHOTO = photo_rgb(40, 56)


def written(pixels, byteorder, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, bigtiff=True, byteorder=byteorder, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"rowsperstrip": 1},  # a list of places
        {"tile": (16, 16), "compression": "zlib"},
        {"planarconfig": "separate"},
    ],
)
def test_the_pixels_are_the_same(order, options):
    pixels = np.moveaxis(PHOTO, 2, 0) if "planarconfig" in options else PHOTO
    decoded = decode_image(written(pixels, order, photometric="rgb", **options))
    np.testing.assert_array_equal(decoded.image_bgr[..., ::-1], PHOTO)


def test_samples_of_16_bits_keep_their_order_and_the_photo_its_turn():
    data = written(PHOTO[..., 0].astype(np.uint16) << 8, ">", extratags=[(274, 3, 1, 6, True)])
    decoded = decode_image(data)
    np.testing.assert_array_equal(decoded.image_bgr[..., 0], np.rot90(PHOTO[..., 0], -1))


def test_a_file_that_ends_anywhere_or_repeats_itself_is_refused():
    data = written(PHOTO, ">", photometric="rgb")
    for end in range(16, len(data) - 1, 97):
        with pytest.raises(ImageError):
            decode_image(data[:end])
    entry = struct.pack(">HHQQ", 700, 1, len(data) // 2, 0)
    endless = struct.pack(">HHHQQ", 0x4D4D, 43, 8, 0, 16)[:8]
    entries = [struct.pack(">HHQQ", tag, 3, 1, 40 << 48) for tag in (256, 257)] + [entry] * 99
    body = struct.pack(">QQ", 16, len(entries)) + b"".join(entries)
    with pytest.raises(ImageError, match="larger than the file"):
        decode_image(endless[:4] + b"\0\x08\0\0" + body)
