"""People maps from masks that somebody drew, and boxes."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from m2fp_cli.records.masks import Mask
from m2fp_cli.records.run_lengths import encode_rle
from training.drawn_people import main, paint_people
from training.seen_masks import SeenMask

BOXES = [(2.0, 2.0, 8.0, 12.0), (20.0, 4.0, 26.0, 10.0)]


def rectangle(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((16, 30), np.bool_)
    mask[rows, columns] = True
    return mask


def test_a_box_without_a_mask_is_unknown_and_nobody_is_elsewhere():
    mask = rectangle(slice(3, 12), slice(3, 8))
    labels, people = paint_people([SeenMask(0, mask)], BOXES, (16, 30))
    assert (people[mask] == 1).all()
    assert (people[4:10, 20:26] == 255).all()
    assert people[2, 5] == 255  # the rim
    assert (people[:, 11:17] == 0).all()
    np.testing.assert_array_equal(labels, np.where(people > 0, 255, 0))


def test_what_two_masks_both_have_is_unknown():
    first, second = (rectangle(slice(3, 12), slice(x, x + 5)) for x in (3, 6))
    _, people = paint_people([SeenMask(0, first), SeenMask(1, second)], BOXES, (16, 30))
    assert (people[first & second] == 255).all()
    assert (people[first & ~second] == 1).all()
    assert (people[second & ~first] == 2).all()


def test_a_folder_gets_the_drawn_photos_alone(tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    (data / "photos").mkdir(parents=True)
    for name in ("a", "b"):
        Image.new("RGB", (30, 16)).save(data / "photos" / f"{name}.jpg")
    joints = [[0.0, 0.0, 0]] * 17
    boxed = [{"person": 255, "box": box, "keypoints": joints} for box in BOXES]
    (data / "keypoints.json").write_text(json.dumps({"a": boxed, "b": boxed}))
    mask = rectangle(slice(3, 12), slice(3, 8))
    masks = tmp_path / "masks.json"
    masks.write_text(json.dumps({"b": [{"boxed": 0, "rle": encode_rle(Mask.from_full(mask))}]}))
    unboxed = tmp_path / "unboxed.tsv"
    unboxed.write_text("photo\tleft\ttop\tright\tbottom\nb\t12\t0\t14\t3\n")
    main([str(data), "--masks", str(masks), "--unboxed", str(unboxed), "--out", str(out)])
    assert capsys.readouterr().out == "1 mask written\n"
    assert [path.name for path in sorted((out / "photos").iterdir())] == ["b.jpg"]
    people = np.asarray(Image.open(out / "people" / "b.png"))
    assert (people[mask] == 1).all()
    assert (people[0:3, 12:14] == 255).all()
