"""Convolutions and dense layers in a chosen number format, most weights packed beforehand.

oneDNN wants weights in a layout of its own. Given a plain tensor, torch 1.13.1 packs it at every
call and adds bias and ReLU in further passes. Packed once, a 256-wide layer over 11,340 rows runs
at 580 to 830 GFLOP/s a core in bfloat16 instead of 390 to 690, with the same bits.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.engine.fast.elementwise import Format, convert
from m2fp_cli.kernels.cpu import cpu_flags

Geometry = tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]
_DENSE: Geometry = ((1, 1), (0, 0), (1, 1), 1)
_ANY_SIZE = (64, 64)  # only a hint; see ``_layout_varies`` for layers that it does not fit
_MANY_CHANNELS = 2048


class PackedConv(nn.Module):
    """A convolution over channels-last maps, with bias and, if wanted, ReLU."""

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, weight: Tensor, bias: Tensor | None, geometry: Geometry, dtype: torch.dtype,
        *, relu: bool = False, ceiling: float | None = None, chained: bool = False,
    ) -> None:  # fmt: skip
        """Take the weights as they are; ``pack`` makes the layer fast.

        Args:
            weight: (C_out, C_in / groups, kh, kw) float32.
            bias: (C_out,) float32, or None.
            geometry: stride, padding, dilation, groups.
            dtype: number format of input, weights and output.
            relu: replace negative values by 0.
            ceiling: replace values below 0 by 0 and values above this by it; None = do not.
            chained: whatever reads the output also takes it quantized (see ``engine.int8``).
        """
        super().__init__()
        self.dtype, self.geometry, self.relu = dtype, geometry, relu
        self.reads: Format = dtype  # the format of input that needs no conversion
        self.ceiling, self.chained = ceiling, chained
        # Copies: oneDNN may keep a tensor as it is, and with it the whole mapped checkpoint.
        weight = weight.detach().to(dtype, copy=True, memory_format=torch.channels_last)
        bias = None if bias is None else bias.detach().to(dtype, copy=True)
        self._packed: Any = None
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def pack(self) -> None:
        """Bring the weights into oneDNN's layout, once and for all, if that fits all sizes."""
        fixed = not _layout_varies(self.weight, self.geometry, self.dtype)
        if self._packed is None and fixed and torch.backends.mkldnn.is_available():
            self._packed = _pack(self.weight, self.bias, self.geometry, self.relu)
            self.weight = self.bias = None  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        """Map (1, C_in, H, W) in ``dtype`` or quantized, channels last, to (1, C_out, H', W')."""
        x = convert(x, self.dtype)
        if self._packed is not None:
            out: Tensor = _prepacked().conv2d_run(x, self._packed)
        else:
            out = F.conv2d(x, self.weight, self.bias, *self.geometry)
            out = F.relu_(out) if self.relu else out
        return out if self.ceiling is None else F.hardtanh(out, 0.0, self.ceiling, inplace=True)


class PackedLinear(PackedConv):
    """A dense layer over the rows of a matrix: a 1x1 convolution over a map of one row."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, *, relu: bool = False,
        chained: bool = False,
    ) -> None:  # fmt: skip
        """Take (C_out, C_in) weights; see ``PackedConv``."""
        super().__init__(weight[:, :, None, None], bias, _DENSE, dtype, relu=relu, chained=chained)

    @classmethod
    def of(
        cls, linear: nn.Linear, dtype: torch.dtype, *, relu: bool = False, chained: bool = False
    ) -> PackedLinear:
        """Take the weights of a torch layer."""
        return cls(linear.weight, linear.bias, dtype, relu=relu, chained=chained)

    def forward(self, x: Tensor) -> Tensor:
        """Map contiguous (S, C_in) in ``dtype`` to (S, C_out)."""
        return map_as_rows(super().forward(rows_as_map(x)))


def pointwise(conv: nn.Conv2d, dtype: torch.dtype) -> PackedLinear:
    """A 1x1 convolution as a dense layer over the pixels of a channels-last map."""
    return PackedLinear(conv.weight.flatten(1), conv.bias, dtype)


def rows_as_map(rows: Tensor) -> Tensor:
    """(S, C) as a map of one row, with the sizes and strides of channels last: (1, C, 1, S)."""
    return rows[None, None].permute(0, 3, 1, 2)


def map_as_rows(map_: Tensor) -> Tensor:
    """The inverse of ``rows_as_map``."""
    return map_.permute(0, 2, 3, 1)[0, 0]


def pack_layers(module: nn.Module) -> None:
    """Pack all layers inside a module, one after the other, so that few weights are there twice."""
    for layer in module.modules():
        if isinstance(layer, PackedConv):
            layer.pack()


def _layout_varies(weight: Tensor | None, geometry: Geometry, dtype: torch.dtype) -> bool:
    """Whether the layout that oneDNN 2.6 wants depends on the size of the map.

    Packed for another size, weights are brought from one layout into the other at every call, by
    code that takes 13 ms for 288 x 256 of them and 190 to 280 for 2048 x 1024. A plain tensor takes
    0.03 and 1 ms. These layers were found by ``ONEDNN_VERBOSE=1`` over sizes from 640x640 to
    640x1376, one to four threads, AVX-512 with and without bfloat16, and AMX.
    """
    if weight is None or tuple(weight.shape[2:]) != (1, 1) or geometry[3] != 1:
        return False
    odd = len(weight) % 64 != 0 and dtype is torch.bfloat16 and "amx_bf16" in cpu_flags()
    return odd or geometry[0] != (1, 1) or max(weight.shape[:2]) >= _MANY_CHANNELS


def _pack(weight: Tensor, bias: Tensor | None, geometry: Geometry, relu: bool) -> Any:
    """The weights in oneDNN's layout."""
    stride, padding, dilation, groups = (list(g) if isinstance(g, tuple) else g for g in geometry)
    size = [1, weight.shape[1] * geometry[3], *_ANY_SIZE]
    attribute = "relu" if relu else "none"
    packed = _prepacked().conv2d_prepack(
        weight, bias, stride, padding, dilation, groups, size, attribute
    )
    weight.set_()  # torch keeps this tensor for unpacking, 241 MB of them in the published model
    return packed


def _prepacked() -> Any:
    """Torch's operators on packed weights."""
    return torch.ops.mkldnn_prepacked  # type: ignore[attr-defined]
