"""PNG headers, with a check of all chunks. Layout: W3C PNG, third edition, sections 5 and 11."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.record import ImageHeader, damaged, truncated
from m2fp_cli.imaging.headers.tiff import exif_orientation, xmp_orientation

MAGIC = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 200_000  # a 256 MB file in the usual 8 KB chunks has 32,000
_MAX_TEXT_BYTES = 1 << 20  # Pillow's limit for one decompressed text chunk
_TEXTS = frozenset((b"tEXt", b"zTXt"))
# Before PNG had a chunk for EXIF, ImageMagick and GraphicsMagick wrote its digits as such a text.
_EXIF_AS_TEXT = b"Raw profile type exif\0"


def read_header(data: bytes) -> ImageHeader:
    """Header of a PNG or APNG file, after a check that every chunk lies within the file.

    The check is needed: a PNG of 57 bytes may announce a chunk of 2 GB, and some decoders allocate
    it before they look for its bytes.

    Raises:
        ImageError: ``corrupt`` if a chunk is truncated or misplaced or there are no pixels;
            ``unsupported`` for Apple's CgBI variant, which is not a PNG.
    """
    if data[12:16] == b"CgBI":
        raise ImageError("unsupported", "is Apple's CgBI variant, not a PNG; export it again")
    if data[8:16] != b"\0\0\0\rIHDR" or len(data) < 33:
        raise damaged("a PNG must start with a 13-byte IHDR chunk")
    width, height = struct.unpack(">II", data[16:24])
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise damaged(f"its header says {width} x {height} pixels")
    return ImageHeader("PNG", width, height, _read_chunks(data))


def bit_depth(data: bytes) -> int:
    """Bits per sample of a PNG that ``read_header`` accepted."""
    return data[24]


def _read_chunks(data: bytes) -> int:
    """Check that all chunks are complete, and return the orientation."""
    exif: int | None = None
    old: int | None = None
    xmp: int | None = None
    has_pixels = False
    for kind, chunk in walk_chunks(data):
        has_pixels = has_pixels or kind == b"IDAT"
        body = slice(chunk.start + 8, chunk.stop - 4)
        if kind == b"eXIf":
            exif = exif_orientation(data[body])
        elif old is None and kind in _TEXTS and data[body].startswith(_EXIF_AS_TEXT):
            old = exif_orientation(_bytes_of_digits(data[body], kind)) or 0
        elif kind == b"iTXt" and data[body].startswith(b"XML:com.adobe.xmp\0"):
            xmp = xmp_orientation(_international_text(data[body]))
    if not has_pixels:
        raise damaged("it has no pixels")
    return exif or old or xmp or 1


def walk_chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """The chunks up to IEND, or up to the end of the file.

    Yields:
        the chunk's type, and where the whole chunk is.

    Raises:
        ImageError: ``corrupt`` if a chunk that pixels depend on ends beyond the file. One that they
            do not depend on (its type begins with a lower-case letter) ends the walk behind the
            pixels.
    """
    at, has_pixels = len(MAGIC), False
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return  # without IEND the pixels may still be complete; the decoder will tell
        length, kind = struct.unpack_from(">I4s", data, at)
        if length > len(data) - at - 12:
            if has_pixels and kind[:1].islower():
                return
            raise truncated(f"its {kind.decode('latin-1')!r} chunk ends beyond the file")
        has_pixels = has_pixels or kind == b"IDAT"
        yield kind, slice(at, at + length + 12)
        if kind == b"IEND":
            return
        at += length + 12
    raise damaged(f"it has more than {_MAX_CHUNKS} chunks")


def _international_text(body: bytes) -> bytes:
    """Text of an iTXt chunk."""
    fields = body.split(b"\0", 1)[1]
    is_compressed, text = fields[:1] == b"\1", fields[2:].split(b"\0", 2)[-1]
    return _inflated(text) if is_compressed else text[:_MAX_TEXT_BYTES]


def _bytes_of_digits(body: bytes, kind: bytes) -> bytes:
    """What a profile written as text holds, behind a name and a length; empty if it is damaged."""
    text = body.split(b"\0", 1)[1]
    lines = (_inflated(text[1:]) if kind == b"zTXt" else text[:_MAX_TEXT_BYTES]).split(b"\n")
    try:
        return bytes.fromhex(b"".join(lines[3:]).decode("ascii"))
    except ValueError:
        return b""


def _inflated(packed: bytes) -> bytes:
    """Text as zlib has packed it, up to ``_MAX_TEXT_BYTES``; empty if it cannot be decompressed."""
    try:
        return zlib.decompressobj().decompress(packed, _MAX_TEXT_BYTES)
    except zlib.error:
        return b""
