"""Photos as a run reads them: whose the pixels are, and what is held out."""

from __future__ import annotations

import numpy as np

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.training.own_photos import choose_held_out, nearest_people


def test_pixels_belong_to_the_nearest_person_that_was_found():
    people = np.zeros((20, 40), np.uint16)
    people[5:15, 5:10], people[5:15, 30:35] = 1, 2
    labels = np.where(people > 0, CIHP.id_of("Face"), 0).astype(np.uint8)
    found = result_from_maps(CIHP, labels, people)
    corrected = np.zeros((20, 40), np.uint8)
    corrected[:, 2:14], corrected[:, 25:38], corrected[0, :] = 5, 5, 255
    own = nearest_people(corrected, found)
    assert (own[1:, 2:14] == 1).all()
    assert (own[1:, 25:38] == 2).all()
    assert (own[0] == 255).all()
    assert not own[1:, 15:24].any()


def test_every_fifth_is_held_out_and_never_more_than_forty():
    assert choose_held_out("abcdefg") == ("a", "f")
    assert [len(choose_held_out([*map(str, range(count))])) for count in (5, 200, 201, 5000)] == [
        1,
        40,
        34,
        40,
    ]
