"""LabelMe: a JSON file of polygons beside each photo; ``group_id`` is the person."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Format
from m2fp_cli.exports.outlines import bridge, find_outlines
from m2fp_cli.exports.parts import label_photo, photo_file
from m2fp_cli.exports.written_names import written_names

_VERSION = "5.5.0"  # of LabelMe, whose fields these are
_DIGITS = 2


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """The photo and its polygons, large pieces first, so that small ones lie on top."""
    suffix, data = photo_file(photo)
    labelled = label_photo(photo, settings)
    names = written_names(labelled.labels)
    height, width = photo.result.image_hw
    shapes: list[tuple[float, dict[str, Any]]] = []
    for person in labelled.people:
        for part in person.parts:
            for outline in find_outlines(part.mask):
                shape = {
                    "label": names[part.label_id],
                    "points": np.round(bridge(outline), _DIGITS).tolist(),
                    "group_id": person.person_id or None,
                    "description": "",
                    "shape_type": "polygon",
                    "flags": {},
                    "mask": None,
                }
                shapes.append((outline.area, shape))
    shapes.sort(key=lambda pair: -pair[0])
    document: dict[str, Any] = {
        "version": _VERSION,
        "flags": {},
        "shapes": [shape for _, shape in shapes],
        "imagePath": f"{photo.name}{suffix}",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    text = json.dumps(document, indent=1) + "\n"
    return Encoded({f"{photo.name}{suffix}": data, f"{photo.name}.json": text.encode("ascii")}, {})


FORMAT = Format(
    name="labelme",
    summary="LabelMe, to correct by hand",
    encode=encode,
    takes_labels=True,
    reserved=("manifest",),
)
