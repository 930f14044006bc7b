from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.catalog import (
    find_accessory,
    list_accessories,
    load_accessory,
    load_item,
    read_item,
)
from m2fp_cli.tryon.inspection import find_faults
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of
from tests.support.hostile_folders import without_rights
from tests.support.picture_bytes import png_chunk, png_ihdr, png_of


def save_png(path, bgra):
    Image.fromarray(bgra[..., [2, 1, 0, 3]]).save(path)
    return str(path)


def capped_brim():
    """A crown 100 wide over a brim 200 wide, in a canvas with much air."""
    bgra = np.zeros((300, 500, 4), np.uint8)
    bgra[100:180, 200:300] = 255
    bgra[180:200, 150:350] = 255
    return bgra


@pytest.mark.parametrize(("name", "kind"), list_accessories().items())
def test_what_comes_with_the_tool_is_sound(name, kind):
    item = load_accessory(name, kind)
    assert max(item.bgra.shape[:2]) >= (960 if kind == "top" else 1024)
    assert item.notes == ()
    assert find_faults(item) == []


def test_there_is_a_choice_of_everything():
    kinds = list(list_accessories().values())
    counts = {kind: kinds.count(kind) for kind in KIND_NAMES}
    assert counts["hat"] >= 4
    assert counts["glasses"] >= 4
    assert counts["earrings"] >= 3
    assert counts["necklace"] >= 3
    assert counts["top"] >= 4


def test_a_name_may_be_written_with_a_hyphen():
    assert find_accessory("sun-hat") == find_accessory("sun_hat")


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_what_cannot_be_looked_at_is_refused_in_a_line(kind):
    kind_of(kind)  # imports it, which may need the rights
    with without_rights() as folder:
        (folder / "mine").mkdir(mode=0)
        with pytest.raises(UsageError, match=r"/mine/x\.png: Permission denied; name something"):
            load_item(f"{folder}/mine/x.png", kind)
    with pytest.raises(UsageError, match=r"aaa: File name too long; name something else"):
        load_item("a" * 300, kind)


def test_of_a_pair_of_earrings_one_hangs_at_each_ear(tmp_path):
    one = np.zeros((300, 120, 4), np.uint8)
    one[20:280, 40:80] = 255
    alone = load_accessory(save_png(tmp_path / "one.png", one), "earrings")
    pair = load_accessory(save_png(tmp_path / "two.png", np.hstack((one, one))), "earrings")
    assert (pair.anchors, pair.measured_xyxy) == (alone.anchors, alone.measured_xyxy)
    assert pair.notes[0] == "the picture shows a pair of earrings; the left one was taken"
    hat = load_accessory(save_png(tmp_path / "hat.png", np.hstack((one, one))), "hat")
    assert hat.bgra.shape[1] == 240


def test_a_pair_with_stated_anchors_stays_whole(tmp_path):
    one = np.zeros((300, 120, 4), np.uint8)
    one[20:280, 40:80] = 255
    (tmp_path / "two.json").write_text('{"anchors": {"hook": [180, 20]}}')
    pair = load_accessory(save_png(tmp_path / "two.png", np.hstack((one, one))), "earrings")
    assert pair.bgra.shape[1] == 240


def test_neither_specks_nor_a_soft_shadow_change_where_a_hat_sits(tmp_path):
    clean = load_accessory(save_png(tmp_path / "clean.png", capped_brim()), "hat")
    bgra = capped_brim()
    bgra[2:6, 490:494] = 255
    bgra[200:240, 140:360, 3] = 100
    item = load_accessory(save_png(tmp_path / "hat.png", bgra), "hat")
    assert item.anchors == clean.anchors
    assert item.measured_xyxy == clean.measured_xyxy == (150, 100, 350, 200)
    assert item.content_xyxy == (138, 98, 362, 242)
    assert item.notes[0] == "specks beside the hat were left out"
    assert len(clean.notes) == len(item.notes) - 1


def test_a_veil_is_measured_as_a_whole(tmp_path):
    bgra = capped_brim()
    bgra[180:290, 100:400, 3] = 60
    item = load_accessory(save_png(tmp_path / "hat.png", bgra), "hat")
    assert item.measured_xyxy == (100, 100, 400, 290)


