"""Maps and pictures to bytes, and maps of other tools back to ids."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.imaging.codec import decode_image, decode_map
from m2fp_cli.imaging.encoding import (
    encode_jpeg,
    encode_palette_png,
    encode_png,
    encode_webp,
)
from tests.support.hostile_pictures import reason_of
from tests.support.picture_bytes import (
    encoded,
    photo_rgb,
    png_chunk,
    png_ihdr,
    png_of,
    reference_bgr,
)

PALETTE = np.random.default_rng(3).integers(0, 256, (256, 3), dtype=np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_ids_survive_the_palette_png(dtype: Any) -> None:
    ids = np.random.default_rng(0).integers(0, 20, (37, 53)).astype(dtype)
    data = encode_palette_png(ids, PALETTE[:20])
    back = decode_map(data)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, ids)


@pytest.mark.parametrize("colors", [1, 2, 4, 6, 16, 20, 256])
def test_a_palette_png_has_8_bits_and_shows_its_colors(colors: int) -> None:
    ids = np.arange(colors, dtype=np.uint8)[None]
    data = encode_palette_png(ids, PALETTE[:colors])
    assert data[24:26] == bytes((8, 3))  # IHDR: 8 bits, palette
    np.testing.assert_array_equal(reference_bgr(data)[..., ::-1], PALETTE[ids])


def test_more_than_255_ids_become_16_bit_gray() -> None:
    ids = np.arange(300, dtype=np.int32).reshape(20, 15)
    data = encode_palette_png(ids, PALETTE)
    assert data[24:26] == bytes((16, 0))
    assert decode_map(data).dtype == np.uint16
    np.testing.assert_array_equal(decode_map(data), ids)


@pytest.mark.parametrize(
    ("ids", "palette"),
    [
        (np.full((2, 2), 3), PALETTE[:3]),
        (np.full((2, 2), -1), PALETTE),
        (np.full((2, 2), 65536), PALETTE),
        (np.zeros((2, 2, 3), int), PALETTE),
        (np.zeros((2, 2)), PALETTE),
        (np.zeros((2, 2), int), PALETTE[:, :2]),
    ],
)
def test_maps_that_cannot_be_stored_are_refused(ids: Any, palette: Any) -> None:
    with pytest.raises(ValueError, match=r"ids|map|palette"):
        encode_palette_png(ids, palette)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("color_type", [0, 3])
def test_maps_of_other_tools_keep_their_stored_samples(bits: int, color_type: int) -> None:
    ids = np.arange(2**bits, dtype=np.uint8).repeat(3 if bits == 8 else 8)[None]
    digits = np.unpackbits(ids[..., None], axis=-1)[..., 8 - bits :]
    rows = zlib.compress(b"\0" + np.packbits(digits.reshape(-1)).tobytes())
    palette = [png_chunk(b"PLTE", PALETTE[: 2**bits].tobytes())] if color_type == 3 else []
    ihdr = png_ihdr(ids.size, 1, bits, color_type)
    data = png_of(ihdr, *palette, png_chunk(b"IDAT", rows))
    np.testing.assert_array_equal(decode_map(data), ids)


def test_a_map_stored_as_equal_rgb_is_read_and_colors_are_not() -> None:
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(decode_map(encoded(ids[..., None].repeat(3, 2), "PNG")), ids)
    assert reason_of(decode_map, encoded(photo_rgb(3, 4), "PNG")) == "unsupported"
    assert reason_of(decode_map, encoded(ids, "JPEG")) == "unsupported"
    deep = zlib.compress((b"\0" + b"\0\7" * 12) * 3)  # 16 bits: the ids are in the low bytes
    deep_map = png_of(png_ihdr(4, 3, 16, 2), png_chunk(b"IDAT", deep))
    assert reason_of(decode_map, deep_map) == "unsupported"
    assert reason_of(decode_map, b"") == "empty"


@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_pictures_survive(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 14, channels), dtype=np.uint8)
    for data in (encode_png(pixels), encode_webp(pixels, lossless=True)):
        stored = np.asarray(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(stored[..., 2::-1], pixels[..., :3])
        np.testing.assert_array_equal(stored[..., 3:], pixels[..., 3:])


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (16, 1), (17, 3), (70, 90)])
@pytest.mark.parametrize("channels", [3, 4])
def test_photos_of_any_size_survive(size: tuple[int, int], channels: int) -> None:
    rng = np.random.default_rng(sum(size))
    for pixels in (
        rng.integers(0, 256, (*size, channels), dtype=np.uint8),
        rng.integers(0, 3, (*size, channels), dtype=np.uint8),  # ties between the predictors
        np.asfortranarray(np.full((*size, channels), 7, np.uint8)),
    ):
        stored = np.asarray(Image.open(io.BytesIO(encode_png(pixels))))
        np.testing.assert_array_equal(stored, pixels[..., (2, 1, 0, 3)[:channels]])


def test_a_photo_takes_no_more_room_than_with_a_predictor_for_each_row() -> None:
    rng = np.random.default_rng(5)
    smooth = Image.fromarray(photo_rgb(20, 20)).resize((200, 200), Image.Resampling.BICUBIC)
    pixels = np.clip(np.asarray(smooth) + rng.normal(0, 2, (200, 200, 3)), 0, 255).astype(np.uint8)
    runs_only: dict[str, Any] = {"compress_level": 6, "compress_type": 3}
    each_row = io.BytesIO()
    Image.fromarray(pixels[..., ::-1]).save(each_row, "PNG", **runs_only)
    assert len(encode_png(pixels)) < 1.02 * len(each_row.getvalue())


def test_masks_become_black_and_white_and_16_bit_stays() -> None:
    mask = np.eye(5, dtype=bool)
    np.testing.assert_array_equal(decode_map(encode_png(mask)), mask * 255)
    wide = np.arange(40, dtype=np.uint16).reshape(5, 8) * 1000
    np.testing.assert_array_equal(decode_map(encode_png(wide)), wide)


def test_lossy_pictures_come_back_close() -> None:
    smooth = np.asarray(Image.fromarray(photo_rgb(4, 4)).resize((64, 64), Image.Resampling.BICUBIC))
    for data in (encode_jpeg(smooth), encode_webp(smooth)):
        back = decode_image(data).image_bgr.astype(int)
        assert np.abs(back - smooth).mean() < 4


def test_the_same_array_gives_the_same_bytes_without_metadata() -> None:
    pixels = photo_rgb(30, 30)
    for encode in (encode_png, encode_jpeg, encode_webp):
        assert encode(pixels) == encode(pixels.copy(order="F"))
    for word in (b"tIME", b"tEXt", b"Exif"):
        assert word not in encode_png(pixels) + encode_jpeg(pixels) + encode_webp(pixels)


def test_sides_a_format_cannot_hold_are_that_photos_failure() -> None:
    assert reason_of(encode_webp, np.zeros((2, 16384, 3), np.uint8)) == "too_large"
    assert reason_of(encode_jpeg, np.zeros((65536, 2, 3), np.uint8)) == "too_large"
    assert reason_of(encode_jpeg, np.zeros((65501, 2, 3), np.uint8)) == "too_large"
    assert encode_jpeg(np.zeros((65500, 2, 3), np.uint8))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (4, 4, 5)])
def test_shapes_that_are_no_picture_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a picture is uint8"):
        encode_png(np.zeros(shape, np.uint8))
