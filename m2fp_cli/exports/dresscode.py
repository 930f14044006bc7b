"""DressCode: pictures, ATR label maps, masks and poses by category (aimagelab/dress-code, CatVTON).

Poses have the form of the data set's own files, which pytorch-openpose made.
"""

from __future__ import annotations

from collections.abc import Sequence

from m2fp_cli.exports.format import (
    JPEG_QUALITY,
    ExportSettings,
    Format,
    Item,
    NamedFiles,
    to_json,
)
from m2fp_cli.exports.poses import COCO_18, dresscode_document
from m2fp_cli.exports.skeletons import COCO_18_STYLE, draw_skeleton
from m2fp_cli.exports.subjects import Subject
from m2fp_cli.exports.tryon_set import colored, encode_people, picture_of, write_pairs
from m2fp_cli.imaging.encoding import encode_jpeg, encode_png
from m2fp_cli.records.mapping import load_mapping

_FOLDERS = {
    "upper": "upper_body",
    "inner": "upper_body",
    "outer": "upper_body",
    "lower": "lower_body",
    "dress": "dresses",
    "full": "dresses",
}


def files_of(subject: Subject, settings: ExportSettings) -> NamedFiles:
    """Picture, label map, mask and pose of a person."""
    folder, name = _FOLDERS[settings.mask.category], subject.name
    mapping = settings.mapping or load_mapping(FORMAT.label_set)
    pose = subject.pose(COCO_18)
    keypoints = dresscode_document(pose, settings.size_wh)
    skeleton = draw_skeleton(pose, settings.size_wh, COCO_18_STYLE)
    return {
        f"{folder}/images/{name}_0.jpg": picture_of(subject),
        f"{folder}/label_maps/{name}_4.png": colored(subject.mapped(mapping), mapping),
        f"{folder}/agnostic_masks/{name}_0.png": encode_png(subject.mask),
        f"{folder}/keypoints/{name}_2.json": to_json(keypoints),
        f"{folder}/skeletons/{name}_5.jpg": encode_jpeg(skeleton, quality=JPEG_QUALITY),
    }


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The lists of pairs of the category: person ``_0``, garment ``_1``."""
    kinds = ("test_pairs_paired", "test_pairs_unpaired") if settings.split == "test" else ()
    files: NamedFiles = {}
    for kind in kinds or ("{split}_pairs",):
        path = f"{_FOLDERS[settings.mask.category]}/{kind}.txt"
        files |= write_pairs(path, "_0.jpg", "_1.jpg")(items, settings)
    return files


FORMAT = Format(
    name="dresscode",
    summary="DressCode, and CatVTON on it",
    encode=encode_people(files_of),
    finish=finish,
    people="largest",
    split="test",
    takes_labels=True,
    label_set="atr",
    masks=True,
    joints=True,
    scales=True,
    hyphens=True,
    not_made={
        "images/NAME_1.jpg": "pictures of the garments to put on",
        "dense": "DensePose of detectron2 on images/",
    },
)
