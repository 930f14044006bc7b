"""Agnostic masks in the photo's own size, in a tree like the photos: for ``m2fp masks``."""

from __future__ import annotations

from m2fp_cli.agnostic.mask import build_mask
from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Format, NamedFiles
from m2fp_cli.imaging.encoding import encode_png


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """A gray PNG of each chosen person: 255 repaint, 0 keep."""
    files: NamedFiles = {}
    people = []
    for name, person in photo.named_people(settings.people):
        made = build_mask(photo.result, person, settings.mask)
        files[f"{name}.png"] = encode_png(made.mask)
        people.append({"name": name, "person_id": person.person_id, "category": made.category})
    return Encoded(files, {"people": people})


FORMAT = Format(
    name="agnostic",
    summary="agnostic masks in the photos' own size",
    encode=encode,
    people="largest",
    masks=True,
    mirrors=True,
)
