"""WebP headers: RIFF container. Layout: Google's WebP container specification; RFC 6386 for VP8."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.record import ImageHeader, damaged, truncated
from m2fp_cli.imaging.headers.tiff import exif_orientation, xmp_orientation

METADATA = (b"ICCP", b"EXIF", b"XMP ")
"""Types of chunks that pixels do not depend on."""
_MAX_CHUNKS = 100_000  # an animation has two chunks for each picture


def read_header(data: bytes) -> ImageHeader:
    """Header of a still or animated WebP file; an animation's size is its canvas.

    Raises:
        ImageError: ``corrupt`` if a chunk is truncated or the first one is not a picture's.
    """
    riff_size = struct.unpack_from("<I", data, 4)[0]
    if len(data) < 30:
        raise truncated("it ends before its picture")
    if riff_size + 8 > len(data) and not _lacks_metadata_only(data):
        raise truncated(f"its header says {riff_size + 8} bytes, the file has {len(data)}")
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8 ":
        return ImageHeader("WEBP", *_lossy_size(body))
    if kind == b"VP8L":
        return ImageHeader("WEBP", *_lossless_size(body))
    if kind != b"VP8X":
        raise damaged("its first chunk is not a picture's")
    width = int.from_bytes(body[4:7], "little") + 1
    height = int.from_bytes(body[7:10], "little") + 1
    return ImageHeader("WEBP", width, height, _orientation(data))


def _lossy_size(body: bytes) -> tuple[int, int]:
    """Width and height of a VP8 key frame: 3 bytes of tag, a start code, 14 bits for each side."""
    if body[3:6] != b"\x9d\x01\x2a":
        raise damaged("its first frame has no start code")
    width, height = struct.unpack_from("<HH", body, 6)
    if not (width & 0x3FFF and height & 0x3FFF):
        raise damaged("its header says that it has no pixels")
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(body: bytes) -> tuple[int, int]:
    """Width and height of a VP8L stream: a signature byte, 14 bits for each side minus one."""
    if body[0] != 0x2F:
        raise damaged("its first frame has no signature")
    bits = struct.unpack_from("<I", body, 1)[0]
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _lacks_metadata_only(data: bytes) -> bool:
    """Whether a file that ends too early ends in its metadata, behind the whole picture."""
    try:
        kinds = [kind for kind, _ in walk_chunks(data)]
    except ImageError:
        return False
    return any(kind in (b"VP8 ", b"VP8L") for kind in kinds) and b"ANIM" not in kinds


def _orientation(data: bytes) -> int:
    """The orientation in the EXIF or XMP chunk of an extended file."""
    exif: int | None = None
    xmp: int | None = None
    for kind, chunk in walk_chunks(data):
        body = data[chunk.start + 8 : chunk.stop]
        if kind == b"EXIF":
            exif = exif_orientation(body)
        elif kind == b"XMP ":
            xmp = xmp_orientation(body)
    return exif or xmp or 1


def walk_chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """The chunks of the file.

    Yields:
        the chunk's type, and where the chunk is with its padding.

    Raises:
        ImageError: ``corrupt`` if a chunk of the picture ends beyond the file; one of metadata ends
            the walk.
    """
    end = min(len(data), struct.unpack_from("<I", data, 4)[0] + 8)
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            if kind in METADATA:
                return
            raise truncated(f"its {kind.decode('latin-1')!r} chunk ends beyond the file")
        yield kind, slice(at, min(end, at + 8 + length + (length & 1)))
        at += 8 + length + (length & 1)
    raise damaged(f"it has more than {_MAX_CHUNKS} chunks")
