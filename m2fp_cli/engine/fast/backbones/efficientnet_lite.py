"""EfficientNet-Lite for inference, channels last, its batch norms folded into the convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.convolution import FoldedConv, ResidualSum
from m2fp_cli.network.backbones.efficientnet_lite import EfficientNetLite, InvertedResidual
from m2fp_cli.network.backbones.stages import walk_stages

_CEILING = 6.0  # of ReLU6
# The stem and the depthwise convolution behind it take little time, but cause most of bfloat16's
# error: 0.0100 of the features' norm with them in it, 0.0054 without (starter, street photos).
_FIRST_LAYERS = torch.float32


class FoldedInvertedResidual(nn.Module):
    """An inverted residual block of folded convolutions."""

    def __init__(self, block: InvertedResidual, dtype: torch.dtype) -> None:
        """Fold the block's convolutions."""
        super().__init__()
        self.expand = (
            None if block.expand is None else FoldedConv(block.expand, dtype, ceiling=_CEILING)
        )
        follows_stem = block.expand is None
        self.depthwise = FoldedConv(
            block.depthwise, _FIRST_LAYERS if follows_stem else dtype, ceiling=_CEILING
        )
        self.project = FoldedConv(block.project, dtype)
        self.sum = ResidualSum(dtype, relu=False) if block.keeps_shape else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W')."""
        out: Tensor = x if self.expand is None else self.expand(x)
        out = self.project(self.depthwise(out))
        return out if self.sum is None else self.sum(out, x)


class FoldedEfficientNetLite(nn.Module):
    """The backbone for inference."""

    def __init__(self, backbone: EfficientNetLite, dtype: torch.dtype) -> None:
        """Fold all stages."""
        super().__init__()
        self.out_features = backbone.out_features
        self.stem = FoldedConv(backbone.stem, _FIRST_LAYERS, ceiling=_CEILING)
        self.stages = nn.ModuleDict(
            {
                name: nn.Sequential(
                    *(
                        FoldedInvertedResidual(block, dtype)
                        for block in backbone.get_submodule(name)  # type: ignore[attr-defined]
                    )
                )
                for name in backbone.stage_names
            }
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps by stage name, in the backbone's number format, channels last."""
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        return walk_stages(x, self.stages.items(), self.out_features)


def fold(backbone: EfficientNetLite, dtype: torch.dtype) -> FoldedEfficientNetLite:
    """Fold the batch norms of a built backbone; see ``engine.fast.backbones``."""
    return FoldedEfficientNetLite(backbone, dtype)
