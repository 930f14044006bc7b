"""Data sets of annotators and trainers, read back by their own tools or by their description."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.errors import UsageError
from m2fp_cli.evaluation.dataset import find_labelled, read_truth
from m2fp_cli.exports import find_format
from m2fp_cli.exports.format import ExportedPhoto, ExportSettings, Item
from m2fp_cli.exports.outlines import fill_rings
from m2fp_cli.records.labels import CIHP, LABEL_SETS, LabelSet
from m2fp_cli.records.mapping import load_mapping
from tests.support.exporting import drawn_photo, export_to
from tests.support.posed import at, posed_photo

FACE = CIHP.id_of("Face")


@pytest.fixture(scope="module")
def photo():
    return drawn_photo("a", people=2)


@pytest.mark.parametrize("name", ["coco", "yolo", "cvat"])
def test_photos_of_different_labels_do_not_share_numbers(photo, tmp_path, name):
    lip = replace(photo.result, labels=LABEL_SETS["lip"])
    both = photo, replace(photo, name="b", result=lip)
    with pytest.raises(UsageError, match=r"b\.png has other labels than a\.png; .*--label-set"):
        export_to(tmp_path, name, *both)
    export_to(tmp_path, name, *both, mapping=load_mapping("atr"))


def ids_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_coco_gives_every_mask_back_exactly(tmp_path, photo):
    export_to(tmp_path, "coco", photo, drawn_photo("b"), split="train")
    coco = COCO(str(tmp_path / "annotations/instances_train.json"))
    parts = [part for person in photo.result.people for part in person.parts]
    found = coco.loadAnns(coco.getAnnIds(imgIds=1))
    assert len(found) == len(parts) + 2
    labels, people = np.zeros((420, 600), np.uint8), np.zeros((420, 600), np.uint16)
    for one in found:
        mask = coco.annToMask(one).astype(bool)
        assert mask.sum() == one["area"]
        if one["category_id"] == 1:
            people[mask] = one["person_id"]
        else:
            labels[mask] = one["category_id"] - 1
    assert (labels == photo.result.semantic_map).all()
    assert (people == photo.result.person_map).all()
    assert coco.loadCats(1)[0]["name"] == "person"
    assert coco.loadCats(FACE + 1)[0]["name"] == "Face"


@pytest.mark.parametrize("mapped", [False, True])
def test_what_lies_on_nobody_is_labelled_and_is_nobody(tmp_path, photo, mapped):
    person = (photo.result.person_map == 1).astype(np.uint16)
    stray = result_from_maps(CIHP, photo.result.semantic_map, person)
    given = {"mapping": load_mapping("cihp")} if mapped else {}
    for name in ("coco", "yolo", "cvat"):
        export_to(tmp_path, name, replace(photo, result=stray), **given)
    coco = json.loads((tmp_path / "annotations/instances_test.json").read_text())["annotations"]
    people = {one["person_id"]: one["category_id"] for one in reversed(coco)}
    assert people.keys() == {0, 1}
    assert people[0] > people[1] == 1
    assert [one["id"] for one in coco] == list(range(1, len(coco) + 1))
    lines = (tmp_path / "labels/test/a.txt").read_text().splitlines()
    assert [line.startswith("0 ") for line in lines] == [one["category_id"] == 1 for one in coco]
    classes = ids_of(tmp_path / "SegmentationClass/a.png")
    assert ((classes > 0) == (stray.semantic_map > 0)).all()


def test_what_lies_on_nobody_is_left_out_of_one_persons_data(tmp_path, photo):
    person = (photo.result.person_map == 1).astype(np.uint16)
    stray = result_from_maps(CIHP, photo.result.semantic_map, person)
    export_to(tmp_path, "cvat", replace(photo, result=stray), people="largest")
    classes = ids_of(tmp_path / "SegmentationClass/a.png")
    assert (classes == np.where(person, stray.semantic_map, 0)).all()


def test_coco_without_photos_has_its_files(tmp_path):
    export_to(tmp_path, "coco")
    for name in ("instances", "person_keypoints"):
        found = json.loads((tmp_path / f"annotations/{name}_test.json").read_text())
        assert found["images"] == found["annotations"] == found["categories"] == []


def test_coco_polygons_are_near_and_boxes_are_x_y_width_height(tmp_path, photo):
    export_to(tmp_path, "coco", photo)
    coco = COCO(str(tmp_path / "annotations_polygons/instances_test.json"))
    (face,) = coco.loadAnns(coco.getAnnIds(imgIds=1, catIds=[FACE + 1]))[:1]
    mask = coco.annToMask(face).astype(bool)
    true = (photo.result.semantic_map == FACE) & (photo.result.person_map == face["person_id"])
    assert (mask & true).sum() / (mask | true).sum() > 0.96
    x, y, width, height = face["bbox"]
    rows, columns = np.nonzero(true)
    assert (x, y, width, height) == (
        columns.min(),
        rows.min(),
        np.ptp(columns) + 1,
        np.ptp(rows) + 1,
    )


def test_coco_keypoints_agree_with_themselves_in_every_file(tmp_path):
    export_to(tmp_path, "coco", posed_photo(people=2), posed_photo("b"))
    for folder in ("annotations", "annotations_polygons"):
        coco = COCO(str(tmp_path / folder / "person_keypoints_test.json"))
        posed = [{**one} for one in coco.dataset["annotations"] if one["num_keypoints"]]
        assert [one["num_keypoints"] for one in coco.dataset["annotations"]] == [17, 0, 17]
        wrong = [{**one, "keypoints": [n + 60 for n in one["keypoints"]]} for one in posed]
        for answers, precision in ((posed, 1), (wrong, 0)):
            judge = COCOeval(coco, coco.loadRes(answers), "keypoints")
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
            assert judge.stats[0] == precision


def test_coco_keypoints_are_seen_hidden_or_unknown_and_named(tmp_path):
    scores = {"left_wrist": 0.3, "right_wrist": 0.1}
    export_to(tmp_path, "coco", posed_photo(scores=scores, nose=(700, 9)))
    coco = COCO(str(tmp_path / "annotations/person_keypoints_test.json"))
    (person,), (category,) = coco.dataset["annotations"], coco.dataset["categories"]
    places = np.reshape(person["keypoints"], (17, 3)).tolist()
    found = dict(zip(category["keypoints"], places, strict=True))
    assert found["left_shoulder"] == [*at("left_shoulder"), 2]
    assert found["left_wrist"] == [*at("left_wrist"), 1]
    assert found["right_wrist"] == found["nose"] == [0, 0, 0]
    assert person["num_keypoints"] == 15
    names = [[category["keypoints"][end - 1] for end in limb] for limb in category["skeleton"]]
    assert ["left_knee", "left_hip"] in names
    assert category["id"] == person["category_id"] == 1


def test_coco_has_the_same_people_in_both_files(tmp_path, photo):
    export_to(tmp_path, "coco", photo)
    files = [
        json.loads((tmp_path / f"annotations/{name}_test.json").read_text())
        for name in ("instances", "person_keypoints")
    ]
    plain = [
        [(one["id"], one["bbox"], one["segmentation"]) for one in file["annotations"]
         if one["category_id"] == 1]
        for file in files
    ]  # fmt: skip
    assert plain[0] == plain[1]
    assert len(plain[0]) == 2
    assert not any("keypoints" in one for one in files[0]["annotations"])


def test_a_photo_is_carried_as_it_is_unless_it_lies_on_its_side(tmp_path, photo):
    turned = drawn_photo("t", orientation=6)
    export_to(tmp_path, "coco", photo, turned)
    assert (tmp_path / "images/test/a.png").read_bytes() == photo.file[1]
    with Image.open(tmp_path / "images/test/t.jpg") as image:
        assert image.size == (600, 420)


def test_cvat_finds_labels_by_color_and_objects_by_number(tmp_path, photo):
    export_to(tmp_path, "cvat", photo, split="default")
    colors = {}
    for line in (tmp_path / "labelmap.txt").read_text().splitlines()[1:]:
        name, color, *rest = line.split(":")
        assert rest == ["", ""]
        colors[tuple(int(c) for c in color.split(","))] = name
    with Image.open(tmp_path / "SegmentationClass/a.png") as image:
        rgb = np.asarray(image.convert("RGB"))
    names = np.asarray([[colors[tuple(c)] for c in row] for row in rgb[::20, ::20].tolist()])
    true = np.asarray(CIHP.names)[photo.result.semantic_map[::20, ::20]]
    assert (names == np.where(true == "Background", "background", true)).all()
    objects = ids_of(tmp_path / "SegmentationObject/a.png")
    parts = sum(len(person.parts) for person in photo.result.people)
    assert objects.max() == parts
    assert ((objects > 0) == (photo.result.semantic_map > 0)).all()
    assert (tmp_path / "ImageSets/Segmentation/default.txt").read_text() == "a\n"


def crowd(parts: int) -> ExportedPhoto:
    """So many people with one label each, ten in a row."""
    persons = np.zeros((78, 30), np.uint16)
    for number in range(parts):
        row, column = divmod(number, 10)
        persons[3 * row : 3 * row + 2, 3 * column : 3 * column + 2] = number + 1
    labels = np.where(persons > 0, FACE, 0).astype(np.uint8)
    image = np.zeros((78, 30, 3), np.uint8)
    return ExportedPhoto("a", image, result_from_maps(CIHP, labels, persons))


def test_cvat_has_objects_up_to_vocs_last_color_and_labels_beyond(tmp_path):
    export_to(tmp_path / "most", "cvat", crowd(255))
    assert len(np.unique(ids_of(tmp_path / "most/SegmentationObject/a.png"))) == 256
    export_to(tmp_path / "more", "cvat", crowd(256))
    assert set(np.unique(ids_of(tmp_path / "more/SegmentationObject/a.png"))) == {0, FACE}


@pytest.mark.parametrize(
    ("split", "splits", "lines"),
    [
        ("train", (), ["train: images/train", "val: images/train  # the same"]),
        ("val", ("val",), ["train: images/val", "val: images/val  # the same"]),
        ("val", ("train", "val"), ["train: images/train", "val: images/val"]),
        ("train", ("test", "train", "val"), ["train: images/train", "val: images/val", "test: "]),
        ("test", ("test",), ["train: images/test", "val: images/test  # the same"]),
        ("a", ("a", "b"), ["train: images/a", "val: images/a  # the same"]),
    ],
)
def test_yolo_trains_and_validates_on_the_parts_that_are_there(split, splits, lines):
    settings = ExportSettings(split=split, splits=splits)
    described = find_format("yolo").finish([], settings)["data.yaml"].decode()
    before, _, _ = described.partition("names:")
    assert len(before.splitlines()) == len(lines)
    assert all(one.startswith(said) for one, said in zip(before.splitlines(), lines, strict=True))


def test_yolo_names_are_yaml_whatever_they_hold():
    names = ["person", "\U0001f457 robe", 'a: "b"', "\\x", "\u808c"]
    item = Item("a", "a.png", {"names": names})
    described = find_format("yolo").finish([item], ExportSettings(split="train"))["data.yaml"]
    assert '"\U0001f457 robe"' in described.decode()
    reader = pytest.importorskip("yaml")
    assert [*reader.safe_load(described.decode())["names"].values()] == names


def test_yolo_has_a_polygon_a_line_within_the_photo(tmp_path, photo):
    export_to(tmp_path, "yolo", photo, split="train")
    labels, people = np.zeros((420, 600), np.uint8), np.zeros((420, 600), bool)
    for line in (tmp_path / "labels/train/a.txt").read_text().splitlines():
        number, *shares = line.split()
        ring = np.asarray(shares, np.float64).reshape(-1, 2)
        assert len(ring) >= 3
        assert ((ring >= 0) & (ring <= 1)).all()
        mask = fill_rings([ring * (600, 420)], (420, 600))
        if number == "0":
            people |= mask
        else:
            labels[mask] = int(number)
    assert (people == (photo.result.person_map > 0)).mean() > 0.997
    assert (labels == photo.result.semantic_map).mean() > 0.995
    described = (tmp_path / "data.yaml").read_text()
    assert '  0: "person"' in described
    assert "path:" not in described  # a relative one would be taken from where the trainer runs


def test_ultralytics_reads_yolo_with_every_part(tmp_path, photo, monkeypatch):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.chdir(tmp_path)  # not the data set's folder
    reader = pytest.importorskip("ultralytics.data.dataset")
    export_to(tmp_path / "set", "yolo", photo, split="train")
    data = pytest.importorskip("ultralytics.data.utils").check_det_dataset(
        str(tmp_path / "set/data.yaml"), autodownload=False
    )
    (read,) = reader.YOLODataset(img_path=data["train"], data=data, task="segment").labels
    parts = [part for person in photo.result.people for part in person.parts]
    assert np.count_nonzero(read["cls"]) == len(parts)
    assert len(read["segments"]) == len(parts) + len(photo.result.people)


def test_labelme_groups_shapes_by_person_and_names_the_photo(tmp_path, photo):
    export_to(tmp_path, "labelme", photo)
    document = json.loads((tmp_path / "a.json").read_text())
    assert (tmp_path / document["imagePath"]).is_file()
    assert {shape["group_id"] for shape in document["shapes"]} == {1, 2}
    again = np.zeros((420, 600), np.uint8)
    for shape in document["shapes"]:
        ring = np.asarray(shape["points"], np.float64)
        again[fill_rings([ring.astype(np.float64)], (420, 600))] = CIHP.id_of(shape["label"])
    assert (again == photo.result.semantic_map).mean() > 0.995


def test_cihp_is_read_back_whole_by_eval(tmp_path, photo):
    export_to(tmp_path, "cihp", photo)
    (found,) = find_labelled(tmp_path)
    truth = read_truth(found, CIHP)
    assert (truth.labels == photo.result.semantic_map).all()
    assert (truth.people == photo.result.person_map).all()


def test_cvat_is_read_back_whole_by_eval(tmp_path, photo):
    export_to(tmp_path, "cvat", photo)
    (found,) = find_labelled(tmp_path)
    assert (read_truth(found, CIHP).labels == photo.result.semantic_map).all()


@pytest.mark.parametrize("name", ["cvat", "labelme"])
def test_odd_names_of_labels_are_read_back_by_eval(tmp_path, photo, name):
    odd = ("Void", "background", "a:b", "a-b", "#a b", "Ignore", "", ":")
    labels = LabelSet((*odd, *CIHP.names[len(odd) :]), CIHP.human_id)
    own = replace(photo, result=replace(photo.result, labels=labels))
    export_to(tmp_path, name, own)
    (found,) = find_labelled(tmp_path)
    assert (read_truth(found, labels).labels == photo.result.semantic_map).mean() > 0.995


def test_no_two_labels_of_cvat_share_a_name_or_a_color(tmp_path, photo):
    names = ("Background", "Left-arm", "left arm", *(f"n{i}" for i in range(250)))
    own = replace(photo, result=replace(photo.result, labels=LabelSet(names)))
    export_to(tmp_path, "cvat", own)
    lines = [line.split(":") for line in (tmp_path / "labelmap.txt").read_text().splitlines()[1:]]
    assert {len(line) for line in lines} == {4}
    assert len({line[0] for line in lines}) == len({line[1] for line in lines}) == len(names)


def test_labelme_is_read_back_by_eval_with_its_people(tmp_path, photo):
    export_to(tmp_path, "labelme", photo)
    (found,) = find_labelled(tmp_path)
    truth = read_truth(found, CIHP)
    assert (truth.labels == photo.result.semantic_map).mean() > 0.995
    assert (truth.people == photo.result.person_map).mean() > 0.995


def test_cihp_instances_have_a_line_each(tmp_path, photo):
    export_to(tmp_path, "cihp", photo)
    root = tmp_path / "mp_results"
    ids = ids_of(root / "instance_parsing/a.png")
    lines = (root / "instance_parsing/a.txt").read_text().splitlines()
    assert len(lines) == ids.max()
    categories = ids_of(root / "global_parsing/a.png")
    for number, line in enumerate(lines, start=1):
        label, score = line.split()
        assert (categories[ids == number] == int(label)).all()
        assert 0 <= float(score) <= 1


@pytest.mark.parametrize("name", ["coco", "cvat", "yolo", "labelme", "cihp"])
def test_other_labels_can_be_asked_for(tmp_path, photo, name):
    done = export_to(tmp_path, name, photo, mapping=load_mapping("viton13"))
    text = json.dumps([one.record for one in done]) + "".join(
        base64.b64encode(data).decode() if path.endswith(".png") else data.decode("latin-1")
        for path, data in done[0].files.items()
    )
    assert ("UpperClothes" in text) is False
    if name == "cihp":
        assert ids_of(tmp_path / "Category_ids/a.png").max() <= 12


def test_one_person_can_be_taken_alone(tmp_path, photo):
    export_to(tmp_path, "cihp", photo, people="largest")
    ids = ids_of(tmp_path / "Human_ids/a.png")
    assert set(np.unique(ids)) == {0, 1}
    assert not ids_of(tmp_path / "Category_ids/a.png")[photo.result.person_map == 2].any()
