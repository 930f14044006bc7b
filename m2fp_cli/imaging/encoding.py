"""Encodes arrays as picture files: the same bytes for the same array, without metadata."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from m2fp_cli.arrays import Picture
from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.photo_png import encode_photo_png, make_chunk

Map = npt.NDArray[np.integer[Any]]

# zlib's strategy 3 searches for runs only. It encodes a 3840x2160 label map to 48 kB in 0.026 s;
# the default strategy needs 0.028 s for 111 kB at level 1, and 0.128 s for 33 kB at level 9.
_PNG_OPTIONS: dict[str, Any] = {"compress_level": 6, "compress_type": 3}

# Pixels. WebP cannot hold more; JPEG could, up to 65535, but libjpeg neither writes nor reads them.
_MAX_SIDE = {"JPEG": 65500, "WEBP": 16383}


def encode_palette_png(ids: Map, palette_rgb: npt.ArrayLike) -> bytes:
    """Encode a map of ids; viewers show its colors, readers get the ids.

    Args:
        ids: (H, W) integers from 0 to 65535.
        palette_rgb: (N, 3) color of each id, 0..255, N at most 256.

    Returns:
        An 8-bit palette PNG, or a 16-bit gray PNG without colors if an id is above 255.

    Raises:
        ValueError: an id is negative, above 65535 or without a color, or a shape is wrong.
    """
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"a map of ids has shape (H, W) and integers, got {ids.shape} {ids.dtype}")
    lowest, highest = int(ids.min()), int(ids.max())
    if lowest < 0 or highest > 65535:
        raise ValueError(f"ids must lie in 0..65535, got {lowest}..{highest}")
    if highest > 255:
        return _encode(Image.fromarray(ids.astype(np.uint16)), "PNG", _PNG_OPTIONS)
    palette = np.asarray(palette_rgb)
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) > 256:
        raise ValueError(f"a palette has shape (N, 3), N up to 256, got {palette.shape}")
    if highest >= len(palette):
        raise ValueError(f"id {highest} has no color in a palette of {len(palette)}")
    image = Image.fromarray(ids.astype(np.uint8))
    # With a palette of at most 16 colors, Pillow packs 2 to 8 pixels into a byte. Whether bits=8
    # prevents that changed in release 13.0; a longer palette always does.
    unused = bytes(3 * max(0, 17 - len(palette)))
    image.putpalette(palette.astype(np.uint8).tobytes() + unused)
    return _encode(image, "PNG", {**_PNG_OPTIONS, "bits": 8})


def encode_png(pixels: npt.NDArray[Any]) -> bytes:
    """Encode a picture or mask without loss.

    Args:
        pixels: (H, W, 3) uint8 BGR, (H, W, 4) uint8 BGRA with straight alpha, (H, W) uint8 or
            uint16 gray, or (H, W) bool, stored as 8-bit gray 0 and 255.

    Raises:
        ValueError: another shape or dtype.
    """
    if pixels.ndim == 2 and pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.ndim == 2 and pixels.dtype == np.uint16:
        return _encode(Image.fromarray(pixels), "PNG", _PNG_OPTIONS)
    _check_picture(pixels)
    if pixels.ndim == 3 and pixels.size:
        return encode_photo_png(pixels)
    return _encode(_to_image(pixels), "PNG", _PNG_OPTIONS)


def tag_png(data: bytes, software: str) -> bytes:
    """A PNG with the name of what wrote it, as its first text chunk.

    Args:
        data: a PNG file.
        software: Latin-1 text.
    """
    return _add_chunk(data, b"tEXt", b"Software\0" + software.encode("latin-1"))


def tag_jpeg(data: bytes, comment: bytes) -> bytes:
    """A JPEG with a comment, as its first segment.

    Args:
        data: a JPEG file.
        comment: at most 65,533 bytes.
    """
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]


def _add_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with another chunk in front of its palette and pixels."""
    end = 8 + 25  # signature and IHDR
    return data[:end] + make_chunk(kind, content) + data[end:]


