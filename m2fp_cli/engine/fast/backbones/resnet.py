"""The ResNet for inference, channels last, its batch norms folded into the convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.convolution import FoldedConv, ResidualSum
from m2fp_cli.engine.fast.pooling import max_pool
from m2fp_cli.network.backbones.resnet import Bottleneck, DeepLabResNet
from m2fp_cli.network.backbones.stages import walk_stages


class FoldedBottleneck(nn.Module):
    """A bottleneck block of folded convolutions."""

    def __init__(self, block: Bottleneck, dtype: torch.dtype) -> None:
        """Fold the block's convolutions."""
        super().__init__()
        self.shortcut = None if block.shortcut is None else FoldedConv(block.shortcut, dtype)
        self.conv1, self.conv2 = (
            FoldedConv(conv, dtype, relu=True) for conv in (block.conv1, block.conv2)
        )
        self.conv3 = FoldedConv(block.conv3, dtype)
        self.sum = ResidualSum(dtype, relu=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W')."""
        shortcut = x if self.shortcut is None else self.shortcut(x)
        out: Tensor = self.sum(self.conv3(self.conv2(self.conv1(x))), shortcut)
        return out


class FoldedResNet(nn.Module):
    """The backbone for inference."""

    def __init__(self, backbone: DeepLabResNet, dtype: torch.dtype) -> None:
        """Fold all stages."""
        super().__init__()
        self.dtype = dtype
        stem = backbone.stem
        self.stem = nn.ModuleList(
            FoldedConv(c, dtype, relu=True) for c in (stem.conv1, stem.conv2, stem.conv3)
        )
        self.out_features = backbone.out_features
        self.stages = nn.ModuleDict(
            {
                name: nn.Sequential(
                    *(FoldedBottleneck(block, dtype) for block in backbone.get_submodule(name))  # type: ignore[attr-defined]
                )
                for name in backbone.stage_names
            }
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps by stage name, in the backbone's number format, channels last."""
        x = images.to(self.dtype).contiguous(memory_format=torch.channels_last)
        for conv in self.stem:
            x = conv(x)
        x = max_pool(x)
        return walk_stages(x, self.stages.items(), self.out_features)


def fold(backbone: DeepLabResNet, dtype: torch.dtype) -> FoldedResNet:
    """Fold the batch norms of a built backbone; see ``engine.fast.backbones``."""
    return FoldedResNet(backbone, dtype)
