"""What of a garment lies far from its wearer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.stray import drop_stray, share_off_legs
from tests.support.drawn_joints import joints_at
from tests.support.drawn_people import failed_checks, record_of
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


LEGS = {
    f"{side}_{joint}": (150.0 - 25 * sign, 12.0 + y)
    for side, sign in (("right", 1), ("left", -1))
    for joint, y in (("shoulder", 80), ("hip", 185), ("knee", 280), ("ankle", 370))
}


def with_joints(labels):
    """The result of a label map of somebody who stands where ``draw_dressed`` has them."""
    result = dressed_result(labels)
    (person,) = result.people
    return replace(result, people=(replace(person, joints=joints_at(LEGS)),))


@pytest.mark.parametrize("far", [False, True])
def test_a_chair_beside_the_person_that_is_called_trousers_fails_a_check(far):
    labels = draw_dressed(hw=(420, 400))
    left = 255 if far else 178
    labels[200:270, left : left + 40] = CIHP.id_of("Pants")  # 87 pixels from the leg, and 10
    photo = np.full((*labels.shape, 3), 150, np.uint8)
    photo[::2] -= 9
    record = record_of(try_on(photo, with_joints(labels), {"bottom": "#a01830"}))
    assert record.placed
    assert ("off_legs" in failed_checks(record)) == far


def test_pieces_count_whole_by_their_nearest_pixel():
    garment = np.zeros((420, 400), np.bool_)
    garment[250:300, 180:400] = True  # begins at the leg and goes far beside it
    garment[10:20, 300:330] = True
    share = share_off_legs(garment, (0, 0), joints_at(LEGS))
    assert share == pytest.approx(300 / 11300)
    moved = joints_at({name: (x + 1000, y + 500) for name, (x, y) in LEGS.items()})
    assert share_off_legs(garment, (1000, 500), moved) == pytest.approx(share)


def test_a_large_garment_is_looked_at_in_part():
    garment = np.zeros((1600, 1600), np.bool_)
    garment[400:1400, 400:900] = True
    garment[:100, 1100:] = True
    joints = joints_at({name: (4 * x, 4 * y) for name, (x, y) in LEGS.items()})
    assert share_off_legs(garment, (0, 0), joints) == pytest.approx(1 / 11, abs=0.01)
