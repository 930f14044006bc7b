"""Broken, hostile and merely odd pictures, made from nothing: the regression list of the readers.

Each comes with the answer it must get: empty file; three PNGs of 32 to 57 bytes that announce a
2 GB chunk; a PNG of 20000 x 20000; chunk and padding floods; JPEG cut at 2, 50 and 99.9 %; every
other format cut; 1x1, 1x30000, tiny and long pictures; CMYK, 16-bit, palette and alpha; GIF named
.jpg, JPEG 2000 named .png, 16-bit APNG; what is no picture at all.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import ImageError
from tests.support.picture_bytes import (
    PNG_MAGIC,
    encoded,
    photo_rgb,
    png_chunk,
    png_ihdr,
    png_of,
    tiff_ifd,
)


@dataclass(frozen=True)
class HostileFile:
    """One picture and the answer it must get.

    Attributes:
        name: file name, whose suffix may lie.
        data: the file's bytes.
        reason: failure class a reader must report; None when the picture must be read.
        image_hw: upright size when it must be read.
    """

    name: str
    data: bytes
    reason: str | None = None
    image_hw: tuple[int, int] | None = None


def reason_of(call: Any, *arguments: Any, **options: Any) -> str:
    """Class of the failure that a reader reports."""
    with pytest.raises(ImageError) as caught:
        call(*arguments, **options)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@cache
def hostile_files() -> tuple[HostileFile, ...]:
    """The whole list of pictures; made once per process."""
    parts = (_nothing, _png_bombs, _oversized, _cut, _odd_sizes, _odd_pixels, _liars, _malformed)
    return tuple(one for part in parts for one in part())


def _nothing() -> list[HostileFile]:
    return [
        HostileFile("empty.jpg", b"", "empty"),
        HostileFile("one_byte.jpg", b"\xff", "unsupported"),
        HostileFile("zeros.jpg", bytes(4096), "unsupported"),
        HostileFile("text.jpg", b"this is not a picture\n" * 9, "unsupported"),
        HostileFile("page.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "unsupported"),
        HostileFile("vector.png", b'<?xml version="1.0"?><svg width="9"/>', "unsupported"),
        HostileFile("document.jpg", b"%PDF-1.7\n" + bytes(99), "unsupported"),
    ]


def _png_bombs() -> list[HostileFile]:
    """Tiny PNGs that announce chunks of 2 GB, which make naive decoders allocate them."""
    length = struct.pack(">I", 0x7FFFFFF0)
    head = PNG_MAGIC + png_ihdr(64, 64)
    files = [
        HostileFile("bomb_text.png", head + length + b"tEXt" + bytes(16), "corrupt"),
        HostileFile("bomb_ihdr.png", PNG_MAGIC + length + b"IHDR" + bytes(16), "corrupt"),
        HostileFile("bomb_idat.png", head + length + b"IDAT" + bytes(16), "corrupt"),
    ]
    assert [len(one.data) for one in files] == [57, 32, 57]
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(64 * 193)))
    files.append(
        HostileFile("bomb_ztxt.png", png_of(png_ihdr(64, 64), text, pixels), None, (64, 64))
    )
    flood = png_of(png_ihdr(64, 64), png_chunk(b"IDAT", b"") * 300_000)
    files.append(HostileFile("flood_chunks.png", flood, "corrupt"))
    return files


def _oversized() -> list[HostileFile]:
    """Headers and whole files beyond 100 megapixels."""
    rows = zlib.compressobj(1)
    squeezed = b"".join(rows.compress(bytes(2501 * 1000)) for _ in range(20)) + rows.flush()
    whole = png_of(png_ihdr(20000, 20000, 1, 0), png_chunk(b"IDAT", squeezed))
    jpeg = bytearray(encoded(photo_rgb(64, 64), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65000, 65000)
    bmp = struct.pack("<2sIIIIiiHHI", b"BM", 99, 0, 54, 40, 30000, -30000, 1, 24, 0) + bytes(24)
    vp8x = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\xff\xff\xff\x00"
    webp = b"RIFF" + struct.pack("<I", 4 + len(vp8x)) + b"WEBP" + vp8x
    tiff = tiff_ifd([(256, 4, 1, 70000), (257, 4, 1, 70000), (259, 3, 1, 1)])
    tile = tiff_ifd([(256, 4, 1, 64), (257, 4, 1, 64), (322, 4, 1, 60000), (323, 4, 1, 60000)])
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(30)
    return [
        HostileFile("huge.png", whole, "too_large"),
        HostileFile("huge.jpg", bytes(jpeg), "too_large"),
        HostileFile("huge.bmp", bmp, "corrupt"),
        HostileFile("huge.webp", webp, "too_large"),
        HostileFile("huge.tif", tiff, "too_large"),
        HostileFile("huge_tile.tif", tile, "too_large"),
        HostileFile("huge.gif", gif, "too_large"),
    ]


def _cut(percents: tuple[float, ...] = (2, 50, 99.9)) -> list[HostileFile]:
    """Files whose end is missing; none may come back as a picture with a gray half.

    Without its last byte a JPEG still has all of its pixels."""
    photo = photo_rgb(512, 384)
    progressive = encoded(photo, "JPEG", progressive=True)
    whole = {
        "jpg": encoded(photo, "JPEG", quality=92),
        "png": encoded(photo, "PNG"),
        "webp": encoded(photo, "WEBP"),
        "bmp": encoded(photo, "BMP"),
        "tif": encoded(photo, "TIFF", compression="tiff_lzw"),
    }
    files = [
        HostileFile(f"cut_{percent}.{suffix}", data[: int(len(data) * percent / 100)], "corrupt")
        for suffix, data in whole.items()
        for percent in percents
    ]
    files.append(HostileFile("cut_last_byte.jpg", whole["jpg"][:-1], None, (512, 384)))
    half = progressive[: len(progressive) // 2]
    return [*files, HostileFile("cut_progressive.jpg", half, "corrupt")]


def _odd_sizes() -> list[HostileFile]:
    """Sizes that are legal and rare."""
    sizes = {"one_pixel": (1, 1), "tiny": (40, 40), "odd": (33, 127), "panorama": (60, 3000)}
    files = [
        HostileFile(f"{name}.png", encoded(photo_rgb(*hw), "PNG"), None, hw)
        for name, hw in sizes.items()
    ]
    files.append(HostileFile("line.png", encoded(photo_rgb(1, 900), "PNG"), None, (1, 900)))
    thread = encoded(photo_rgb(30000, 1), "PNG")
    return [*files, HostileFile("thread.png", thread, "unsupported")]


def _odd_pixels() -> list[HostileFile]:
    """Pixel layouts beyond 8-bit RGB; all but the last two are photos and must be read."""
    photo = Image.fromarray(photo_rgb(48, 64))
    alpha = photo.copy()
    alpha.putalpha(128)
    gray16 = (np.arange(48 * 64, dtype=np.uint16) * 21).reshape(48, 64)
    frames = [Image.fromarray(photo_rgb(48, 64, seed)) for seed in (1, 2)]
    palette = photo.quantize(32)
    animated: dict[str, Any] = {"save_all": True, "append_images": frames}
    readable = {
        "cmyk.jpg": encoded(photo.convert("CMYK"), "JPEG"),
        "cmyk.tif": encoded(photo.convert("CMYK"), "TIFF"),
        "gray.jpg": encoded(photo.convert("L"), "JPEG"),
        "gray_alpha.png": encoded(alpha.convert("LA"), "PNG"),
        "bilevel.png": encoded(photo.convert("1"), "PNG"),
        "bilevel.tif": encoded(photo.convert("1"), "TIFF", compression="group4"),
        "rgba.png": encoded(alpha, "PNG"),
        "rgba.webp": encoded(alpha, "WEBP"),
        "palette.png": encoded(palette, "PNG"),
        "palette.bmp": encoded(palette, "BMP"),
        "palette_clear.png": encoded(palette, "PNG", transparency=0),
        "palette_alpha.png": encoded(palette, "PNG", transparency=bytes(range(32))),
        "gray16.png": encoded(gray16, "PNG"),
        "gray16.tif": encoded(gray16, "TIFF"),
        "rgb16.png": _rgb16_png(),
        "apng16.png": _apng16(),
        "animated.gif": encoded(photo, "GIF", **animated),
        "animated.webp": encoded(photo, "WEBP", **animated),
        "pages.tif": encoded(photo, "TIFF", **animated),
        "trailing.jpg": encoded(photo, "JPEG") + b"\0" * 999,
        "trailing.png": encoded(photo, "PNG") + b"junk" * 99,
    }
    files = [HostileFile(name, data, None, (48, 64)) for name, data in readable.items()]
    floats = encoded(np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64), "TIFF")
    files.append(HostileFile("float.tif", floats, "unsupported"))
    ints = encoded(np.arange(48 * 64, dtype=np.int32).reshape(48, 64), "TIFF")
    return [*files, HostileFile("int32.tif", ints, "unsupported")]


def _rgb16_rows() -> bytes:
    wide = photo_rgb(48, 64).astype(">u2") * 257
    return b"".join(b"\0" + row.tobytes() for row in wide)


def _rgb16_png() -> bytes:
    pixels = png_chunk(b"IDAT", zlib.compress(_rgb16_rows()))
    return png_of(png_ihdr(64, 48, 16, 2), pixels)


def _apng16() -> bytes:
    """Two frames of 16-bit RGB; one decoder is known to return 16-bit arrays for it."""
    frame = struct.pack(">IIIIHHBB", 64, 48, 0, 0, 1, 10, 0, 0)
    pixels = zlib.compress(_rgb16_rows())
    return png_of(
        png_ihdr(64, 48, 16, 2),
        png_chunk(b"acTL", struct.pack(">II", 2, 0)),
        png_chunk(b"fcTL", struct.pack(">I", 0) + frame),
        png_chunk(b"IDAT", pixels),
        png_chunk(b"fcTL", struct.pack(">I", 1) + frame),
        png_chunk(b"fdAT", struct.pack(">I", 2) + pixels),
    )


def _liars() -> list[HostileFile]:
    """Files whose suffix says something else; the first bytes decide."""
    photo = photo_rgb(48, 64)
    jpeg2000 = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99)
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + _ispe_meta(64, 48)
    film = b"\0\0\0\x18ftypisom\0\0\2\0isommp41" + bytes(99)
    return [
        HostileFile("gif_named.jpg", encoded(photo, "GIF"), None, (48, 64)),
        HostileFile("png_named.JPG", encoded(photo, "PNG"), None, (48, 64)),
        HostileFile("jpeg_named.png", encoded(photo, "JPEG"), None, (48, 64)),
        HostileFile("jp2_named.png", jpeg2000, "unsupported"),
        HostileFile("heic_named.jpg", heic, "unsupported"),
        HostileFile("film_named.jpg", film, "unsupported"),
        HostileFile("zip_named.jpg", b"PK\x03\x04" + bytes(99), "unsupported"),
        HostileFile("photoshop_named.jpg", b"8BPS\0\1" + bytes(99), "unsupported"),
    ]


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _ispe_meta(width: int, height: int) -> bytes:
    """The boxes of a HEIC or AVIF file that say its size."""
    ispe = _box(b"ispe", struct.pack(">III", 0, width, height))
    return _box(b"meta", bytes(4) + _box(b"iprp", _box(b"ipco", ispe)))


def _malformed() -> list[HostileFile]:
    """Headers that contradict themselves or the format."""
    jpeg = encoded(photo_rgb(48, 64), "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    twelve_bit = jpeg[: frame + 4] + b"\x0c" + jpeg[frame + 5 :]
    no_height = jpeg[: frame + 5] + b"\0\0" + jpeg[frame + 7 :]
    two_frames = jpeg[:frame] + jpeg[frame : frame + 19] + jpeg[frame:]
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(48 * 193)))
    apple = png_of(png_chunk(b"CgBI", bytes(4)), png_ihdr(64, 48), pixels)
    png = encoded(photo_rgb(48, 64), "PNG")
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    bmp = encoded(photo_rgb(48, 64), "BMP")
    ring = tiff_ifd([(256, 3, 1, 64), (257, 3, 1, 48), (259, 3, 1, 1)])
    raw = tiff_ifd([(254, 4, 1, 1), (256, 3, 1, 64), (257, 3, 1, 48)])
    files = {
        "no_frame.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(10) + b"\xff\xd9", "corrupt"),
        "bad_segment.jpg": (b"\xff\xd8\xff\xe0\0\0" + jpeg[2:], "corrupt"),
        "padding_flood.jpg": (b"\xff\xd8" + b"\xff" * 5_000_000 + jpeg[2:], "corrupt"),
        "segment_flood.jpg": (b"\xff\xd8" + b"\xff\xfe\0\2" * 400_000 + jpeg[2:], "corrupt"),
        "twelve_bit.jpg": (twelve_bit, "unsupported"),
        "no_height.jpg": (no_height, "corrupt"),
        "two_frames.jpg": (two_frames, "corrupt"),
        "no_ihdr.png": (png_of(pixels, png_ihdr(64, 48)), "corrupt"),
        "no_pixels.png": (png_of(png_ihdr(64, 48)), "corrupt"),
        "no_size.png": (png_of(png_ihdr(0, 48), pixels), "corrupt"),
        "iphone.png": (apple, "unsupported"),
        "bit_flip.png": (bytes(flipped), "corrupt"),
        "short_rows.bmp": (bmp[:18] + struct.pack("<ii", 6400, 4800) + bmp[26:], "corrupt"),
        "negative.bmp": (bmp[:18] + struct.pack("<ii", -64, 48) + bmp[26:], "corrupt"),
        "no_riff.webp": (b"RIFF\x04\0\0\0WEBP", "corrupt"),
        "bad_key.webp": (b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0" + bytes(10), "corrupt"),
        "far_directory.tif": (b"II*\0\xff\xff\xff\x7f" + bytes(99), "corrupt"),
        "many_entries.tif": (b"II*\0\x08\0\0\0\xff\xff" + bytes(99), "corrupt"),
        "no_strips.tif": (ring, "corrupt"),
        "raw_thumbnail.tif": (raw, "unsupported"),
        "no_size.gif": (b"GIF89a" + bytes(30), "corrupt"),
    }
    return [HostileFile(name, data, reason) for name, (data, reason) in files.items()]
