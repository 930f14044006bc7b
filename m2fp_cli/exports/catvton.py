"""CatVTON: picture and mask as its ``inference.py`` reads a VITON-HD tree (Zheng-Chong/CatVTON).

Its DressCode tree is what the format ``dresscode`` writes.
"""

from __future__ import annotations

from m2fp_cli.exports.format import Format
from m2fp_cli.exports.idm_vton import files_of
from m2fp_cli.exports.tryon_set import NOT_MADE, encode_people, write_pairs

FORMAT = Format(
    name="catvton",
    summary="CatVTON's inference.py",
    encode=encode_people(files_of),
    finish=write_pairs("{split}_pairs_unpaired.txt"),
    people="largest",
    split="test",
    masks=True,
    scales=True,
    not_made={"cloth": NOT_MADE["cloth"]},
)