def _packed(profile: bytes) -> bytes:
    """Content of an iCCP chunk: a name, a compression method, and the profile in zlib's format."""
    return b"ICC profile\0\0" + zlib.compress(profile)


def encode_jpeg(image_bgr: Picture, *, quality: int = 92, profile: bytes | None = None) -> bytes:
    """Encode a picture as baseline JPEG, without chroma subsampling, which blurs colored edges.

    Args:
        image_bgr: (H, W, 3) uint8 BGR, or (H, W) uint8 gray.
        quality: 1..95.
        profile: as in ``encode_as``.

    Raises:
        ImageError: ``too_large`` if a side is above 65500 pixels, libjpeg's limit.
        ValueError: another shape or dtype.
    """
    _check_side(image_bgr, "JPEG")
    options = {"quality": quality, "subsampling": 0, "icc_profile": profile}
    return _encode(_to_image(image_bgr), "JPEG", options)


def encode_webp(
    pixels: Picture, *, quality: int = 90, lossless: bool = False, profile: bytes | None = None
) -> bytes:
    """Encode a picture as WebP.

    Args:
        pixels: (H, W, 3) uint8 BGR or (H, W, 4) uint8 BGRA.
        quality: 0..100; with ``lossless`` the effort.
        lossless: keep every pixel exactly.
        profile: as in ``encode_as``.

    Raises:
        ImageError: ``too_large`` if a side is above 16383 pixels, WebP's limit.
        ValueError: another shape or dtype.
    """
    _check_side(pixels, "WEBP")
    # method 2 of 0..6: 1.2 s for 12 megapixels instead of 2.8 s, for the same number of bytes.
    options: dict[str, Any] = {
        "quality": quality,
        "lossless": lossless,
        "method": 2,
        "exact": True,
    }
    if profile is not None:
        options["icc_profile"] = profile
    return _encode(_to_image(pixels), "WEBP", options)


def encode_as(
    fmt: str, pixels: Picture, *, jpeg_quality: int = 92, profile: bytes | None = None
) -> bytes:
    """Encode a picture in one of ``layout.PICTURE_SUFFIXES``.

    Args:
        fmt: ``png``, ``jpg`` or ``webp``.
        pixels: as ``encode_png``, ``encode_jpeg`` or ``encode_webp`` takes it.
        jpeg_quality: 1..95; for ``jpg`` only.
        profile: ICC profile of the pixels; None: they are sRGB and carry none.

    Raises:
        ImageError: ``too_large`` if a side is longer than the format can hold.
        ValueError: the format does not take pixels of this shape and dtype.
    """
    if fmt == "png":
        data = encode_png(pixels)
        return data if profile is None else _add_chunk(data, b"iCCP", _packed(profile))
    if fmt == "webp":
        return encode_webp(pixels, profile=profile)
    return encode_jpeg(pixels, quality=jpeg_quality, profile=profile)


def _check_picture(pixels: npt.NDArray[Any]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim < 2 or pixels.shape[2:] not in ((), (3,), (4,)):
        raise ValueError(
            f"a picture is uint8 of shape (H, W), (H, W, 3) or (H, W, 4), got {pixels.dtype} "
            f"{pixels.shape}"
        )


def _to_image(pixels: npt.NDArray[Any]) -> Image.Image:
    """Gray, BGR or BGRA pixels as a Pillow image."""
    _check_picture(pixels)
    if pixels.ndim == 2:
        return Image.fromarray(pixels)
    mode, stored = ("RGB", "BGR") if pixels.shape[2] == 3 else ("RGBA", "BGRA")
    size_wh = (pixels.shape[1], pixels.shape[0])
    # Pillow turns the channels while it takes them over, as it does with any array's.
    return Image.frombytes(mode, size_wh, np.ascontiguousarray(pixels), "raw", stored)


def _check_side(pixels: Picture, fmt: str) -> None:
    if max(pixels.shape[:2]) > _MAX_SIDE[fmt]:
        raise ImageError(
            "too_large",
            f"has a side of {max(pixels.shape[:2])} pixels and {fmt} holds at most "
            f"{_MAX_SIDE[fmt]}; choose PNG",
        )


def _encode(image: Image.Image, fmt: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()
