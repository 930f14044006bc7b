from __future__ import annotations

import io
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import DecodedImage, decode_image
from tests.support.hostile_pictures import HostileFile, hostile_files, reason_of
from tests.support.picture_bytes import (
    encoded,
    exif_block,
    oriented,
    photo_rgb,
    png_chunk,
    reference_bgr,
    upright_scene,
)

BY_NAME = {one.name: one for one in hostile_files()}


@pytest.mark.parametrize("one", hostile_files(), ids=lambda one: one.name)
def test_every_hostile_file_is_read_or_refused_for_its_reason(one: HostileFile) -> None:
    if one.reason is None:
        assert decode_image(one.data).image_hw == one.image_hw
    else:
        assert reason_of(decode_image, one.data) == one.reason


READABLE = {one.name for one in hostile_files() if one.reason is None}
CLIPPED_BY_THE_REFERENCE = {"gray16.png", "gray16.tif"}
TRANSPARENT = {"gray_alpha.png", "palette_alpha.png", "palette_clear.png", "rgba.png", "rgba.webp"}
REFUSED_BY_THE_REFERENCE = {"bomb_ztxt.png", "cut_last_byte.jpg"}


UNLIKE_THE_REFERENCE = CLIPPED_BY_THE_REFERENCE | TRANSPARENT | REFUSED_BY_THE_REFERENCE


@pytest.mark.parametrize("name", sorted(READABLE - UNLIKE_THE_REFERENCE))
def test_pixels_are_those_of_the_reference(name: str) -> None:
    data = BY_NAME[name].data
    np.testing.assert_array_equal(decode_image(data).image_bgr, reference_bgr(data))


@pytest.mark.parametrize("name", sorted(CLIPPED_BY_THE_REFERENCE))
def test_16_bit_gray_keeps_its_high_byte(name: str) -> None:
    stored = (np.arange(48 * 64, dtype=np.uint16) * 21).reshape(48, 64)
    image = decode_image(BY_NAME[name].data).image_bgr
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], stored >> 8)


def test_the_array_is_contiguous_writable_bgr() -> None:
    blue = np.zeros((5, 7, 3), np.uint8)
    blue[..., 2] = 200
    decoded = decode_image(encoded(blue, "PNG"))
    assert decoded.image_bgr.flags.c_contiguous
    assert decoded.image_bgr.flags.writeable
    assert (decoded.image_bgr == (200, 0, 0)).all()


@pytest.mark.parametrize("name", sorted(TRANSPARENT))
def test_what_is_transparent_is_laid_on_white(name: str) -> None:
    data = BY_NAME[name].data
    rgba = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")).astype(float)
    expected = rgba[..., :3] * rgba[..., 3:] / 255 + 255 - rgba[..., 3:]
    decoded = decode_image(data)
    assert np.abs(decoded.image_bgr[..., ::-1] - expected).max() < 1
    assert decoded.notes == ("what is transparent in it was laid on white",)


