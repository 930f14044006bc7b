"""Compiled: one mask thresholded at photo resolution, as bits, with the sum of its probabilities.

The probabilities are added up while a row is in the cache and are never stored: a plane of them for
each of a hundred masks of a 1080p photo would be 830 MB of memory traffic. Painting the label map
computes its rows again.
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

PIXELS_PER_BYTE = 8


@dataclass(frozen=True, eq=False)
class ThresholdedMask:
    """One mask inside a box of the photo.

    Attributes:
        origin_xy: column and row of the box's first pixel; the column is a multiple of 8.
        wide_logits: (h, W) float32, the mask's rows of cells interpolated to the box's width.
        rows: taps of the box's H rows.
        bits: (H, W / 8) uint8, lowest bit first: set where the logit is above
            ``MASK_LOGIT_THRESHOLD``.
        area: number of set bits.
        probability_sum: sum of the probabilities there.
    """

    origin_xy: tuple[int, int]
    wide_logits: FloatArray
    rows: Taps
    bits: ByteArray
    area: int
    probability_sum: float


def threshold_mask(
    cells: FloatArray, rows: Taps, columns: Taps, origin_xy: tuple[int, int]
) -> ThresholdedMask:
    """Threshold a mask inside a box of the photo.

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
        return ThresholdedMask(origin_xy, np.zeros((0, 0), dtype=np.float32), rows, bits, 0, 0.0)
    wide = horizontal_pass(cells, rows, columns)
    area, total = _threshold_rows(wide, *rows.arrays, words)
    return ThresholdedMask(origin_xy, wide, rows, bits, int(area), float(total))


@compiled
def _threshold_rows(
    wide: FloatArray, index: NDArray[np.uint32], weight: FloatArray, words: NDArray[np.uint16]
) -> tuple[np.int64, np.float64]:
    area, total = np.int64(0), np.float64(0.0)
    line = np.empty(wide.shape[1], dtype=np.float32)
    for y in range(words.shape[0]):
        upper, lower, upper_weight, lower_weight = row_pair(wide, index, weight, y, line)
        row_area, row_total = threshold_row(upper, lower, upper_weight, lower_weight, words[y])
        area += row_area
        total += row_total
    return area, total
