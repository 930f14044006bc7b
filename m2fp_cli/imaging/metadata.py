"""Takes metadata off a picture file, so that damaged metadata cannot cost the pixels.

Decoders read EXIF, text, physical size and thumbnails before they come to the pixels, and refuse
the file if one of them is wrong. The orientation is read by ``headers``; the color profile is
taken out here; the decoder gets the rest. A TIFF, HEIC or AVIF file keeps its metadata, which are
interwoven with the pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.adobe_rgb import adobe_rgb_profile
from m2fp_cli.imaging.big_tiff import without_big_directory
from m2fp_cli.imaging.headers import jpeg, png, webp
from m2fp_cli.imaging.headers.exif import says_adobe_rgb
from m2fp_cli.imaging.headers.tiff import read_exif_tags

_MAX_PROFILE_BYTES = 1 << 24  # profiles of printers have up to 3 MB
_RGB = 3  # samples of a pixel


@dataclass(frozen=True, eq=False)
class PlainPicture:
    """A picture file without its metadata.

    Attributes:
        data: the file that the decoder gets; all pixels are in it.
        profile: its ICC profile, or that of the color space that a camera's EXIF data name; None
            if it has none or a damaged one.
        notes: what was damaged and is not used, a clause each.
        has_end: whether the file itself has its end marker; other readers may refuse one without.
    """

    data: bytes
    profile: bytes | None = None
    notes: tuple[str, ...] = ()
    has_end: bool = True


def strip_metadata(data: bytes, fmt: str) -> PlainPicture:
    """Take the metadata off a picture.

    Args:
        data: a whole file that ``inspect_image`` has accepted.
        fmt: its format, as in ``ImageHeader``.

    Raises:
        ImageError: ``corrupt`` for a TIFF whose directory contradicts itself.
    """
    strip = _STRIPPERS.get(fmt)
    return PlainPicture(data) if strip is None else strip(data)


def _strip_jpeg(data: bytes) -> PlainPicture:
    """Keep all segments but APPn and comments; JFIF and Adobe's APP14 decide about colors."""
    kept, parts, notes = [data[:2]], dict[int, bytes](), list[str]()
    count, end, is_adobe_rgb = 0, 2, False
    for marker, segment, body in jpeg.walk_segments(data):
        end = segment.stop
        content = data[body]
        is_named = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if marker == 0xE2 and content.startswith(b"ICC_PROFILE\0") and len(content) > 14:
            parts[content[12]], count = content[14:], content[13]
        elif marker == 0xE1 and content.startswith(b"Exif\0\0"):
            notes += _faults_of_exif(content)
            is_adobe_rgb |= says_adobe_rgb(content)
        if not is_named or _tells_colors(marker, content):
            kept.append(data[segment])
    kept.append(data[end:])
    profile = b"".join(parts[number] for number in sorted(parts))
    if count != len(parts) or len(profile) > _MAX_PROFILE_BYTES:
        notes.append("its color profile is damaged and was ignored")
        profile = b""
    elif not count and is_adobe_rgb and jpeg.count_components(data) == _RGB:
        profile = adobe_rgb_profile()
    return PlainPicture(b"".join(kept), profile or None, tuple(dict.fromkeys(notes)))


def _tells_colors(marker: int, content: bytes) -> bool:
    jfif = marker == 0xE0 and content.startswith(b"JFIF\0") and len(content) >= 14
    return jfif or (marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12)


# The chunks that pixels depend on; see the PNG specification, third edition, section 11.
_PNG_PIXELS = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_PNG_COLOR_TYPE = 25  # where it is, in IHDR
_TRNS_BYTES = {0: (2, 2), 2: (6, 6), 3: (1, 256)}  # least and most, by type of color


def _strip_png(data: bytes) -> PlainPicture:
    kept, notes, profile = [data[:8]], list[str](), None
    for kind, chunk in png.walk_chunks(data):
        whole = data[chunk]
        content = whole[8:-4]
        if kind in _PNG_PIXELS:
            kept.append(whole)
            continue
        is_whole = zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:], "big")
        if kind == b"tRNS":
            is_whole = is_whole and _fits_color_type(content, data[_PNG_COLOR_TYPE])
        if not is_whole:
            notes.append(f"its {kind.decode('latin-1')!r} chunk is damaged and was ignored")
        elif kind == b"tRNS":
            kept.append(whole)
        elif kind == b"iCCP":
            profile, fault = _inflate_profile(content)
            notes += fault
        elif kind == b"eXIf":
            notes += _faults_of_exif(content)
    has_end = kept[-1][4:8] == b"IEND"
    if not has_end:
        kept.append(b"\0\0\0\0IEND\xaeB`\x82")
    return PlainPicture(b"".join(kept), profile, tuple(dict.fromkeys(notes)), has_end)


def _fits_color_type(transparency: bytes, color_type: int) -> bool:
    """Whether a tRNS chunk has the length that decoders ask for; others are of no use."""
    least, most = _TRNS_BYTES.get(color_type, (0, -1))
    return least <= len(transparency) <= most


def _inflate_profile(content: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile in an iCCP chunk (a name, a null byte, a method, zlib data), and its faults."""
    fault = ("its color profile is damaged and was ignored",)
    packed = content.partition(b"\0")[2][1:]
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(packed, _MAX_PROFILE_BYTES)
    except zlib.error:
        return None, fault
    return (profile, ()) if inflater.eof and profile else (None, fault)


_WEBP_METADATA = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}  # and their flags in VP8X


def _strip_webp(data: bytes) -> PlainPicture:
    kept, notes, profile = list[bytes](), list[str](), None
    for kind, chunk in webp.walk_chunks(data):
        if kind not in _WEBP_METADATA:
            kept.append(data[chunk])
        elif kind == b"ICCP" and chunk.stop - chunk.start <= _MAX_PROFILE_BYTES:
            length = struct.unpack_from("<I", data, chunk.start + 4)[0]
            profile = data[chunk.start + 8 : chunk.start + 8 + length]
        elif kind == b"EXIF":
            notes += _faults_of_exif(data[chunk.start + 8 : chunk.stop])
    if kept and kept[0][:4] == b"VP8X":
        flags = kept[0][8] & ~sum(_WEBP_METADATA.values())
        kept[0] = kept[0][:8] + bytes((flags,)) + kept[0][9:]
    body = b"WEBP" + b"".join(kept)
    return PlainPicture(b"RIFF" + struct.pack("<I", len(body)) + body, profile, tuple(notes))


def _faults_of_exif(block: bytes) -> Iterator[str]:
    try:
        read_exif_tags(block)
    except ImageError:
        yield "its EXIF data are damaged and were ignored"


_STRIPPERS: dict[str, Callable[[bytes], PlainPicture]] = {
    "JPEG": _strip_jpeg,
    "PNG": _strip_png,
    "TIFF": lambda data: PlainPicture(without_big_directory(data)),
    "WEBP": _strip_webp,
}
