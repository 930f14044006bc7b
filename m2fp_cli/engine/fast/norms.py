"""Norms as compiled passes that write what the next product reads, in its number format.

torch's layer norm takes and gives float32, so the sum before it and the conversions around it each
cross memory again. Its channels-last group norm (1.13.1) loses four digits where a channel hardly
varies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from m2fp_cli.engine.fast.elementwise import scale_and_zero
from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.formats import as_array, load, load_scaled, store, store_scaled
from m2fp_cli.kernels.spans import SPAN, scale_span
from m2fp_cli.kernels.threads import parallel_rows

_CHUNK_ROWS = 64  # rows that are added up in float32 before their sum joins a float64


def add_and_normalize_(
    x: Tensor,
    change: Tensor,
    norm: nn.LayerNorm,
    plain: Tensor,
    located: Tensor | None = None,
    positions: Tensor | None = None,
) -> None:
    """Layer norm of ``x + change``, written to ``x`` and in the formats of the next products.

    Args:
        x: (S, C) float32, changed.
        change: (S, C) float32, bfloat16 or quantized.
        norm: the layer norm.
        plain: (S, C) in any of these formats, gets the result; ``x`` itself if that is enough.
        located: (S, C) float32 or bfloat16, gets the result plus positions; None = not wanted.
        positions: (S, C) float32, wanted with ``located``.
    """
    rows, step = as_array(x), scale_and_zero(plain)
    locate, write = located is not None, plain.data_ptr() != x.data_ptr()
    assert locate == (positions is not None)
    second = rows if located is None else as_array(located)
    added = rows if positions is None else as_array(positions)
    weights = as_array(norm.weight), as_array(norm.bias)
    change_steps = scale_and_zero(change)
    arrays = (
        rows,
        as_array(change),
        *change_steps,
        *weights,
        as_array(plain),
        *step,
        second,
        added,
    )

    def work(span: slice) -> None:
        _normalize_rows(*arrays, norm.eps, write, locate, span.start, span.stop)

    parallel_rows(len(x), x.shape[1], work)


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
    x: Any, change: Any, change_scale: Any, change_zero: Any, weight: Any, bias: Any, plain: Any,
    plain_scale: Any, plain_zero: Any, located: Any, positions: Any, eps: float, write: bool,
    locate: bool, start: int, stop: int,
) -> None:  # fmt: skip
    channels = x.shape[1]
    row, per_step = np.empty(channels, np.float32), np.float32(1.0) / plain_scale
    for r in range(start, stop):
        for c in range(channels):
            row[c] = x[r, c] + load_scaled(change[r, c], change_scale, change_zero)
        total = np.float32(0.0)
        for c in range(channels):  # a loop of its own; see ``compiled``
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
        if write:
            target = plain[r]
            for c in range(channels):
                store_scaled(target, c, row[c], per_step, plain_zero)
        if locate:
            second = located[r]
            for c in range(channels):
                store(second, c, row[c] + positions[r, c])


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
    channels = rows.shape[1]
    whole = channels - channels % SPAN
    for r in range(rows.shape[0]):
        row = rows[r]
        for c in range(0, whole, SPAN):
            scale_span(row, c, scale, shift, c, lowest)
        for c in range(whole, channels):
            value = load(row[c]) * scale[c] + shift[c]
            store(row, c, value if value > lowest else lowest)
