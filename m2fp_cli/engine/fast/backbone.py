"""The backbone with its batch norms folded into the convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.network.backbone import Bottleneck, ConvNorm, DeepLabResNet


class FoldedConv(nn.Module):
    """A convolution with bias that equals convolution plus batch norm in evaluation mode."""

    def __init__(self, conv: ConvNorm, dtype: torch.dtype) -> None:
        """Fold ``conv.norm`` into the weights; a norm that depends on the input is kept."""
        super().__init__()
        weight, bias = conv.weight.float(), None
        self.norm: nn.Module | None = None
        if isinstance(conv.norm, nn.BatchNorm2d):
            weight, bias = _folded(weight, conv.norm)
        else:
            self.norm = conv.norm
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", None if bias is None else bias.to(dtype))
        self.geometry = (conv.stride, conv.padding, conv.dilation, conv.groups)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W')."""
        out = F.conv2d(x, self.weight, self.bias, *self.geometry)  # type: ignore[arg-type]
        if self.norm is None:
            return out
        # torch 1.13.1's channels-last group norm loses four digits where a channel hardly varies.
        normed = self.norm(out.float().contiguous())
        return normed.to(x.dtype, memory_format=torch.channels_last)


def _folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights and bias with (x - mean) / sqrt(var + eps) * gamma + beta multiplied in."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * norm.running_var.add(norm.eps).rsqrt()
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


class FoldedBlock(nn.Module):
    """A bottleneck block of folded convolutions."""

    def __init__(self, block: Bottleneck, dtype: torch.dtype) -> None:
        """Fold the block's convolutions."""
        super().__init__()
        self.shortcut = None if block.shortcut is None else FoldedConv(block.shortcut, dtype)
        self.conv1, self.conv2, self.conv3 = (
            FoldedConv(conv, dtype) for conv in (block.conv1, block.conv2, block.conv3)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W')."""
        shortcut = x if self.shortcut is None else self.shortcut(x)
        out = F.relu_(self.conv1(x))
        out = F.relu_(self.conv2(out))
        return F.relu_(self.conv3(out).add_(shortcut))


class FoldedBackbone(nn.Module):
    """The backbone for inference, channels last."""

    def __init__(self, backbone: DeepLabResNet, dtype: torch.dtype) -> None:
        """Fold all stages."""
        super().__init__()
        self.dtype = dtype
        stem = backbone.stem
        self.stem = nn.ModuleList(
            FoldedConv(c, dtype) for c in (stem.conv1, stem.conv2, stem.conv3)
        )
        self.out_features = backbone.out_features
        self.stages = nn.ModuleDict(
            {
                name: nn.Sequential(
                    *(FoldedBlock(block, dtype) for block in backbone.get_submodule(name))  # type: ignore[attr-defined]
                )
                for name in backbone.stage_names
            }
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps by stage name, in the backbone's number format, channels last."""
        x = images.to(self.dtype).contiguous(memory_format=torch.channels_last)
        for conv in self.stem:
            x = F.relu_(conv(x))
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        features = {}
        for name, stage in self.stages.items():
            x = stage(x)
            if name in self.out_features:
                features[name] = x
        return features
