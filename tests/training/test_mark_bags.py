"""Bags that street photos' own annotation knows, as labels that training reads."""

from __future__ import annotations

import numpy as np
from PIL import Image

from m2fp_cli.training.dataset import CARRIED, IGNORE, read_photo
from training.mark_bags import BAG, mark_bags, mark_folder


def test_bags_are_marked_and_what_is_unknown_stays_unknown():
    labels = np.array([[0, 0, 5, IGNORE]], np.uint8)
    worn = np.array([[BAG, 1, BAG, BAG]], np.uint8)
    assert mark_bags(labels, worn).tolist() == [[CARRIED, 0, CARRIED, IGNORE]]


def test_a_folder_keeps_its_photos_and_those_without_bags(tmp_path):
    for kind in ("photos", "labels", "worn"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    labels, worn = np.full((8, 8), 5, np.uint8), np.zeros((8, 8), np.uint8)
    worn[:2] = BAG
    for name in "ab":
        Image.fromarray(labels).save(tmp_path / "data" / "labels" / f"{name}.png")
        Image.new("RGB", (8, 8)).save(tmp_path / "data" / "photos" / f"{name}.jpg")
    Image.fromarray(worn).save(tmp_path / "data" / "worn" / "a.png")
    assert mark_folder(tmp_path / "data", tmp_path / "data" / "worn", tmp_path / "out") == 1
    bag, none = (read_photo(tmp_path / "out", name) for name in "ab")
    assert (bag.labels[:2] == CARRIED).all()
    assert not bag.people[:2].any()
    assert (none.labels == 5).all()
