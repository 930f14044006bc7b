"""YOLO segments (Ultralytics): a line of a class and a polygon for each person and part.

A line holds one polygon. Pieces and holes are joined to it by lines that are gone both ways, which
enclose nothing; this is what Ultralytics' own converter from COCO does with pieces.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from m2fp_cli.exports.format import (
    Encoded,
    ExportedPhoto,
    ExportSettings,
    Format,
    Item,
    NamedFiles,
    labels_of_all,
)
from m2fp_cli.exports.outlines import bridge, find_outlines, join
from m2fp_cli.exports.parts import label_photo, photo_file
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask

_DIGITS = 6


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """The photo and its lines."""
    suffix, data = photo_file(photo)
    labelled = label_photo(photo, settings)
    classes = {label_id: number for number, label_id in enumerate(labelled.labels.part_ids, 1)}
    lines = []
    for person in labelled.people:
        if person.mask is not None:
            lines.append(_line(0, person.mask))
        lines += [_line(classes[part.label_id], part.mask) for part in person.parts]
    files = {
        f"images/{settings.split}/{photo.name}{suffix}": data,
        f"labels/{settings.split}/{photo.name}.txt": "".join(lines).encode("ascii"),
    }
    return Encoded(files, {"names": _names(labelled.labels)})


def _names(labels: LabelSet) -> list[str]:
    return ["person", *(labels.names[i] for i in labels.part_ids)]


def _line(number: int, mask: Mask) -> str:
    height, width = mask.image_hw
    ring = join([bridge(outline) for outline in find_outlines(mask)])
    shares = np.clip(ring / (width, height), 0, 1)
    return f"{number} {' '.join(f'{share:.{_DIGITS}g}' for share in shares.ravel())}\n"


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The description of the data set; photos to validate on are the user's choice.

    They may be its part ``val``. It has no ``path``: Ultralytics takes a relative one from where it
    runs, none from the file.
    """
    names = labels_of_all(items, "names", empty=["person"])
    parts = {settings.split, *settings.splits}
    train = "train" if "train" in parts else settings.split
    lines = [f"train: images/{train}"]
    if "val" in parts and train != "val":
        lines.append("val: images/val")
    else:
        lines.append(f"val: images/{train}  # the same photos, until you put others apart")
    if "test" in parts and train != "test":
        lines.append("test: images/test")
    lines += [
        "names:",
        *(f"  {number}: {_quoted(name)}" for number, name in enumerate(names)),
    ]
    return {"data.yaml": ("\n".join(lines) + "\n").encode()}


def _quoted(name: str) -> str:
    """A name in YAML's double quotes: JSON's, but that YAML knows no pairs of surrogates."""
    return json.dumps(name, ensure_ascii=False)


FORMAT = Format(
    name="yolo",
    summary="YOLO segments (Ultralytics)",
    encode=encode,
    finish=finish,
    split="train",
    names_splits=True,
    names_labels="names",
    takes_labels=True,
)
