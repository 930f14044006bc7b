"""Convolutions with their batch norms folded in."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.norms import normalise_groups
from m2fp_cli.engine.fast.products import PackedConv
from m2fp_cli.network.convolution import ConvNorm


class FoldedConv(nn.Module):
    """A convolution with bias that equals convolution plus batch norm in evaluation mode."""

    def __init__(self, conv: ConvNorm, dtype: torch.dtype, *, relu: bool = False) -> None:
        """Fold ``conv.norm`` into the weights; a norm that depends on the input is kept."""
        super().__init__()
        weight, bias = conv.weight.float(), None
        self.norm: nn.GroupNorm | None = None
        if isinstance(conv.norm, nn.BatchNorm2d):
            weight, bias = _folded(weight, conv.norm)
        else:
            assert isinstance(conv.norm, nn.GroupNorm)
            self.norm = conv.norm
        geometry = (_pair(conv.stride), _pair(conv.padding), _pair(conv.dilation), conv.groups)
        self.relu = relu
        self.conv = PackedConv(weight, bias, geometry, dtype, relu=relu and self.norm is None)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W'), channels last."""
        out: Tensor = self.conv(x)
        if self.norm is not None:
            for photo in out.permute(0, 2, 3, 1):
                normalise_groups(photo.flatten(0, 1), self.norm, relu=self.relu)
        return out


def _pair(value: int | str | tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a convolution's setting."""
    assert isinstance(value, tuple)
    return value[0], value[1]


def _folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights and bias with (x - mean) / sqrt(var + eps) * gamma + beta multiplied in."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * norm.running_var.add(norm.eps).rsqrt()
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
