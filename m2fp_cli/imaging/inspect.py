"""Checks what picture a file holds and how large it is, before any decoder sees it.

A decoder is a large C program that trusts the header it reads. This module checks first, in Python:
is it a format that we read, do its parts lie within the file, how many pixels will it have? The
work is bounded by the file's length, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Callable

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.errors import TooManyPixelsError
from m2fp_cli.imaging.headers import bmp_gif, isobmff, jpeg, png, tiff, webp
from m2fp_cli.imaging.headers.record import ImageHeader
from m2fp_cli.imaging.limits import MAX_ASPECT, MAX_PIXELS

_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], ImageHeader]], ...] = (
    (lambda head: head.startswith(jpeg.MAGIC), jpeg.read_header),
    (lambda head: head.startswith(png.MAGIC), png.read_header),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", webp.read_header),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), tiff.read_header),
    (lambda head: head[:6] in (b"GIF87a", b"GIF89a"), bmp_gif.read_gif_header),
    (lambda head: head[4:8] == b"ftyp" and len(head) >= 16, isobmff.read_header),
    (lambda head: head.startswith(b"BM"), bmp_gif.read_bmp_header),
)

# Common formats that are not read, so that the message can name them.
_UNSUPPORTED: tuple[tuple[bytes, str], ...] = (
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<", "a web page or SVG drawing"),
    (b"\0\0\1\0", "an icon"),
)


def inspect_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Find out what picture some bytes hold, without decoding it.

    The first bytes decide, not the file's suffix. JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF and HEIF
    are recognized; whether the last two can be decoded depends on the installed packages, see
    ``codec.decode_image``. A picture may be as small as one pixel.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.

    Returns:
        Format, size as stored, and orientation.

    Raises:
        TooManyPixelsError: it has more than ``max_pixels``.
        ImageError: ``empty``, ``unsupported``, ``corrupt`` or ``too_large``; the message says what
            to do.
    """
    if not data:
        raise ImageError("empty", "is an empty file; copy or download it again")
    header = _reader_for(data[:32])(data)
    _check_size(header, max_pixels)
    return header


def _reader_for(head: bytes) -> Callable[[bytes], ImageHeader]:
    """The reader of a format, by the file's first bytes."""
    for matches, reader in _READERS:
        if matches(head):
            return reader
    known = "; JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF and HEIC are read"
    for magic, name in _UNSUPPORTED:
        if head.lstrip().startswith(magic):
            raise ImageError("unsupported", f"is {name}{known}")
    raise ImageError("unsupported", f"is not a picture in a known format{known}")


def _check_size(header: ImageHeader, max_pixels: int) -> None:
    size = f"{header.width} x {header.height}"
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise TooManyPixelsError(
            "too_large",
            f"has {_megapixels(pixels)} megapixels ({size}), more than the limit of "
            f"{_megapixels(max_pixels)}; make it smaller",
        )
    shortest, longest = sorted((header.width, header.height))
    if longest > MAX_ASPECT * shortest:
        raise ImageError(
            "unsupported",
            f"is {size} pixels: one side is more than {MAX_ASPECT}:1 of the other, and nothing is "
            "left of the short one at the network's input size; cut it into pieces",
        )


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f}" if pixels >= 100_000_000 else f"{pixels / 1e6:.4g}"
