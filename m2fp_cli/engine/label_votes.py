"""Compiled: what instances say of the pixels of a label map, class by class.

A mask speaks where its score times its probability is above one half. The probabilities are made
row by row from what the mask was traced from (see :mod:`m2fp_cli.engine.thresholding`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Box, ByteArray, FloatArray
from m2fp_cli.engine.thresholding import Trace
from m2fp_cli.kernels.compiled import compiled, compiled_exactly
from m2fp_cli.kernels.mask_rows import vote_row
from m2fp_cli.kernels.resample import row_pair
from m2fp_cli.kernels.threads import parallel_rows
from m2fp_cli.kernels.thresholds import PROBABILITY_THRESHOLD
from m2fp_cli.kernels.vectors import LANES

Window = tuple[int, int, int, int]  # first row, end of rows, first column, end of columns
BAND_PIXELS = 1 << 16  # a band of sums and counts stays in the cache while all masks speak there


@dataclass(frozen=True, eq=False)
class Strength:
    """Planes of one photo, (H, W) each.

    Attributes:
        labels: uint8, the class that won so far.
        best: float32, its mean strength.
        total: float32, sum over the masks of the current class and view that speak.
        times: uint8, how many do.
        mean: float32, of the current class, over its views.
    """

    labels: ByteArray
    best: FloatArray
    total: FloatArray
    times: ByteArray
    mean: FloatArray

    @classmethod
    def silent(cls, image_hw: tuple[int, int]) -> Strength:
        """Nothing said yet: background everywhere."""
        labels, times = (np.zeros(image_hw, dtype=np.uint8) for _ in range(2))
        best, total, mean = (np.zeros(image_hw, dtype=np.float32) for _ in range(3))
        return cls(labels, best, total, times, mean)

    def add(self, speakers: Sequence[tuple[float, Trace]], box_xyxy: Box) -> None:
        """Let masks speak: add score times probability where it is above one half, and count.

        Args:
            speakers: scores in [0, 1] and masks.
            box_xyxy: around all of them.
        """
        high = max(1, BAND_PIXELS // max(1, box_xyxy[2] - box_xyxy[0]))

        def work(window: Window) -> None:
            for start in range(window[0], window[1], high):
                for score, trace in speakers:
                    self._speak(score, trace, start, min(start + high, window[1]))

        _share(box_xyxy, work)

    def _speak(self, score: float, trace: Trace, start: int, stop: int) -> None:
        top = trace.origin_xy[1]
        rows = max(start - top, 0), min(stop - top, len(trace.rows))
        _speak(trace.wide, *trace.rows.arrays, rows, score, trace.origin_xy, self.total, self.times)

    def close_view(self, box_xyxy: Box, views: int) -> None:
        """Add a view's mean, total over times, to the mean over ``views``; empty both."""
        planes = self.total, self.times, self.mean
        _share(box_xyxy, lambda window: _close_view(*planes, window, views))

    def close_class(self, box_xyxy: Box, label_id: int) -> None:
        """Give a class the pixels where its mean beats the best so far; empty the mean."""
        planes = self.mean, self.best, self.labels
        _share(box_xyxy, lambda window: _close_class(*planes, window, label_id))


def _share(box_xyxy: Box, work: Callable[[Window], None]) -> None:
    """Do the rows of a box with as many threads as torch uses."""
    left, top, right, bottom = box_xyxy
    parallel_rows(
        bottom - top,
        right - left,
        lambda rows: work((top + rows.start, top + rows.stop, left, right)),
    )


@compiled
def _speak(
    wide: FloatArray,
    index: NDArray[np.uint32],
    weight: FloatArray,
    rows: tuple[int, int],
    score: float,
    origin_xy: tuple[int, int],
    total: FloatArray,
    times: ByteArray,
) -> None:
    """Some rows of a mask whose first pixel lies at ``origin_xy`` of the planes."""
    left, top = origin_xy
    sure, width = np.float32(score), min(wide.shape[1], total.shape[1] - left)
    if sure <= np.float32(PROBABILITY_THRESHOLD):
        return  # no probability is above one
    # From this logit on, score times sigmoid is above the threshold; a little less, for rounding.
    least = np.float32(-np.log(sure / PROBABILITY_THRESHOLD - 1.0) - 1e-3)
    line, blocks = np.empty(wide.shape[1], dtype=np.float32), width // LANES
    sums, counts = np.empty(LANES, dtype=np.float32), np.empty(LANES, dtype=np.uint8)
    for row in range(rows[0], rows[1]):
        first, second, share, other = row_pair(wide, index, weight, row, line)
        row_sums, row_counts = total[top + row, left:], times[top + row, left:]
        vote_row(first, second, share, other, blocks, sure, least, row_sums, row_counts)
        begin = blocks * LANES
        if begin < width:  # the photo ends within these sixteen
            for x in range(begin, width):
                sums[x - begin], counts[x - begin] = row_sums[x], row_counts[x]
            ends = first[begin:], second[begin:]
            vote_row(*ends, share, other, 1, sure, least, sums, counts)
            for x in range(begin, width):
                row_sums[x], row_counts[x] = sums[x - begin], counts[x - begin]


@compiled_exactly
def _close_view(
    total: FloatArray,
    times: ByteArray,
    mean: FloatArray,
    window: Window,
    views: int,
) -> None:
    top, bottom, left, right = window
    for y in range(top, bottom):
        for x in range(left, right):
            if times[y, x]:
                mean[y, x] += total[y, x] / np.float32(times[y, x]) / np.float32(views)
                total[y, x] = np.float32(0.0)
                times[y, x] = 0


@compiled_exactly
def _close_class(
    mean: FloatArray,
    best: FloatArray,
    labels: ByteArray,
    window: Window,
    label_id: int,
) -> None:
    top, bottom, left, right = window
    for y in range(top, bottom):
        for x in range(left, right):
            if mean[y, x] > best[y, x]:
                best[y, x] = mean[y, x]
                labels[y, x] = label_id
            mean[y, x] = np.float32(0.0)
