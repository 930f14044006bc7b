"""Where the joints of the people in a photo are, as a second, bundled network sees them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from m2fp_cli.arrays import Box, Picture
from m2fp_cli.engine.packed_layers import load_packed
from m2fp_cli.network.joint_network import INPUT_SIDE, JointNetwork
from m2fp_cli.records.joints import Joints

# Side of the square, over the person's longer side. Of 568 joints in 188 COCO photos 84.2 % get the
# right side, with MediaPipe's 1.25 83.3 %, with 1.1 82.7 % and with 1.4 83.6 %. The mean of a plain
# and a mirrored square gives 85.0 % in twice the time.
_MARGIN = 1.3
# The network expects a whole person in its square, and folds the legs of one who is cut off into
# the photo. Who touches the lower edge is therefore taken to be so many times as high as wide. Of
# the joints of 78 such people in COCO photos 67 % are then right (with 2.0 66 %, with 2.5 64 %,
# without 58 %), and of their sides 84 % (82 %). Of 21 people in photos that this was not chosen on,
# 65 % of the joints are right (44 %) and 89 % of the sides (74 %).
_HIGH_FOR_WIDE = 2.25
_LOWER_EDGE = 0.995  # of the photo's height; masks often miss the last row
_LEAST_SIDE = 64  # pixels: of smaller people in COCO photos half of the joints and more are wrong
_BATCH = 4  # squares at once; one alone takes a fifth longer, and 8 leave the cache
_WEIGHTS = Path(__file__).parents[1] / "models" / "joints"


def find_joints(
    picture_bgr: Picture, photo_hw: tuple[int, int], boxes_xyxy: Sequence[Box]
) -> list[Joints | None]:
    """Joints of people, None of those too small for it.

    Every person is looked at once, in a square around their box, or around what the box would be
    if the photo did not end at its lower edge.

    Args:
        picture_bgr: (h, w, 3) uint8, upright; the photo or a reduced copy of it.
        photo_hw: size of the photo.
        boxes_xyxy: half-open boxes of the people in the photo.

    Raises:
        ModelError: see ``load_joint_network``.
    """
    scale = np.divide(picture_bgr.shape[1::-1], photo_hw[::-1])
    corners = [np.reshape(box, (2, 2)) * scale for box in boxes_xyxy]
    large = [i for i, each in enumerate(corners) if np.ptp(each, axis=0).max() >= _LEAST_SIDE]
    found: list[Joints | None] = [None] * len(corners)
    for start in range(0, len(large), _BATCH):
        people = large[start : start + _BATCH]
        whole = [_with_what_is_cut(corners[person], picture_bgr.shape[0]) for person in people]
        squares = [_cut_out(picture_bgr, each) for each in whole]
        pixels = np.stack([square.pixels for square in squares])
        with torch.inference_mode():
            seen = load_joint_network()(torch.from_numpy(pixels).movedim(3, 1))
        points, visible, presence = (part.double().numpy() for part in seen)
        for index, (person, square) in enumerate(zip(people, squares, strict=True)):
            in_photo = (points[index] - square.shift) / square.larger / scale
            found[person] = Joints(in_photo, visible[index], float(presence[index]))
    return found


@functools.cache
def load_joint_network() -> JointNetwork:
    """The bundled network, read once in every process that needs it.

    Raises:
        ModelError: the installation lacks its weights, or they are damaged.
    """
    return load_packed(JointNetwork(), _WEIGHTS)


@dataclass(frozen=True, eq=False)
class _Square:
    """A square of the picture as the network sees it.

    Attributes:
        pixels: (256, 256, 3) float32 RGB in [0, 1]; black beyond the picture, as MediaPipe has it.
        larger: pixels of the square for a pixel of the picture, across and down.
        shift: where the picture's corner would lie in the square, x and y.
    """

    pixels: NDArray[np.float32]
    larger: NDArray[np.float64]
    shift: NDArray[np.float64]


def _with_what_is_cut(corners: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """The box of a person, (2, 2) x, y of two corners, with what lies below the picture."""
    (left, top), (right, bottom) = corners
    if bottom < _LOWER_EDGE * height:
        return corners
    return np.array(((left, top), (right, max(bottom, top + _HIGH_FOR_WIDE * (right - left)))))


def _cut_out(picture_bgr: Picture, corners: NDArray[np.float64]) -> _Square:
    """The square around a box of the picture, which is given by two of its corners (x, y).

    Not by ``cv2.warpAffine``, which refuses pictures of more than 32,766 pixels.
    """
    size = np.array(picture_bgr.shape[1::-1])
    side = max(_MARGIN * float(np.ptp(corners, axis=0).max()), 1.0)
    corner = corners.mean(0) - side / 2
    start = np.clip(np.floor(corner).astype(int), 0, size - 1)
    stop = np.clip(np.ceil(corner + side).astype(int), start + 1, size)
    wanted = np.clip(np.round((stop - start) * INPUT_SIDE / side).astype(int), 1, INPUT_SIDE)
    place = np.clip(
        np.round((start - corner) * INPUT_SIDE / side).astype(int), 0, INPUT_SIDE - wanted
    )
    window = picture_bgr[start[1] : stop[1], start[0] : stop[0]]
    how = cv2.INTER_AREA if wanted[0] < window.shape[1] else cv2.INTER_LINEAR
    seen = cv2.resize(window, (int(wanted[0]), int(wanted[1])), interpolation=how)
    pixels = np.zeros((INPUT_SIDE, INPUT_SIDE, 3), np.float32)
    right, bottom = place + wanted
    pixels[place[1] : bottom, place[0] : right] = seen[..., ::-1] / np.float32(255)
    larger = wanted / (stop - start)
    return _Square(pixels, larger, place - start * larger)
