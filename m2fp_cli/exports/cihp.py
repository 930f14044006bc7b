"""CIHP: the data set's own folders, and the results of its challenge.

``Images``, ``Category_ids``, ``Human_ids`` and ``Instance_ids`` are what tools that train on CIHP
read, and ``m2fp eval`` and ``m2fp finetune``; ``mp_results`` is what the challenge of multi-human
parsing takes (sysu-hcp.net/lip/mparsing_challenge.php): line n of an instance's text file is the
class and score of value n of its map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.exports.format import (
    Encoded,
    ExportedPhoto,
    ExportSettings,
    Format,
    Item,
    NamedFiles,
)
from m2fp_cli.exports.parts import LabelledPhoto, label_photo, photo_file
from m2fp_cli.exports.tryon_set import colored
from m2fp_cli.imaging.encoding import encode_palette_png, encode_png
from m2fp_cli.records.mapping import load_mapping
from m2fp_cli.records.palette import Palette

_SCORE_DIGITS = 6


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """The photo, its maps and its list of instances."""
    suffix, data = photo_file(photo)
    mapping = settings.mapping or load_mapping(FORMAT.label_set)
    chosen = ExportSettings(people=settings.people, mapping=mapping)
    labelled = label_photo(photo, chosen)
    name = photo.name
    categories = colored(labelled.semantic_map, mapping)
    instances, lines = _instances(labelled)
    files = {
        f"Images/{name}{suffix}": data,
        f"Category_ids/{name}.png": categories,
        f"Human_ids/{name}.png": _ids(_humans(labelled)),
        f"Instance_ids/{name}.png": _ids(instances),
        f"Instance_ids/{name}.txt": lines,
        f"mp_results/global_parsing/{name}.png": categories,
        f"mp_results/instance_parsing/{name}.png": _ids(instances),
        f"mp_results/instance_parsing/{name}.txt": lines,
    }
    return Encoded(files, {})


def _humans(labelled: LabelledPhoto) -> NDArray[np.uint16]:
    ids = np.zeros(labelled.semantic_map.shape, np.uint16)
    for person in labelled.people:
        if person.mask is not None:
            ids[person.mask.slices][person.mask.inside] = person.person_id
    return ids


def _instances(labelled: LabelledPhoto) -> tuple[NDArray[np.uint16], bytes]:
    """A number for each label on each person, and its class and score by line."""
    ids = np.zeros(labelled.semantic_map.shape, np.uint16)
    lines = []
    for person in labelled.people:
        for part in person.parts:
            lines.append(f"{part.label_id} {part.score:.{_SCORE_DIGITS}f}\n")
            ids[part.mask.slices][part.mask.inside] = len(lines)
    return ids, "".join(lines).encode("ascii")


def _ids(ids: NDArray[np.uint16]) -> bytes:
    """A palette PNG, or a gray one of 16 bits where the ids go beyond a palette."""
    if int(ids.max()) > 255:
        return encode_png(ids)
    return encode_palette_png(ids, Palette.for_people().colors_rgb)


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The list of photos."""
    names = "".join(f"{item.name}\n" for item in items)
    return {f"{settings.split}_id.txt": names.encode()}


FORMAT = Format(
    name="cihp",
    summary="CIHP's folders and challenge results; m2fp eval and finetune read them",
    encode=encode,
    finish=finish,
    split="val",
    takes_labels=True,
    label_set="cihp",
)
