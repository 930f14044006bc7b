"""EfficientNet-Lite: a backbone for small models, with feature maps at strides 4, 8, 16 and 32.

Blocks and scaling are those of Tan and Le, https://arxiv.org/abs/1905.11946, table 1, without
squeeze-and-excitation and with ReLU6, as Google released it:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.network.backbones.stages import walk_stages
from m2fp_cli.network.convolution import ConvNorm, build_norm
from m2fp_cli.network.model_config import ALL_STAGES, BackboneConfig

_STEM_CHANNELS = 32


@dataclass(frozen=True)
class _Group:
    """Blocks of one shape; only the first one has the stride."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


# The seven groups of table 1, by the stage whose feature map they end in.
_STAGES = {
    "res2": (_Group(3, 1, 1, 16, 1), _Group(3, 2, 6, 24, 2)),
    "res3": (_Group(5, 2, 6, 40, 2),),
    "res4": (_Group(3, 2, 6, 80, 3), _Group(5, 1, 6, 112, 3)),
    "res5": (_Group(5, 2, 6, 192, 4), _Group(3, 1, 6, 320, 1)),
}
# The release does not make these two groups deeper in larger sizes.
_FIRST, _LAST = _STAGES["res2"][0], _STAGES["res5"][-1]

# Width and depth by size.
_SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2), 3: (1.2, 1.4), 4: (1.4, 1.8)}


class InvertedResidual(nn.Module):
    """1x1 expand, depthwise, 1x1 project; plus the input where the shape stays the same."""

    expand: ConvNorm | None

    def __init__(
        self, in_channels: int, out_channels: int, group: _Group, stride: int, norm: str
    ) -> None:
        """Build one block; ``stride`` replaces that of ``group``."""
        super().__init__()
        inner = in_channels * group.expansion
        self.expand = None
        if group.expansion > 1:
            self.expand = ConvNorm(in_channels, inner, 1, build_norm(norm, inner))
        self.depthwise = ConvNorm(
            inner, inner, group.kernel, build_norm(norm, inner), stride=stride, groups=inner
        )
        self.project = ConvNorm(inner, out_channels, 1, build_norm(norm, out_channels))
        self.keeps_shape = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        out = x if self.expand is None else _relu6(self.expand(x))
        out = _relu6(self.depthwise(out))
        out = self.project(out)
        return out + x if self.keeps_shape else out


def _relu6(x: Tensor) -> Tensor:
    """Cut to 0..6, in place where it can be.

    torch 1.13 has no gradient of ``hardtanh`` for bfloat16 on CPUs; at 0 this one's is 0, too.
    """
    if x.dtype == torch.bfloat16 and x.requires_grad:
        return F.relu(x, inplace=True).clamp(max=6.0)
    return F.hardtanh(x, 0.0, 6.0, inplace=True)


class EfficientNetLite(nn.Module):
    """The backbone: stem and up to four stages."""

    def __init__(self, config: BackboneConfig) -> None:
        """Build the stages up to the deepest one in ``config.out_features``."""
        super().__init__()
        norm = build_norm(config.norm, _STEM_CHANNELS)
        self.stem = ConvNorm(3, _STEM_CHANNELS, 3, norm, stride=2)
        self.out_features = config.out_features
        deepest = max(ALL_STAGES.index(name) for name in config.out_features)
        self.stage_names = ALL_STAGES[: 1 + deepest]
        in_channels = _STEM_CHANNELS
        for name in self.stage_names:
            stage, in_channels = _build_stage(config, name, in_channels)
            self.add_module(name, stage)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Feature maps by stage name; see ``DeepLabResNet.forward``."""
        x = _relu6(self.stem(x))
        stages = ((name, self.get_submodule(name)) for name in self.stage_names)
        return walk_stages(x, stages, self.out_features)


def _build_stage(config: BackboneConfig, name: str, in_channels: int) -> tuple[nn.Sequential, int]:
    """Blocks of one stage and the channels of its feature map."""
    blocks = []
    for group in _STAGES[name]:
        channels = _scaled_channels(group.channels, _size(config))
        fixed = group in (_FIRST, _LAST)
        count = group.blocks if fixed else math.ceil(group.blocks * _SCALES[_size(config)][1])
        for block in range(count):
            stride = group.stride if block == 0 else 1
            blocks.append(InvertedResidual(in_channels, channels, group, stride, config.norm))
            in_channels = channels
    return nn.Sequential(*blocks), in_channels


def _size(config: BackboneConfig) -> int:
    """The number in ``efficientnet_lite0`` to ``4``."""
    return int(config.kind[-1])


def _scaled_channels(channels: int, size: int) -> int:
    """Channels times the width scale, to the nearest multiple of 8 that is not a tenth narrower."""
    wanted = channels * _SCALES[size][0]
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def stage_channels(config: BackboneConfig) -> dict[str, int]:
    """Channels of every stage by name."""
    size = _size(config)
    return {name: _scaled_channels(groups[-1].channels, size) for name, groups in _STAGES.items()}


def stage_strides(_config: BackboneConfig) -> dict[str, int]:
    """Stride of every stage by name."""
    return {"res2": 4, "res3": 8, "res4": 16, "res5": 32}


def build(config: BackboneConfig) -> EfficientNetLite:
    """Build the backbone with fresh weights."""
    return EfficientNetLite(config)
