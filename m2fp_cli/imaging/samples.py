"""What Pillow leaves undone with the samples of a picture that it has decoded."""

from __future__ import annotations

import numpy as np
from PIL import Image

from m2fp_cli.imaging.headers.png import bit_depth
from m2fp_cli.imaging.headers.record import ImageHeader
from m2fp_cli.imaging.headers.tiff import PHOTOMETRIC

_TIFF_BITS = 258  # BitsPerSample
_WHITE_IS_ZERO = 0  # of PhotometricInterpretation
_KEY = "transparency"  # the one gray that is transparent, in ``Image.info``


def bits_per_sample(image: Image.Image, header: ImageHeader, data: bytes) -> int:
    """How many bits a sample has in the file; 8 where the format has no more.

    Args:
        image: as Pillow has opened it.
        header: of the file.
        data: the file.
    """
    if header.format == "PNG":
        return bit_depth(data)
    if header.format == "TIFF":
        return int(max(getattr(image, "tag_v2", {}).get(_TIFF_BITS, (8,))))
    return 8


def mend_samples(image: Image.Image, header: ImageHeader, data: bytes) -> Image.Image:
    """A loaded picture as its file means it, with 8 bits to the sample.

    * Gray of 12 or 16 bits keeps its high byte, its transparent gray, and white where 0 is white.
    * The transparent gray of a PNG of 2 or 4 bits is brought to the scale of its pixels.
    * A BMP that is transparent everywhere is opaque: programs that know no alpha leave it at 0.

    Args:
        image: of any of Pillow's modes.
        header: of the file.
        data: the file.
    """
    bits = bits_per_sample(image, header, data)
    if image.mode.startswith("I;16") or (image.mode == "I" and header.format == "PNG"):
        return _gray_of_8_bits(image, bits)
    if header.format == "PNG" and image.mode == "L" and bits in (2, 4) and _KEY in image.info:
        image.info[_KEY] *= 255 // (2**bits - 1)
    if (
        header.format == "BMP"
        and image.mode == "RGBA"
        and image.getchannel("A").getextrema() == (0, 0)
    ):
        return image.convert("RGB")
    return image


def _gray_of_8_bits(image: Image.Image, bits: int) -> Image.Image:
    samples = np.asarray(image)
    gray = (samples >> max(0, bits - 8)).astype(np.uint8)
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == _WHITE_IS_ZERO:
        gray = np.invert(gray)
    mended = Image.fromarray(gray)
    if _KEY in image.info:
        mended.putalpha(Image.fromarray(np.where(samples == image.info[_KEY], 0, 255).astype("u1")))
    return mended
