from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.flat_garment import FlatGarment
from m2fp_cli.tryon.inspection import find_faults
from m2fp_cli.tryon.kind import PictureSort
from m2fp_cli.tryon.kinds.bottom import bottom_of
from m2fp_cli.tryon.kinds.top import top_of
from m2fp_cli.tryon.several_things import shows_several
from tests.support.drawn_people import plain_accessory

CELL = 260  # pixels a side


def shipped(name, kind="top"):
    return load_accessory(name, kind).bgra


def trousers():
    bgra = np.zeros((400, 260, 4), np.uint8)
    legs = [(40, 10), (220, 10), (240, 390), (150, 390), (130, 150), (110, 390), (20, 390)]
    cv2.fillPoly(bgra, [np.array(legs)], (140, 90, 40, 255))
    return bgra


def side_by_side(*things, white=True):
    """Things in a row, as large as a cell allows, on white or clear ground."""
    cells = []
    for bgra in things:
        size = tuple(round(CELL * side / max(bgra.shape)) for side in bgra.shape[1::-1])
        small = cv2.resize(bgra, size, interpolation=cv2.INTER_AREA)
        cell = np.zeros((CELL + 60, CELL + 60, 4), np.uint8)
        cell[30 : 30 + size[1], 30 : 30 + size[0]] = small
        cells.append(cell)
    row = np.hstack(cells)
    if white:
        alpha = row[..., 3:] / 255
        row = np.dstack((row[..., :3] * alpha + 255 * (1 - alpha), np.full(row.shape[:2], 255)))
    return plain_accessory("top", np.round(row).astype(np.uint8), {})


@pytest.mark.parametrize("white", [True, False])
@pytest.mark.parametrize("things", [
    [shipped("knit"), shipped("blazer")],
    [shipped("tshirt"), shipped("knit"), shipped("blazer")],
    [trousers(), trousers(), trousers()],
    [shipped("round", "glasses"), shipped("wide", "glasses")],
])  # fmt: skip
def test_several_products_are_neither_worn_by_chance_nor_a_pattern(things, white):
    picture = side_by_side(*things, white=white)
    for read in (top_of, bottom_of):
        with pytest.raises(UsageError, match="several things on a plain ground; crop it to one"):
            read(picture)
        assert read(picture, PictureSort.FABRIC).name == picture.name  # said to be cloth
    assert "several things" in find_faults(picture)[0]


def test_a_fabric_may_show_several_garments():
    picture = replace(side_by_side(shipped("knit"), shipped("blazer")), style="fabric")
    assert not any("several" in fault for fault in find_faults(picture))


@pytest.mark.parametrize("white", [True, False])
def test_one_garment_is_still_worn(white):
    assert isinstance(top_of(side_by_side(shipped("knit"), white=white)), FlatGarment)
    assert not shows_several(side_by_side(shipped("knit"), white=white).bgra)


def motif(points):
    bgra = np.zeros((200, 200, 4), np.uint8)
    cv2.fillPoly(bgra, [np.array(points, np.int32)], (40, 40, 160, 255), cv2.LINE_AA)
    return bgra


TURN = np.arange(10) * np.pi / 5 - np.pi / 2
CIRCLE = np.stack((np.cos(TURN), np.sin(TURN)), axis=1)
ROUND = 100 + 80 * CIRCLE
STAR = 100 + 90 * CIRCLE * np.where(np.arange(10) % 2, 0.45, 1)[:, None]
PLUS = [(70, 10), (130, 10), (130, 70), (190, 70), (190, 130), (130, 130),
        (130, 190), (70, 190), (70, 130), (10, 130), (10, 70), (70, 70)]  # fmt: skip
ARCH = [(10, 190), (10, 60), (100, 10), (190, 60), (190, 190),
        (140, 190), (140, 90), (60, 90), (60, 190)]  # fmt: skip


@pytest.mark.parametrize("white", [True, False])
@pytest.mark.parametrize("points", [STAR, ROUND, PLUS, ARCH])
def test_the_motives_of_a_print_are_cloth(points, white):
    assert not shows_several(side_by_side(*[motif(points)] * 3, white=white).bgra)
