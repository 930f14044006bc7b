"""Convolutions with their batch norms folded in."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.network.convolution import ConvNorm


class FoldedConv(nn.Module):
    """A convolution with bias that equals convolution plus batch norm in evaluation mode."""

    def __init__(self, conv: ConvNorm, dtype: torch.dtype) -> None:
        """Fold ``conv.norm`` into the weights; a norm that depends on the input is kept."""
        super().__init__()
        weight, bias = conv.weight.float(), None
        self.norm: nn.GroupNorm | None = None
        if isinstance(conv.norm, nn.BatchNorm2d):
            weight, bias = _folded(weight, conv.norm)
        else:
            assert isinstance(conv.norm, nn.GroupNorm)
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
        rows = out.permute(0, 2, 3, 1).float()
        for photo in rows:
            normalise_groups_(photo.flatten(0, 1), self.norm)
        return rows.to(x.dtype).permute(0, 3, 1, 2)


def normalise_groups_(rows: Tensor, norm: nn.GroupNorm) -> None:
    """Group norm of one channels-last map, in place.

    torch 1.13.1's channels-last group norm loses four digits where a channel hardly varies, and
    its other form needs two copies of the map. Here mean and variance are taken in two passes.

    Args:
        rows: (H * W, C) float32, contiguous.
        norm: the layer.
    """
    groups = norm.num_groups
    mean = rows.mean(0).view(groups, -1).mean(1, keepdim=True)
    per_channel = mean.expand(groups, rows.shape[1] // groups).flatten()
    squares = torch.stack([(block - per_channel).square_().sum(0) for block in rows.split(4096)])
    variance = squares.sum(0).view(groups, -1).mean(1, keepdim=True) / len(rows)
    scale = variance.add_(norm.eps).rsqrt_().expand(groups, rows.shape[1] // groups).flatten()
    scale = scale * norm.weight
    rows.mul_(scale).add_(norm.bias - per_channel * scale)


def _folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights and bias with (x - mean) / sqrt(var + eps) * gamma + beta multiplied in."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * norm.running_var.add(norm.eps).rsqrt()
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
