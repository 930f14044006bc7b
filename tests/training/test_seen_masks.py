from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from m2fp_cli.records.masks import Mask
from m2fp_cli.records.run_lengths import encode_rle
from m2fp_cli.training.dataset import IGNORE
from training.seen_masks import SeenMask, add_people, add_to_folder, read_masks

BOXES = [(10.0, 10.0, 50.0, 70.0), (60.0, 10.0, 90.0, 70.0)]


def boxed_photo() -> tuple[np.ndarray, np.ndarray]:
    """80 x 100 pixels: nobody outside the two boxes, unknown inside."""
    people = np.zeros((80, 100), np.uint8)
    for left, top, right, bottom in BOXES:
        people[int(top) : int(bottom), int(left) : int(right)] = IGNORE
    return people.copy(), people


def mask_of(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((80, 100), np.bool_)
    mask[rows, columns] = True
    return mask


def test_a_picked_mask_is_somebody_new_of_unknown_parts_and_nobody_is_beside():
    labels, people = boxed_photo()
    mask = mask_of(slice(20, 60), slice(20, 40))
    labels, people = add_people(labels, people, [SeenMask(0, mask)], BOXES)
    assert np.array_equal(people == 1, mask)
    assert (labels[mask] == IGNORE).all()
    assert people[15, 30] == labels[15, 30] == 0  # in the box, away from the mask
    assert (people[18:20, 20:40] == IGNORE).all()  # the rim
    assert (people[10:70, 62:88] == IGNORE).all()  # the other box


def test_a_picked_mask_widens_whom_it_lies_on():
    labels, people = boxed_photo()
    people[22:58, 22:40] = 3
    labels[22:58, 22:40] = 5
    mask = mask_of(slice(20, 60), slice(20, 40))
    labels, people = add_people(labels, people, [SeenMask(0, mask)], BOXES)
    assert np.array_equal(people == 3, mask)
    assert (labels[22:58, 22:40] == 5).all()
    assert set(people.ravel().tolist()) == {0, 3, IGNORE}


def test_a_folder_with_masks_and_boxes(tmp_path: Path):
    labels, people = boxed_photo()
    for kind, plane in (("photos", labels), ("labels", labels), ("people", people)):
        (tmp_path / "data" / kind).mkdir(parents=True)
        Image.fromarray(plane).save(tmp_path / "data" / kind / "one.png")
    rle = encode_rle(Mask.from_full(mask_of(slice(20, 60), slice(20, 40))))
    masks = tmp_path / "masks.json"
    masks.write_text(json.dumps({"one": [{"boxed": 0, "rle": rle}]}), encoding="utf-8")
    boxes = {"one": [{"person": 255, "box": box} for box in BOXES]}
    (tmp_path / "keypoints.json").write_text(json.dumps(boxes), encoding="utf-8")
    assert add_to_folder(tmp_path / "data", masks, tmp_path, tmp_path / "out") == 1
    with Image.open(tmp_path / "out" / "people" / "one.png") as written:
        assert np.count_nonzero(np.asarray(written) == 1) == 800


def test_the_picked_masks_of_the_starter_are_readable():
    found = read_masks(Path("training") / "corrections" / "coco_boxes_masks.json")
    assert sum(map(len, found.values())) == 87
    assert all(one.mask.any() for masks in found.values() for one in masks)
