"""A photo as the network wants it: scaled, normalised, padded; the same numbers as ModelScope.

Pillow does the resizing because the reference's does: its bilinear filter widens when shrinking
(antialiasing), which OpenCV's and torch's plain ones do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.geometry import Frame
from m2fp_cli.network.config import InputConfig

# ImageNet statistics on the 0-255 scale, as ModelScope's M2FP registers them.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
CROP_PAD_VALUE = 128  # grey around a single-human photo, before normalisation


@dataclass(frozen=True, eq=False)
class ModelInput:
    """One prepared photo.

    Attributes:
        tensor: (1, 3, Hp, Wp) float32, normalised RGB, zero where padded.
        frame: where the photo lies in it.
    """

    tensor: Tensor
    frame: Frame


def prepare_image(image_bgr: Picture, config: InputConfig) -> ModelInput:
    """Scale, normalise and pad a photo.

    Args:
        image_bgr: (H, W, 3) uint8 in the upright frame.
        config: target sizes; with ``crop_hw`` the single-human fitting is done.

    Raises:
        ValueError: the array is no (H, W, 3) uint8 photo.
    """
    if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
        raise ValueError(
            f"a photo must be uint8 (H, W, 3) BGR, got {image_bgr.dtype} {image_bgr.shape}"
        )
    height, width = image_bgr.shape[:2]
    if config.crop_hw is None:
        scaled = _resize(image_bgr, shortest_edge_hw((height, width), config))
        box = (0, 0, scaled.shape[1], scaled.shape[0])
    else:
        scaled, box = _fit_into(image_bgr, config.crop_hw)
    tensor = _pad(_normalise(scaled), config.size_divisibility)
    padded_hw = (int(tensor.shape[2]), int(tensor.shape[3]))
    return ModelInput(tensor, Frame((height, width), padded_hw, box))


def shortest_edge_hw(image_hw: tuple[int, int], config: InputConfig) -> tuple[int, int]:
    """Size with the shortest edge at ``min_size``, unless the longest would pass ``max_size``.

    detectron2's ``ResizeShortestEdge``, with its rounding.
    """
    height, width = image_hw
    scale = config.min_size / min(height, width)
    new_h, new_w = (
        (float(config.min_size), scale * width)
        if height < width
        else (scale * height, float(config.min_size))
    )
    longest = max(new_h, new_w)
    if longest > config.max_size:
        new_h, new_w = new_h * (config.max_size / longest), new_w * (config.max_size / longest)
    return max(1, int(new_h + 0.5)), max(1, int(new_w + 0.5))


def mirror_input(prepared: ModelInput) -> ModelInput:
    """The same photo mirrored left to right; the padding stays where it was."""
    x0, y0, x1, y1 = prepared.frame.content_xyxy
    tensor = prepared.tensor.clone()
    tensor[:, :, y0:y1, x0:x1] = prepared.tensor[:, :, y0:y1, x0:x1].flip(3)
    return ModelInput(tensor, prepared.frame)


def _resize(image: Picture, size_hw: tuple[int, int]) -> Picture:
    """Each channel for itself, so their order does not matter."""
    if image.shape[:2] == size_hw:
        return image
    resized = Image.fromarray(image).resize((size_hw[1], size_hw[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _normalise(image_bgr: Picture) -> Tensor:
    """(1, 3, H, W) float32 RGB: minus mean, over standard deviation."""
    planes_rgb = image_bgr.transpose(2, 0, 1)[::-1]
    planes = torch.from_numpy(np.array(planes_rgb, dtype=np.float32, order="C"))
    mean = torch.tensor(PIXEL_MEAN)[:, None, None]
    std = torch.tensor(PIXEL_STD)[:, None, None]
    return planes.sub_(mean).div_(std)[None]


def _pad(tensor: Tensor, divisor: int) -> Tensor:
    """Zeros on the right and at the bottom, up to a multiple of ``divisor``."""
    height, width = tensor.shape[-2:]
    return torch.nn.functional.pad(tensor, (0, -width % divisor, 0, -height % divisor))


def _fit_into(
    image_bgr: Picture, crop_hw: tuple[int, int]
) -> tuple[Picture, tuple[int, int, int, int]]:
    """Shrink a photo into a fixed size if it is larger, then centre it on grey.

    Returns:
        the (crop_h, crop_w, 3) uint8 picture, and the photo's box in it.
    """
    size_hw = fitted_hw((image_bgr.shape[0], image_bgr.shape[1]), crop_hw)
    scaled = _resize(image_bgr, size_hw)
    height, width = size_hw
    top, left = (crop_hw[0] - height) // 2, (crop_hw[1] - width) // 2
    canvas = np.full((*crop_hw, 3), CROP_PAD_VALUE, dtype=np.uint8)
    canvas[top : top + height, left : left + width] = scaled
    return canvas, (left, top, left + width, top + height)


def fitted_hw(image_hw: tuple[int, int], crop_hw: tuple[int, int]) -> tuple[int, int]:
    """Size of a photo that is shrunk, never enlarged, into ``crop_hw``.

    The long edge is tried first; if the other one still does not fit, it decides. Sizes are
    truncated, and the second try starts from the first one's result, as the reference does it.
    """
    height, width = image_hw
    crop_h, crop_w = crop_hw
    if height <= crop_h and width <= crop_w:
        return height, width
    by_height = width <= crop_w or (height > crop_h and height >= width)
    if by_height:
        new_h, new_w = crop_h, int(crop_h * width / height)
        if new_w > crop_w:
            new_h, new_w = int(crop_w * height / width), crop_w
    else:
        new_h, new_w = int(crop_w * height / width), crop_w
        if new_h > crop_h:
            new_h, new_w = crop_h, int(crop_h * width / height)
    return max(1, new_h), max(1, new_w)
