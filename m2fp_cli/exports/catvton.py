"""CatVTON: picture and mask as its ``inference.py`` reads a VITON-HD tree (Zheng-Chong/CatVTON).

Its DressCode tree is what the format ``dresscode`` writes.
"""

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
from m2fp_cli.exports.idm_vton import files_of
from m2fp_cli.exports.viton_hd import NOT_MADE, encode_people, list_pairs


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """All files of the people of a photo."""
    return encode_people(photo, settings, files_of)


def finish(items: Sequence[Item], settings: ExportSettings) -> NamedFiles:
    """The list of pairs, under the name that the loader opens."""
    return {f"{settings.split}_pairs_unpaired.txt": list_pairs(items)}


FORMAT = Format(
    name="catvton",
    summary="CatVTON's inference.py",
    encode=encode,
    finish=finish,
    people="largest",
    masks=True,
    scales=True,
    not_made={"cloth": NOT_MADE["cloth"]},
)
