from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.figure import build_figure, head_window
from m2fp_cli.tryon.head import HeadFrame
from tests.support.drawn_people import NECK, TOP, draw_person, find_head
from training.tryon_benchmark import is_held_out
from training.worn_errors import MEASURES
from training.worn_masks import hide, main_piece


def place_of(along, below):
    drawn = draw_person()
    person = drawn.result.people[0]
    frame = find_head(drawn.photo_bgr, drawn.result, person)
    assert isinstance(frame, HeadFrame)
    window = head_window(drawn.result, person)
    assert window is not None
    figure = build_figure(drawn.result, person, window)
    return MEASURES["glasses"](frame, figure, along.ravel(), below.ravel())


def test_halves_go_by_the_number():
    assert is_held_out("0007")
    assert not is_held_out("0120")


def test_a_pair_of_glasses_tells_its_width_and_a_lens_alone_does_not():
    pair = place_of(*np.meshgrid(np.linspace(-1.1, 1.1, 60), np.linspace(-0.2, 0.4, 20)))
    assert pair["width"] == pytest.approx(1.0, abs=0.15)
    assert pair["center"] < 0.1
    lens = place_of(*np.meshgrid(np.linspace(-1.0, -0.2, 40), np.linspace(-0.3, 0.4, 40)))
    assert np.isnan(lens["width"])


def test_hidden_things_leave_what_is_beneath():
    labels = draw_person(hat=True).result.semantic_map
    hidden = hide(labels, main_piece(labels == 1), "hat")
    assert not (hidden == 1).any()
    assert (hidden[labels != 1] == labels[labels != 1]).all()
    assert result_from_maps(CIHP, hidden).people


def test_a_hidden_necklace_leaves_the_skin_and_the_clothes_beside_it():
    drawn = draw_person()
    labels = drawn.labels
    hole = np.zeros_like(labels, dtype=np.bool_)
    hole[drawn.box(0.3, 2.9, 1.1, 3.5)] = True
    holed = np.where(hole, 0, labels).astype(np.uint8)
    hidden = hide(holed, hole, "necklace")
    assert (hidden[~hole] == holed[~hole]).all()
    assert set(np.unique(hidden[hole])) == {NECK, TOP}
    assert (hidden == labels).mean() > 0.99
