from __future__ import annotations

import io
import signal
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFile, ImageOps

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import (
    DecodedImage,
    decode_image,
    decode_map,
    encode_jpeg,
    encode_palette_png,
    encode_png,
    encode_webp,
    read_bytes,
    read_image,
)
from tests.hostile_folders import (
    make_awkward_photos,
    make_fifo,
    make_self_symlink,
    make_socket,
    without_rights,
)
from tests.hostile_pictures import HostileFile, hostile_files
from tests.picture_bytes import (
    encoded,
    exif_block,
    oriented,
    photo_rgb,
    png_chunk,
    png_ihdr,
    png_of,
    upright_scene,
)

BY_NAME = {one.name: one for one in hostile_files()}
PALETTE = np.random.default_rng(3).integers(0, 256, (256, 3), dtype=np.uint8)


def reference_bgr(data: bytes) -> npt.NDArray[np.uint8]:
    """ModelScope's LoadImage, word for word, turned to BGR."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return np.asarray(image)[..., ::-1]


def reason_of(call: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        call(*arguments, **options)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


# --------------------------------------------------------------------------------- decode_image


@pytest.mark.parametrize("one", hostile_files(), ids=lambda one: one.name)
def test_every_hostile_file_is_read_or_refused_for_its_reason(one: HostileFile) -> None:
    if one.reason is None:
        assert decode_image(one.data).image_hw == one.image_hw
    else:
        assert reason_of(decode_image, one.data) == one.reason


READABLE = {one.name for one in hostile_files() if one.reason is None}
CLIPPED_BY_THE_REFERENCE = {"grey16.png", "grey16.tif"}


@pytest.mark.parametrize("name", sorted(READABLE - CLIPPED_BY_THE_REFERENCE))
def test_pixels_are_those_of_the_reference(name: str) -> None:
    data = BY_NAME[name].data
    np.testing.assert_array_equal(decode_image(data).image_bgr, reference_bgr(data))


@pytest.mark.parametrize("name", sorted(CLIPPED_BY_THE_REFERENCE))
def test_16_bit_grey_keeps_its_high_byte(name: str) -> None:
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


def test_a_clear_pixel_shows_the_colour_beneath_it() -> None:
    clear_red = np.zeros((4, 4, 4), np.uint8)
    clear_red[..., 0] = 255
    assert (decode_image(encoded(clear_red, "PNG")).image_bgr == (0, 0, 255)).all()


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


def test_a_cut_photo_is_refused_although_another_library_asked_for_grey(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name in ("cut_50.jpg", "cut_99.9.jpg", "cut_last_byte.jpg"):
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


# ----------------------------------------------------------------------------------- read_bytes


@pytest.fixture
def alarm() -> Any:
    """Turn a read that blocks into a failure instead of a hang."""
    signal.alarm(5)
    yield
    signal.alarm(0)


@pytest.mark.usefixtures("alarm")
def test_a_pipe_named_jpg_does_not_block(tmp_path: Path) -> None:
    assert reason_of(read_bytes, make_fifo(tmp_path / "x.jpg")) == "unsupported"


def test_sockets_folders_and_devices_are_refused(tmp_path: Path) -> None:
    with without_rights() as folder, make_socket(folder / "s.jpg") as path:
        assert reason_of(read_bytes, path) == "unsupported"
    assert reason_of(read_bytes, tmp_path) == "unsupported"
    assert reason_of(read_bytes, Path("/dev/zero")) == "unsupported"


def test_what_is_gone_has_vanished(tmp_path: Path) -> None:
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "file").touch()
    assert reason_of(read_bytes, tmp_path / "nothing.jpg") == "vanished"
    assert reason_of(read_bytes, tmp_path / "dangling.jpg") == "vanished"
    assert reason_of(read_bytes, tmp_path / "file" / "x.jpg") == "vanished"


def test_what_may_not_be_read_is_unreadable() -> None:
    with without_rights() as folder:
        (folder / "x.jpg").write_bytes(b"data")
        (folder / "x.jpg").chmod(0)
        assert reason_of(read_bytes, folder / "x.jpg") == "unreadable"


def test_odd_paths_are_unreadable_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for path in (tmp_path / "a", tmp_path / "nul\0byte.jpg", tmp_path / ("n" * 300)):
        assert reason_of(read_bytes, path) == "unreadable"


def test_the_size_limit_is_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(bytes(1000))
    assert len(read_bytes(path, max_bytes=1000)) == 1000
    assert reason_of(read_bytes, path, max_bytes=999) == "too_large"


def test_a_huge_sparse_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(10 * 2**40)
    assert reason_of(read_bytes, tmp_path / "sparse.jpg") == "too_large"


def test_a_file_that_understates_its_size_is_still_bounded() -> None:
    assert reason_of(read_bytes, Path("/proc/self/maps"), max_bytes=64) == "too_large"


def test_awkward_names_are_read(tmp_path: Path) -> None:
    for path in make_awkward_photos(tmp_path):
        assert read_image(path).image_hw == (8, 8)


def test_a_linked_file_is_read_and_a_looping_folder_refused(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(encoded(photo_rgb(4, 4), "PNG"))
    (tmp_path / "link.jpg").symlink_to("real.png")
    assert read_image(tmp_path / "link.jpg").format == "PNG"
    assert reason_of(read_bytes, make_self_symlink(tmp_path)) == "unsupported"


def test_no_descriptor_leaks(tmp_path: Path) -> None:
    make_fifo(tmp_path / "x.jpg")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        for path in (tmp_path / "x.jpg", tmp_path, tmp_path / "none"):
            reason_of(read_bytes, path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# ------------------------------------------------------------------------------- maps, encoders


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_ids_survive_the_palette_png(dtype: Any) -> None:
    ids = np.random.default_rng(0).integers(0, 20, (37, 53)).astype(dtype)
    data = encode_palette_png(ids, PALETTE[:20])
    back = decode_map(data)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, ids)


@pytest.mark.parametrize("colours", [1, 2, 4, 6, 16, 20, 256])
def test_a_palette_png_has_8_bits_and_shows_its_colours(colours: int) -> None:
    ids = np.arange(colours, dtype=np.uint8)[None]
    data = encode_palette_png(ids, PALETTE[:colours])
    assert data[24:26] == bytes((8, 3))  # IHDR: 8 bits, palette
    np.testing.assert_array_equal(reference_bgr(data)[..., ::-1], PALETTE[ids])


def test_more_than_255_ids_become_16_bit_grey() -> None:
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
@pytest.mark.parametrize("colour_type", [0, 3])
def test_maps_of_other_tools_keep_their_stored_samples(bits: int, colour_type: int) -> None:
    ids = np.arange(2**bits, dtype=np.uint8).repeat(3 if bits == 8 else 8)[None]
    digits = np.unpackbits(ids[..., None], axis=-1)[..., 8 - bits :]
    rows = zlib.compress(b"\0" + np.packbits(digits.reshape(-1)).tobytes())
    palette = [png_chunk(b"PLTE", PALETTE[: 2**bits].tobytes())] if colour_type == 3 else []
    ihdr = png_ihdr(ids.size, 1, bits, colour_type)
    data = png_of(ihdr, *palette, png_chunk(b"IDAT", rows))
    np.testing.assert_array_equal(decode_map(data), ids)


def test_a_map_stored_as_equal_rgb_is_read_and_colours_are_not() -> None:
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(decode_map(encoded(ids[..., None].repeat(3, 2), "PNG")), ids)
    assert reason_of(decode_map, encoded(photo_rgb(3, 4), "PNG")) == "unsupported"
    assert reason_of(decode_map, encoded(ids, "JPEG")) == "unsupported"
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


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (4, 4, 5)])
def test_shapes_that_are_no_picture_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a picture is uint8"):
        encode_png(np.zeros(shape, np.uint8))


def test_nothing_of_this_room_imports_opencv() -> None:
    code = "import sys; import m2fp_cli.imaging.codec; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
