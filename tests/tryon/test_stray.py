"""What of a garment lies far from its wearer."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.stray import drop_stray
from tests.support.drawn_people import record_of
from tests.support.dressed import draw_dressed, dressed_result, label_mask


@pytest.mark.parametrize(("column", "kept"), [(125, True), (160, False)])
def test_a_piece_is_kept_up_to_a_third_of_the_size_of_the_person(column, kept):
    person = np.zeros((120, 200), np.bool_)
    person[10:110, 10:110] = True  # a square of 100, so that 30 pixels are as far as it goes
    person[60:70, column : column + 10] = True
    garment = person.copy()
    garment[:50] = False
    expected = garment.copy()
    expected[:, 110:] &= kept
    assert np.array_equal(drop_stray(garment, person), expected)


def test_what_the_garment_is_on_counts_and_not_the_largest_piece():
    person = np.zeros((100, 300), np.bool_)
    person[:, :100] = True  # above a table
    person[20:80, 250:] = True  # below it, with the trousers
    garment = person & (np.arange(300) > 240)
    assert np.array_equal(drop_stray(garment, person), garment)


@pytest.mark.parametrize(("kind", "label"), [("bottom", "Pants"), ("top", "UpperClothes")])
def test_a_piece_on_a_neighbor_keeps_its_color(kind, label):
    labels = draw_dressed(hw=(420, 400))
    labels[300:330, 360:380] = CIHP.id_of(label)
    result = dressed_result(labels)
    photo = np.full((*labels.shape, 3), 150, np.uint8)
    photo[::2] -= 9
    done = try_on(photo, result, {kind: "#a01830"})
    changed = (done.image_bgr != photo).any(axis=2)
    assert not changed[290:340, 350:390].any()
    assert changed[label_mask(labels, label)].mean() > 0.8
    assert "600 pixels far from the person were left as they are" in record_of(done).notes
