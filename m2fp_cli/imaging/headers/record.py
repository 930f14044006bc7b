"""What the header of a picture says, and the two ways in which a header can be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from m2fp_cli.errors import ImageError


@dataclass(frozen=True)
class ImageHeader:
    """A picture's header as stored in the file.

    Attributes:
        format: ``JPEG``, ``PNG``, ``WEBP``, ``BMP``, ``TIFF``, ``GIF``, ``AVIF`` or ``HEIF``: the
            names Pillow uses.
        width: columns as stored, before the orientation is applied.
        height: rows as stored.
        orientation: EXIF orientation 1..8, from EXIF or else from XMP, 1 when neither says so. For
            AVIF and HEIF always 1: their decoders know the rotation, it is not read here. Nor is
            their crop: a HEIC's sides may be announced up to 63 pixels longer than the photo's.
    """

    format: str
    width: int
    height: int
    orientation: int = 1


def cut_short(what: str) -> ImageError:
    """The file ends before ``what`` does."""
    return ImageError("corrupt", f"is cut short: {what}; copy or download it again")


def damaged(what: str) -> ImageError:
    """The header contradicts itself or the format."""
    return ImageError("corrupt", f"is damaged: {what}; copy or export it again")
