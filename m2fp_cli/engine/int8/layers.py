"""Layers that compute in int8, made from layers of ``engine.fast``.

They run torch's quantized convolutions. What they read may be quantized or not, and what they give
stays quantized where the next reader takes that, so that nothing is converted between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.convolution import ResidualSum
from m2fp_cli.engine.fast.products import PackedConv, PackedLinear, map_as_rows, rows_as_map
from m2fp_cli.engine.int8.calibration import Range
from m2fp_cli.engine.int8.rounding import (
    MOST_DEPTHWISE_WEIGHT,
    MOST_WEIGHT,
    quantize_weights,
    steps_of,
)

# Of torch's two int8 libraries, this one is the faster on every shape of R101 but the 3x3
# convolutions with 256 channels, where both take the same time (Zen 3), and it knows AMX.
LIBRARY = "onednn"


class Int8Conv(nn.Module):
    """A convolution in int8 with the bias and the limits of its float twin."""

    def __init__(self, plain: PackedConv, source: Range, target: Range) -> None:
        """Quantize the weights of a layer that has not been packed.

        Args:
            plain: the layer; its weights are float32.
            source: range of its input.
            target: range of its output.
        """
        super().__init__()
        self.chained = plain.chained
        self.source, self.target = steps_of(source), steps_of(target)
        # A ceiling needs no step: the target range ends at or below it.
        limited = plain.relu or plain.ceiling is not None
        self._run = _operators().conv2d_relu if limited else _operators().conv2d
        stride, padding, dilation, groups = plain.geometry
        weight, bias = quantize_weights(plain.weight, most_weight(plain)), plain.bias
        with _library():
            self._packed = _operators().conv2d_prepack(
                weight, bias, list(stride), list(padding), list(dilation), groups
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W), channels last, float32 or quantized, to (N, C_out, H', W')."""
        if not x.is_quantized:
            x = torch.quantize_per_tensor(x, *self.source, torch.quint8)
        out: Tensor = self._run(x, self._packed, *self.target)
        return out if self.chained else out.dequantize()


class Int8Linear(Int8Conv):
    """A dense layer in int8 over the rows of a matrix."""

    def forward(self, x: Tensor) -> Tensor:
        """Map contiguous (S, C_in), float32 or quantized, to (S, C_out)."""
        return map_as_rows(super().forward(rows_as_map(x)))


class Int8Sum(nn.Module):
    """A residual sum of quantized maps."""

    def __init__(self, plain: ResidualSum, target: Range) -> None:
        """Take the place of a sum whose output has a range."""
        super().__init__()
        self.plain, self.target = plain, steps_of(target)
        self._run = _operators().add_relu if plain.relu else _operators().add

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Add two maps of one shape, quantized or not; the sum is quantized."""
        if x.is_quantized and shortcut.is_quantized:
            out: Tensor = self._run(x, shortcut, *self.target)
            return out
        return torch.quantize_per_tensor(self.plain(x, shortcut), *self.target, torch.quint8)


def int8_twin(plain: nn.Module, source: Range, target: Range) -> nn.Module:
    """The int8 layer that takes the place of one of ``engine.fast``."""
    if isinstance(plain, ResidualSum):
        return Int8Sum(plain, target)
    assert isinstance(plain, PackedConv)
    kind = Int8Linear if isinstance(plain, PackedLinear) else Int8Conv
    return kind(plain, source, target)


def most_weight(plain: PackedConv) -> int:
    """The largest whole number that a weight of this layer may become."""
    is_depthwise = plain.geometry[3] > 1 and plain.weight.shape[1] == 1
    return MOST_DEPTHWISE_WEIGHT if is_depthwise else MOST_WEIGHT


def _operators() -> Any:
    """Torch's operators on quantized tensors."""
    return torch.ops.quantized  # type: ignore[attr-defined]


@contextmanager
def _library() -> Iterator[None]:
    """Pack weights for ``LIBRARY`` inside; torch keeps the choice for the whole process."""
    engines: Any = torch.backends.quantized
    before = engines.engine
    engines.engine = LIBRARY
    try:
        yield
    finally:
        engines.engine = before
