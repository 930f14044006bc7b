"""Where the joints of the people in a photo are."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from m2fp_cli.arrays import Box, Picture
from m2fp_cli.engine.fast.products import PackedConv, pack_layers
from m2fp_cli.models.weights import load_weights
from m2fp_cli.network.build import assign_weights
from m2fp_cli.network.joint_network import INPUT_SIDE, JointNetwork

Joints = NDArray[np.float64]

# The square is so much larger than the person's longer side. MediaPipe's 1.25 gives 83.3 % of the
# sides of 568 joints in 188 COCO photos, 1.1 gives 82.7, 1.3 84.3, 1.4 83.6; the mean of two looks,
# one of them mirrored, gives 85.0 in twice the time.
_MARGIN = 1.3
_BATCH = 4  # squares at once; one alone takes a fifth longer, and 8 leave the cache
_WEIGHTS = Path(__file__).parents[1] / "models" / "joints"


def find_joints(
    picture_bgr: Picture, photo_hw: tuple[int, int], boxes_xyxy: Sequence[Box]
) -> list[Joints]:
    """Joints of people, in MediaPipe's order of 33; left is the person's own left.

    Every person is looked at once, in a square around their box.

    Args:
        picture_bgr: (h, w, 3) uint8, upright; the photo or a reduced copy of it.
        photo_hw: size of the photo.
        boxes_xyxy: half-open boxes of the people in the photo.

    Returns:
        Of every person (33, 2) float64 x, y in pixels of the photo. Hidden joints are guessed, and
        joints beyond the photo's edge lie there.
    """
    scale = np.divide(picture_bgr.shape[1::-1], photo_hw[::-1])
    maps = [_square(box, scale) for box in boxes_xyxy]
    found: list[Joints] = []
    for start in range(0, len(maps), _BATCH):
        chosen = maps[start : start + _BATCH]
        squares = np.stack([_cut_out(picture_bgr, matrix) for matrix in chosen])
        with torch.inference_mode():
            points = load_joint_network()(torch.from_numpy(squares).movedim(3, 1)).numpy()
        for matrix, seen in zip(chosen, points.astype(np.float64), strict=True):
            back = np.asarray(cv2.invertAffineTransform(matrix))
            found.append((seen @ back[:, :2].T + back[:, 2]) / scale)
    return found


@functools.cache
def load_joint_network() -> JointNetwork:
    """The bundled network, read once in every process that needs it.

    Raises:
        ModelError: the installation lacks its weights, or they are damaged.
    """
    network = JointNetwork()
    assign_weights(network, load_weights(_WEIGHTS))
    _replace_convolutions(network)
    pack_layers(network)
    return network.requires_grad_(False).eval()


def _replace_convolutions(module: nn.Module) -> None:
    """Compute a module's convolutions as the fast network does: half of torch's own time."""
    for name, layer in module.named_children():
        if isinstance(layer, nn.Conv2d):
            padding = layer.padding
            assert isinstance(padding, tuple)
            geometry = (
                (layer.stride[0], layer.stride[1]),
                (padding[0], padding[1]),
                (1, 1),
                layer.groups,
            )
            packed = PackedConv(layer.weight, layer.bias, geometry, torch.float32)
            setattr(module, name, packed)
        else:
            _replace_convolutions(layer)


def _square(box_xyxy: Box, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) map of the picture to the square around a box of the photo."""
    corners = np.reshape(box_xyxy, (2, 2)) * scale
    middle = corners.mean(0)
    larger = INPUT_SIDE / max(_MARGIN * float(np.ptp(corners, axis=0).max()), 1.0)
    return np.column_stack((np.eye(2) * larger, INPUT_SIDE / 2 - middle * larger))


def _cut_out(picture_bgr: Picture, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """(256, 256, 3) float32 RGB in [0, 1]; black beyond the photo, as MediaPipe has it."""
    square = cv2.warpAffine(picture_bgr, matrix, (INPUT_SIDE, INPUT_SIDE), flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray(square[..., ::-1], np.float32) / np.float32(255)
