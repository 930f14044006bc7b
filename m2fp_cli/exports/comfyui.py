"""ComfyUI: a photo whose transparency is the mask, and the mask by itself.

``LoadImage`` gives MASK = 1 - alpha, so what is to be painted is transparent; the colours below
stay. ``LoadImageMask`` on the channel red gives white = painted.
"""

from __future__ import annotations

import numpy as np

from m2fp_cli.agnostic.mask import build_mask
from m2fp_cli.exports.format import Encoded, ExportedPhoto, ExportSettings, Format, NamedFiles
from m2fp_cli.imaging.encoding import encode_png


def encode(photo: ExportedPhoto, settings: ExportSettings) -> Encoded:
    """Both files of each chosen person, in the photo's size."""
    files: NamedFiles = {}
    people = []
    for name, person in photo.named_people(settings.people):
        made = build_mask(photo.result, person, settings.mask)
        files[f"{name}.png"] = encode_png(np.dstack((photo.image_bgr, 255 - made.mask)))
        files[f"{name}_mask.png"] = encode_png(made.mask)
        people.append({"name": name, "person_id": person.person_id, "category": made.category})
    return Encoded(files, {"people": people})


FORMAT = Format(
    name="comfyui",
    summary="inpainting in ComfyUI: photo with the mask as transparency, and the mask",
    encode=encode,
    people="largest",
    masks=True,
)