def test_a_hidden_person_is_not_seen() -> None:
    clear_red = np.zeros((4, 4, 4), np.uint8)
    clear_red[..., 0] = 255
    assert (decode_image(encoded(clear_red, "PNG")).image_bgr == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_all_eight_orientations_come_out_upright(orientation: int, fmt: str) -> None:
    options: dict[str, Any] = {"exif": exif_block(orientation)}
    if fmt == "TIFF":
        options = {"tiffinfo": {274: orientation}}
    elif fmt == "WEBP":
        options["lossless"] = True
    elif fmt == "JPEG":
        options |= {"quality": 95, "subsampling": 0}
    decoded = decode_image(encoded(oriented(orientation), fmt, **options))
    difference = np.abs(decoded.image_bgr[..., ::-1].astype(int) - upright_scene())
    assert (decoded.orientation, decoded.image_hw) == (orientation, (48, 80))
    assert difference[4:20].max() <= (12 if fmt == "JPEG" else 0)
    assert difference[28:44].max() <= (12 if fmt == "JPEG" else 0)


def test_exif_behind_the_pixels_of_a_png_counts() -> None:
    png = encoded(oriented(6), "PNG")
    late = png[:-12] + png_chunk(b"eXIf", exif_block(6)[6:]) + png[-12:]
    decoded = decode_image(late)
    assert decoded.orientation == 6
    np.testing.assert_array_equal(decoded.image_bgr[..., ::-1], upright_scene())


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt"])
def test_exif_that_old_programs_wrote_into_a_png_as_text_counts(kind: bytes) -> None:
    png, block = encoded(oriented(6), "PNG"), exif_block(6)
    text = f"\nexif\n{len(block):8}\n{block.hex()[:72]}\n{block.hex()[72:]}\n".encode()
    packed = b"\0" + zlib.compress(text) if kind == b"zTXt" else text
    old = png[:33] + png_chunk(kind, b"Raw profile type exif\0" + packed) + png[33:]
    np.testing.assert_array_equal(decode_image(old).image_bgr, reference_bgr(old))
    assert decode_image(old).orientation == 6
    newer = old[:33] + png_chunk(b"eXIf", exif_block(3)[6:]) + old[33:]
    assert decode_image(newer).orientation == 3


def test_damaged_exif_in_a_png_as_text_is_no_orientation() -> None:
    png = encoded(oriented(1), "PNG")
    for digits in (b"", b"\nexif\n 4\nxyz", b"\nexif\n 9\n" + exif_block(6).hex().encode()[:20]):
        chunk = png_chunk(b"tEXt", b"Raw profile type exif\0" + digits)
        assert decode_image(png[:33] + chunk + png[33:]).orientation == 1


def test_a_cut_photo_is_refused_although_another_library_asked_for_gray(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name in ("cut_2.jpg", "cut_50.jpg", "cut_99.9.jpg"):
        assert reason_of(decode_image, BY_NAME[name].data) == "corrupt"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_our_pixel_limit_replaces_that_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = encoded(photo_rgb(40, 40), "PNG")
    assert decode_image(data).image_hw == (40, 40)
    assert Image.MAX_IMAGE_PIXELS == 100
    assert reason_of(decode_image, data, max_pixels=1599) == "too_large"


def test_decoding_is_silent(recwarn: pytest.WarningsRecorder, capfd: Any) -> None:
    for one in hostile_files():
        if one.reason in (None, "corrupt"):
            try:
                decode_image(one.data)
            except ImageError:
                assert one.reason
    assert [str(warning.message) for warning in recwarn] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_damaged_bytes_raise_nothing_but_image_errors(fmt: str) -> None:
    whole = encoded(photo_rgb(16, 24), fmt)
    random = np.random.default_rng(11)
    outcomes = set()
    for _ in range(120):
        data = bytearray(whole[: random.integers(1, len(whole) + 40)])
        for at in random.integers(0, len(data), random.integers(0, 4)):
            data[at] = random.integers(256)
        try:
            outcomes.add(decode_image(bytes(data), max_pixels=10**6).image_bgr.dtype.name)
        except ImageError as error:
            outcomes.add(error.reason)
    assert {"uint8", "corrupt"} <= outcomes


def test_out_of_memory_is_the_failure_of_one_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", exhausted)
    assert reason_of(decode_image, encoded(photo_rgb(4, 4), "PNG")) == "out_of_memory"


def test_avif_is_read_where_pillow_can_and_refused_with_advice_where_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encoded(photo_rgb(48, 64), "AVIF")
    assert decode_image(data).image_hw == (48, 64)
    monkeypatch.delitem(Image.OPEN, "AVIF")
    with pytest.raises(ImageError, match="pip install pillow-avif-plugin") as caught:
        decode_image(data)
    assert caught.value.reason == "unsupported"


def test_a_decoded_image_checks_its_array() -> None:
    with pytest.raises(ValueError, match="uint8"):
        DecodedImage(np.zeros((4, 4), np.uint8), "PNG", 1)
    with pytest.raises(ValueError, match="contiguous"):
        DecodedImage(np.zeros((4, 4, 3), np.uint8)[:, ::2], "PNG", 1)


def test_nothing_of_this_room_imports_opencv() -> None:
    code = "import sys; import m2fp_cli.imaging.codec; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
