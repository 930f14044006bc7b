from __future__ import annotations

import cv2
import numpy as np
import pytest

from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.catalog import list_accessories, load_accessory, read_item
from m2fp_cli.tryon.inspection import find_faults
from m2fp_cli.tryon.paper_rectangle import is_on_paper

BLUE, GOLD, WHITE = (160, 60, 40, 255), (60, 180, 220, 255), (240, 243, 244, 255)


def card(paper=WHITE, corner=0):
    """Two earrings on a card, which is cut out."""
    bgra = np.zeros((400, 500, 4), np.uint8)
    bgra[50:350, 50:450] = paper
    for x in (150, 350):
        cv2.circle(bgra, (x, 200), 40, BLUE, -1)
    if corner:
        bgra[50 : 50 + corner, 50 : 50 + corner] = 0
    return bgra


@pytest.mark.parametrize("corner", [0, 25])
def test_a_card_with_earrings_is_paper(corner):
    assert is_on_paper(card(corner=corner))


def test_bars_and_things_that_are_cut_out_are_no_paper():
    bar = np.zeros((300, 100, 4), np.uint8)
    bar[20:280, 30:70] = GOLD
    white = np.where(bar > 0, np.uint8(240), np.uint8(0))
    assert not is_on_paper(bar)
    assert not is_on_paper(white)
    assert not is_on_paper(card(paper=(0, 0, 0, 0)))


@pytest.mark.parametrize("name", [n for n, k in list_accessories().items() if k != "top"])
def test_no_accessory_of_the_tool_is_paper(name):
    assert not is_on_paper(load_accessory(name, list_accessories()[name]).bgra)


def test_a_card_is_refused_and_named_by_the_check(tmp_path):
    data = cv2.imencode(".png", card())[1].tobytes()
    with pytest.raises(UsageError, match="has no transparency around the earrings; cut the"):
        read_item(data, "earrings")
    (tmp_path / "card.png").write_bytes(data)
    faults = find_faults(load_accessory(str(tmp_path / "card.png"), "earrings"))
    assert "it shows the paper around the accessory; cut the accessory out of it" in faults
