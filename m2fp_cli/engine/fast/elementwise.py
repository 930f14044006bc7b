"""Compiled passes between layers: sums of maps, and conversions between int8 and float.

torch 1.13.1 quantizes float32 only, and gives float32 back. Where the other layers compute in
bfloat16, each conversion would cross memory twice more, and a sum five times.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from m2fp_cli.kernels.compiled import compiled_exactly
from m2fp_cli.kernels.formats import RawArray, as_array, load, load_scaled, store, store_scaled
from m2fp_cli.kernels.spans import SPAN, add_span
from m2fp_cli.kernels.threads import parallel_rows


class Steps(NamedTuple):
    """How whole numbers from 0 to 255 stand for real ones: ``(number - zero) * scale``.

    Attributes:
        scale: size of a step.
        zero: the number that stands for 0.
    """

    scale: float
    zero: int


Format = torch.dtype | Steps  # of values: a float type, or the steps that they are quantized with


def convert(x: Tensor, target: Format) -> Tensor:
    """The same values in another format.

    Args:
        x: (S, C), or (1, C, H, W) channels last; float32, bfloat16 or quantized.
        target: float32, bfloat16, or the steps to quantize with.

    Returns:
        A tensor of the same shape and strides; ``x`` itself if nothing is to be done.
    """
    if x.dtype is target:
        return x
    out = empty_like(x, target)
    source, result = _flat(x), _flat(out)
    steps = (*scale_and_zero(x), *scale_and_zero(out))

    def work(span: slice) -> None:
        _convert_values(source[span], result[span], *steps)

    parallel_rows(len(source), 1, work)
    return out


def add_maps(x: Tensor, shortcut: Tensor, target: Format, *, relu: bool) -> Tensor:
    """The sum of two maps, rounded once.

    Args:
        x: (1, C, H, W) float32, bfloat16 or quantized, channels last.
        shortcut: the same shape, in any of these formats.
        target: format of the sum.
        relu: replace negative values by 0.

    Returns:
        (1, C, H, W), channels last.
    """
    out = empty_like(x, target)
    one, other, result = _flat(x), _flat(shortcut), _flat(out)
    steps = (*scale_and_zero(x), *scale_and_zero(shortcut), *scale_and_zero(out))
    lowest = np.float32(0.0 if relu else -np.inf)

    def work(span: slice) -> None:
        _add_values(one[span], other[span], result[span], *steps, lowest)

    parallel_rows(len(one), 1, work)
    return out


def add_(x: Tensor, shortcut: Tensor, *, relu: bool) -> Tensor:
    """The sum of two maps in one float format, in place where the first lies channels last.

    Args:
        x: (1, C, H, W) float32 or bfloat16; changed.
        shortcut: the same shape and format.
        relu: replace negative values by 0.

    Returns:
        (1, C, H, W), channels last: ``x`` itself if it lies so.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    total, added = _flat(x), _flat(shortcut)
    lowest = np.float32(0.0 if relu else -np.inf)

    def work(span: slice) -> None:
        _add_in_place(total[span], added[span], lowest)

    parallel_rows(len(total), 1, work, multiple_of=SPAN)
    return x


def scale_and_zero(x: Tensor) -> tuple[np.float32, np.float32]:
    """Scale and zero of a tensor's numbers for compiled loops; a float stands for itself."""
    if not x.is_quantized:
        return np.float32(1.0), np.float32(0.0)
    return np.float32(x.q_scale()), np.float32(x.q_zero_point())


def empty_like(x: Tensor, form: Format) -> Tensor:
    """Memory for values in another format: (S, C), or (1, C, H, W) channels last, as ``x`` is."""
    layout = torch.channels_last if x.ndim == 4 else torch.contiguous_format
    if not isinstance(form, Steps):
        return torch.empty(x.shape, dtype=form, memory_format=layout)
    return torch._empty_affine_quantized(
        x.shape, scale=form.scale, zero_point=form.zero, dtype=torch.quint8, memory_format=layout
    )


def _flat(x: Tensor) -> RawArray:
    """The values of a map, pixel after pixel, or of rows."""
    return as_array(x.permute(0, 2, 3, 1) if x.ndim == 4 else x).reshape(-1)


@compiled_exactly
def _convert_values(x: Any, out: Any, scale: Any, zero: Any, out_scale: Any, out_zero: Any) -> None:
    per_step = np.float32(1.0) / out_scale
    for i in range(len(x)):
        store_scaled(out, i, load_scaled(x[i], scale, zero), per_step, out_zero)


@compiled_exactly
def _add_in_place(x: Any, added: Any, lowest: Any) -> None:
    whole = len(x) - len(x) % SPAN
    for start in range(0, whole, SPAN):
        add_span(x, start, added, lowest)
    for i in range(whole, len(x)):
        total = load(x[i]) + load(added[i])
        store(x, i, lowest if total < lowest else total)


@compiled_exactly
def _add_values(
    x: Any, shortcut: Any, out: Any, x_scale: Any, x_zero: Any, shortcut_scale: Any,
    shortcut_zero: Any, out_scale: Any, out_zero: Any, lowest: Any,
) -> None:  # fmt: skip
    per_step = np.float32(1.0) / out_scale
    for i in range(len(x)):
        total = load_scaled(x[i], x_scale, x_zero)
        total += load_scaled(shortcut[i], shortcut_scale, shortcut_zero)
        total = total if total > lowest else lowest
        store_scaled(out, i, total, per_step, out_zero)
