"""TIFF headers, and the EXIF and XMP blocks in which other formats store an orientation.

Layout: TIFF 6.0, Adobe 1992, section 2; BigTIFF as in libtiff's design note; tag numbers from
the EXIF 2.32 standard.
"""

from __future__ import annotations

import re
import struct

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.record import ImageHeader, damaged, truncated

SUBFILE_TYPE, WIDTH, HEIGHT, ORIENTATION = 254, 256, 257, 274
TILE_WIDTH, TILE_HEIGHT, XMP, DNG_VERSION, PHOTOMETRIC = 322, 323, 700, 50706, 262
PLANES = 284  # PlanarConfiguration
BITS, COMPRESSION, SAMPLES, SAMPLE_FORMAT = 258, 259, 277, 339
_TAGS = frozenset(
    (
        SUBFILE_TYPE,
        WIDTH,
        HEIGHT,
        BITS,
        COMPRESSION,
        PHOTOMETRIC,
        PLANES,
        ORIENTATION,
        SAMPLES,
        TILE_WIDTH,
        TILE_HEIGHT,
        SAMPLE_FORMAT,
        XMP,
        DNG_VERSION,
    )
)
_PER_SAMPLE = frozenset((BITS, SAMPLE_FORMAT))  # a number for each; in pictures all are the same
_YCBCR = 6
_SEPARATE = 2  # a plane for each channel
_BYTE, _SHORT, _LONG, _UNDEFINED, _LONG8 = 1, 3, 4, 7, 16
_FORMAT = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')

Value = int | bytes


def read_header(data: bytes) -> ImageHeader:
    """Header of the first page of a TIFF or BigTIFF file.

    Raises:
        ImageError: ``corrupt`` if the directory lies outside the file or has no size;
            ``unsupported`` for a camera raw file, whose first page is only a thumbnail;
            ``too_large`` for tiles much larger than the picture.
    """
    tags = _read_directory(data)
    reduced = tags.get(SUBFILE_TYPE, 0)
    if DNG_VERSION in tags or (isinstance(reduced, int) and reduced & 1):
        raise ImageError("unsupported", "is a camera raw file; develop it to JPEG or PNG first")
    width, height = _size(tags, WIDTH), _size(tags, HEIGHT)
    tile_pixels = _size(tags, TILE_WIDTH, 1) * _size(tags, TILE_HEIGHT, 1)
    if tile_pixels > max(4 * width * height, 1 << 24):
        raise ImageError(
            "too_large", f"has tiles of {tile_pixels / 1e6:.0f} megapixels; export it without tiles"
        )
    return ImageHeader("TIFF", width, height, _orientation(tags))


def needs_libtiff(data: bytes) -> bool:
    """Whether Pillow's own reader gets the first page of a file with a good header wrong.

    It takes luma and chroma for colors, and planes of 16 bits for planes of 8.
    """
    tags = _read_directory(data)
    return tags.get(PHOTOMETRIC) == _YCBCR or tags.get(PLANES) == _SEPARATE


def read_numbers(data: bytes) -> dict[int, int]:
    """The numbers among the tags of ``_TAGS`` of the first page; of a number per sample the first.

    Args:
        data: a file with a good header.
    """
    return {tag: one for tag, one in _read_directory(data).items() if isinstance(one, int)}


def exif_orientation(block: bytes) -> int | None:
    """Orientation in an EXIF block, with or without its ``Exif`` prefix; None if it has none.

    A block that cannot be read counts as one without an orientation.
    """
    try:
        tags = read_exif_tags(block)
    except ImageError:
        return None
    return _orientation(tags) if ORIENTATION in tags else None


def read_exif_tags(block: bytes) -> dict[int, Value]:
    """The tags of ``_TAGS`` in an EXIF block, with or without its ``Exif`` prefix.

    Raises:
        ImageError: ``corrupt`` if its directory cannot be read.
    """
    while block.startswith(b"Exif\0\0"):
        block = block[6:]
    return _read_directory(block)


def xmp_orientation(packet: bytes) -> int | None:
    """Orientation in an XMP packet; None if it has none."""
    match = _XMP_ORIENTATION.search(packet)
    return _in_range(int(match[1])) if match else None


def _orientation(tags: dict[int, Value]) -> int:
    if ORIENTATION in tags:
        return _in_range(tags[ORIENTATION])
    packet = tags.get(XMP)
    return (xmp_orientation(packet) if isinstance(packet, bytes) else None) or 1


def _in_range(value: Value) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _size(tags: dict[int, Value], tag: int, default: int = 0) -> int:
    value = tags.get(tag, default)
    if not isinstance(value, int) or value < 1:
        raise damaged("its TIFF directory does not say the picture's size")
    return value


def _read_directory(data: bytes) -> dict[int, Value]:
    """The tags of ``_TAGS`` in the first directory; XMP as bytes, others as numbers."""
    order, big, at, count = _locate_directory(data)
    entry_size = 20 if big else 12
    if count > 65535 or at + count * entry_size > len(data):
        raise truncated("its directory is incomplete")
    tags: dict[int, Value] = {}
    for entry in range(at, at + count * entry_size, entry_size):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in _TAGS:
            most = 16 if tag in _PER_SAMPLE else 1
            value = _read_value(data, entry + 4, kind, order, big=big, most=most)
            if value is not None:
                tags[tag] = value
    return tags


def _locate_directory(data: bytes) -> tuple[str, bool, int, int]:
    """Byte order, whether it is a BigTIFF, where the entries start, and how many there are."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        raise damaged("it has no TIFF directory")
    magic, first = struct.unpack_from(f"{order}HI", data, 2)
    big = magic == 43
    if big and len(data) >= 16:
        first = struct.unpack_from(f"{order}Q", data, 8)[0]
    elif magic != 42:
        raise damaged("it has no TIFF directory")
    count_format = f"{order}{'Q' if big else 'H'}"
    start = first + struct.calcsize(count_format)
    if start > len(data):
        raise truncated("its directory is beyond the end of the file")
    return order, big, start, struct.unpack_from(count_format, data, first)[0]


def _read_value(
    data: bytes, at: int, kind: int, order: str, *, big: bool, most: int
) -> Value | None:
    """An entry's bytes, or the first of at most so many numbers; otherwise None."""
    word = f"{order}{'Q' if big else 'I'}"
    inline = at + struct.calcsize(word)
    count, outside = (struct.unpack_from(word, data, where)[0] for where in (at, inline))
    size = count * {_BYTE: 1, _UNDEFINED: 1, _SHORT: 2, _LONG: 4, _LONG8: 8}.get(kind, 0)
    offset = inline if size <= struct.calcsize(word) else outside
    if kind in (_BYTE, _UNDEFINED):
        return data[offset : offset + count]
    if not 1 <= count <= most or kind not in _FORMAT or offset + size > len(data):
        return None
    return int(struct.unpack_from(order + _FORMAT[kind], data, offset)[0])
