"""TIFF files of luma and chroma, as scanners and video tools write them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from m2fp_cli.imaging.codec import decode_image

HEIGHT, WIDTH = 47, 63  # no multiples of any subsampling
SHORT, LONG = 3, 4
PLAIN, DEFLATE = 1, 8


def gradient_rgb():
    across = np.broadcast_to(np.linspace(0, 255, WIDTH), (HEIGHT, WIDTH))
    down = np.broadcast_to(np.linspace(0, 255, HEIGHT)[:, None], (HEIGHT, WIDTH))
    return np.stack([across, down, np.full((HEIGHT, WIDTH), 90)], -1).astype(np.uint8)


def data_units(ycbcr, across, down):
    """Blocks of luma with a pair of chroma each, see TIFF 6.0, section 21."""
    rows, columns = -HEIGHT % down, -WIDTH % across
    padded = np.pad(ycbcr, ((0, rows), (0, columns), (0, 0)), mode="edge")
    units = bytearray()
    for y in range(0, HEIGHT, down):
        for x in range(0, WIDTH, across):
            block = padded[y : y + down, x : x + across]
            units += block[..., 0].tobytes()
            units += bytes(round(float(block[..., channel].mean())) for channel in (1, 2))
    return bytes(units)


def ycbcr_tiff(across, down, compression, *, tagged, orientation=1):
    ycbcr = np.asarray(Image.fromarray(gradient_rgb()).convert("YCbCr"))
    strip = data_units(ycbcr, across, down)
    strip = zlib.compress(strip) if compression == DEFLATE else strip
    depths = struct.pack("<3H", 8, 8, 8)
    entries = [
        (256, LONG, 1, WIDTH),
        (257, LONG, 1, HEIGHT),
        (258, SHORT, 3, 8),
        (259, SHORT, 1, compression),
        (262, SHORT, 1, 6),  # YCbCr
        (273, LONG, 1, 8 + len(depths)),
        (274, SHORT, 1, orientation),
        (277, SHORT, 1, 3),
        (278, LONG, 1, HEIGHT),
        (279, LONG, 1, len(strip)),
        *([(530, SHORT, 2, across | down << 16)] if tagged else []),
    ]
    first = 8 + len(depths) + len(strip)
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    header = struct.pack("<2sHI", b"II", 42, first)
    return header + depths + strip + struct.pack("<H", len(entries)) + directory + bytes(4)


@pytest.mark.parametrize("compression", [PLAIN, DEFLATE])
@pytest.mark.parametrize(
    ("across", "down", "tagged"),
    [(2, 2, False), (2, 2, True), (1, 1, True), (2, 1, True), (4, 4, True)],
)
def test_ycbcr_is_read_with_and_without_compression(across, down, tagged, compression):
    decoded = decode_image(ycbcr_tiff(across, down, compression, tagged=tagged))
    difference = np.abs(decoded.image_bgr[..., ::-1].astype(int) - gradient_rgb())
    assert difference.mean() < 0.5 + 0.45 * (across + down)
    assert not TiffImagePlugin.READ_LIBTIFF


def test_it_is_turned_upright():
    decoded = decode_image(ycbcr_tiff(2, 2, PLAIN, tagged=False, orientation=6))
    difference = np.abs(decoded.image_bgr[..., ::-1].astype(int) - np.rot90(gradient_rgb(), -1))
    assert difference.mean() < 2