def test_a_bare_hat_gets_its_band_from_the_crown(tmp_path):
    item = load_accessory(save_png(tmp_path / "hat.png", capped_brim()), "hat")
    left, right = item.anchors["band_left"], item.anchors["band_right"]
    assert (left[0] + right[0]) / 2 == pytest.approx(250, abs=1)
    assert right[0] - left[0] == pytest.approx(100, abs=2)
    assert 180 <= left[1] <= 200
    assert "guessed" in item.notes[0]


def test_a_mirrored_accessory_swaps_its_anchors():
    hat = load_accessory("cap", "hat")
    mirrored = hat.mirrored
    width = hat.bgra.shape[1]
    assert mirrored.anchors["band_left"][0] == pytest.approx(width - hat.anchors["band_right"][0])
    assert (mirrored.mirrored.bgra == hat.bgra).all()


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"kind": "glasses"},
        {"anchors": {"band_left": [1]}},
        {"anchors": {"band_left": [10**400, 1]}},
        {"anchors": {"band_left": [True, 1]}},
        {"band_above_eyes": "high"},
        {"band_above_eyes": 10**400},
        {"style": "x" * 1000},
    ],
)
def test_a_wrong_json_is_said(tmp_path, document):
    path = save_png(tmp_path / "hat.png", capped_brim())
    (tmp_path / "hat.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match="hat"):
        load_accessory(path, "hat")


def test_a_deep_json_and_a_large_picture_are_said(tmp_path):
    path = save_png(tmp_path / "hat.png", capped_brim())
    (tmp_path / "hat.json").write_text("[" * 200_000)
    with pytest.raises(UsageError, match=r"hat\.json: is nested too deeply"):
        load_accessory(path, "hat")
    huge = png_of(png_ihdr(30_000, 30_000), png_chunk(b"IDAT", zlib.compress(b"")))
    (tmp_path / "huge.png").write_bytes(huge)
    with pytest.raises(UsageError, match="more than 67 megapixels"):
        load_accessory(str(tmp_path / "huge.png"), "hat")


def test_no_picture_and_no_content_are_said(tmp_path):
    (tmp_path / "hat.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match="is not a picture in a known format"):
        load_accessory(str(tmp_path / "hat.png"), "hat")


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_picture_in_which_nothing_is_visible_is_not_worn_as_black(tmp_path, kind):
    clear = save_png(tmp_path / "clear.png", np.zeros((50, 50, 4), np.uint8))
    with pytest.raises(UsageError, match=r"clear\.png: is fully transparent"):
        load_item(clear, kind)


@pytest.mark.parametrize("kind", ["hat", "glasses", "earrings", "necklace"])
def test_a_photo_is_not_worn_on_a_head_as_a_box(tmp_path, kind):
    photo = save_png(tmp_path / "photo.png", np.full((400, 400, 4), 255, np.uint8))
    with pytest.raises(UsageError, match=rf"photo\.png: has no transparency; cut the {kind} out"):
        load_item(photo, kind)
    with pytest.raises(UsageError, match=f"^{kind}: has no transparency"):
        read_item((tmp_path / "photo.png").read_bytes(), kind)


@pytest.mark.parametrize("kind", ["top", "bottom"])
def test_an_upload_of_a_product_is_not_told_of_options_and_files(tmp_path, kind):
    product = np.zeros((300, 300, 4), np.uint8)
    product[40:260, 60:240] = (60, 30, 200, 255)
    path = save_png(tmp_path / "jeans.png", product)
    with pytest.raises(UsageError, match=r"crop it to the cloth, or give --as fabric or .*json$"):
        load_item(path, kind)
    with pytest.raises(UsageError, match=rf"^{kind}: shows one .*; if it .* crop it to the cloth$"):
        read_item((tmp_path / "jeans.png").read_bytes(), kind)


def test_an_empty_color_is_named():
    with pytest.raises(UsageError, match=r"^an empty text is not a color for hair"):
        load_item("", "hair")


def test_a_wrong_name_is_answered_with_those_of_its_kind():
    with pytest.raises(
        UsageError, match=r"fedorra: is not a file, and no hat has this name; use .*fedora"
    ) as raised:
        load_accessory("fedorra", "hat")
    assert "tartan" not in str(raised.value)


def test_an_opaque_picture_has_a_fault(tmp_path):
    opaque = save_png(tmp_path / "hat.png", np.full((400, 400, 4), 255, np.uint8))
    faults = find_faults(load_accessory(opaque, "hat"))
    assert any("no transparency" in fault for fault in faults)
