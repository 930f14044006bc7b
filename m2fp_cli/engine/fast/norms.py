"""Norms as compiled passes: read once or twice, written once, in the format the next product takes.

torch's layer norm wants float32 in and gives float32 out, so the sum before it and the conversions
around it each cross memory again; its channels-last group norm (1.13.1) loses four digits where a
channel hardly varies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.formats import load, raw, store
from m2fp_cli.kernels.threads import share_rows

_ROWS = 64  # rows that are summed in float32 before they join a float64


def add_and_normalise_(
    x: Tensor, change: Tensor, norm: nn.LayerNorm, positions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Layer norm of ``x + change``, into ``x`` and into what the next products take.

    Args:
        x: (S, C) float32, changed.
        change: (S, C) float32 or bfloat16, changed.
        norm: the layer.
        positions: (S, C) float32, added to the second result; None = there is no second one.

    Returns:
        (S, C) normalised, and (S, C) normalised plus positions, both in the format of ``change``.
        In float32 the first is ``x`` itself; without positions the second is the first.
    """
    plain = x if change.dtype is torch.float32 else change
    located = plain if positions is None else torch.empty_like(change)
    where = x if positions is None else positions
    arrays = (raw(x), raw(change), raw(norm.weight), raw(norm.bias), raw(where), raw(located))

    def work(rows: slice) -> None:
        _normalise_rows(*arrays, norm.eps, positions is not None, rows.start, rows.stop)

    share_rows(len(x), x.shape[1], work)
    return plain, located


def normalise_groups(rows: Tensor, norm: nn.GroupNorm, *, relu: bool = False) -> Tensor:
    """Group norm of one channels-last map.

    Mean and variance are those of blocks of rows, each in two passes, put together in float64.

    Args:
        rows: (P, C) float32 or bfloat16, contiguous; changed.
        norm: the layer.
        relu: cut off what is negative.

    Returns:
        ``rows``.
    """
    array, channels = raw(rows), rows.shape[1]
    parts: list[tuple[int, Any]] = []

    def measure(share: slice) -> None:
        parts.append((share.start, _block_moments(array, share.start, share.stop)))

    share_rows(len(rows), channels, measure, together=_ROWS)
    blocks = np.concatenate([moments for _, moments in sorted(parts, key=lambda part: part[0])])
    counts, means, squares = blocks[:, 0, :1], blocks[:, 1], blocks[:, 2]
    groups = (norm.num_groups, channels // norm.num_groups)
    mean = ((counts * means).sum(0) / len(rows)).reshape(groups).mean(1)
    far = means - np.repeat(mean, groups[1])
    total = (squares + counts * far**2).sum(0).reshape(groups).mean(1) / len(rows)
    scale = np.repeat(1 / np.sqrt(total + norm.eps), groups[1]) * norm.weight.detach().numpy()
    shift = norm.bias.detach().numpy() - np.repeat(mean, groups[1]) * scale
    factors = scale.astype(np.float32), shift.astype(np.float32)
    share_rows(len(rows), channels, lambda share: _scale_rows(array[share], *factors, relu))
    return rows


@compiled
def _normalise_rows(
    x: Any, change: Any, weight: Any, bias: Any, positions: Any, located: Any,
    eps: float, locate: bool, start: int, stop: int,
) -> None:  # fmt: skip
    channels = x.shape[1]
    row = np.empty(channels, np.float32)
    for r in range(start, stop):
        total = np.float32(0.0)
        for c in range(channels):
            row[c] = x[r, c] + load(change[r, c])
            total += row[c]
        mean = total / np.float32(channels)
        total = np.float32(0.0)
        for c in range(channels):
            row[c] -= mean
            total += row[c] * row[c]
        scale = np.float32(1.0) / np.sqrt(total / np.float32(channels) + np.float32(eps))
        for c in range(channels):
            row[c] = row[c] * scale * weight[c] + bias[c]
            x[r, c] = row[c]
        plain = change[r]
        for c in range(channels):
            store(plain, c, row[c])
        if locate:
            target = located[r]
            for c in range(channels):
                store(target, c, row[c] + positions[r, c])


@compiled
def _block_moments(rows: Any, start: int, stop: int) -> Any:
    """(B, 3, C) float64: count, mean and sum of squares about it, of every block and channel."""
    channels = rows.shape[1]
    blocks = (stop - start + _ROWS - 1) // _ROWS
    out = np.empty((blocks, 3, channels), np.float64)
    mean, squares = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for block in range(blocks):
        first = start + block * _ROWS
        last = min(first + _ROWS, stop)
        for c in range(channels):
            mean[c], squares[c] = np.float32(0.0), np.float32(0.0)
        for r in range(first, last):
            for c in range(channels):
                mean[c] += load(rows[r, c])
        for c in range(channels):
            mean[c] /= np.float32(last - first)
        for r in range(first, last):
            for c in range(channels):
                off = load(rows[r, c]) - mean[c]
                squares[c] += off * off
        for c in range(channels):
            out[block, 0, c], out[block, 1, c], out[block, 2, c] = last - first, mean[c], squares[c]
    return out


@compiled
def _scale_rows(rows: Any, scale: Any, shift: Any, relu: bool) -> None:
    lowest = np.float32(0.0) if relu else np.float32(-np.inf)
    for r in range(rows.shape[0]):
        row = rows[r]
        for c in range(rows.shape[1]):
            value = load(row[c]) * scale[c] + shift[c]
            store(row, c, value if value > lowest else lowest)
