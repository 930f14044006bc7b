"""Sine position encoding of a feature map, shared by both decoders."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def sine_positions(height: int, width: int, channels: int) -> Tensor:
    """Fixed two-dimensional sine and cosine encoding, normalized to the map's size.

    The first half of the channels encodes y, the second half x; inside a half, sines and cosines
    of the same frequency alternate. Formula: Carion et al., https://arxiv.org/abs/2005.12872, with
    temperature 10000 and positions scaled to (0, 2 pi].

    Args:
        height: rows of the map.
        width: columns of the map.
        channels: a multiple of 4.

    Returns:
        (1, height * width, channels) float32, row by row. Calls share it: never write to it.
    """
    half = channels // 2
    index = torch.arange(half, dtype=torch.float32)
    frequency = 10000.0 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    y = _encode_axis(height, frequency)[:, None, :].expand(height, width, half)
    x = _encode_axis(width, frequency)[None, :, :].expand(height, width, half)
    return torch.cat((y, x), dim=2).reshape(1, height * width, channels)


def _encode_axis(size: int, frequency: Tensor) -> Tensor:
    """Encoding of the positions 1..size along one axis, (size, half)."""
    steps = torch.arange(1, size + 1, dtype=torch.float32)
    angles = steps.mul(2 * math.pi / (size + 1e-6))[:, None] / frequency
    return torch.stack((angles[:, 0::2].sin(), angles[:, 1::2].cos()), dim=2).flatten(1)
