"""The header of a picture, and the errors for the two ways in which it can be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from m2fp_cli.errors import ImageError


@dataclass(frozen=True)
class ImageHeader:
    """A picture's header as stored in the file.

    Attributes:
        format: ``JPEG``, ``PNG``, ``WEBP``, ``BMP``, ``TIFF``, ``GIF``, ``AVIF`` or ``HEIF``, as
            Pillow names them.
        width: columns as stored, before the orientation is applied.
        height: rows as stored.
        orientation: EXIF orientation 1..8, from EXIF or else from XMP, 1 if neither has one. Always
            1 for AVIF and HEIF, whose decoders apply the rotation themselves. They also crop: a
            HEIC's stored sides may be up to 63 pixels longer than the photo's.
    """

    format: str
    width: int
    height: int
    orientation: int = 1


def truncated(what: str) -> ImageError:
    """The error for a file that ends too early.

    Args:
        what: a clause that says what is incomplete.
    """
    return ImageError("corrupt", f"is truncated: {what}; copy or download it again")


def damaged(what: str) -> ImageError:
    """The error for a header that contradicts itself or the format.

    Args:
        what: a clause that says how.
    """
    return ImageError("corrupt", f"is damaged: {what}; copy or export it again")
