"""ResNet with the DeepLab stem, with feature maps at strides 4, 8, 16 and 32."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.network.backbones.stages import walk_stages
from m2fp_cli.network.convolution import ConvNorm, build_norm
from m2fp_cli.network.model_config import ALL_STAGES, BackboneConfig

# Bottleneck blocks per stage. 50, 101 and 152 are He et al., https://arxiv.org/abs/1512.03385,
# table 1; 14 and 26 are the usual smaller ones, with one or two blocks per stage.
BLOCKS_PER_STAGE = {
    14: (1, 1, 1, 1),
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


class DeepLabStem(nn.Module):
    """Three 3x3 convolutions and a max pool: (N, 3, H, W) to (N, C, H/4, W/4)."""

    def __init__(self, out_channels: int, norm: str) -> None:
        """Build a stem with ``out_channels // 2`` channels inside."""
        super().__init__()
        half = out_channels // 2
        self.conv1 = ConvNorm(3, half, 3, build_norm(norm, half), stride=2)
        self.conv2 = ConvNorm(half, half, 3, build_norm(norm, half))
        self.conv3 = ConvNorm(half, out_channels, 3, build_norm(norm, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, C, H/4, W/4)."""
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.relu_(conv(x))
        return F.max_pool2d(x, kernel_size=3, stride=2, padding=1)


class Bottleneck(nn.Module):
    """1x1 reduce, 3x3, 1x1 expand; plus the shortcut."""

    shortcut: ConvNorm | None

    def __init__(
        self, in_channels: int, width: int, out_channels: int, stride: int, dilation: int,
        config: BackboneConfig,
    ) -> None:  # fmt: skip
        """Build one block; the stride is in the 3x3 convolution unless ``stride_in_1x1``."""
        super().__init__()
        norm = config.norm
        stride_1x1, stride_3x3 = (stride, 1) if config.stride_in_1x1 else (1, stride)
        self.shortcut = None
        if in_channels != out_channels:
            self.shortcut = ConvNorm(
                in_channels, out_channels, 1, build_norm(norm, out_channels), stride=stride
            )
        self.conv1 = ConvNorm(in_channels, width, 1, build_norm(norm, width), stride=stride_1x1)
        self.conv2 = ConvNorm(
            width, width, 3, build_norm(norm, width),
            stride=stride_3x3, dilation=dilation, groups=config.num_groups,
        )  # fmt: skip
        self.conv3 = ConvNorm(width, out_channels, 1, build_norm(norm, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        shortcut = x if self.shortcut is None else self.shortcut(x)
        out = F.relu_(self.conv1(x))
        out = F.relu_(self.conv2(out))
        out = self.conv3(out)
        out += shortcut
        return F.relu_(out)


class DeepLabResNet(nn.Module):
    """The backbone: stem and up to four stages."""

    def __init__(self, config: BackboneConfig) -> None:
        """Build the stages up to the deepest one in ``config.out_features``."""
        super().__init__()
        self.stem = DeepLabStem(config.stem_out_channels, config.norm)
        self.out_features = config.out_features
        self.stage_names = ALL_STAGES[
            : 1 + max(ALL_STAGES.index(name) for name in config.out_features)
        ]
        in_channels = config.stem_out_channels
        for index, name in enumerate(self.stage_names):
            stage = _build_stage(config, index, in_channels)
            self.add_module(name, stage)
            in_channels = config.res2_out_channels << index

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Feature maps by stage name.

        Args:
            x: (N, 3, H, W) float, normalized RGB, H and W multiples of 32.

        Returns:
            ``{"res2": (N, C2, H/4, W/4), ...}`` for the configured stages.
        """
        x = self.stem(x)
        stages = ((name, self.get_submodule(name)) for name in self.stage_names)
        return walk_stages(x, stages, self.out_features)


def _build_stage(config: BackboneConfig, index: int, in_channels: int) -> nn.Sequential:
    """Stage ``index`` (0 = res2); a dilated stage keeps its size instead of halving it."""
    dilations = {2: config.res4_dilation, 3: config.res5_dilation}
    dilation = dilations.get(index, 1)
    first_stride = 1 if index == 0 or dilation > 1 else 2
    out_channels = config.res2_out_channels << index
    width = (config.num_groups * config.width_per_group) << index
    blocks = []
    for block in range(BLOCKS_PER_STAGE[config.depth][index]):
        grid = config.res5_multi_grid[block % len(config.res5_multi_grid)] if index == 3 else 1
        stride = first_stride if block == 0 else 1
        blocks.append(Bottleneck(in_channels, width, out_channels, stride, dilation * grid, config))
        in_channels = out_channels
    return nn.Sequential(*blocks)


def build(config: BackboneConfig) -> DeepLabResNet:
    """Build the backbone with fresh weights."""
    return DeepLabResNet(config)


def stage_channels(config: BackboneConfig) -> dict[str, int]:
    """Channels of every stage by name."""
    return {name: config.res2_out_channels << i for i, name in enumerate(ALL_STAGES)}


def stage_strides(config: BackboneConfig) -> dict[str, int]:
    """Stride of every stage by name; a dilated stage keeps the size of the one before it."""
    res4 = 8 if config.res4_dilation > 1 else 16
    res5 = res4 if config.res5_dilation > 1 else res4 * 2
    return {"res2": 4, "res3": 8, "res4": res4, "res5": res5}
