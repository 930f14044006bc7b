"""Deformable attention's inner loop as one compiled pass: softmax, bilinear samples, weighted sum.

The portable form (``network/deformable_attention.sample_points``) copies every level into an image
per head, gathers all samples into a tensor and reduces it; at 640x864 that moves 1.1 GB per layer.
Here values and points are read where the products left them, in their format, and each output is
written once. Weights and corners are computed for a few queries at a time, one to a vector lane,
which is why the points hold a column for every query. Then the samples are added up query by query.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2fp_cli.arrays import FloatArray
from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.formats import RawArray, exponential, load
from m2fp_cli.kernels.gather import sum_samples
from m2fp_cli.kernels.threads import parallel_tasks

IntArray = NDArray[np.int64]

QUERY_CHUNK = 2048  # queries of one task: small enough to balance cores, large enough to hide calls
_LANES = 32  # queries whose corners are computed together: 18 kB of them for 12 samples


def sample_fused(
    value: RawArray,
    points: RawArray,
    bias: FloatArray,
    reference: FloatArray,
    shapes: IntArray,
    heads_depth: tuple[int, int],
    threads: int,
) -> RawArray:
    """Weighted sums of bilinear samples for all queries and heads.

    Args:
        value: (S, C) float32, or bfloat16 as uint16; the channels of head after head. Channels
            after the first M * D are not read (see ``add_padding_head``).
        points: (M * L * P * 3, S) in the same format: M * L * P offsets (x, y) in pixels of their
            level, then M * L * P attention logits.
        bias: (M * L * P * 3,) float32, added to the points here.
        reference: (S, 2) float32 (x, y) of every query itself, in [0, 1].
        shapes: (L, 3) int64: height, width and first position of every level.
        heads_depth: M and D.
        threads: how many to use.

    Returns:
        (S, M * D) in the format of ``value``; samples outside a map count as zero.
    """
    length, (heads, depth) = len(value), heads_depth
    samples = len(points) // (3 * heads)
    sample = _sampler(depth, samples)
    geometry = np.repeat(shapes.T.astype(np.float32), samples // len(shapes), axis=1)
    out: Any = np.empty((length, heads * depth), value.dtype)
    flat, flat_out, stride = value.reshape(-1), out.reshape(-1), value.shape[1]
    chunks = [
        (head, start, min(start + QUERY_CHUNK, length))
        for head in range(heads)
        for start in range(0, length, QUERY_CHUNK)
    ]

    def work(chunk: tuple[int, int, int]) -> None:
        sample(flat, stride, points, bias, reference, geometry, flat_out, *chunk)

    parallel_tasks(chunks, work, threads)
    sampled: RawArray = out
    return sampled


def add_padding_head(weight: Tensor, heads: int) -> Tensor:
    """Append zeros for one more head, which is never read, to (M * D, ...) weights or biases.

    The values of one head lie one row apart. Where the row length is a power of two, all rows fall
    on an eighth of the cache's sets or less. 288 channels instead of 256 make the sampler a sixth
    faster.
    """
    padding = weight.new_zeros((len(weight) // heads, *weight.shape[1:]))
    return torch.cat((weight, padding))


@lru_cache(maxsize=8)
def _sampler(depth: int, samples: int) -> Callable[..., None]:
    """The compiled loop for ``depth`` channels a head and ``samples`` samples a query and head.

    Both are constants inside, so that the loops over them unroll. The loop must not use any other
    variable of this function: numba keeps the code under a name that includes them, and an object
    would give another name in every process.
    """

    @compiled
    def sample_chunk(
        flat: Any, stride: int, points: Any, bias: Any, reference: Any, geometry: Any, out: Any,
        head: int, start: int, stop: int,
    ) -> None:  # fmt: skip
        heads = len(points) // (3 * samples)
        weight = np.empty((samples, _LANES), np.float32)
        x = np.empty((samples, _LANES), np.float32)
        y = np.empty((samples, _LANES), np.float32)
        corner_index = np.empty((4, samples, _LANES), np.int32)
        flat_index = corner_index.reshape(-1)
        corner_weight = np.empty((4, samples, _LANES), np.float32)
        query_xy = np.empty((2, _LANES), np.float32)
        for first in range(start, stop, _LANES):
            _read_points(points, bias, head, first, stop, weight, x, y)
            _softmax(weight)
            for q in range(_LANES):
                query_xy[0, q] = reference[min(first + q, stop - 1), 0]
                query_xy[1, q] = reference[min(first + q, stop - 1), 1]
            for i in range(samples):
                _find_corners(geometry, query_xy, weight, x, y, corner_index, corner_weight, i)
            for i in range(4 * samples * _LANES):
                flat_index[i] = flat_index[i] * stride + head * depth
            for q in range(min(_LANES, stop - first)):
                at = ((first + q) * heads + head) * depth
                sum_samples(flat, corner_index, corner_weight, q, out, at, (depth, samples, _LANES))

    sampler: Callable[..., None] = sample_chunk
    return sampler


# The loops below take whole arrays: a slice is a counted reference, and counting costs more than
# what is done with the slice here. They index with unsigned numbers, because numba checks of a
# signed one whether it counts from the end.


@numba.njit(fastmath=True, error_model="numpy")
def _read_points(
    points: Any, bias: Any, head: int, first: int, stop: int, logit: Any, x: Any, y: Any
) -> None:  # fmt: skip
    """Load the points of one head and some queries: a row a sample, a lane a query."""
    samples = logit.shape[0]
    heads = len(points) // (3 * samples)
    offset, logits = head * samples * 2, (heads * 2 + head) * samples
    for i in range(samples):
        _read_row(points, bias, offset + 2 * i, first, stop, x, i)
        _read_row(points, bias, offset + 2 * i + 1, first, stop, y, i)
        _read_row(points, bias, logits + i, first, stop, logit, i)


@numba.njit(fastmath=True, error_model="numpy")
def _read_row(
    points: Any, bias: Any, row: int, first: int, stop: int, lanes: Any, sample: int
) -> None:  # fmt: skip
    """Load one number of some queries; lanes beyond the last query repeat that query's."""
    r, i, more = np.uint64(row), np.uint64(sample), bias[row]
    if first + _LANES <= stop:
        for q in range(_LANES):
            lanes[i, np.uint64(q)] = load(points[r, np.uint64(first) + np.uint64(q)]) + more
    else:
        for q in range(_LANES):
            lanes[i, np.uint64(q)] = load(points[r, np.uint64(min(first + q, stop - 1))]) + more


