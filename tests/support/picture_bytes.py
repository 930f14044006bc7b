"""Bytes of pictures, whole or piece by piece, and a scene in each of the 8 EXIF orientations."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Pixels = npt.NDArray[np.uint8]
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def photo_rgb(height: int, width: int, seed: int = 0) -> Pixels:
    """A picture (height, width, 3) with gradients and noise, so that no codec makes it trivial."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).integers(0, 40, (height, width, 3))
    ramps = np.stack([x * 200 // max(width, 1), y * 200 // max(height, 1), (x + y) % 200], axis=-1)
    pixels: Pixels = (ramps + noise).astype(np.uint8)
    return pixels


def encoded(pixels: npt.NDArray[Any] | Image.Image, fmt: str, **options: Any) -> bytes:
    """Bytes of a picture as Pillow writes it."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def reference_bgr(data: bytes) -> Pixels:
    """ModelScope's LoadImage, word for word, turned to BGR."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return np.asarray(image)[..., ::-1]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_ihdr(width: int, height: int, depth: int = 8, color_type: int = 2) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return png_chunk(b"IHDR", body)


def png_of(*chunks: bytes) -> bytes:
    return PNG_MAGIC + b"".join(chunks) + png_chunk(b"IEND", b"")


def tiff_ifd(entries: list[tuple[int, int, int, int]], *, big_endian: bool = False) -> bytes:
    """A TIFF header with one directory of (tag, type, count, value) entries and nothing else."""
    order = ">" if big_endian else "<"
    body = (b"MM" if big_endian else b"II") + struct.pack(order + "HIH", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHI", tag, kind, count)
        body += struct.pack(order + ("H2x" if kind == 3 else "I"), value)
    return body + struct.pack(order + "I", 0)


def upright_scene() -> Pixels:
    """RGB scene (48, 80, 3) of four flat corners, so that each of the 8 orientations differs."""
    scene = np.zeros((48, 80, 3), np.uint8)
    scene[:24, :40] = (250, 10, 10)
    scene[:24, 40:] = (10, 250, 10)
    scene[24:, :40] = (10, 10, 250)
    scene[24:, 40:] = (240, 240, 10)
    return scene


def oriented(orientation: int) -> Pixels:
    """The scene as a camera stores it with this EXIF orientation.

    Written from the EXIF table itself (what the stored row 0 and column 0 show of the scene), not
    from any library's transpose: 1 top/left, 2 top/right, 3 bottom/right, 4 bottom/left,
    5 left/top, 6 right/top, 7 right/bottom, 8 left/bottom.
    """
    scene = upright_scene()
    swapped = scene.transpose(1, 0, 2)
    stored = {
        1: scene,
        2: scene[:, ::-1],
        3: scene[::-1, ::-1],
        4: scene[::-1],
        5: swapped,
        6: swapped[::-1],
        7: swapped[::-1, ::-1],
        8: swapped[:, ::-1],
    }
    return np.ascontiguousarray(stored[orientation])


def exif_block(orientation: int, *, big_endian: bool = False) -> bytes:
    """An EXIF block that holds the orientation alone."""
    return b"Exif\0\0" + tiff_ifd([(0x0112, 3, 1, orientation)], big_endian=big_endian)
