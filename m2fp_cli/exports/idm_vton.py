"""IDM-VTON: picture and binary mask, as its ``inference.py`` reads them (yisol/IDM-VTON).

The mask is the binary one, white = repaint; given the gray agnostic picture instead, the pipeline
gives bad results (its issue 185).
"""

from __future__ import annotations

from collections.abc import Sequence

from m2fp_cli.exports.format import ExportSettings, Format, Item, NamedFiles, to_json
from m2fp_cli.exports.subjects import Subject
from m2fp_cli.exports.tryon_set import NOT_MADE, encode_people, picture_of, write_pairs
from m2fp_cli.imaging.encoding import encode_png

_list_pairs = write_pairs("{split}_pairs.txt")


def files_of(subject: Subject, settings: ExportSettings) -> NamedFiles:
    """Picture and mask of a person."""
    return {
        f"{settings.split}/image/{subject.name}.jpg": picture_of(subject),
        f"{settings.split}/agnostic-mask/{subject.name}_mask.png": encode_png(subject.mask),
    }


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The list of pairs, and the file of tags, which must be there: without tags it says nothing.

    A garment without tags is called "shirts" in the prompt.
    """
    split = settings.split
    tags = {f"{split}/vitonhd_{split}_tagged.json": to_json({"data": []})}
    return _list_pairs(items, settings) | tags


FORMAT = Format(
    name="idm-vton",
    summary="IDM-VTON's inference.py",
    encode=encode_people(files_of),
    finish=finish,
    people="largest",
    split="test",
    masks=True,
    scales=True,
    not_made={
        **{name: NOT_MADE[name] for name in ("cloth", "image-densepose")},
        "tags": "words for each garment in vitonhd_SPLIT_tagged.json; empty here",
    },
)
