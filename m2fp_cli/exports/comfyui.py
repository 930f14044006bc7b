"""ComfyUI: a photo whose transparency is the mask, the mask by itself, and the pose.

``LoadImage`` gives MASK = 1 - alpha, so what is to be painted is transparent; the colors below
stay. ``LoadImageMask`` on the channel red gives white = painted. The pose is what a ControlNet for
OpenPose poses takes; a person whose joints are not known has none.
"""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import ByteArray
from m2fp_cli.exports.agnostic import encode_masks
from m2fp_cli.exports.format import ExportedPhoto, Format, NamedFiles
from m2fp_cli.exports.poses import COCO_18, find_pose
from m2fp_cli.exports.seen_joints import see_joints
from m2fp_cli.exports.skeletons import COCO_18_STYLE, draw_skeleton
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.results import Person


def files_of(photo: ExportedPhoto, person: Person, name: str, mask: ByteArray) -> NamedFiles:
    """Photo, mask and pose of a person, in the photo's size."""
    files = {
        f"{name}.png": encode_png(np.dstack((photo.image_bgr, 255 - mask))),
        f"{name}_mask.png": encode_png(mask),
    }
    joints = see_joints(photo.result, person)
    if joints is not None:
        height, width = photo.result.image_hw
        skeleton = draw_skeleton(find_pose(joints, COCO_18), (width, height), COCO_18_STYLE)
        files[f"{name}_pose.png"] = encode_png(skeleton)
    return files


FORMAT = Format(
    name="comfyui",
    summary="inpainting in ComfyUI: photo with the mask as transparency, the mask, and the pose",
    encode=encode_masks(files_of),
    people="largest",
    masks=True,
    joints=True,
    endings=("", "_mask", "_pose"),
)
