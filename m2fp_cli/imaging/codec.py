"""Decodes photos and label maps, with Pillow alone.

ModelScope's ``LoadImage`` uses Pillow too, so both see the same pixels; and Pillow raises an error
for a truncated file where OpenCV's ``imread`` fills the rest with gray. A decoder never gets a
path: it gets the bytes that ``inspect_image`` has checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.headers.png import bit_depth
from m2fp_cli.imaging.headers.record import ImageHeader
from m2fp_cli.imaging.inspect import inspect_image
from m2fp_cli.imaging.jpeg_end import end_jpeg
from m2fp_cli.imaging.limits import MAX_PIXELS, REDUCED_ABOVE
from m2fp_cli.imaging.metadata import PlainPicture, strip_metadata
from m2fp_cli.imaging.opening import TruncatedError, opened
from m2fp_cli.imaging.orientation import TURNS, find_orientation
from m2fp_cli.imaging.profiles import ColorProfile, OriginalColors
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.imaging.samples import bits_per_sample, mend_samples
from m2fp_cli.imaging.srgb import opaque_mode, to_srgb


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A photo as an array.

    Attributes:
        image_bgr: (H, W, 3) uint8 BGR, sRGB, C-contiguous, upright (the EXIF orientation is
            applied).
        format: as in ``ImageHeader``.
        orientation: the EXIF orientation that was applied, 1..8; 1 = none.
        size: bytes of the file.
        sha256: of these bytes, in hexadecimal.
        photo_hw: size of the upright photo; larger than the array where that was reduced.
        notes: what was changed or left out on the way, a clause each.
        original: the photo in its own colors; None where those are sRGB, or were not asked for, or
            cannot be computed from sRGB.
        has_end: whether the file has its end marker, without which some readers refuse it.
    """

    image_bgr: npt.NDArray[np.uint8]
    format: str
    orientation: int
    size: int = 0
    sha256: str = ""
    photo_hw: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    original: OriginalColors | None = None
    has_end: bool = True

    def __post_init__(self) -> None:
        """Check the array.

        Raises:
            ValueError: wrong shape, dtype or memory layout.
        """
        pixels = self.image_bgr
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"a photo is (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
        if not pixels.flags.c_contiguous:
            raise ValueError("a photo must be C-contiguous")
        if self.photo_hw == (0, 0):
            object.__setattr__(self, "photo_hw", self.image_hw)

    @property
    def image_hw(self) -> tuple[int, int]:
        """Height and width of the array."""
        return self.image_bgr.shape[0], self.image_bgr.shape[1]


def read_image(
    path: Path,
    *,
    max_pixels: int = MAX_PIXELS,
    least_side: int | None = None,
    allow_truncated: bool = False,
    keep_original: bool = False,
) -> DecodedImage:
    """Read and decode one photo.

    Args:
        path: the file.
        max_pixels: as in ``decode_image``.
        least_side: as in ``decode_image``.
        allow_truncated: as in ``decode_image``.
        keep_original: as in ``decode_image``.

    Raises:
        ImageError: see ``read_bytes`` and ``decode_image``.
    """
    return decode_image(
        read_bytes(path),
        max_pixels=max_pixels,
        least_side=least_side,
        allow_truncated=allow_truncated,
        keep_original=keep_original,
    )


