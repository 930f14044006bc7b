"""``cutouts/``: each person on nothing, as a PNG with transparency."""

from __future__ import annotations

import numpy as np

from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.render.outputs import ParsedPhoto


def encode(photo: ParsedPhoto, key: str) -> dict[str, bytes]:
    """The files of one photo, by their path in the folder, each cropped to the person's box."""
    files = {}
    for person in photo.result.people:
        alpha = person.mask.inside.astype(np.uint8) * 255
        # Nothing of the background stays below the transparency, where other tools would show it.
        colors = np.where(person.mask.inside[..., None], photo.image_bgr[person.mask.slices], 0)
        bgra = np.dstack((colors.astype(np.uint8), alpha))
        files[f"{key}/person-{person.person_id}.png"] = encode_png(bgra)
    return files
