"""COCO: people and parts as instances, exact as run lengths, and once more as polygons.

Two files, since readers differ: ``annotations/`` holds run lengths, which keep holes;
``annotations_polygons/`` is for those that read polygons only. Beside COCO's own fields each
annotation has ``person_id``, which people and their parts share, and ``score``.
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
    to_json,
)
from m2fp_cli.exports.outlines import bridge, find_outlines
from m2fp_cli.exports.parts import label_photo, photo_file
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask, encode_rle

PERSON = 1  # category of people; a part's is its label id + 1, and label ids start from 1
_DIGITS = 2  # of a pixel, in polygons


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """The photo's file; its annotations go to the files of the whole data set."""
    suffix, data = photo_file(photo)
    labelled = label_photo(photo, settings)
    found = []
    for person in labelled.people:
        if person.mask is not None:
            found.append(_annotation(PERSON, person.mask, person.person_id, person.score))
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


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """Both files of annotations, with ids that count from 1."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: list[dict[str, Any]] = []
    for image_id, item in enumerate(items, start=1):
        record = item.record
        images.append({"id": image_id, **record["image"]})
        categories = categories or record["categories"]
        for one in record["annotations"]:
            ids = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append({**ids, **one})
    shared = {
        "info": {"description": "people and their parts, found by m2fp"},
        "licenses": [],
        "images": images,
        "categories": categories,
    }
    files = {}
    for folder, kind, other in (
        ("annotations", "rle", "polygons"),
        ("annotations_polygons", "polygons", "rle"),
    ):
        shown = [
            {
                **{name: value for name, value in one.items() if name not in (kind, other)},
                "segmentation": one[kind],
            }
            for one in annotations
        ]
        name = f"{folder}/instances_{settings.split}.json"
        files[name] = to_json({**shared, "annotations": shown})
    return files


FORMAT = Format(
    name="coco",
    summary="COCO instances of people and parts: pycocotools, FiftyOne, Datumaro, Detectron2",
    encode=encode,
    finish=finish,
    split="train",
    takes_labels=True,
)
