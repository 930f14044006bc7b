"""CVAT's "Segmentation mask 1.1": colors of labels and of instances, to correct a parse by hand.

``images/`` makes the task; ``labelmap.txt``, ``ImageSets``, ``SegmentationClass`` and
``SegmentationObject``, zipped, are uploaded as its annotations. Each part of each person is one
object.
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
    labels_of_all,
)
from m2fp_cli.exports.parts import LabelledPhoto, label_photo, photo_file
from m2fp_cli.exports.written_names import BACKGROUND, written_names
from m2fp_cli.imaging.encoding import encode_palette_png
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.palette import SCHEMES, Palette, voc_colors
from m2fp_cli.records.results import LabelMap

_MOST_OBJECTS = 255  # VOC's colors of objects end there


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """The photo and both of its maps."""
    suffix, data = photo_file(photo)
    labelled = label_photo(photo, settings)
    colors = _colors(labelled.labels)
    classes = encode_palette_png(labelled.semantic_map, colors)
    objects = encode_palette_png(_objects(labelled), voc_colors(256))
    files = {
        f"images/{photo.name}{suffix}": data,
        f"SegmentationClass/{photo.name}.png": classes,
        f"SegmentationObject/{photo.name}.png": objects,
    }
    names = {0: BACKGROUND, **written_names(labelled.labels)}
    shown = [[name, *(int(c) for c in colors[i])] for i, name in names.items()]
    return Encoded(files, {"labels": shown})


def _colors(labels: LabelSet) -> NDArray[np.uint8]:
    """A color for each id, (N, 3) RGB: CIHP's, or VOC's where two of those are the same."""
    colors = Palette.for_labels(labels, SCHEMES["cihp"]).colors_rgb
    if len(np.unique(colors, axis=0)) == len(colors):
        return colors
    return Palette.for_labels(labels, SCHEMES["voc"]).colors_rgb


def _objects(labelled: LabelledPhoto) -> LabelMap:
    """Numbers of objects from 1: each part of each person, or each label where that is too many."""
    parts = [part for person in labelled.people for part in person.parts]
    if len(parts) > _MOST_OBJECTS:
        return labelled.semantic_map
    numbers = np.zeros_like(labelled.semantic_map)
    for number, part in enumerate(parts, start=1):
        numbers[part.mask.slices][part.mask.inside] = number
    return numbers


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """Colors of the labels, and the list of photos."""
    labels = labels_of_all(items, "labels", empty=[])
    lines = ["# label:color_rgb:parts:actions"]
    lines += [f"{name}:{red},{green},{blue}::" for name, red, green, blue in labels]
    names = "".join(f"{item.name}\n" for item in items)
    return {
        "labelmap.txt": ("\n".join(lines) + "\n").encode(),
        f"ImageSets/Segmentation/{settings.split}.txt": names.encode(),
    }


FORMAT = Format(
    name="cvat",
    summary="CVAT's Segmentation mask 1.1, to correct by hand",
    encode=encode,
    finish=finish,
    split="default",
    names_labels="labels",
    takes_labels=True,
)
