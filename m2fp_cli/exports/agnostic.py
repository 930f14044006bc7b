"""Agnostic masks in the photo's own size, in a tree like the photos: for ``m2fp masks``."""

from __future__ import annotations

from collections.abc import Callable

from m2fp_cli.agnostic.mask import build_mask
from m2fp_cli.arrays import ByteArray
from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Format, NamedFiles
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.results import Person

FilesOf = Callable[[ExportedPhoto, Person, str, ByteArray], NamedFiles]
"""The files of a person: photo, person, name in the data set, mask (255 repaint, 0 keep)."""


def encode_masks(files_of: FilesOf) -> Callable[[ExportedPhoto, ExportSettings], Encoded]:
    """A format's ``encode``: the files of each chosen person, made from the mask."""

    def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
        files: NamedFiles = {}
        people = []
        for name, person in photo.named_people(settings.people):
            made = build_mask(photo.result, person, settings.mask)
            files |= files_of(photo, person, name, made.mask)
            record = {"name": name, "person_id": person.person_id, "category": made.category}
            people.append(record | note_empty(made.mask))
        return Encoded(files, {"people": people})

    return encode


def note_empty(mask: ByteArray) -> dict[str, bool]:
    """What the record of a person says of their mask if nothing in it is painted."""
    return {} if mask.any() else {"empty_mask": True}


def files_of(_photo: ExportedPhoto, _person: Person, name: str, mask: ByteArray) -> NamedFiles:
    """The mask as a gray PNG."""
    return {f"{name}.png": encode_png(mask)}


FORMAT = Format(
    name="agnostic",
    summary="agnostic masks in the photos' own size",
    encode=encode_masks(files_of),
    people="largest",
    masks=True,
    mirrors=True,
)
