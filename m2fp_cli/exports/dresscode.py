"""DressCode: pictures, ATR label maps and masks by category (aimagelab/dress-code, CatVTON)."""

from __future__ import annotations

from collections.abc import Sequence

from m2fp_cli.exports.format import (
    Encoded,
    ExportedPhoto,
    ExportSettings,
    Format,
    Item,
    NamedFiles,
)
from m2fp_cli.exports.subjects import Subject
from m2fp_cli.exports.viton_hd import colored, encode_people, picture_of
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.mapping import load_mapping

_FOLDERS = {
    "upper": "upper_body",
    "inner": "upper_body",
    "outer": "upper_body",
    "lower": "lower_body",
    "dress": "dresses",
    "full": "dresses",
}


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """All files of the people of a photo."""
    return encode_people(photo, settings, _files_of)


def _files_of(subject: Subject, settings: ExportSettings) -> NamedFiles:
    folder, name = _FOLDERS[settings.mask.category], subject.name
    mapping = settings.mapping or load_mapping("atr")
    return {
        f"{folder}/images/{name}_0.jpg": picture_of(subject),
        f"{folder}/label_maps/{name}_4.png": colored(subject.mapped(mapping), mapping),
        f"{folder}/agnostic_masks/{name}_0.png": encode_png(subject.mask),
    }


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The lists of pairs of the category: person ``_0``, garment ``_1``."""
    folder = _FOLDERS[settings.mask.category]
    names = [person["name"] for item in items for person in item.record["people"]]
    pairs = "".join(f"{name}_0.jpg {name}_1.jpg\n" for name in names).encode()
    kinds = ("test_pairs_paired", "test_pairs_unpaired") if settings.split == "test" else ()
    return {f"{folder}/{kind}.txt": pairs for kind in kinds or (f"{settings.split}_pairs",)}


FORMAT = Format(
    name="dresscode",
    summary="DressCode, and CatVTON on it",
    encode=encode,
    finish=finish,
    people="largest",
    takes_labels=True,
    masks=True,
    scales=True,
    hyphens=True,
    not_made={
        "images/NAME_1.jpg": "pictures of the garments to put on",
        "keypoints": "OpenPose (18 joints) on images/",
        "skeletons": "OpenPose (18 joints) on images/",
        "dense": "DensePose of detectron2 on images/",
    },
)
