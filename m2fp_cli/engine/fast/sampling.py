"""Deformable attention's inner loop as one compiled pass: softmax, bilinear samples, weighted sum.

The portable form (``network/deformable_attention.sample_points``) copies every level into an image
per head, gathers all samples into a tensor and reduces it; at 640x864 that moves 1.1 GB per layer.
Here one head's values (1.5 MB, about one core's L2 cache) are read in place, and each output is
written once. Compiled by numba on first use and kept in its cache: no compiler is needed, and where
the installation is read-only numba keeps the code in the user's cache folder.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from m2fp_cli.engine.threads import thread_pool
from m2fp_cli.network.deformable_attention import sample_points

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

QUERY_BLOCK = 2048  # queries of one task: small enough to balance cores, large enough to hide calls


def sample_fused(
    value: FloatArray,
    points: FloatArray,
    reference: FloatArray,
    shapes: IntArray,
    threads: int,
) -> FloatArray:
    """Weighted sums of bilinear samples for all queries and heads.

    Args:
        value: (M, S, D) float32, one contiguous map per head.
        points: (S, M * L * P * 3) float32: M * L * P offsets (x, y) in pixels of their level,
            then M * L * P attention logits.
        reference: (S, 2) float32 (x, y) in [0, 1].
        shapes: (L, 3) int64: height, width and first position of every level.
        threads: cores to use.

    Returns:
        (S, M * D) float32; samples outside a map count as zero.
    """
    heads, length, depth = value.shape
    out = np.empty((length, heads * depth), dtype=np.float32)
    blocks = [
        (head, start, min(start + QUERY_BLOCK, length))
        for head in range(heads)
        for start in range(0, length, QUERY_BLOCK)
    ]

    def work(share: int) -> None:
        for head, start, stop in blocks[share::threads]:
            _sample_block(value, points, reference, shapes, out, head, start, stop)

    if threads <= 1:
        work(0)
    else:
        list(thread_pool(threads).map(work, range(threads)))
    return out


def sample_portable(
    value: FloatArray,
    points: FloatArray,
    reference: FloatArray,
    shapes: IntArray,
    threads: int,
) -> FloatArray:
    """The same through torch's operations; ``threads`` is torch's own affair here."""
    heads, length, _ = value.shape
    level_shapes = [(int(h), int(w)) for h, w, _ in shapes]
    said = torch.from_numpy(points)
    samples = said.shape[1] // (3 * heads)
    offsets = said[:, : 2 * heads * samples].view(1, length, heads, len(level_shapes), -1, 2)
    weights = said[:, 2 * heads * samples :].view(1, length, heads, samples).softmax(-1)
    size_wh = torch.tensor([(w, h) for h, w in level_shapes], dtype=torch.float32)
    own = torch.from_numpy(reference)[None, :, None, None, None]
    locations = own + offsets / size_wh[:, None]
    per_level = weights.view(1, length, heads, len(level_shapes), -1)
    maps = torch.from_numpy(value).permute(1, 0, 2)[None]
    out: FloatArray = sample_points(maps, level_shapes, locations, per_level)[0].numpy()
    return out


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _sample_block(  # noqa: C901 - one compiled loop; calls would cost more than they clear
    value: FloatArray,
    points: FloatArray,
    reference: FloatArray,
    shapes: IntArray,
    out: FloatArray,
    head: int,
    start: int,
    stop: int,
) -> None:
    """One head, queries ``start`` to ``stop``."""
    heads, _, depth = value.shape
    levels = shapes.shape[0]
    samples = points.shape[1] // (3 * heads)
    per_level = samples // levels
    first_offset = head * samples * 2
    first_logit = heads * samples * 2 + head * samples
    weight = np.empty(samples, dtype=np.float32)
    total = np.empty(depth, dtype=np.float32)
    maps = value[head]
    for query in range(start, stop):
        highest = np.float32(-3.0e38)
        for i in range(samples):
            weight[i] = points[query, first_logit + i]
            highest = max(highest, weight[i])
        norm = np.float32(0.0)
        for i in range(samples):
            weight[i] = math.exp(weight[i] - highest)
            norm += weight[i]
        norm = np.float32(1.0) / norm
        total[:] = 0.0
        for i in range(samples):
            level = i // per_level
            height, width, base = shapes[level, 0], shapes[level, 1], shapes[level, 2]
            column = first_offset + 2 * i
            x = reference[query, 0] * np.float32(width) + points[query, column] - np.float32(0.5)
            y = (
                reference[query, 1] * np.float32(height)
                + points[query, column + 1]
                - np.float32(0.5)
            )
            if not (x > -1.0 and y > -1.0 and x < width and y < height):
                continue
            left, top = math.floor(x), math.floor(y)
            right_share, bottom_share = np.float32(x - left), np.float32(y - top)
            share = weight[i] * norm
            w00 = share * (np.float32(1.0) - bottom_share) * (np.float32(1.0) - right_share)
            w01 = share * (np.float32(1.0) - bottom_share) * right_share
            w10 = share * bottom_share * (np.float32(1.0) - right_share)
            w11 = share * bottom_share * right_share
            x0, y0 = int(left), int(top)
            x1, y1 = x0 + 1, y0 + 1
            if x0 < 0:
                x0, w00, w10 = 0, np.float32(0.0), np.float32(0.0)
            if y0 < 0:
                y0, w00, w01 = 0, np.float32(0.0), np.float32(0.0)
            if x1 >= width:
                x1, w01, w11 = width - 1, np.float32(0.0), np.float32(0.0)
            if y1 >= height:
                y1, w10, w11 = height - 1, np.float32(0.0), np.float32(0.0)
            p00 = maps[base + y0 * width + x0]
            p01 = maps[base + y0 * width + x1]
            p10 = maps[base + y1 * width + x0]
            p11 = maps[base + y1 * width + x1]
            for d in range(depth):
                total[d] += w00 * p00[d] + w01 * p01[d] + w10 * p10[d] + w11 * p11[d]
        for d in range(depth):
            out[query, head * depth + d] = total[d]
