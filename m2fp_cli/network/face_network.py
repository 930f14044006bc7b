"""A small network that sees where the points of a face lie, in three dimensions.

MediaPipe's face mesh, https://arxiv.org/abs/1907.06724: blocks of a depthwise and a 1x1
convolution added to what they see, and from 6x6 features on one branch for the points and one for
whether there is a face at all.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

INPUT_SIDE = 192  # pixels of the square that the network sees
MESH_POINTS = 468

_STEM_WIDTH, _NECK_WIDTH = 16, 32
# Width given and stride of every block before the branches, and of those of a branch.
_TRUNK = (
    (16, 1), (16, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1),
    (128, 2), (128, 1), (128, 1), (128, 2), (128, 1), (128, 1),
)  # fmt: skip
_POINTS_BRANCH, _PRESENCE_BRANCH = ((128, 2), (128, 1), (128, 1)), ((128, 2),)


class SeenFaces(NamedTuple):
    """What the network says about N squares.

    Attributes:
        points: (N, 468, 3) float32 x, y in pixels of the square and the depth away from the
            camera at the same scale, from a middle of the head on; hidden points are guessed.
        presence: (N,) float32 in [0, 1], the probability that there is a face.
    """

    points: Tensor
    presence: Tensor


class FaceNetwork(nn.Module):
    """Points of one face in an upright square picture."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, _STEM_WIDTH, 3, 2), nn.PReLU(_STEM_WIDTH), *_blocks(_STEM_WIDTH, _TRUNK)
        )
        self.points = _branch(_POINTS_BRANCH, 3 * MESH_POINTS)
        self.presence = _branch(_PRESENCE_BRANCH, 1)

    def forward(self, pictures: Tensor) -> SeenFaces:
        """See where the points are.

        Args:
            pictures: (N, 3, 192, 192) float32 RGB in [0, 1].
        """
        features = self.trunk(_pad_end(pictures))
        points: Tensor = self.points(features).flatten(1).unflatten(1, (MESH_POINTS, 3))
        presence: Tensor = self.presence(features).flatten()
        return SeenFaces(points, presence.sigmoid())


class _Block(nn.Module):
    """A depthwise and a 1x1 convolution added to their input; ``stride`` 2 halves both."""

    def __init__(self, width: int, given: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, given - width
        self.around = nn.Conv2d(width, width, 3, stride, padding=2 - stride, groups=width)
        self.mix = nn.Conv2d(width, given, 1)
        self.bend = nn.PReLU(given)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, width, h, w) to (N, given, h / stride, w / stride)."""
        kept, seen = features, features
        if self.stride == 2:
            kept, seen = F.max_pool2d(features, 2), _pad_end(features)
        changed: Tensor = self.mix(self.around(seen))
        if self.more:
            kept = F.pad(kept, (0, 0, 0, 0, 0, self.more))
        bent: Tensor = self.bend(changed + kept)
        return bent


def _blocks(width: int, shapes: tuple[tuple[int, int], ...]) -> list[nn.Module]:
    """Blocks one after the other, the first of which sees ``width`` channels."""
    widths = (width, *(given for given, _ in shapes))
    return [_Block(w, given, stride) for w, (given, stride) in zip(widths, shapes, strict=False)]


def _branch(shapes: tuple[tuple[int, int], ...], given: int) -> nn.Sequential:
    """From the trunk's features, (N, 128, 6, 6), to (N, given, 1, 1)."""
    width = _TRUNK[-1][0]
    return nn.Sequential(
        *_blocks(width, shapes),
        nn.Conv2d(width, _NECK_WIDTH, 1),
        nn.PReLU(_NECK_WIDTH),
        *_blocks(_NECK_WIDTH, ((_NECK_WIDTH, 1),)),
        nn.Conv2d(_NECK_WIDTH, given, 3),
    )


def _pad_end(pictures: Tensor) -> Tensor:
    """Pad for a stride of 2 as TensorFlow does at even sizes: at the end only."""
    return F.pad(pictures, (0, 1, 0, 1))
