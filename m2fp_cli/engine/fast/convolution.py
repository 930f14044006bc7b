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
