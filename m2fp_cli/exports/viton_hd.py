"""VITON-HD and HR-VITON: picture, parse, agnostic picture and parse, mask, list of pairs.

Folders, names and modes are those that the loaders of shadow2496/VITON-HD (datasets.py) and
sangyun884/HR-VITON (cp_dataset_test.py) read; StableVITON and LaDI-VTON read the same tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from m2fp_cli.exports.format import (
    Encoded,
    ExportedPhoto,
    ExportSettings,
    Format,
    Item,
    NamedFiles,
)
from m2fp_cli.exports.subjects import JPEG_QUALITY, Subject, find_subjects
from m2fp_cli.imaging.encoding import encode_jpeg, encode_palette_png, encode_png
from m2fp_cli.records.mapping import LabelMapping, load_mapping
from m2fp_cli.records.palette import SCHEMES, Palette
from m2fp_cli.records.results import LabelMap

GREY = 128
NOT_MADE = {
    "cloth": "pictures of the garments to put on, one for each name in the list of pairs",
    "cloth-mask": "their masks, white on the garment",
    "image-densepose": "DensePose of detectron2 on image/",
    "openpose_json": "OpenPose (BODY_25) on image/",
    "openpose_img": "OpenPose (BODY_25) on image/",
}


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """All files of the people of a photo."""
    return encode_people(photo, settings, _files_of)


def encode_people(
    photo: ExportedPhoto,
    settings: ExportSettings,
    files_of: Callable[[Subject, ExportSettings], NamedFiles],
) -> Encoded:
    """The files of each chosen person of a photo, and a record of their frames."""
    files: NamedFiles = {}
    people = []
    for subject in find_subjects(photo, settings):
        files |= files_of(subject, settings)
        people.append(subject.record())
    return Encoded(files, {"people": people})


def _files_of(subject: Subject, settings: ExportSettings) -> NamedFiles:
    root, name = settings.split, subject.name
    mapping = settings.mapping or load_mapping("cihp")
    fill = settings.fill_rgb or (GREY, GREY, GREY)
    agnostic = encode_jpeg(subject.agnostic_picture(fill), quality=JPEG_QUALITY)
    return {
        f"{root}/image/{name}.jpg": picture_of(subject),
        f"{root}/image-parse-v3/{name}.png": colored(subject.mapped(mapping), mapping),
        f"{root}/image-parse-agnostic-v3.2/{name}.png": colored(
            subject.agnostic_map(mapping), mapping
        ),
        f"{root}/agnostic-v3.2/{name}.jpg": agnostic,
        f"{root}/agnostic-mask/{name}_mask.png": encode_png(subject.mask),
    }


def picture_of(subject: Subject) -> bytes:
    """The person's picture as JPEG."""
    return encode_jpeg(subject.picture_bgr, quality=JPEG_QUALITY)


def colored(ids: LabelMap, mapping: LabelMapping) -> bytes:
    """A label map as a palette PNG in the colours that CIHP's tools draw with."""
    return encode_palette_png(ids, Palette.for_labels(mapping.labels, SCHEMES["cihp"]).colors_rgb)


def list_pairs(items: Sequence[Item], suffix: str = ".jpg") -> bytes:
    """Lines of a person's picture and a garment's: their own, until somebody pairs them anew."""
    names = [person["name"] for item in items for person in item.record["people"]]
    return "".join(f"{name}{suffix} {name}{suffix}\n" for name in names).encode()


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The list of pairs."""
    return {f"{settings.split}_pairs.txt": list_pairs(items)}


FORMAT = Format(
    name="viton-hd",
    summary="VITON-HD, HR-VITON, StableVITON, LaDI-VTON",
    encode=encode,
    finish=finish,
    people="largest",
    takes_labels=True,
    masks=True,
    scales=True,
    fill=GREY,
    not_made=NOT_MADE,
)
