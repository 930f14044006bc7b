"""TIFF files that are in order but of a kind that is not read: the message says so."""

from __future__ import annotations

import struct

import pytest

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import decode_image

SHORT, LONG = 3, 4
SIDE = 4


def tiff_of(bits, samples, *, photometric=2, sample_format=1, compression=1):
    """A TIFF of one strip of zeros."""
    per_sample = struct.pack(f"<{samples}H", *[bits] * samples)
    per_sample += struct.pack(f"<{samples}H", *[sample_format] * samples)
    depths, formats = (8, 8 + 2 * samples) if samples > 2 else struct.unpack("<II", per_sample)
    pixels = bytes(SIDE * SIDE * samples * bits // 8)
    entries = [
        (256, LONG, 1, SIDE),
        (257, LONG, 1, SIDE),
        (258, SHORT, samples, depths),
        (259, SHORT, 1, compression),
        (262, SHORT, 1, photometric),
        (273, LONG, 1, 8 + len(per_sample)),
        (277, SHORT, 1, samples),
        (278, LONG, 1, SIDE),
        (279, LONG, 1, len(pixels)),
        (339, SHORT, samples, formats),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    blocks = per_sample + pixels
    header = struct.pack("<2sHI", b"II", 42, 8 + len(blocks))
    return header + blocks + struct.pack("<H", len(entries)) + directory + bytes(4)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (tiff_of(32, 3, sample_format=3), "32-bit floating-point samples, 3 to a pixel"),
        (tiff_of(16, 2, photometric=1), "16-bit samples, 2 to a pixel"),
        (tiff_of(16, 3, photometric=8), "16-bit Lab samples, 3 to a pixel"),
        (tiff_of(12, 3), "12-bit samples, 3 to a pixel"),
        (tiff_of(8, 3, compression=50001), "compression (WebP)"),
    ],
)
def test_an_unread_kind_of_tiff_is_not_called_damaged(data, what):
    with pytest.raises(ImageError) as caught:
        decode_image(data)
    assert caught.value.reason == "unsupported"
    assert what in str(caught.value)


def test_a_tiff_of_the_usual_kind_that_cannot_be_decoded_is_damaged():
    assert decode_image(tiff_of(16, 3)).image_hw == (SIDE, SIDE)
    with pytest.raises(ImageError) as caught:
        decode_image(tiff_of(8, 3, compression=8))  # zeros are no Deflate data
    assert caught.value.reason == "corrupt"
