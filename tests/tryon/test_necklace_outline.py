from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from m2fp_cli.tryon.catalog import load_accessory
from m2fp_cli.tryon.kinds.necklace import place_necklace
from m2fp_cli.tryon.necklace_outline import guess_ends, guess_length
from tests.support.drawn_people import draw_person, make_wearer


def pendant(height):
    """A red chain, 400 pixels from end to end, with a round pendant of 80 at its lowest point."""
    bgra = np.zeros((height + 20, 440, 4), np.uint8)
    for x in (20, 420):
        cv2.line(bgra, (x, 0), (220, height - 80), (40, 40, 200, 255), 6)
    cv2.circle(bgra, (220, height - 40), 40, (40, 40, 200, 255), -1)
    return bgra


def length_of(height):
    anchors = guess_ends(np.ones((height, 400), np.bool_))
    return guess_length(anchors, (0, 0, 400, height)).get("length_mm")


@pytest.mark.parametrize(("height", "length"), [(150, None), (295, None), (500, 575), (900, 750)])
def test_only_a_chain_that_hangs_low_tells_its_length(height, length):
    assert length_of(height) == (None if length is None else pytest.approx(length, abs=2))


def test_a_closed_chain_does_not_tell_its_length():
    anchors = {"left_end": (0.0, 300.0), "right_end": (100.0, 300.0), "lowest": (50.0, 900.0)}
    assert guess_length(anchors, (0, 0, 100, 900)) == {}


def test_a_long_pendant_is_not_squashed(tmp_path):
    cv2.imwrite(str(tmp_path / "pendant.png"), pendant(600))
    item = load_accessory(str(tmp_path / "pendant.png"), "necklace")
    wearer = make_wearer(draw_person())
    place = place_necklace(wearer.frame, wearer.figure, item)
    assert not isinstance(place, str)
    assert place.matrix[1, 1] == pytest.approx(place.matrix[0, 0], rel=0.25)
    assert any(note.startswith("length_mm guessed") for note in item.notes)


def test_a_stated_length_counts(tmp_path):
    cv2.imwrite(str(tmp_path / "pendant.png"), pendant(600))
    (tmp_path / "pendant.json").write_text(json.dumps({"length_mm": 420}))
    item = load_accessory(str(tmp_path / "pendant.png"), "necklace")
    assert item.numbers["length_mm"] == 420
    assert not any(note.startswith("length_mm") for note in item.notes)
