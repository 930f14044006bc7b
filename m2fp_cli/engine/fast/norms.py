"""Norms as compiled passes that write what the next product reads, in its number format.

torch's layer norm takes and gives float32, so the sum before it and the conversions around it each
cross memory again. Its channels-last group norm (1.13.1) loses four digits where a channel hardly
varies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.formats import as_array, load, store
from m2fp_cli.kernels.threads import parallel_rows

_CHUNK_ROWS = 64  # rows that are added up in float32 before their sum joins a float64


def add_and_normalize_(
    x: Tensor, change: Tensor, norm: nn.LayerNorm, positions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Layer norm of ``x + change``, written to ``x`` and in the format of the next products.

    Args:
        x: (S, C) float32, changed.
        change: (S, C) float32 or bfloat16, changed.
        norm: the layer norm.
        positions: (S, C) float32, added to the second result; None = no second result is wanted.

    Returns:
        (S, C) normalized, and (S, C) normalized plus positions, both in the format of ``change``.
        In float32 the first is ``x`` itself; without positions the second is the first.
    """
    plain = x if change.dtype is torch.float32 else change
    located = plain if positions is None else torch.empty_like(change)
    added = x if positions is None else positions
    weights = (as_array(norm.weight), as_array(norm.bias))
    arrays = (as_array(x), as_array(change), *weights, as_array(added), as_array(located))

    def work(rows: slice) -> None:
        _normalize_rows(*arrays, norm.eps, positions is not None, rows.start, rows.stop)

    parallel_rows(len(x), x.shape[1], work)
    return plain, located


def normalize_groups(rows: Tensor, norm: nn.GroupNorm, *, relu: bool = False) -> Tensor:
    """Group norm of one channels-last map.

    Mean and variance are computed for chunks of rows, in two passes each, and joined in float64.

    Args:
        rows: (P, C) float32 or bfloat16, contiguous; changed.
        norm: the group norm.
        relu: replace negative values by 0.

    Returns:
        ``rows``.
    """
    array, channels = as_array(rows), rows.shape[1]
    parts: list[tuple[int, Any]] = []

    def measure(span: slice) -> None:
        parts.append((span.start, _chunk_moments(array, span.start, span.stop)))

    parallel_rows(len(rows), channels, measure, multiple_of=_CHUNK_ROWS)
    chunks = np.concatenate([moments for _, moments in sorted(parts, key=lambda part: part[0])])
    counts, means, squares = chunks[:, 0, :1], chunks[:, 1], chunks[:, 2]
    groups = (norm.num_groups, channels // norm.num_groups)
    mean = ((counts * means).sum(0) / len(rows)).reshape(groups).mean(1)
    deviation = means - np.repeat(mean, groups[1])
    total = (squares + counts * deviation**2).sum(0).reshape(groups).mean(1) / len(rows)
    scale = np.repeat(1 / np.sqrt(total + norm.eps), groups[1]) * norm.weight.detach().numpy()
    shift = norm.bias.detach().numpy() - np.repeat(mean, groups[1]) * scale
    factors = scale.astype(np.float32), shift.astype(np.float32)
    parallel_rows(len(rows), channels, lambda span: _scale_rows(array[span], *factors, relu))
    return rows


@compiled
def _normalize_rows(
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
def _chunk_moments(rows: Any, start: int, stop: int) -> Any:
    """Count, mean and sum of squared deviations by chunk and channel, (B, 3, C) float64."""
    channels = rows.shape[1]
    chunks = (stop - start + _CHUNK_ROWS - 1) // _CHUNK_ROWS
    out = np.empty((chunks, 3, channels), np.float64)
    mean, squares = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for chunk in range(chunks):
        first = start + chunk * _CHUNK_ROWS
        last = min(first + _CHUNK_ROWS, stop)
        for c in range(channels):
            mean[c], squares[c] = np.float32(0.0), np.float32(0.0)
        for r in range(first, last):
            for c in range(channels):
                mean[c] += load(rows[r, c])
        for c in range(channels):
            mean[c] /= np.float32(last - first)
        for r in range(first, last):
            for c in range(channels):
                deviation = load(rows[r, c]) - mean[c]
                squares[c] += deviation * deviation
        for c in range(channels):
            out[chunk, 0, c] = last - first
            out[chunk, 1, c], out[chunk, 2, c] = mean[c], squares[c]
    return out


@compiled
def _scale_rows(rows: Any, scale: Any, shift: Any, relu: bool) -> None:
    lowest = np.float32(0.0) if relu else np.float32(-np.inf)
    for r in range(rows.shape[0]):
        row = rows[r]
        for c in range(rows.shape[1]):
            value = load(row[c]) * scale[c] + shift[c]
            store(row, c, value if value > lowest else lowest)
