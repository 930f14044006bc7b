"""What EXIF says about a photo's colors. Tag numbers from the EXIF 2.32 standard."""

from __future__ import annotations

import struct

_EXIF_DIRECTORY, _INTEROPERABILITY_DIRECTORY = 0x8769, 0xA005
_COLOR_SPACE, _UNCALIBRATED = 0xA001, 0xFFFF
_INTEROPERABILITY_INDEX, _ADOBE_RGB = 0x0001, b"R03\0"


def says_adobe_rgb(block: bytes) -> bool:
    """Whether a photo is in Adobe RGB, as DCF 2.0 has cameras say so without a profile.

    That is a color space that is not calibrated, and R03, DCF's option file, as index.

    Args:
        block: the content of an EXIF segment, with or without its ``Exif`` prefix; of any origin.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return False
    number = order + "I"
    try:
        (first,) = struct.unpack_from(number, block, 4)
        (exif,) = struct.unpack(number, _find(block, order, first, _EXIF_DIRECTORY))
        space = _find(block, order, exif, _COLOR_SPACE)
        if struct.unpack_from(order + "H", space)[0] != _UNCALIBRATED:
            return False
        (more,) = struct.unpack(number, _find(block, order, exif, _INTEROPERABILITY_DIRECTORY))
        return _find(block, order, more, _INTEROPERABILITY_INDEX) == _ADOBE_RGB
    except struct.error:  # a tag or a directory is not there
        return False


def _find(block: bytes, order: str, directory: int, tag: int) -> bytes:
    """The four bytes of a tag's value or its place; empty where a directory lacks it.

    Raises:
        struct.error: the directory is not in the block.
    """
    (count,) = struct.unpack_from(order + "H", block, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        if struct.unpack_from(order + "H", block, entry)[0] == tag:
            return block[entry + 8 : entry + 12]
    return b""
