"""Convolutions with their batch norms folded into the weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.engine.fast.elementwise import add_, add_maps
from m2fp_cli.engine.fast.norms import normalize_groups
from m2fp_cli.engine.fast.products import PackedConv
from m2fp_cli.network.convolution import ConvNorm


class FoldedConv(nn.Module):
    """A convolution with bias that equals a convolution and its norm in evaluation mode."""

    def __init__(
        self, conv: ConvNorm, dtype: torch.dtype, *, relu: bool = False,
        ceiling: float | None = None,
    ) -> None:  # fmt: skip
        """Fold ``conv.norm`` into the weights if it is a batch norm; a group norm stays a step.

        Args:
            conv: what to fold.
            dtype: number format of the large products.
            relu: replace negative values by 0 after the norm.
            ceiling: limit values to 0 and this after a batch norm; None = do not.
        """
        super().__init__()
        weight, bias = conv.weight.float(), None
        self.norm: nn.GroupNorm | None = None
        if isinstance(conv.norm, nn.BatchNorm2d):
            weight, bias = _fold_batch_norm(weight, conv.norm)
        else:
            assert isinstance(conv.norm, nn.GroupNorm)
            self.norm = conv.norm
        geometry = (_pair(conv.stride), _pair(conv.padding), _pair(conv.dilation), conv.groups)
        self.relu = relu
        folded = self.norm is None
        self.ceiling = None if folded else ceiling
        self.conv = PackedConv(
            weight, bias, geometry, dtype, relu=relu and folded,
            ceiling=ceiling if folded else None, chained=folded,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W'), channels last."""
        out: Tensor = self.conv(x)
        if self.norm is not None:
            for photo in out.permute(0, 2, 3, 1):
                normalize_groups(photo.flatten(0, 1), self.norm, relu=self.relu)
        return out if self.ceiling is None else F.hardtanh(out, 0.0, self.ceiling, inplace=True)


class ResidualSum(nn.Module):
    """The sum of a block's output and its shortcut, with ReLU if the block ends in one."""

    def __init__(self, dtype: torch.dtype, *, relu: bool) -> None:
        """Build the step, which has no weights; ``dtype`` is the format of the sum."""
        super().__init__()
        self.dtype, self.relu = dtype, relu

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Add (1, C, H, W) ``shortcut`` to ``x``, which may be changed; each float or quantized."""
        if x.is_quantized or x.dtype is not shortcut.dtype:
            return add_maps(x, shortcut, self.dtype, relu=self.relu)
        return add_(x, shortcut, relu=self.relu)


def _pair(value: int | str | tuple[int, ...]) -> tuple[int, int]:
    """A convolution's setting along height and width, which torch annotates loosely."""
    assert isinstance(value, tuple)
    return value[0], value[1]


def _fold_batch_norm(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights and bias with (x - mean) / sqrt(var + eps) * gamma + beta multiplied in."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * norm.running_var.add(norm.eps).rsqrt()
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
