"""A small network that sees what one person carries before their clothes: bags, phones, books.

EfficientNet-Lite0 (https://arxiv.org/abs/1905.11946, without squeeze-and-excitation and with ReLU6,
as Google released it) and a pyramid (https://arxiv.org/abs/1612.03144) up to stride 4. It also sees
what the label map says, as bags of the coat's own color show by their place alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_HW = (256, 192)  # pixels of the picture that the network sees
GUIDES = 3  # maps beside the picture: the garment, the rest of the person, everything else
STRIDE = 4  # of the answer

_STEM_WIDTH = 32
_PYRAMID_WIDTH = 64
# Of every group of inverted residuals: kernel, stride, expansion, width given, blocks.
_GROUPS = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3), (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
)  # fmt: skip
_LEVELS = (1, 2, 4, 6)  # groups that the pyramid reads, at strides 4, 8, 16 and 32
_PIXEL_MEAN, _PIXEL_STD = 127 / 255, 128 / 255  # of the released weights


class CarriedNetwork(nn.Module):
    """Where somebody carries something, in a picture of one garment."""

    def __init__(self, *, normed: bool = False) -> None:
        """Build the network with random weights.

        Args:
            normed: with batch norms behind the convolutions, as it is trained; without, they are
                part of the weights.
        """
        super().__init__()
        self.stem = _Convolution(3, _STEM_WIDTH, 3, stride=2, normed=normed)
        width = _STEM_WIDTH
        groups: list[nn.Module] = []
        widths: list[int] = []
        for kernel, stride, expansion, given, count in _GROUPS:
            blocks: list[nn.Module] = []
            for index in range(count):
                step = stride if index == 0 else 1
                blocks.append(_InvertedResidual(width, given, kernel, step, expansion, normed))
                width = given
            groups.append(nn.Sequential(*blocks))
            widths.append(given)
        self.groups = nn.ModuleList(groups)
        self.laterals = nn.ModuleList(
            _Convolution(widths[level] + GUIDES, _PYRAMID_WIDTH, 1, normed=normed)
            for level in _LEVELS
        )
        self.smooth = nn.ModuleList(
            _Convolution(_PYRAMID_WIDTH, _PYRAMID_WIDTH, 3, normed=normed) for _ in _LEVELS
        )
        self.answer = nn.Conv2d(_PYRAMID_WIDTH, 1, 1)

    def forward(self, pictures: Tensor, guides: Tensor) -> Tensor:
        """See what is carried.

        Args:
            pictures: (N, 3, 256, 192) float32 RGB in [0, 1].
            guides: (N, 3, 256, 192) float32 in [0, 1]: pixels of the garment, of the rest of the
                person, and all others.

        Returns:
            (N, 1, 64, 48) float32 logits.
        """
        x = self.stem((pictures - _PIXEL_MEAN) / _PIXEL_STD)
        levels: list[Tensor] = []
        for index, group in enumerate(self.groups):
            x = group(x)
            if index in _LEVELS:
                levels.append(x)
        seen: Tensor | None = None
        for index in reversed(range(len(levels))):
            size = levels[index].shape[2:]
            guide = F.adaptive_avg_pool2d(guides, (size[0], size[1]))
            lateral = self.laterals[index](torch.cat((levels[index], guide), 1))
            if seen is not None:
                lateral = lateral + F.interpolate(seen, size=size, mode="nearest")
            seen = self.smooth[index](lateral)
        logits: Tensor = self.answer(seen)
        return logits


class _Convolution(nn.Sequential):
    """A convolution that keeps the size but for its stride, its norm, and its ReLU6."""

    def __init__(
        self, width: int, given: int, kernel: int, *, stride: int = 1, groups: int = 1,
        relu: bool = True, normed: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        padding = kernel // 2
        layer = nn.Conv2d(width, given, kernel, stride, padding, groups=groups, bias=not normed)
        self.add_module("conv", layer)
        if normed:
            self.add_module("norm", nn.BatchNorm2d(given))
        if relu:
            self.add_module("relu", nn.ReLU6(inplace=True))


class _InvertedResidual(nn.Module):
    """1x1 expand, depthwise, 1x1 project; plus the input where the shape stays the same."""

    def __init__(
        self, width: int, given: int, kernel: int, stride: int, expansion: int, normed: bool
    ) -> None:
        super().__init__()
        inner = width * expansion
        layers = [] if expansion == 1 else [_Convolution(width, inner, 1, normed=normed)]
        layers += [
            _Convolution(inner, inner, kernel, stride=stride, groups=inner, normed=normed),
            _Convolution(inner, given, 1, relu=False, normed=normed),
        ]
        self.body = nn.Sequential(*layers)
        self.residual = stride == 1 and width == given

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, width, h, w) to (N, given, h / stride, w / stride)."""
        changed: Tensor = self.body(features)
        return features + changed if self.residual else changed
