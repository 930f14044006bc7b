"""Prepares a photo for the network: scaled, normalized and padded, with ModelScope's numbers.

Pillow does the resizing because the reference uses it. Its bilinear filter widens when it shrinks
a picture (antialiasing), which those of OpenCV and torch do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from m2fp_cli.arrays import Picture, require_photo
from m2fp_cli.engine.geometry import InputGeometry
from m2fp_cli.network.model_config import InputConfig

# RGB statistics of ImageNet on the 0-255 scale, as in ModelScope's M2FP.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
CROP_PAD_VALUE = 128  # gray around a single-human photo, before normalization


@dataclass(frozen=True, eq=False)
class ModelInput:
    """One prepared photo.

    Attributes:
        tensor: (1, 3, H, W) float32, normalized RGB, 0 where padded.
        geometry: where the photo lies in it.
    """

    tensor: Tensor
    geometry: InputGeometry


def prepare_image(
    image_bgr: Picture, config: InputConfig, photo_hw: tuple[int, int] | None = None
) -> ModelInput:
    """Scale, normalize and pad a photo.

    Args:
        image_bgr: (H, W, 3) uint8, upright.
        config: target sizes; with ``crop_hw`` the photo is fitted into that size.
        photo_hw: size of the photo if the picture is a reduced copy; None: the picture's own.

    Raises:
        TypeError: the photo is no array.
        ValueError: the array is not (H, W, 3) uint8.
    """
    require_photo(image_bgr)
    height, width = photo_hw or image_bgr.shape[:2]
    if config.crop_hw is None:
        scaled = _resize(image_bgr, shortest_edge_hw((height, width), config))
        box = (0, 0, scaled.shape[1], scaled.shape[0])
    else:
        scaled, box = _fit_into(
            image_bgr, fitted_hw((height, width), config.crop_hw), config.crop_hw
        )
    divisor, (scaled_h, scaled_w) = config.size_divisibility, scaled.shape[:2]
    padding = (0, -scaled_w % divisor, 0, -scaled_h % divisor)  # on the right and at the bottom
    tensor = torch.nn.functional.pad(_normalize(scaled), padding)
    padded_hw = (int(tensor.shape[2]), int(tensor.shape[3]))
    return ModelInput(tensor, InputGeometry((height, width), padded_hw, box))


def shortest_edge_hw(image_hw: tuple[int, int], config: InputConfig) -> tuple[int, int]:
    """The size that a photo is scaled to: shortest edge ``min_size``, longest at most ``max_size``.

    detectron2's ``ResizeShortestEdge``, with its rounding.

    Args:
        image_hw: size of the photo.
        config: both limits.
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
    """Mirror a prepared photo left to right; the padding stays where it was."""
    x0, y0, x1, y1 = prepared.geometry.content_xyxy
    tensor = prepared.tensor.clone()
    tensor[:, :, y0:y1, x0:x1] = prepared.tensor[:, :, y0:y1, x0:x1].flip(3)
    return ModelInput(tensor, prepared.geometry)


def _resize(image: Picture, size_hw: tuple[int, int]) -> Picture:
    """Resize every channel by itself, so that their order does not matter."""
    if image.shape[:2] == size_hw:
        return image
    resized = Image.fromarray(image).resize((size_hw[1], size_hw[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _normalize(image_bgr: Picture) -> Tensor:
    """Subtract the mean and divide by the standard deviation; (1, 3, H, W) float32 RGB."""
    planes_rgb = image_bgr.transpose(2, 0, 1)[::-1]
    planes = torch.from_numpy(np.array(planes_rgb, dtype=np.float32, order="C"))
    mean = torch.tensor(PIXEL_MEAN)[:, None, None]
    std = torch.tensor(PIXEL_STD)[:, None, None]
    return planes.sub_(mean).div_(std)[None]


def _fit_into(
    image_bgr: Picture, size_hw: tuple[int, int], crop_hw: tuple[int, int]
) -> tuple[Picture, tuple[int, int, int, int]]:
    """Scale a photo to a size that fits into a fixed one, then center it on gray.

    Returns:
        The (crop_h, crop_w, 3) uint8 picture, and the photo's box in it.
    """
    scaled = _resize(image_bgr, size_hw)
    height, width = size_hw
    top, left = (crop_hw[0] - height) // 2, (crop_hw[1] - width) // 2
    canvas = np.full((*crop_hw, 3), CROP_PAD_VALUE, dtype=np.uint8)
    canvas[top : top + height, left : left + width] = scaled
    return canvas, (left, top, left + width, top + height)


def fitted_hw(image_hw: tuple[int, int], crop_hw: tuple[int, int]) -> tuple[int, int]:
    """The size of a photo that is shrunk into ``crop_hw``; a photo is never enlarged.

    The long edge decides; if the other edge still does not fit, that one decides. Sizes are
    truncated, as in the reference.

    Args:
        image_hw: size of the photo.
        crop_hw: height and width to fit into.
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
