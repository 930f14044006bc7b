"""Which way up a picture is, by its EXIF orientation."""

from __future__ import annotations

from PIL import ExifTags, Image

from m2fp_cli.imaging.headers.record import ImageHeader

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its orientation; 1 needs nothing."""


def find_orientation(image: Image.Image, header: ImageHeader) -> int:
    """The EXIF orientation of an opened picture, 1..8; 1 where there is none or it is damaged."""
    if header.format not in ("AVIF", "HEIF"):
        return header.orientation
    try:  # their plugins turn the pixels, or leave it to this tag
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF; Pillow may raise any class
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
