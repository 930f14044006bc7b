"""A photo's own file, where every reader sees in it what we do."""

from __future__ import annotations

import hashlib
from pathlib import Path

from m2fp_cli.imaging.codec import DecodedImage
from m2fp_cli.imaging.headers.jpeg import count_components
from m2fp_cli.imaging.reading import read_bytes

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}  # of files that all readers of data sets take
_CMYK = 4  # samples of a pixel


def read_unchanged(path: Path, decoded: DecodedImage) -> tuple[str, bytes] | None:
    """Suffix and bytes of a photo that needs no change to be read by everybody; else None.

    It is an upright JPEG or PNG in sRGB, decoded at its full size. A JPEG in CMYK is not: some
    readers give four channels, and each mixes colors in its own way. Nor is a file without its end.

    Args:
        path: of the photo.
        decoded: what was read from it.

    Raises:
        ImageError: it cannot be read any more.
    """
    suffix = _SUFFIXES.get(decoded.format)
    changed = decoded.orientation != 1 or decoded.notes or decoded.photo_hw != decoded.image_hw
    if suffix is None or changed or not decoded.has_end:
        return None
    data = read_bytes(path)
    if hashlib.sha256(data).hexdigest() != decoded.sha256:
        return None
    is_cmyk = decoded.format == "JPEG" and count_components(data) == _CMYK
    return None if is_cmyk else (suffix, data)
