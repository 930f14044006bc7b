"""What the data sets for generative try-on share: people in frames, and lists of pairs.

A module of a format says which files a person gets, and what its list of pairs is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from m2fp_cli.exports.format import (
    JPEG_QUALITY,
    Encoded,
    ExportedPhoto,
    ExportSettings,
    Item,
    NamedFiles,
)
from m2fp_cli.exports.subjects import Subject, find_subjects
from m2fp_cli.imaging.encoding import encode_jpeg, encode_palette_png
from m2fp_cli.records.mapping import LabelMapping
from m2fp_cli.records.palette import SCHEMES, Palette
from m2fp_cli.records.results import LabelMap

NOT_MADE = {
    "cloth": "pictures of the garments to put on, one for each name in the list of pairs",
    "cloth-mask": "their masks, white on the garment",
    "image-densepose": "DensePose of detectron2 on image/",
}
"""What no parser can make, by the names that VITON-HD has for it."""

FilesOf = Callable[[Subject, ExportSettings], NamedFiles]


def encode_people(files_of: FilesOf) -> Callable[[ExportedPhoto, ExportSettings], Encoded]:
    """A format's ``encode``: the files of each chosen person, and a record of their frames."""

    def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
        files: NamedFiles = {}
        people = []
        for subject in find_subjects(photo, settings):
            files |= files_of(subject, settings)
            people.append(subject.record())
        return Encoded(files, {"people": people})

    return encode


def write_pairs(
    path: str, person: str = ".jpg", garment: str = ".jpg"
) -> Callable[[Sequence[Item], ExportSettings], NamedFiles]:
    """A format's ``finish``: the list of pairs, each person with their own garment.

    Args:
        path: of the file; ``{split}`` is the part of the data set.
        person: what follows a person's name in the first column.
        garment: in the second; it is theirs until somebody pairs them anew.
    """

    def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
        names = [person["name"] for item in items for person in item.record["people"]]
        lines = [f"{name}{person} {name}{garment}\n" for name in names]
        return {path.format(split=settings.split): "".join(lines).encode()}

    return finish


def picture_of(subject: Subject) -> bytes:
    """The person's picture as JPEG."""
    return encode_jpeg(subject.picture_bgr, quality=JPEG_QUALITY)


def colored(ids: LabelMap, mapping: LabelMapping) -> bytes:
    """A label map as a palette PNG in the colors that CIHP's tools draw with."""
    return encode_palette_png(ids, Palette.for_labels(mapping.labels, SCHEMES["cihp"]).colors_rgb)
