"""Layers that compute in int8, made from layers of ``engine.fast``.

They run torch's quantized operators. What they read may be quantized or not, and what they give
stays quantized where the next reader takes that, so that nothing is converted between them. What
they give to a layer in float has that layer's format, float32 or bfloat16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.convolution import ResidualSum
from m2fp_cli.engine.fast.elementwise import Format, add_maps, convert
from m2fp_cli.engine.fast.products import PackedConv, PackedLinear
from m2fp_cli.engine.int8.calibration import LayerRanges
from m2fp_cli.engine.int8.rounding import (
    MOST_WEIGHT,
    MOST_WEIGHT_IN_16_BITS,
    corrected_bias,
    quantize_weights,
    steps_of,
)
from m2fp_cli.engine.int8.saturation import sums_are_exact
from m2fp_cli.engine.int8.torch_int8 import PackedWeights, int8_operators


class Int8Conv(nn.Module):
    """A convolution in int8 with the bias and the limits of its float twin."""

    def __init__(
        self, plain: PackedConv, ranges: LayerRanges, dtype: torch.dtype = torch.float32
    ) -> None:
        """Quantize the weights of a layer that has not been packed.

        Args:
            plain: the layer; its weights are float32.
            ranges: what it reads and gives.
            dtype: what it gives where that is not quantized.
        """
        super().__init__()
        self.chained, self.dtype = plain.chained, dtype
        self.source, self.target = steps_of(ranges.source), steps_of(ranges.target)
        run = int8_operators()
        self._run = run.conv2d_relu if is_limited(plain) else run.conv2d
        stride, padding, dilation, groups = plain.geometry
        settings = (list(stride), list(padding), list(dilation), groups)
        self._weights = PackedWeights(
            lambda weight, bias: run.conv2d_prepack(weight, bias, *settings),
            *quantize_layer(plain, ranges),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W), channels last, in float or quantized, to (N, C_out, H', W')."""
        numbers = x if x.is_quantized else convert(x, self.source)
        out = self._weights.run(lambda packed: self._run(numbers, packed, *self.target))
        return out if self.chained else convert(out, self.dtype)


class Int8Linear(nn.Module):
    """A dense layer in int8, over the rows of a matrix or the pixels of a map.

    From float32 to float32 it divides the range of the very input into steps, and rounds no output:
    torch's convolutions cannot leave that out. On 11,340 rows it takes 1.65 ms instead of 1.25
    (Zen 5, two threads), and has a third of the error.
    """

    def __init__(
        self, plain: PackedConv, ranges: LayerRanges, dtype: torch.dtype = torch.float32
    ) -> None:
        """Quantize the weights of a layer that has not been packed; see ``Int8Conv``."""
        super().__init__()
        self.chained, self.takes_maps = plain.chained, not isinstance(plain, PackedLinear)
        self.dtype = dtype
        self.source, self.target = steps_of(ranges.source), steps_of(ranges.target)
        run, limited = int8_operators(), is_limited(plain)
        self.reads: Format = self.source if self.chained else dtype
        self._run = run.linear_relu if limited else run.linear
        self._run_float = run.linear_relu_dynamic if limited else run.linear_dynamic
        weight, bias = quantize_layer(plain, ranges)
        self._weights = PackedWeights(run.linear_prepack, weight[:, :, 0, 0], bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map contiguous (S, C_in) to (S, C_out), or a channels-last map likewise."""
        if self.takes_maps:
            rows = self._multiply(x.permute(0, 2, 3, 1).flatten(0, 2))
            return rows.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
        return self._multiply(x)

    def _multiply(self, rows: Tensor) -> Tensor:
        if not rows.is_quantized and not self.chained:
            exact = rows.float()
            out = self._weights.run(lambda packed: self._run_float(exact, packed, False))
            return out.to(self.dtype)
        numbers = rows if rows.is_quantized else convert(rows, self.source)
        out = self._weights.run(lambda packed: self._run(numbers, packed, *self.target))
        return out if self.chained else convert(out, self.dtype)


class Int8Sum(nn.Module):
    """A residual sum that gives a quantized map."""

    def __init__(self, plain: ResidualSum, ranges: LayerRanges) -> None:
        """Take the place of a sum whose output has a range."""
        super().__init__()
        self.relu, self.target = plain.relu, steps_of(ranges.target)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Add two maps of one shape, each in float or quantized; the sum is quantized."""
        return add_maps(x, shortcut, self.target, relu=self.relu)


def int8_twin(
    plain: nn.Module, ranges: LayerRanges, dtype: torch.dtype = torch.float32
) -> nn.Module:
    """The int8 layer that takes the place of one of ``engine.fast``.

    Args:
        plain: the layer in float32, not packed.
        ranges: what it reads and gives.
        dtype: what it gives where that is not quantized.
    """
    if isinstance(plain, ResidualSum):
        return Int8Sum(plain, ranges)
    assert isinstance(plain, PackedConv)
    is_dense = isinstance(plain, PackedLinear) or (not plain.chained and _is_pointwise(plain))
    return (Int8Linear if is_dense else Int8Conv)(plain, ranges, dtype)


def quantize_layer(plain: PackedConv, ranges: LayerRanges) -> tuple[Tensor, Tensor | None]:
    """Weights in whole numbers, and the bias that goes with them."""
    weight = quantize_weights(plain.weight, most_weight(plain))
    return weight, corrected_bias(plain.weight, weight, plain.bias, ranges.means)


def most_weight(plain: PackedConv) -> int:
    """The largest whole number that a weight of this layer may become on this CPU."""
    is_depthwise = plain.geometry[3] > 1 and plain.weight.shape[1] == 1
    return MOST_WEIGHT if is_depthwise or sums_are_exact() else MOST_WEIGHT_IN_16_BITS


def is_limited(plain: PackedConv) -> bool:
    """Whether negative values become 0. A ceiling needs no step: the target range ends there."""
    return plain.relu or plain.ceiling is not None


def _is_pointwise(plain: PackedConv) -> bool:
    stride, padding, _, groups = plain.geometry
    return tuple(plain.weight.shape[2:]) == stride == (1, 1) and padding == (0, 0) and groups == 1
