"""Encodes masks as PNG quickly: what lies outside a mask's box is not looked at.

A mask covers a small share of a photo, and a zlib stream may be put together from parts. So the
empty rows above and below the box are parts that are made once. A part of a person in a photo of 50
megapixels takes 0.03 s on one core; as a picture of all pixels it would take 0.21 s.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache

import numpy as np

from m2fp_cli.arrays import BoolArray, ByteArray
from m2fp_cli.imaging.headers.png import MAGIC
from m2fp_cli.imaging.photo_png import make_chunk

_EMPTY_BYTES = 1 << 20  # of the part that is made once
_ROWS_BYTES = 1 << 20  # compressed at a time
_HEADER = b"\x78\x01"  # of a zlib stream
_END = b"\x03\x00"  # a last block with nothing in it
_ADLER = 65521  # modulus of the stream's checksum, RFC 1950


def encode_mask_png(
    inside: BoolArray, origin_xy: tuple[int, int], image_hw: tuple[int, int]
) -> bytes:
    """Encode a mask of a whole image.

    Args:
        inside: (h, w) bool, the mask inside some box; outside it nothing is set.
        origin_xy: column and row of the box's first pixel in the image.
        image_hw: size of the image, in pixels; no side is 0.

    Returns:
        An 8-bit gray PNG of 0 and 255 without metadata; the same bytes for the same mask and box
        under one zlib.
    """
    height, width = image_hw
    line = width + 1  # each row comes after the number of its predictor, 0 for none
    above = origin_xy[1] * line
    below = (height - origin_xy[1] - len(inside)) * line
    parts, check = [_HEADER, _pack_empty(above)], _check_empty(1, above)
    step = max(1, _ROWS_BYTES // line)
    for y in range(0, len(inside), step):
        rows = _rows(inside[y : y + step], origin_xy[0], line).tobytes()
        parts.append(_pack(rows))
        check = zlib.adler32(rows, check)
    parts += [_pack_empty(below), _END, struct.pack(">I", _check_empty(check, below))]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"".join(parts)), (b"IEND", b""))
    return MAGIC + b"".join(make_chunk(name, data) for name, data in chunks)


def _rows(inside: BoolArray, x0: int, line: int) -> ByteArray:
    rows = np.zeros((len(inside), line), np.uint8)
    begin = x0 + 1
    np.multiply(inside, np.uint8(255), out=rows[:, begin : begin + inside.shape[1]])
    return rows


def _pack(data: bytes) -> bytes:
    """A part of a zlib stream, which refers to nothing before it; runs only are looked for."""
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -15, 8, zlib.Z_RLE)
    return squeeze.compress(data) + squeeze.flush(zlib.Z_FULL_FLUSH)


@cache
def _empty_part() -> bytes:
    return _pack(bytes(_EMPTY_BYTES))


def _pack_empty(count: int) -> bytes:
    """So many bytes of 0."""
    whole, rest = divmod(count, _EMPTY_BYTES)
    return _empty_part() * whole + (_pack(bytes(rest)) if rest else b"")


def _check_empty(check: int, count: int) -> int:
    """The checksum after so many bytes of 0: its lower half stays, the upper one grows by it."""
    low, high = check & 0xFFFF, check >> 16
    return (high + count * low) % _ADLER << 16 | low