def decode_image(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    least_side: int | None = None,
    allow_truncated: bool = False,
    keep_original: bool = False,
) -> DecodedImage:
    """Decode a photo to what the eye sees: upright, in sRGB, on white.

    For an opaque sRGB photo this equals ModelScope's ``exif_transpose(Image.open(...))
    .convert("RGB")``. It differs where that would be wrong: color profiles are converted to sRGB,
    what is transparent is laid on white, and 16-bit gray keeps its high byte, where Pillow's
    conversion would clip nearly all to white. Of an animation or several pages the first is
    decoded. Damaged metadata are left out.

    A truncated file is an error. A file that an encoder ended properly but with rows missing cannot
    be told from a picture with a plain lower half.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.
        least_side: the caller needs no more than this many pixels along the shorter side. A photo
            of more than ``REDUCED_ABOVE`` pixels is then reduced by 2, 4 or 8 while it is decoded,
            which takes a fraction of the time and memory. None: not reduced.
        allow_truncated: decode a JPEG although rows are missing at its end; they are gray.
        keep_original: also keep the photo in its own colors, if they are not sRGB.

    Returns:
        The upright photo.

    Raises:
        MissingRowsError: ``corrupt``, a JPEG's last rows are missing, and that is not allowed.
        ImageError: as ``inspect_image``; also ``corrupt`` if the pixels are damaged or incomplete,
            ``unsupported`` if the decoder is not installed or the pixels are floating point or 32
            bits deep, and ``out_of_memory``.
    """
    header = inspect_image(data, max_pixels=max_pixels)
    plain = strip_metadata(data, header.format)
    try:
        decoded = _decode(plain, header, max_pixels, least_side)
    except TruncatedError:
        if header.format != "JPEG":
            raise
        plain = end_jpeg(plain, header, max_pixels, allow_truncated=allow_truncated)
        decoded = _decode(plain, header, max_pixels, least_side)
    original = decoded.original if keep_original and decoded.profile is not None else None
    return DecodedImage(
        image_bgr=_to_bgr(decoded.srgb),
        format=header.format,
        orientation=decoded.orientation,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        photo_hw=decoded.photo_hw,
        notes=tuple(dict.fromkeys((*plain.notes, *decoded.notes))),
        original=None
        if original is None or decoded.profile is None
        else OriginalColors(_to_bgr(original), decoded.profile),
        has_end=plain.has_end,
    )


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A picture on its way to an array; both images are upright and ``RGB``."""

    srgb: Image.Image
    original: Image.Image | None
    profile: ColorProfile | None
    orientation: int
    photo_hw: tuple[int, int]
    notes: tuple[str, ...]


def _decode(
    plain: PlainPicture, header: ImageHeader, max_pixels: int, least_side: int | None
) -> _Decoded:
    with opened(plain.data, header, max_pixels) as (image, lines):
        photo_wh = image.size
        factor = _reduction(photo_wh, least_side)
        if factor > 1:  # a JPEG is reduced while it is decoded
            image.draft(None, (photo_wh[0] // factor, photo_wh[1] // factor))
        is_reduced = image.size != photo_wh
        image.load()
        # Pillow applies a TIFF's orientation while it loads it, and then forgets it.
        photo_wh = photo_wh if is_reduced else image.size
        orientation = find_orientation(image, header)
        turn = None if header.format == "TIFF" else TURNS.get(orientation)
        mended = mend_samples(image, header, plain.data)
        colors = to_srgb(mended, plain.profile or image.info.get("icc_profile"))
        images = [colors.srgb, *([colors.original] if colors.original else [])]
        if factor > 1 and not is_reduced:
            images = [one.reduce(factor) for one in images]
        if turn is not None:
            images = [one.transpose(turn) for one in images]
        depth_note = _depth_note(bits_per_sample(image, header, plain.data))
    width, height = photo_wh
    return _Decoded(
        srgb=images[0],
        original=images[1] if colors.original else None,
        profile=colors.profile,
        orientation=orientation,
        photo_hw=(width, height) if turn is not None and orientation >= 5 else (height, width),
        notes=(*depth_note, *colors.notes, *_first_line(lines)),
    )


def _reduction(size_wh: tuple[int, int], least_side: int | None) -> int:
    """By how much a picture may be reduced: 1, 2, 4 or 8."""
    if least_side is None or size_wh[0] * size_wh[1] <= REDUCED_ABOVE:
        return 1
    return next((n for n in (8, 4, 2) if min(size_wh) // n >= least_side), 1)


def decode_with_alpha(data: bytes, *, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """Decode a picture to be laid on another one: upright, in sRGB, with its transparency.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.

    Returns:
        (H, W, 4) uint8 BGRA, straight alpha.

    Raises:
        ImageError: as ``decode_image``.
    """
    header = inspect_image(data, max_pixels=max_pixels)
    plain = strip_metadata(data, header.format)
    with opened(plain.data, header, max_pixels) as (image, _):
        image.load()
        mended = mend_samples(image, header, plain.data)
        alpha = mended.convert("RGBA").getchannel("A")
        opaque = mended.convert(opaque_mode(mended)) if mended.has_transparency_data else mended
        picture = to_srgb(opaque, plain.profile or image.info.get("icc_profile")).srgb
        picture.putalpha(alpha)
        turn = TURNS.get(1 if header.format == "TIFF" else find_orientation(image, header))
        rgba = np.asarray(picture if turn is None else picture.transpose(turn))
    return np.ascontiguousarray(rgba[..., [2, 1, 0, 3]])


def decode_map(data: bytes, *, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.integer[Any]]:
    """Decode a label or person map to ids, without color conversion and EXIF orientation.

    Reads what ``encode_palette_png`` writes and what other tools write: palette PNG of any depth
    (the index is the id), gray PNG of 1 to 16 bits (the stored sample is the id), and RGB PNG of 8
    bits whose three channels are equal; of 16 bits the decoder would keep the high byte only.

    Args:
        data: the whole file.
        max_pixels: largest allowed product of width and height.

    Returns:
        (H, W) uint8, or uint16 for 16-bit files.

    Raises:
        ImageError: as ``decode_image``; also ``unsupported`` if the file is not a PNG or its pixels
            are colors.
    """
    header = inspect_image(data, max_pixels=max_pixels)
    if header.format != "PNG":
        raise ImageError("unsupported", f"is a {header.format} file; a map of ids must be a PNG")
    with opened(strip_metadata(data, "PNG").data, header, max_pixels) as (image, _):
        image.load()
        mode, samples = image.mode, np.array(image)
    if mode.startswith("I"):
        return samples.astype(np.uint16)
    if mode == "RGB" and bit_depth(data) == 8 and (samples == samples[..., :1]).all():
        return np.ascontiguousarray(samples[..., 0])
    if mode not in ("1", "L", "P"):
        raise ImageError("unsupported", "is a color picture; ids need a palette or gray PNG")
    # Pillow scales gray of 2 and 4 bits to 0..255; the stored sample is the id.
    depth = bit_depth(data) if mode == "L" else 8
    return samples.astype(np.uint8) // np.uint8(255 // (2**depth - 1))


def _first_line(lines: list[str]) -> tuple[str, ...]:
    """What a decoder has printed, as a note."""
    return (f"its decoder says: {' '.join(lines[0].split())[:200]}",) if lines else ()


def _depth_note(bits: int) -> tuple[str, ...]:
    """That samples lost bits, where the file has more than 8 of them."""
    return (f"its {bits}-bit samples were reduced to 8 bits",) if bits > 8 else ()


def _to_bgr(image: Image.Image) -> npt.NDArray[np.uint8]:
    import cv2  # here, because commands that start workers should start without it

    # 12 megapixels take 8 ms, channel by channel 30, as a copy of rgb[..., ::-1] 130.
    return np.asarray(cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR), np.uint8)
