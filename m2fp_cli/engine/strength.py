"""Compiled passes over one instance: its mask, its score, and its say in the label map.

Each is one pass over the crop where torch needs five, most of them over pixels that say nothing.
Planes hold mask probabilities where a mask is and zero elsewhere: worked out once, while a row is
still in the cache, they serve score, mask and label map.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.resample import Taps, mix_row, widen
from m2fp_cli.engine.threads import share_rows

FloatArray = NDArray[np.float32]
CountArray = NDArray[np.uint8]


def certain_plane(cells: FloatArray, rows: Taps, columns: Taps) -> tuple[FloatArray, int, float]:
    """Mask probabilities at photo resolution, inside the mask only.

    Args:
        cells: (h, w) float32 mask logits.
        rows: taps of the H output rows.
        columns: taps of the W output columns.

    Returns:
        (H, W) float32, the sigmoid of the resampled logit where that is positive, else 0; the
        number of such pixels; the sum of their probabilities.
    """
    plane = np.empty((len(rows), len(columns)), dtype=np.float32)
    if not plane.size:
        return plane, 0, 0.0
    wide = widen(cells, rows, columns)
    shares: list[tuple[np.int64, np.float64]] = []

    def work(span: slice) -> None:
        shares.append(_fill(wide, *rows[span].arrays, plane[span]))

    share_rows(len(rows), len(columns), work)
    return plane, sum(int(area) for area, _ in shares), sum(sorted(float(t) for _, t in shares))


def add_strength(plane: FloatArray, score: float, total: FloatArray, times: CountArray) -> None:
    """Add score times probability where it is above one half, and count there.

    Args:
        plane: (h, w) float32 probabilities, as of ``certain_plane``.
        score: of the instance, in [0, 1].
        total: (h, w) float32, changed.
        times: (h, w) uint8, changed.
    """
    if score <= 0.5 or not plane.size:
        return
    height, width = plane.shape

    def add(rows: slice) -> None:
        _add(plane[rows], score, total[rows], times[rows])

    share_rows(height, width, add)


def close_view(total: FloatArray, times: CountArray, mean: FloatArray, views: int) -> None:
    """Add a view's mean, total over times, to the mean over views; empty total and times.

    Args:
        total: (h, w) float32, changed.
        times: (h, w) uint8, changed.
        mean: (h, w) float32, changed.
        views: how many there are.
    """
    if total.size:
        height, width = total.shape
        share_rows(
            height, width, lambda rows: _close_view(total[rows], times[rows], mean[rows], views)
        )


def close_class(mean: FloatArray, best: FloatArray, labels: CountArray, label_id: int) -> None:
    """Give a class the pixels where its mean beats the best so far; empty the mean.

    Args:
        mean: (h, w) float32, changed.
        best: (h, w) float32, changed.
        labels: (h, w) uint8, changed.
        label_id: of the class.
    """
    if mean.size:
        height, width = mean.shape
        share_rows(
            height, width, lambda rows: _close_class(mean[rows], best[rows], labels[rows], label_id)
        )


# tanh as a ratio of polynomials on [-9, 9], the coefficients of Eigen's `generic_fast_tanh_float`:
# https://gitlab.com/libeigen/eigen/-/blob/3.4/Eigen/src/Core/MathFunctionsImpl.h
# No table and no call, so that the loops below vectorise; off by less than 3e-7.
_ODD = tuple(
    np.float32(c)
    for c in (
        4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
        -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
    )
)  # fmt: skip
_EVEN = tuple(
    np.float32(c)
    for c in (
        4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06,
    )
)  # fmt: skip
_HALF, _END = np.float32(0.5), np.float32(9.0)


@numba.njit(nogil=True, inline="always")
def _sigmoid(value: np.float32) -> np.float32:
    """Sigmoid of a value that is not negative: (1 + tanh(value / 2)) / 2."""
    x = min(value * _HALF, _END)
    square = x * x
    above = _ODD[6]
    above = above * square + _ODD[5]
    above = above * square + _ODD[4]
    above = above * square + _ODD[3]
    above = above * square + _ODD[2]
    above = above * square + _ODD[1]
    above = above * square + _ODD[0]
    below = _EVEN[3]
    below = below * square + _EVEN[2]
    below = below * square + _EVEN[1]
    below = below * square + _EVEN[0]
    return _HALF + _HALF * (x * above / below)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _fill(
    wide: FloatArray, index: NDArray[np.uint32], weight: FloatArray, plane: FloatArray
) -> tuple[np.int64, np.float64]:
    area, total = np.int64(0), np.float64(0.0)
    for y in range(plane.shape[0]):
        mix_row(wide, index, weight, y, plane)
        count, line, row = np.int32(0), np.float32(0.0), np.uint64(y)
        for x in range(plane.shape[1]):
            value = plane[row, x]
            inside = value > np.float32(0.0)
            share = _sigmoid(max(value, np.float32(0.0)))
            share = share if inside else np.float32(0.0)
            plane[row, x] = share
            count += np.int32(inside)
            line += share
        area += count
        total += line
    return area, total


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _add(plane: FloatArray, score: float, total: FloatArray, times: CountArray) -> None:
    sure = np.float32(score)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            strength = sure * plane[y, x]
            speaks = strength > np.float32(0.5)
            total[y, x] += strength if speaks else np.float32(0.0)
            times[y, x] += np.uint8(speaks)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _close_view(total: FloatArray, times: CountArray, mean: FloatArray, views: int) -> None:
    for y in range(total.shape[0]):
        for x in range(total.shape[1]):
            if times[y, x]:
                mean[y, x] += total[y, x] / np.float32(times[y, x]) / np.float32(views)
                total[y, x] = np.float32(0.0)
                times[y, x] = 0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _close_class(mean: FloatArray, best: FloatArray, labels: CountArray, label_id: int) -> None:
    for y in range(mean.shape[0]):
        for x in range(mean.shape[1]):
            if mean[y, x] > best[y, x]:
                best[y, x] = mean[y, x]
                labels[y, x] = label_id
            mean[y, x] = np.float32(0.0)
