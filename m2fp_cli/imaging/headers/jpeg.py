"""JPEG headers: the marker segments before the first scan. Layout: ITU-T T.81, annex B."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.record import ImageHeader, damaged, truncated
from m2fp_cli.imaging.headers.tiff import exif_orientation, xmp_orientation

MAGIC = b"\xff\xd8\xff"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0..15 without DHT, JPG, DAC
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # TEM, RST0..7, SOI: no length follows
_APP1, _EOI, _SOS = 0xE1, 0xD9, 0xDA
_EXIF_PREFIX = b"Exif\0\0"
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
# A camera writes 10 to 300 segments and no padding. Decoders skip padding byte by byte, so a file
# of padding alone would keep one busy for minutes.
_MAX_SEGMENTS = 20_000
_MAX_PADDING = 1 << 16


@dataclass
class _Found:
    """What the segments have told so far; the size is (width, height)."""

    size_wh: tuple[int, int] | None = None
    exif: int | None = None
    xmp: int | None = None
    has_exif: bool = False


def read_header(data: bytes) -> ImageHeader:
    """Header of a JPEG file, from its frame header and its EXIF or XMP segment.

    Raises:
        ImageError: ``corrupt`` if a segment is truncated, or if there is not exactly one frame
            header with a size before the first scan; ``unsupported`` for 12 or 16 bits per sample.
    """
    found = _Found()
    for marker, _, body in walk_segments(data):
        _read_segment(found, marker, data[body])
    if found.size_wh is None:
        raise damaged("it has no frame header")
    return ImageHeader("JPEG", *found.size_wh, found.exif or found.xmp or 1)


def walk_segments(data: bytes) -> Iterator[tuple[int, slice, slice]]:
    """The segments before the first scan.

    Yields:
        the marker's second byte, the whole segment with padding before it, and its body.

    Raises:
        ImageError: ``corrupt`` if a segment is truncated or there is no scan.
    """
    end = 2
    for _ in range(_MAX_SEGMENTS):
        at = _next_marker(data, end)
        marker = data[at - 1]
        if marker == _SOS:
            return
        if marker == _EOI:
            raise damaged("it ends before its first scan")
        body = slice(at, at) if marker in _STANDALONE else _segment(data, at)
        yield marker, slice(end, body.stop), body
        end = body.stop
    raise damaged(f"it has more than {_MAX_SEGMENTS} segments before its pixels")


def count_components(data: bytes) -> int:
    """How many samples a pixel of a JPEG has: 1 is gray, 3 color, 4 CMYK as printers take it.

    Args:
        data: a file whose header ``read_header`` has read.
    """
    return next(data[body][5] for marker, _, body in walk_segments(data) if marker in _FRAMES)


def _next_marker(data: bytes, at: int) -> int:
    """The position behind the next marker; padding before it is skipped."""
    start = at
    while True:
        at = data.find(b"\xff", at, start + _MAX_PADDING)
        if at < 0 or at + 1 >= len(data):
            break
        if data[at + 1] not in (0x00, 0xFF):
            return at + 2
        at += 1
    if start + _MAX_PADDING >= len(data):
        raise truncated("it ends before its pixels begin")
    raise damaged("a marker is missing")


def _segment(data: bytes, at: int) -> slice:
    """The body of the segment whose length is at a position."""
    if at + 2 > len(data):
        raise truncated("it ends before its pixels begin")
    length = struct.unpack_from(">H", data, at)[0]
    if length < 2:
        raise damaged("a segment has no length")
    if at + length > len(data):
        raise truncated("it ends before its pixels begin")
    return slice(at + 2, at + length)


def _read_segment(found: _Found, marker: int, body: bytes) -> None:
    """Take the size or an orientation from a segment that has one."""
    if marker in _FRAMES:
        if found.size_wh is not None:
            raise damaged("it has two frame headers")
        found.size_wh = _frame_size(body)
    elif marker == _APP1 and body.startswith(_EXIF_PREFIX) and not found.has_exif:
        found.exif, found.has_exif = exif_orientation(body), True
    elif marker == _APP1 and body.startswith(_XMP_PREFIX):
        found.xmp = xmp_orientation(body)


def _frame_size(body: bytes) -> tuple[int, int]:
    if len(body) < 6:
        raise damaged("its frame header is incomplete")
    bits, height, width = struct.unpack_from(">BHH", body)
    if bits != 8:
        raise ImageError("unsupported", f"is a JPEG of {bits} bits per sample; export it with 8")
    if not (width and height):
        raise damaged(f"its header says {width} x {height} pixels")
    return width, height
