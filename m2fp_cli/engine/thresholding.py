"""Compiled: where one mask is positive at photo resolution, as bits, and how sure it is there.

The probabilities are summed while a row is in the cache and never kept: a plane of them for each of
a hundred masks of a 1080p photo would be 830 MB of traffic. What paints makes its rows again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import ByteArray, FloatArray
from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.mask_rows import threshold_row
from m2fp_cli.kernels.resample import Taps, horizontal_pass, row_pair
from m2fp_cli.kernels.vectors import LANES

PIXELS_A_BYTE = 8


@dataclass(frozen=True, eq=False)
class Trace:
    """One mask inside a box of the photo.

    Attributes:
        origin_xy: column and row of the box's first pixel; the column is a multiple of 8.
        wide: (h, W) float32, the mask's rows of logits at the box's width.
        rows: taps of the box's H rows.
        bits: (H, W / 8) uint8, lowest bit first: set where the logit is positive.
        area: number of set bits.
        total: sum of the probabilities there.
    """

    origin_xy: tuple[int, int]
    wide: FloatArray
    rows: Taps
    bits: ByteArray
    area: int
    total: float


def trace_mask(cells: FloatArray, rows: Taps, columns: Taps, origin_xy: tuple[int, int]) -> Trace:
    """Trace a mask.

    Args:
        cells: (h, w) float32 mask logits.
        rows: taps of the H output rows.
        columns: taps of the W output columns.
        origin_xy: where they begin in the photo; the column is a multiple of 8.
    """
    columns = columns.padded(-(-len(columns) // LANES) * LANES)
    words = np.zeros((len(rows), len(columns) // LANES), dtype="<u2")
    bits = words.view(np.uint8)
    if not words.size:
        return Trace(origin_xy, np.zeros((0, 0), dtype=np.float32), rows, bits, 0, 0.0)
    wide = horizontal_pass(cells, rows, columns)
    area, total = _trace(wide, *rows.arrays, words)
    return Trace(origin_xy, wide, rows, bits, int(area), float(total))


@compiled
def _trace(
    wide: FloatArray, index: NDArray[np.uint32], weight: FloatArray, words: NDArray[np.uint16]
) -> tuple[np.int64, np.float64]:
    area, total = np.int64(0), np.float64(0.0)
    line = np.empty(wide.shape[1], dtype=np.float32)
    for y in range(words.shape[0]):
        first, second, share, other = row_pair(wide, index, weight, y, line)
        bits, part = threshold_row(first, second, share, other, words[y])
        area += bits
        total += part
    return area, total
