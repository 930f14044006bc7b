"""A torso and legs that tiles take for two people, and what is not joined to one."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.engine.tiles.people import Sighting, Tile
from m2fp_cli.engine.tiles.rejoin import rejoin_people
from m2fp_cli.records.masks import Mask

HAIR, SHIRT = 2, 5
HW = (100, 60)


def rows(top: int, bottom: int, left: int = 20) -> Mask:
    """The part of a person, 20 columns wide, between two rows."""
    full = np.zeros(HW, np.bool_)
    full[top:bottom, left : left + 20] = True
    return Mask.from_full(full)


def seen(mask: Mask, score: float = 0.8) -> Sighting:
    return Sighting(score, mask, (0,), cut=False)


def rejoin(pieces: list[Sighting], hair: Mask) -> list[Sighting]:
    """With somebody from row 10 to 90 in the whole photo, and hair here."""
    labels = np.where(hair.full(), HAIR, SHIRT).astype(np.uint8)
    tile = Tile((0, 0, HW[1], HW[0]), Findings(labels, []))
    return rejoin_people(pieces, [rows(10, 90)], [tile], [HAIR])


def test_a_torso_and_legs_are_joined_with_the_best_score_and_nobody_else_is():
    neighbor = seen(rows(10, 40, left=40), 0.95)
    found = rejoin([seen(rows(10, 50)), neighbor, seen(rows(50, 90), 0.9)], rows(10, 20))
    assert found[0] is neighbor
    assert [(one.mask.box_xyxy, one.score) for one in found[1:]] == [((20, 10, 40, 90), 0.9)]


@pytest.mark.parametrize(
    ("torso", "legs", "hair"),
    [
        pytest.param(seen(rows(10, 50)), seen(rows(50, 90), 0.4), rows(10, 20), id="doubtful legs"),
        pytest.param(seen(rows(10, 50)), seen(rows(50, 90)), rows(45, 55), id="two heads"),
        pytest.param(seen(rows(10, 50)), seen(rows(50, 90)), rows(0, 5), id="no head"),
        pytest.param(seen(rows(10, 70)), seen(rows(56, 90)), rows(10, 20), id="nearly whole"),
        pytest.param(seen(rows(10, 35)), seen(rows(65, 90)), rows(10, 20), id="nothing between"),
    ],
)
def test_these_stay_two(torso, legs, hair):
    assert rejoin([torso, legs], hair) == [torso, legs]


def test_a_little_hair_makes_no_head():
    torso, legs, speck = seen(rows(10, 50)), seen(rows(50, 90)), np.zeros(HW, np.bool_)
    speck[10:13, 20:25] = True  # 15 of 800 pixels
    assert rejoin([torso, legs], Mask.from_full(speck)) == [torso, legs]
    speck[10:13, 20:26] = True
    assert len(rejoin([torso, legs], Mask.from_full(speck))) == 1
