"""Deformable attention's inner loop as one compiled pass: softmax, bilinear samples, weighted sum.

The portable form (``network/deformable_attention.sample_points``) copies every level into an image
per head, gathers all samples into a tensor and reduces it; at 640x864 that moves 1.1 GB per layer.
Here values and points are read where the products left them, in their format, and each output is
written once. Weights and places are worked out for a few queries at once, so that they fill vector
registers (for which the points come with their queries side by side); the places are then visited
query by query.
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
from m2fp_cli.kernels.gather import add_samples
from m2fp_cli.kernels.threads import share_tasks

IntArray = NDArray[np.int64]

QUERY_BLOCK = 2048  # queries of one task: small enough to balance cores, large enough to hide calls
_LANES = 32  # queries whose places are worked out together: 18 kB of them for 12 samples


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
        value: (S, C) float32, or bfloat16 as uint16; the heads' channels one after the other, what
            comes after the first M * D is not read (see ``spread_heads``).
        points: (M * L * P * 3, S) in the same format: M * L * P offsets (x, y) in pixels of their
            level, then M * L * P attention logits.
        bias: (M * L * P * 3) float32, still to be added to them.
        reference: (S, 2) float32 (x, y) in [0, 1].
        shapes: (L, 3) int64: height, width and first position of every level.
        heads_depth: M and D.
        threads: cores to use.

    Returns:
        (S, M * D) in the format of ``value``; samples outside a map count as zero.
    """
    length, (heads, depth) = len(value), heads_depth
    samples = len(points) // (3 * heads)
    sample = _sampler(depth, samples)
    geometry = np.repeat(shapes.T.astype(np.float32), samples // len(shapes), axis=1)
    out: Any = np.empty((length, heads * depth), value.dtype)
    flat, flat_out, stride = value.reshape(-1), out.reshape(-1), value.shape[1]
    blocks = [
        (head, start, min(start + QUERY_BLOCK, length))
        for head in range(heads)
        for start in range(0, length, QUERY_BLOCK)
    ]

    def work(block: tuple[int, int, int]) -> None:
        sample(flat, stride, points, bias, reference, geometry, flat_out, *block)

    share_tasks(blocks, work, threads)
    filled: RawArray = out
    return filled


def spread_heads(weight: Tensor, heads: int) -> Tensor:
    """Rows of zeros for one more head, which nobody reads, below (M * D, ...) weights or biases.

    A head's values lie a row apart, and with a power of two of channels rows fall on an eighth of
    the cache's sets or less. 288 channels instead of 256 make the sampler a sixth faster.
    """
    spare = weight.new_zeros((len(weight) // heads, *weight.shape[1:]))
    return torch.cat((weight, spare))


@lru_cache(maxsize=8)
def _sampler(depth: int, samples: int) -> Callable[..., None]:
    """The compiled loop for ``depth`` channels a head and ``samples`` samples a query and head.

    Both are constants inside, so that the loops over them unroll. Nothing but them may come from
    out here: they are part of the name under which numba keeps the code, and anything else there
    would be another name in every process.
    """

    @compiled
    def sample_block(
        flat: Any, stride: int, points: Any, bias: Any, reference: Any, geometry: Any, out: Any,
        head: int, start: int, stop: int,
    ) -> None:  # fmt: skip
        heads = len(points) // (3 * samples)
        weight = np.empty((samples, _LANES), np.float32)
        x = np.empty((samples, _LANES), np.float32)
        y = np.empty((samples, _LANES), np.float32)
        place = np.empty((4, samples, _LANES), np.int32)
        flat_place = place.reshape(-1)
        share = np.empty((4, samples, _LANES), np.float32)
        own = np.empty((2, _LANES), np.float32)
        for first in range(start, stop, _LANES):
            _read_points(points, bias, head, first, stop, weight, x, y)
            _normalise(weight)
            for q in range(_LANES):
                own[0, q] = reference[min(first + q, stop - 1), 0]
                own[1, q] = reference[min(first + q, stop - 1), 1]
            for i in range(samples):
                _place(geometry, own, weight, x, y, place, share, i)
            for i in range(4 * samples * _LANES):
                flat_place[i] = flat_place[i] * stride + head * depth
            for q in range(min(_LANES, stop - first)):
                at = ((first + q) * heads + head) * depth
                add_samples(flat, place, share, q, out, at, (depth, samples, _LANES))

    sampler: Callable[..., None] = sample_block
    return sampler


# Slices of arrays are counted references, and counting them costs more than what is done with
# them here: the loops below take whole arrays and index them, unsigned, or they would ask for
# every index whether it counts from the end.


@numba.njit(fastmath=True, error_model="numpy")
def _read_points(
    points: Any, bias: Any, head: int, first: int, stop: int, logit: Any, x: Any, y: Any
) -> None:  # fmt: skip
    """The points of a head and some queries: sample by sample, a lane for each query."""
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
    """One number of some queries; lanes beyond the last query repeat it."""
    r, i, more = np.uint64(row), np.uint64(sample), bias[row]
    if first + _LANES <= stop:
        for q in range(_LANES):
            lanes[i, np.uint64(q)] = load(points[r, np.uint64(first) + np.uint64(q)]) + more
    else:
        for q in range(_LANES):
            lanes[i, np.uint64(q)] = load(points[r, np.uint64(min(first + q, stop - 1))]) + more


@numba.njit(fastmath=True, error_model="numpy")
def _normalise(weight: Any) -> None:
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
def _place(
    geometry: Any, own: Any, weight: Any, x: Any, y: Any, place: Any, share: Any, sample: int
) -> None:
    """The four pixels around a sample, and what each counts; one outside the map counts nothing.

    Written without branches and in float32 (exact below 2 ** 24 positions), or it would not
    vectorise.
    """
    zero, one, half = np.float32(0.0), np.float32(1.0), np.float32(0.5)
    i = np.uint64(sample)
    h, w, base = geometry[0, i], geometry[1, i], geometry[2, i]
    right, bottom = w - one, h - one
    for lane in range(_LANES):
        q = np.uint64(lane)
        px = own[0, q] * w + x[i, q] - half
        py = own[1, q] * h + y[i, q] - half
        px = -one if px < -one else px
        px = w if px > w else px
        py = -one if py < -one else py
        py = h if py > h else py
        x0, y0 = np.floor(px), np.floor(py)
        fx, fy = px - x0, py - y0
        left_share = one - fx
        left_share = zero if x0 < zero else left_share
        left_share = zero if x0 > right else left_share
        right_share = fx if x0 < right else zero
        top_share = (one - fy) * weight[i, q]
        top_share = zero if y0 < zero else top_share
        top_share = zero if y0 > bottom else top_share
        bottom_share = fy * weight[i, q] if y0 < bottom else zero
        x1 = x0 + one if x0 < right else right
        y1 = y0 + one if y0 < bottom else bottom
        x0 = x0 if x0 > zero else zero
        x0 = x0 if x0 < right else right
        y0 = y0 if y0 > zero else zero
        y0 = y0 if y0 < bottom else bottom
        place[0, i, q] = np.int32(base + y0 * w + x0)
        place[1, i, q] = np.int32(base + y0 * w + x1)
        place[2, i, q] = np.int32(base + y1 * w + x0)
        place[3, i, q] = np.int32(base + y1 * w + x1)
        share[0, i, q], share[1, i, q] = top_share * left_share, top_share * right_share
        share[2, i, q], share[3, i, q] = bottom_share * left_share, bottom_share * right_share
