"""A small network that sees where the joints of one person are, with the person's own sides.

MediaPipe's BlazePose landmarks ("full"), https://arxiv.org/abs/2006.10204, without the branches
for heat maps and outlines, which only its training and other uses need. Inverted residuals as in
MobileNetV2, then a head that shrinks the features to one vector.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.records.joints import NUM_JOINTS

INPUT_SIDE = 256  # pixels of the square that the network sees

_OUTPUTS = 39  # points that the head gives; those beyond the joints are of use to trackers only
_VALUES = 5  # of a point: x, y, depth, visibility, presence
_HEAD_WIDTH = 288
# Of every inverted residual: width in between, kernel, stride, width given.
_BLOCKS = (
    (64, 3, 2, 24), (144, 3, 1, 24),
    (144, 5, 2, 32), (192, 5, 1, 32),
    (192, 3, 2, 64), (384, 3, 1, 64), (384, 3, 1, 64), (384, 5, 1, 88),
    (528, 5, 1, 88), (528, 5, 1, 88),
    (528, 5, 2, 144), (864, 5, 1, 144), (864, 5, 1, 144), (864, 5, 1, 144),
)  # fmt: skip
_STEM_WIDTH, _FIRST_WIDTH, _LAST_WIDTH = 24, 16, 864
_HEAD_STRIDES = (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1)


class SeenJoints(NamedTuple):
    """What the network says about N squares.

    Attributes:
        points: (N, 33, 2) float32 x, y in pixels of the square; joints that are hidden are guessed.
        visible: (N, 33) float32 in [0, 1], the probability that a joint is in the square and
            not hidden.
        presence: (N,) float32 in [0, 1], the probability that there is a person.
    """

    points: Tensor
    visible: Tensor
    presence: Tensor


class JointNetwork(nn.Module):
    """Joints of one person in a square picture."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        layers: list[nn.Module] = [
            *_convolution(3, _STEM_WIDTH, 3, 2),
            *_convolution(_STEM_WIDTH, _STEM_WIDTH, 3, groups=_STEM_WIDTH),
            nn.Conv2d(_STEM_WIDTH, _FIRST_WIDTH, 1),
        ]
        width = _FIRST_WIDTH
        for inner, kernel, stride, given in _BLOCKS:
            layers.append(_InvertedResidual(width, inner, kernel, stride, given))
            width = given
        layers += [
            *_convolution(width, _LAST_WIDTH, 1),
            *_convolution(_LAST_WIDTH, _LAST_WIDTH, 3, groups=_LAST_WIDTH),
            *_convolution(_LAST_WIDTH, _LAST_WIDTH, 3, groups=_LAST_WIDTH),
            *_convolution(_LAST_WIDTH, _HEAD_WIDTH, 1),
        ]
        layers += [_Shrinking(_HEAD_WIDTH, stride) for stride in _HEAD_STRIDES]
        self.features = nn.Sequential(*layers)
        self.points = nn.Conv2d(_HEAD_WIDTH, _OUTPUTS * _VALUES, 2)
        self.presence = nn.Conv2d(_HEAD_WIDTH, 1, 2)

    def forward(self, pictures: Tensor) -> SeenJoints:
        """See where the joints are.

        Args:
            pictures: (N, 3, 256, 256) float32 RGB in [0, 1].
        """
        features = self.features(pictures)
        values: Tensor = self.points(features).flatten(1)
        joints = values.unflatten(1, (_OUTPUTS, _VALUES))[:, :NUM_JOINTS]
        presence: Tensor = self.presence(features).flatten()
        return SeenJoints(joints[..., :2], joints[..., 3].sigmoid(), presence.sigmoid())


class _InvertedResidual(nn.Module):
    """Widen, look around, narrow; added to its input where the shapes agree."""

    def __init__(self, width: int, inner: int, kernel: int, stride: int, given: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(width, inner, 1),
            *_convolution(inner, inner, kernel, stride, groups=inner),
            nn.Conv2d(inner, given, 1),
        )
        self.residual = stride == 1 and width == given

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, width, h, w) to (N, given, h / stride, w / stride)."""
        changed: Tensor = self.body(features)
        return features + changed if self.residual else changed


class _Shrinking(nn.Module):
    """A depthwise and a 1x1 convolution added to the features; ``stride`` 2 halves both."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.around = nn.Conv2d(width, width, 3, stride, padding=2 - stride, groups=width)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, width, h, w) to (N, width, h / stride, w / stride)."""
        kept, seen = features, features
        if self.stride == 2:  # TensorFlow pads even sizes at the end only
            kept, seen = F.max_pool2d(features, 2), F.pad(features, (0, 1, 0, 1))
        changed = self.mix(F.relu6(self.around(seen), inplace=True))
        return F.relu6(kept + changed, inplace=True)


def _convolution(
    width: int, given: int, kernel: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps the size but for its stride, and its ReLU6."""
    padding = kernel // 2
    return (
        nn.Conv2d(width, given, kernel, stride, padding, groups=groups),
        nn.ReLU6(inplace=True),
    )
