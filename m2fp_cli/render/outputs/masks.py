"""``masks/``: a binary PNG (0 and 255) for each person and label."""

from __future__ import annotations

from m2fp_cli.imaging.mask_png import encode_mask_png
from m2fp_cli.render.outputs import ParsedPhoto


def encode(photo: ParsedPhoto, key: str) -> dict[str, bytes]:
    """The files of one photo, by their path in the folder; ``person-0`` is what lies on nobody."""
    result = photo.result
    parts = [(0, part) for part in result.unassigned]
    parts += [(person.person_id, part) for person in result.people for part in person.parts]
    files = {}
    for person_id, part in parts:
        label = _file_name(result.labels.names[part.label_id])
        name = f"{key}/person-{person_id}_{part.label_id:02d}-{label}.png"
        mask = part.mask
        files[name] = encode_mask_png(mask.inside, mask.box_xyxy[:2], mask.image_hw)
    return files


def _file_name(label: str) -> str:
    """A label as a part of a file name: a checkpoint's names may hold anything."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in label)
