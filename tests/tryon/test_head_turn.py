"""Heads of drawn people in photos that are turned."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.fitting import try_on
from tests.support.drawn_people import draw_person


@pytest.mark.parametrize(("quarters", "reason"), [
    (0, ""),
    (1, "the head is turned by more than 50 degrees"),
    (2, "the head is turned by more than 50 degrees"),
    (3, "the head is turned by more than 50 degrees"),
])  # fmt: skip
def test_a_turned_photo_gets_no_hat(quarters, reason):
    drawn = draw_person()
    photo, labels = (
        np.ascontiguousarray(np.rot90(a, quarters)) for a in (drawn.photo_bgr, drawn.labels)
    )
    done = try_on(photo, result_from_maps(CIHP, labels), {"hat": "fedora"})
    assert done.people[0].items[0].reason == reason
    assert (done.image_bgr == photo).all() == bool(reason)


@pytest.mark.parametrize("roll", [-30, 30])
def test_a_head_that_leans_keeps_its_hat(roll):
    drawn = draw_person(roll=roll)
    done = try_on(drawn.photo_bgr, drawn.result, {"hat": "fedora"})
    assert done.people[0].items[0].reason != "the head is turned by more than 50 degrees"
