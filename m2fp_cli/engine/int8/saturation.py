"""Whether int8 sums are exact on this CPU, also where the largest numbers meet."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from m2fp_cli.engine.int8.rounding import LEVELS, MOST_WEIGHT
from m2fp_cli.engine.int8.torch_int8 import int8_library, int8_operators
from m2fp_cli.kernels.cpu import multiplies_int8

_CHANNELS = 64


@functools.cache
def sums_are_exact() -> bool:
    """Whether convolutions and dense layers add up in 32 bits on this CPU.

    What the CPU says of itself is not enough: which instructions are taken is torch's choice.
    """
    return multiplies_int8() and _convolves_exactly() and _multiplies_exactly()


def _convolves_exactly() -> bool:
    weight = _largest(_CHANNELS, _CHANNELS, 3, 3)
    with int8_library():
        packed = int8_operators().conv2d_prepack(weight, None, [1, 1], [1, 1], [1, 1], 1)
    pixels = _largest_input(1, _CHANNELS, 8, 8).contiguous(memory_format=torch.channels_last)
    wanted = LEVELS * MOST_WEIGHT * _CHANNELS * 9  # of a pixel that is not at the border
    found = int8_operators().conv2d(pixels, packed, wanted / LEVELS, 0).dequantize()
    return bool((found[..., 1:-1, 1:-1] == wanted).all())


def _multiplies_exactly() -> bool:
    with int8_library():
        packed = int8_operators().linear_prepack(_largest(_CHANNELS, _CHANNELS), None)
    rows = _largest_input(_CHANNELS, _CHANNELS)
    wanted = LEVELS * MOST_WEIGHT * _CHANNELS
    found = int8_operators().linear(rows, packed, wanted / LEVELS, 0).dequantize()
    return bool((found == wanted).all())


def _largest(*size: int) -> Any:
    """Weights that are all the largest number, with scales of 1."""
    whole = torch.full(size, MOST_WEIGHT, dtype=torch.int8)
    scales, zeros = (
        torch.ones(size[0], dtype=torch.float64),
        torch.zeros(size[0], dtype=torch.int64),
    )
    return torch._make_per_channel_quantized_tensor(whole, scales, zeros, 0)


def _largest_input(*size: int) -> Tensor:
    return torch.quantize_per_tensor(torch.full(size, float(LEVELS)), 1.0, 0, torch.quint8)
