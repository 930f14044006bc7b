"""Label maps with the ids of another set, in the photo's own size, in a tree like the photos'."""

from __future__ import annotations

from dataclasses import replace

from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Format
from m2fp_cli.exports.parts import label_photo
from m2fp_cli.exports.tryon_set import colored
from m2fp_cli.records.mapping import load_mapping, map_labels


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """A palette PNG whose pixels are ids, of the chosen people or of all that is labelled."""
    result, mapping = photo.result, settings.mapping or load_mapping(FORMAT.label_set)
    if settings.people == "all":
        ids = map_labels(result.semantic_map, result.labels, mapping, result.person_map)
    else:
        ids = label_photo(photo, replace(settings, mapping=mapping)).semantic_map
    return Encoded({f"{photo.name}.png": colored(ids, mapping)}, {})


FORMAT = Format(
    name="label-maps",
    summary="label maps with the ids of another set (--label-set)",
    encode=encode,
    takes_labels=True,
    label_set="cihp",
    mirrors=True,
)
