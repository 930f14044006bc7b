"""Compiled: the votes of instances for the pixels of a label map, class by class.

An instance's vote is its score times its mask's probability; it counts where it is above
``PROBABILITY_THRESHOLD``. The probabilities are computed row by row from the logits that the mask
was thresholded from (see :mod:`m2fp_cli.engine.thresholding`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Box, ByteArray, FloatArray
from m2fp_cli.engine.thresholding import ThresholdedMask
from m2fp_cli.kernels.compiled import compiled, compiled_exactly
from m2fp_cli.kernels.mask_rows import vote_row
from m2fp_cli.kernels.resample import row_pair
from m2fp_cli.kernels.threads import parallel_rows
from m2fp_cli.kernels.thresholds import PROBABILITY_THRESHOLD
from m2fp_cli.kernels.vectors import LANES

Window = tuple[int, int, int, int]  # first row, end of rows, first column, end of columns
Voter = tuple[float, ThresholdedMask]  # an instance's score in [0, 1] and its mask
BAND_PIXELS = 1 << 16  # sums and counts of a band stay in the cache while all masks vote there


@dataclass(frozen=True, eq=False)
class LabelVotes:
    """The state of a label map that is being painted; planes of (H, W).

    Attributes:
        labels: uint8, the best class so far.
        best: float32, its mean vote.
        total: float32, sum of the votes of the current class and view.
        count: uint8, number of these votes.
        mean: float32, mean vote of the current class, over its views.
    """

    labels: ByteArray
    best: FloatArray
    total: FloatArray
    count: ByteArray
    mean: FloatArray

    @classmethod
    def empty(cls, image_hw: tuple[int, int]) -> LabelVotes:
        """No votes yet: background everywhere."""
        labels, count = (np.zeros(image_hw, dtype=np.uint8) for _ in range(2))
        best, total, mean = (np.zeros(image_hw, dtype=np.float32) for _ in range(3))
        return cls(labels, best, total, count, mean)

    def add(self, voters: Sequence[Voter], box_xyxy: Box) -> None:
        """Add the votes of some instances of the current class and view.

        Args:
            voters: scores and masks.
            box_xyxy: around all masks.
        """
        band_rows = max(1, BAND_PIXELS // max(1, box_xyxy[2] - box_xyxy[0]))

        def work(window: Window) -> None:
            for start in range(window[0], window[1], band_rows):
                for voter in voters:
                    self._add_rows(voter, start, min(start + band_rows, window[1]))

        _parallel_windows(box_xyxy, work)

    def _add_rows(self, voter: Voter, start: int, stop: int) -> None:
        """Add one instance's votes in rows ``start`` to ``stop`` of the photo."""
        score, mask = voter
        left, top = mask.origin_xy
        rows = max(start - top, 0), min(stop - top, len(mask.rows))
        planes = self.total, self.count
        _add_votes(mask.wide_logits, *mask.rows.arrays, rows, score, (left, top), *planes)

    def close_view(self, box_xyxy: Box, num_views: int) -> None:
        """Add a view's mean vote, total over count, to the mean over views; clear total and count.

        Args:
            box_xyxy: where the view has votes.
            num_views: how many views the photo has.
        """
        planes = self.total, self.count, self.mean
        _parallel_windows(box_xyxy, lambda window: _close_view(*planes, window, num_views))

    def close_class(self, box_xyxy: Box, label_id: int) -> None:
        """Give a class the pixels where its mean vote beats the best so far; clear the mean.

        Args:
            box_xyxy: where the class has votes.
            label_id: the class.
        """
        planes = self.mean, self.best, self.labels
        _parallel_windows(box_xyxy, lambda window: _close_class(*planes, window, label_id))


def _parallel_windows(box_xyxy: Box, work: Callable[[Window], None]) -> None:
    """Do the rows of a box in as many threads as torch uses."""
    left, top, right, bottom = box_xyxy
    parallel_rows(
        bottom - top,
        right - left,
        lambda rows: work((top + rows.start, top + rows.stop, left, right)),
    )


@compiled
def _add_votes(
    wide: FloatArray,
    index: NDArray[np.uint32],
    weight: FloatArray,
    rows: tuple[int, int],
    score: float,
    origin_xy: tuple[int, int],
    total: FloatArray,
    count: ByteArray,
) -> None:
    """Add the votes of some rows of a mask whose first pixel is ``origin_xy`` of the planes."""
    left, top = origin_xy
    score32, width = np.float32(score), min(wide.shape[1], total.shape[1] - left)
    if score32 <= np.float32(PROBABILITY_THRESHOLD):
        return  # no probability is above 1
    # From this logit on, score times sigmoid is above the threshold; a little less, for rounding.
    min_logit = np.float32(-np.log(score32 / PROBABILITY_THRESHOLD - 1.0) - 1e-3)
    line, blocks = np.empty(wide.shape[1], dtype=np.float32), width // LANES
    sums, counts = np.empty(LANES, dtype=np.float32), np.empty(LANES, dtype=np.uint8)
    for row in range(rows[0], rows[1]):
        upper, lower, upper_weight, lower_weight = row_pair(wide, index, weight, row, line)
        row_sums, row_counts = total[top + row, left:], count[top + row, left:]
        vote_row(
            upper, lower, upper_weight, lower_weight,
            blocks, score32, min_logit, row_sums, row_counts,
        )  # fmt: skip
        begin = blocks * LANES
        if begin < width:  # the photo ends within these sixteen pixels
            for x in range(begin, width):
                sums[x - begin], counts[x - begin] = row_sums[x], row_counts[x]
            vote_row(
                upper[begin:], lower[begin:], upper_weight, lower_weight,
                1, score32, min_logit, sums, counts,
            )  # fmt: skip
            for x in range(begin, width):
                row_sums[x], row_counts[x] = sums[x - begin], counts[x - begin]


@compiled_exactly
def _close_view(
    total: FloatArray,
    count: ByteArray,
    mean: FloatArray,
    window: Window,
    num_views: int,
) -> None:
    top, bottom, left, right = window
    for y in range(top, bottom):
        for x in range(left, right):
            if count[y, x]:
                mean[y, x] += total[y, x] / np.float32(count[y, x]) / np.float32(num_views)
                total[y, x] = np.float32(0.0)
                count[y, x] = 0


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
