"""ComfyUI: a photo whose transparency is the mask, and the mask by itself.

``LoadImage`` gives MASK = 1 - alpha, so what is to be painted is transparent; the colours below
stay. ``LoadImageMask`` on the channel red gives white = painted.
"""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import ByteArray
from m2fp_cli.exports.agnostic import encode_masks
from m2fp_cli.exports.format import ExportedPhoto, Format, NamedFiles
from m2fp_cli.imaging.encoding import encode_png


def files_of(photo: ExportedPhoto, name: str, mask: ByteArray) -> NamedFiles:
    """Photo and mask of a person, in the photo's size."""
    return {
        f"{name}.png": encode_png(np.dstack((photo.image_bgr, 255 - mask))),
        f"{name}_mask.png": encode_png(mask),
    }


FORMAT = Format(
    name="comfyui",
    summary="inpainting in ComfyUI: photo with the mask as transparency, and the mask",
    encode=encode_masks(files_of),
    people="largest",
    masks=True,
    endings=("", "_mask"),
)
