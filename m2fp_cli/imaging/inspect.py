"""The pre-flight: what a file is and how large, in pure Python, before any decoder sees it.

A decoder is a large C program that trusts the header it reads. This module looks first: is it one
of the formats we read, do its parts lie within the file, how many pixels will it become? Whatever
a file holds, the work here is bounded by its length.
"""

from __future__ import annotations

from collections.abc import Callable

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers import isobmff, jpeg, png, simple, tiff, webp
from m2fp_cli.imaging.headers.record import ImageHeader

MAX_PIXELS = 100_000_000
"""Default limit: 300 MB as 8-bit BGR. Others stop at 50 (imgproxy) to 268 megapixels (sharp)."""

MAX_ASPECT = 1000
"""Longest side over shortest side. The network sees a picture reduced to at most 1333 pixels on its
longest edge, so beyond this about one pixel is left of the shortest one: a scan line, no photo."""

_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], ImageHeader]], ...] = (
    (lambda head: head.startswith(jpeg.MAGIC), jpeg.read_header),
    (lambda head: head.startswith(png.MAGIC), png.read_header),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", webp.read_header),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), tiff.read_header),
    (lambda head: head[:6] in (b"GIF87a", b"GIF89a"), simple.read_gif_header),
    (lambda head: head[4:8] == b"ftyp" and len(head) >= 16, isobmff.read_header),
    (lambda head: head.startswith(b"BM"), simple.read_bmp_header),
)

# Common strangers, so that the message can name them. None of them is ever handed to a decoder.
_STRANGERS: tuple[tuple[bytes, str], ...] = (
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

    The first bytes decide, never a file's suffix. JPEG, PNG, WebP, BMP, TIFF and GIF are known
    here, AVIF and HEIF too; whether the latter two can be decoded depends on the libraries
    installed, see ``codec.decode_image``. Small is fine: the network takes any picture of at least
    one pixel, and a batch of thumbnails is a legitimate wish. Long is fine up to ``MAX_ASPECT``.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.

    Returns:
        Format, size as stored, orientation.

    Raises:
        ImageError: ``empty``, ``unsupported``, ``corrupt`` or ``too_large``; the message says what
            to do about it.
    """
    if not data:
        raise ImageError("empty", "is an empty file")
    header = _reader_for(data[:32])(data)
    _check_size(header, max_pixels)
    return header


def _reader_for(head: bytes) -> Callable[[bytes], ImageHeader]:
    for matches, reader in _READERS:
        if matches(head):
            return reader
    known = "; JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF and HEIC are read"
    for magic, name in _STRANGERS:
        if head.lstrip().startswith(magic):
            raise ImageError("unsupported", f"is {name}{known}")
    raise ImageError("unsupported", f"is no picture in a known format{known}")


def _check_size(header: ImageHeader, max_pixels: int) -> None:
    size = f"{header.width} x {header.height}"
    pixels = header.width * header.height
    if pixels > max_pixels:
        raise ImageError(
            "too_large",
            f"has {_megapixels(pixels)} megapixels ({size}), more than the limit of "
            f"{_megapixels(max_pixels)}; raise --max-pixels to parse it",
        )
    shortest, longest = sorted((header.width, header.height))
    if longest > MAX_ASPECT * shortest:
        raise ImageError(
            "unsupported",
            f"is {size} pixels: its sides differ more than {MAX_ASPECT}:1, and nothing is left of "
            "the short one at the network's input size; cut it into pieces",
        )


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f}" if pixels >= 100_000_000 else f"{pixels / 1e6:.4g}"
