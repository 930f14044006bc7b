"""Labels as CVAT and LabelMe export them, made here as their documentation shows them."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from PIL import Image

from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.evaluation.annotations import label_id, read_shapes
from m2fp_cli.evaluation.dataset import check_label_ids, find_labelled, read_truth
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.labels import CIHP, IGNORED_ID

FACE, HAIR = CIHP.id_of("Face"), CIHP.id_of("Hair")


def cvat(folder, colors="background:0,0,0::\nFace:10,20,30::\n", photos="JPEGImages"):
    """A task of one photo whose right half is a face."""
    for name in (photos, "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    (folder / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + colors)
    Image.new("RGB", (8, 6)).save(folder / photos / "a.jpg")
    rgb = np.zeros((6, 8, 3), np.uint8)
    rgb[:, 4:] = (10, 20, 30)
    Image.fromarray(rgb).save(folder / "SegmentationClass" / "a.png")
    return folder


def labelme(folder, *shapes, size=(8, 6)):
    """A photo and its shapes."""
    folder.mkdir(exist_ok=True)
    Image.new("RGB", size).save(folder / "a.jpg")
    made = [
        {"label": label, "points": points, "group_id": group, "shape_type": kind, **more}
        for label, points, group, kind, more in shapes
    ]
    document = {"version": "5.5.0", "shapes": made, "imageHeight": size[1], "imageWidth": size[0]}
    (folder / "a.json").write_text(json.dumps(document))
    return folder / "a.json"


def shape(label, points, group=None, kind="polygon", **more):
    return label, points, group, kind, more


@pytest.mark.parametrize(
    ("named", "found"), [("a.png", ["a.png"]), ("..\\x\\a.jpg", ["a.jpg"]), ("b.png", [])]
)
def test_one_file_of_two_photos_is_of_the_one_that_it_names(tmp_path, named, found):
    path = labelme(tmp_path, shape("Face", BOX))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"imagePath": named}))
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    Image.new("RGB", (8, 6)).save(tmp_path / "other.jpg")
    (tmp_path / "other.json").write_text(path.read_text())
    photos = [one.photo.name for one in find_labelled(tmp_path)]
    assert photos == [*found, "other.jpg"]


BOX = [[0, 0], [4, 0], [4, 6], [0, 6]]


@pytest.mark.parametrize("photos", ["images", "JPEGImages"])
def test_colors_are_labels_by_name(tmp_path, photos):
    (found,) = find_labelled(cvat(tmp_path, photos=photos))
    check_label_ids([found], CIHP)
    truth = read_truth(found, CIHP)
    assert (truth.labels == np.repeat([0, FACE], 4)).all()
    assert truth.people is None


def test_a_list_of_colors_may_begin_with_the_mark_of_windows_editors(tmp_path):
    (found,) = find_labelled(cvat(tmp_path))
    assert found.colors is not None
    found.colors.write_bytes(b"\xef\xbb\xbf" + found.colors.read_bytes())
    check_label_ids([found], CIHP)


def test_a_color_without_a_label_is_told(tmp_path):
    (found,) = find_labelled(cvat(tmp_path, "background:0,0,0::\n"))
    with pytest.raises(ImageError, match="color 10,20,30, which"):
        read_truth(found, CIHP)


@pytest.mark.parametrize(
    "line", ["Belt:1,2,3::", "Face", "Face:1,2::", "Face:a,b,c::", "Face:256,2,3::", "\0:\x85",
     "Face:1,2,3::\nCoat:1,2,3::"],
)  # fmt: skip
def test_a_wrong_list_of_colors_is_told_before_any_work(tmp_path, line):
    photos = find_labelled(cvat(tmp_path, line + "\n"))
    with pytest.raises(UsageError, match=r"labelmap\.txt"):
        check_label_ids(photos, CIHP)


def test_later_shapes_lie_on_top_and_groups_are_people(tmp_path):
    path = labelme(
        tmp_path,
        shape("Face", BOX, 3),
        shape("Hair", [[2, 0], [6, 3]], 4, "rectangle"),
        shape("__ignore__", [[7, 5], [8, 6]], None, "rectangle"),
    )
    ids, people = read_shapes(path, CIHP)
    assert (ids[:, :2] == FACE).all()
    assert (ids[:3, 2:6] == HAIR).all()
    assert people is not None
    assert (people[:, :2] == 3).all()
    assert (people[:3, 2:6] == 4).all()
    assert ids[5, 7] == IGNORED_ID
    assert not ids[:5, 6:].any()


@pytest.mark.parametrize("groups", [(0, 1), (1, 0), (255, 3), (300, 4000)])
def test_any_number_of_a_group_is_a_person_of_their_own(tmp_path, groups):
    right = [[x + 4, y] for x, y in BOX]
    path = labelme(tmp_path, shape("Face", BOX, groups[0]), shape("Face", right, groups[1]))
    _, people = read_shapes(path, CIHP)
    assert people is not None
    assert sorted({int(people[0, 0]), int(people[0, 7])}) == [1, 2]
    assert people.max() < IGNORED_ID  # which says that nobody knows


def test_a_mask_is_laid_at_its_box_and_cut_at_the_photo(tmp_path):
    mask = base64.b64encode(encode_png(np.full((4, 4), 255, np.uint8))).decode()
    path = labelme(tmp_path, shape("Face", [[6, 4], [9, 7]], None, "mask", mask=mask))
    ids, people = read_shapes(path, CIHP)
    assert (ids[4:, 6:] == FACE).all()
    assert np.count_nonzero(ids) == 4
    assert people is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (shape("Belt", BOX), "the label 'Belt'"),
        (shape("Human", BOX), "the label 'Human'"),
        (shape("Face", [[0, 0], [1, 1]], None, "circle"), "'circle'"),
        (shape("Face", [[0, 0]], None, "rectangle"), "a rectangle has two points, not 1"),
        (shape("Face", [[0, 0, 0]]), "pairs of numbers"),
        (shape("Face", [[0, 0], [1, 1]], None, "mask", mask="!"), "a mask"),
        (shape("Face", BOX, -1), "group_id"),
    ],
)
def test_shapes_that_cannot_be_read_are_told(tmp_path, wrong, said):
    with pytest.raises(ImageError, match=said):
        read_shapes(labelme(tmp_path, wrong), CIHP)


def test_a_file_that_claims_a_huge_photo_is_refused(tmp_path):
    path = labelme(tmp_path)
    path.write_text(json.dumps({"shapes": [], "imageHeight": 60000, "imageWidth": 60000}))
    with pytest.raises(ImageError, match="more than"):
        read_shapes(path, CIHP)


def test_names_are_compared_without_case_and_dashes():
    assert label_id("left_arm", CIHP) == CIHP.id_of("Left-arm")
    assert label_id("_background_", CIHP) == 0