@numba.njit(fastmath=True, error_model="numpy")
def _softmax(weight: Any) -> None:
    """Softmax over the samples, in place."""
    highest, norm = np.empty(_LANES, np.float32), np.empty(_LANES, np.float32)
    for q in range(_LANES):
        highest[q], norm[q] = weight[0, q], np.float32(0.0)
    for i in range(1, weight.shape[0]):
        for q in range(_LANES):
            highest[q] = weight[i, q] if weight[i, q] > highest[q] else highest[q]
    for i in range(weight.shape[0]):
        for q in range(_LANES):
            weight[i, q] = exponential(weight[i, q] - highest[q])
            norm[q] += weight[i, q]
    for q in range(_LANES):
        norm[q] = np.float32(1.0) / norm[q]
    for i in range(weight.shape[0]):
        for q in range(_LANES):
            weight[i, q] *= norm[q]


@numba.njit(fastmath=True, error_model="numpy")
def _find_corners(
    geometry: Any, query_xy: Any, weight: Any, x: Any, y: Any, corner_index: Any,
    corner_weight: Any, sample: int,
) -> None:  # fmt: skip
    """The four pixels around a sample and their weights; a pixel outside the map has weight 0.

    A corner's weight is its bilinear one times the sample's attention weight. Written without
    branches and in float32 (exact below 2 ** 24 positions); otherwise it would not vectorize.
    """
    zero, one, half = np.float32(0.0), np.float32(1.0), np.float32(0.5)
    i = np.uint64(sample)
    h, w, base = geometry[0, i], geometry[1, i], geometry[2, i]
    right, bottom = w - one, h - one
    for lane in range(_LANES):
        q = np.uint64(lane)
        px = query_xy[0, q] * w + x[i, q] - half
        py = query_xy[1, q] * h + y[i, q] - half
        px = -one if px < -one else px
        px = w if px > w else px
        py = -one if py < -one else py
        py = h if py > h else py
        x0, y0 = np.floor(px), np.floor(py)
        fx, fy = px - x0, py - y0
        left_weight = one - fx
        left_weight = zero if x0 < zero else left_weight
        left_weight = zero if x0 > right else left_weight
        right_weight = fx if x0 < right else zero
        top_weight = (one - fy) * weight[i, q]
        top_weight = zero if y0 < zero else top_weight
        top_weight = zero if y0 > bottom else top_weight
        bottom_weight = fy * weight[i, q] if y0 < bottom else zero
        x1 = x0 + one if x0 < right else right
        y1 = y0 + one if y0 < bottom else bottom
        x0 = x0 if x0 > zero else zero
        x0 = x0 if x0 < right else right
        y0 = y0 if y0 > zero else zero
        y0 = y0 if y0 < bottom else bottom
        corner_index[0, i, q] = np.int32(base + y0 * w + x0)
        corner_index[1, i, q] = np.int32(base + y0 * w + x1)
        corner_index[2, i, q] = np.int32(base + y1 * w + x0)
        corner_index[3, i, q] = np.int32(base + y1 * w + x1)
        corner_weight[0, i, q] = top_weight * left_weight
        corner_weight[1, i, q] = top_weight * right_weight
        corner_weight[2, i, q] = bottom_weight * left_weight
        corner_weight[3, i, q] = bottom_weight * right_weight
