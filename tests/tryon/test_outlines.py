"""What surely is no hat, no glasses, no necklace, and what may be one."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.catalog import (
    accessories_folder,
    list_accessories,
    load_accessory,
    load_item,
    read_item,
)
from m2fp_cli.tryon.cut_out import find_other
from m2fp_cli.tryon.inspection import find_faults
from m2fp_cli.tryon.kind import HeadKind
from m2fp_cli.tryon.kinds import kind_of
from m2fp_cli.tryon.outlines import find_outline

HEAD_KINDS = ("hat", "glasses", "earrings", "necklace")
SHIPPED = list_accessories()


def unlike(name):
    kind = kind_of(name)
    assert isinstance(kind, HeadKind)
    return kind.unlike


def drawn(*shapes, size=(400, 600)):
    bgra = np.zeros((*size, 4), np.uint8)
    for draw in shapes:
        draw(bgra)
    return bgra


def filled(*points):
    return lambda bgra: cv2.fillPoly(bgra, [np.array(points)], (40, 40, 90, 255))


def oval(center, axes, thick=-1, start=0, end=360):
    return lambda bgra: cv2.ellipse(bgra, center, axes, 0, start, end, (40, 40, 90, 255), thick)


BOW = drawn(filled((300, 180), (60, 60), (60, 300)), filled((300, 180), (540, 60), (540, 300)),
            oval((300, 180), (60, 60)), filled((280, 200), (180, 390), (320, 300)),
            filled((320, 200), (420, 390), (280, 300)))  # fmt: skip
HEADPHONES = drawn(oval((300, 250), (200, 200), 24, 180, 360), oval((100, 290), (50, 80)),
                   oval((500, 290), (50, 80)))  # fmt: skip
MOUSE_EARS = drawn(oval((140, 110), (100, 100)), oval((460, 110), (100, 100)),
                   oval((300, 300), (180, 180), 24, 180, 360))  # fmt: skip
LAUREL = drawn(oval((300, 60), (260, 300), 70, 0, 180))
CIRCLET = drawn(oval((300, 20), (280, 120), 8, 0, 180))
TRICORN = drawn(filled((20, 120), (300, 20), (580, 120), (480, 300), (300, 340), (120, 300)))
SHIELD = drawn(
    filled((30, 60), (570, 60), (560, 220), (340, 240), (300, 170), (260, 240), (40, 220))
)
VISOR = drawn(filled((20, 100), (580, 100), (560, 220), (40, 220)))
LORGNETTE = drawn(
    oval((140, 80), (90, 70), 14),
    oval((340, 80), (90, 70), 14),
    filled((420, 80), (440, 80), (440, 395), (420, 395)),
    size=(400, 450),
)
SNEAKER = drawn(filled((30, 360), (30, 130), (200, 120), (280, 200), (500, 260), (570, 360)))
BOOT = drawn(filled((100, 20), (280, 20), (280, 240), (470, 300), (490, 390), (100, 390)))
SANTA = drawn(filled((100, 390), (100, 320), (240, 60), (380, 30), (520, 200), (430, 170),
                     (480, 320), (480, 390)), oval((520, 240), (45, 45)))  # fmt: skip
SIDE_CAP = drawn(oval((220, 300), (190, 230), -1, 180, 360),
                 filled((30, 300), (410, 300), (570, 330), (560, 350), (30, 330)))  # fmt: skip
DUNCE = drawn(filled((200, 390), (295, 10), (305, 10), (400, 390)))
JEANS = drawn(
    filled((220, 10), (380, 10), (410, 390), (330, 390), (300, 130), (270, 390), (190, 390))
)
CHULLO = drawn(
    oval((220, 230), (190, 210), -1, 180, 360),
    filled((30, 230), (410, 230), (410, 270), (30, 270)),
    *(filled(*((220 + side * x, y) for x, y in corners)) for side in (1, -1) for corners in (
        [(190, 270), (80, 270), (120, 380), (150, 380)], [(120, 380), (150, 380), (140, 600)])),
    size=(620, 440),
)  # fmt: skip
BIB = drawn(oval((300, 60), (270, 320), -1, 0, 180), lambda bgra: cv2.ellipse(
    bgra, (300, 60), (130, 130), 0, 0, 180, (0, 0, 0, 0), -1))  # fmt: skip
CHOKER = drawn(filled((20, 150), (300, 180), (580, 150), (580, 240), (300, 270), (20, 240)))
FAN = drawn(filled((300, 40), (70, 330), (300, 390), (530, 330)))


@pytest.mark.parametrize(("kind", "bgra"), [
    *(("hat", one) for one in (BOW, HEADPHONES, MOUSE_EARS, LAUREL, CIRCLET, TRICORN)),
    *(("hat", one) for one in (SANTA, SIDE_CAP, DUNCE, SIDE_CAP[:, ::-1], CHULLO)),
    *(("glasses", one) for one in (SHIELD, VISOR, LORGNETTE)),
    *(("necklace", one) for one in (LAUREL, CIRCLET, BOW, BIB, CHOKER)),
    ("earrings", FAN),
])  # fmt: skip
def test_what_may_be_of_a_kind_is_not_refused(kind, bgra):
    assert find_outline(bgra, unlike(kind)) is None


@pytest.mark.parametrize("name", [name for name, kind in SHIPPED.items() if kind in HEAD_KINDS])
def test_nothing_that_comes_with_the_tool_looks_like_another_kind(name):
    assert find_other(replace(load_accessory(name, SHIPPED[name]), stated=False)) is None


@pytest.mark.parametrize(("kind", "name", "looks"), [
    *(("hat", name, "a pair of glasses") for name in ("clear", "round", "sunglasses", "wide")),
    *(("hat", name, "a necklace") for name in ("chain", "pearls", "pendant")),
    *(("hat", name, "a garment") for name in ("blazer", "hoodie", "knit", "tshirt")),
    ("glasses", "pearls", "a necklace"),
    ("glasses", "striped_shirt", "a garment"),
    ("glasses", "sun_hat", "a hat or a shoe"),
    ("glasses", "drop", "higher than wide"),
    ("necklace", "round", "a pair of glasses"),
    ("necklace", "tshirt", "a garment"),
    ("earrings", "wide", "a pair of glasses"),
    ("hat", "drop", "much higher than wide"),
    *(("glasses", name, "a hat or a shoe") for name in ("beanie", "cap", "fedora")),
    *(("earrings", name, "wider than high") for name in ("beanie", "cap", "fedora", "pearls")),
    *(("necklace", name, "no room for a neck") for name in ("beanie", "cap", "fedora", "sun_hat")),
    *(("necklace", name, "no room for a neck") for name in ("drop", "pearl_stud")),
])  # fmt: skip
def test_what_surely_is_something_else_is_refused(kind, name, looks):
    other = find_outline(load_accessory(name, SHIPPED[name]).bgra, unlike(kind))
    assert other is not None
    assert looks in other.looks


@pytest.mark.parametrize(("bgra", "looks"), [
    (SNEAKER, "a shoe"), (BOOT, "a shoe"), (SNEAKER[:, ::-1], "a shoe"), (JEANS, "trousers"),
])  # fmt: skip
def test_a_shoe_from_the_side_and_trousers_are_no_hat(bgra, looks):
    other = find_outline(bgra, unlike("hat"))
    assert other is not None
    assert other.looks == f"looks like {looks}"


@pytest.mark.parametrize(("kind", "bgra", "said"), [
    *((kind, load_accessory("round", "glasses").bgra, "a pair of glasses; wear it as glasses")
      for kind in ("top", "bottom")),
    ("top", load_accessory("pearls", "necklace").bgra, "a necklace; wear it as a necklace"),
    ("bottom", SNEAKER, "a shoe; give it as shoes"),
    ("top", JEANS, "trousers; give its cloth or color as bottom"),
])  # fmt: skip
@pytest.mark.parametrize("white", [False, True])
def test_what_is_worn_elsewhere_is_not_told_of_its_sleeves(kind, bgra, said, white):
    picture = np.pad(bgra, ((60, 60), (60, 60), (0, 0)))
    if white:
        picture[picture[..., 3] < 128] = 255
    with pytest.raises(UsageError, match=rf"^{kind}: looks like {said}$"):
        read_item(cv2.imencode(".png", picture)[1].tobytes(), kind)


def test_a_refusal_says_what_it_looks_like_and_a_json_overrules_it(tmp_path):
    file = tmp_path / "specs.png"
    file.write_bytes((accessories_folder() / "round.png").read_bytes())
    said = 'specs.png: looks like a pair of glasses; wear it as glasses, or state "kind": "hat" in'
    with pytest.raises(UsageError, match=said):
        load_item(str(file), "hat")
    assert "it looks like a pair of glasses" in find_faults(load_accessory(str(file), "hat"))[0]
    file.with_suffix(".json").write_text('{"kind": "hat"}')
    assert load_item(str(file), "hat").kind == "hat"


def test_an_upload_is_not_told_of_a_json():
    data = (accessories_folder() / "round.png").read_bytes()
    with pytest.raises(
        UsageError, match=r"^hat: looks like a pair of glasses; wear it as glasses$"
    ):
        read_item(data, "hat")


def test_a_pair_of_glasses_upright_is_told_to_turn_it(tmp_path):
    picture = Image.open(accessories_folder() / "wide.png").transpose(Image.Transpose.ROTATE_90)
    picture.save(tmp_path / "wide.png")
    with pytest.raises(UsageError, match=r"wide.png: is higher than wide, .* turn it"):
        load_item(str(tmp_path / "wide.png"), "glasses")
