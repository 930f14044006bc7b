"""COCO: people and parts as instances, people's keypoints; exact, and once more as polygons.

Two folders, since readers differ: ``annotations/`` holds run lengths, which keep holes;
``annotations_polygons/`` is for those that read polygons only. As in COCO, ``instances_`` and
``person_keypoints_`` are files of their own, in which a person has one id. Beside COCO's own fields
each annotation has ``person_id``, which people and their parts share, and ``score``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from m2fp_cli.exports.format import (
    Encoded,
    ExportedPhoto,
    ExportSettings,
    Format,
    Item,
    NamedFiles,
    labels_of_all,
    to_json,
)
from m2fp_cli.exports.outlines import bridge, find_outlines
from m2fp_cli.exports.parts import label_photo, photo_file
from m2fp_cli.exports.poses import COCO_17
from m2fp_cli.exports.seen_joints import UNKNOWN, SeenJoints, see_joints
from m2fp_cli.records.joints import joint_indices
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.run_lengths import encode_rle

PERSON = 1  # category of people; a part's is its label id + 1, and label ids start from 1
_DIGITS = 2  # of a pixel, in polygons and keypoints
_SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9),
    (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip
_POSED_PERSON = {"keypoints": list(COCO_17), "skeleton": [list(limb) for limb in _SKELETON]}
_KEYPOINTS = ("keypoints", "num_keypoints")


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """The photo's file; its annotations go to the files of the whole data set."""
    suffix, data = photo_file(photo)
    labelled = label_photo(photo, settings)
    joints = {one.person_id: see_joints(photo.result, one) for one in photo.result.people}
    found = []
    for person in labelled.people:
        if person.mask is not None:
            shape = _annotation(PERSON, person.mask, person.person_id, person.score)
            found.append({**shape, **_keypoints(joints[person.person_id])})
        found += [
            _annotation(part.label_id + 1, part.mask, person.person_id, part.score)
            for part in person.parts
        ]
    height, width = photo.result.image_hw
    name = f"{photo.name}{suffix}"
    image = {"file_name": name, "height": height, "width": width}
    record = {"image": image, "categories": _categories(labelled.labels), "annotations": found}
    return Encoded({f"images/{settings.split}/{name}": data}, record)


def _categories(labels: LabelSet) -> list[dict[str, Any]]:
    parts = [
        {"id": label_id + 1, "name": labels.names[label_id], "supercategory": "part"}
        for label_id in labels.part_ids
    ]
    return [{"id": PERSON, "name": "person", "supercategory": "person"}, *parts]


def _annotation(category: int, mask: Mask, person_id: int, score: float) -> dict[str, Any]:
    x0, y0, x1, y1 = mask.box_xyxy
    rings = [bridge(outline) for outline in find_outlines(mask)]
    return {
        "category_id": category,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": mask.area,
        "iscrowd": 0,
        "person_id": person_id,
        "score": round(score, 4),
        "rle": encode_rle(mask),
        "polygons": [np.round(ring, _DIGITS).ravel().tolist() for ring in rings],
    }


def _keypoints(joints: SeenJoints | None) -> dict[str, Any]:
    """COCO's 17 joints as x, y and whether they are seen (2) or hidden (1); zeros are unknown."""
    flat: list[float] = []
    for index in joint_indices(*COCO_17):
        if joints is None or joints.seen[index] == UNKNOWN:
            flat += (0, 0, UNKNOWN)
        else:
            flat += (*joints.points[index].round(_DIGITS).tolist(), int(joints.seen[index]))
    return {"keypoints": flat, "num_keypoints": sum(seen > 0 for seen in flat[2::3])}


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The files of annotations, with ids that count from 1."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories = labels_of_all(items, "categories", empty=[])
    for image_id, item in enumerate(items, start=1):
        record = item.record
        images.append({"id": image_id, **record["image"]})
        for one in record["annotations"]:
            ids = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append({**ids, **one})
    shared = {
        "info": {"description": "people and their parts, found by m2fp"},
        "licenses": [],
        "images": images,
    }
    posed = [{**categories[0], **_POSED_PERSON}] if categories else []
    people = [one for one in annotations if one["category_id"] == PERSON]
    files = {}
    for folder, kind, other in (
        ("annotations", "rle", "polygons"),
        ("annotations_polygons", "polygons", "rle"),
    ):
        instances = _shown(annotations, kind, (kind, other, *_KEYPOINTS))
        keypoints = _shown(people, kind, (kind, other))
        for name, kinds, shown in (
            ("instances", categories, instances),
            ("person_keypoints", posed, keypoints),
        ):
            document = {**shared, "categories": kinds, "annotations": shown}
            files[f"{folder}/{name}_{settings.split}.json"] = to_json(document)
    return files


def _shown(
    annotations: Sequence[dict[str, Any]], kind: str, left_out: Sequence[str]
) -> list[dict[str, Any]]:
    """Annotations without some fields, with one kind of segmentation."""
    return [
        {
            **{name: value for name, value in one.items() if name not in left_out},
            "segmentation": one[kind],
        }
        for one in annotations
    ]


FORMAT = Format(
    name="coco",
    summary="COCO: people, parts, keypoints; pycocotools, FiftyOne, Datumaro, Detectron2",
    encode=encode,
    finish=finish,
    split="train",
    joints=True,
    takes_labels=True,
)
