"""Photos as a run reads them: whose the pixels are, and what is held out."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.errors import UsageError
from m2fp_cli.evaluation.dataset import find_labelled
from m2fp_cli.records.labels import CIHP
from m2fp_cli.training.own_photos import choose_held_out, nearest_people, prepare_photos


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


def test_many_people_take_no_more_memory_than_few():
    """A map of distances for each at once took 12 GB for 20 people on 48 megapixels."""
    people = np.zeros((600, 800), np.uint16)
    for number in range(40):
        people[100:500, number * 20 : number * 20 + 10] = number + 1
    labels = np.full((600, 800), CIHP.id_of("Face"), np.uint8)
    found = result_from_maps(CIHP, np.where(people > 0, labels, 0).astype(np.uint8), people)
    tracemalloc.start()
    own = nearest_people(labels, found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (own[people > 0] == people[people > 0]).all()
    assert peak < 30 * people.size  # bytes


def test_every_fifth_is_held_out_and_never_more_than_forty():
    assert choose_held_out("abcdefg") == ("a", "f")
    assert [len(choose_held_out([*map(str, range(count))])) for count in (5, 200, 201, 5000)] == [
        1,
        40,
        34,
        40,
    ]


def prepare(root, maps, parse=None):
    """What of photos with these label maps can be used, and what is said of the others."""
    for number, ids in enumerate(maps):
        for kind, picture in (("photos", np.zeros((6, 4, 3), np.uint8)), ("labels", ids)):
            (root / kind).mkdir(exist_ok=True)
            assert cv2.imwrite(str(root / kind / f"{number}.png"), picture)
    nobody = result_from_maps(CIHP, np.zeros((6, 4), np.uint8))
    parser: Any = SimpleNamespace(labels=CIHP, parse=parse or (lambda _image: nobody))
    said: list[str] = []
    photos = find_labelled(root)
    return prepare_photos(photos, parser, root / "run", said.append, lambda: False), said


def plain(label):
    return np.full((6, 4), label, np.uint8)


def test_a_photo_of_which_nothing_is_known_is_left_out(tmp_path):
    prepared, said = prepare(tmp_path, [plain(255), *[plain(5)] * 4, plain(0)])
    assert prepared.learned == ("00003", "00004", "00005", "00006")
    assert prepared.held_out == ("00002",)
    assert said == [
        f"failed {tmp_path}/photos/0.png: has no labels: its map is unknown (255) everywhere; "
        "label it"
    ]


def test_a_photo_for_which_memory_is_short_is_left_out(tmp_path):
    nobody = result_from_maps(CIHP, plain(0))
    answers = iter(
        [nobody, RuntimeError("DefaultCPUAllocator: can't allocate memory"), *[nobody] * 4]
    )

    def parse(_image):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    prepared, said = prepare(tmp_path, [plain(5)] * 6, parse)
    assert len(prepared.learned + prepared.held_out) == 5
    assert said == [f"failed {tmp_path}/photos/1.png: does not fit into memory"]


def test_masks_of_people_without_labels_are_refused(tmp_path):
    mask = plain(0)
    mask[2:4] = 255
    said = r"none of 5 photos shows a label: .* or unknown \(255\); is .*0.png the right file"
    with pytest.raises(UsageError, match=said):
        prepare(tmp_path, [mask] * 5)
