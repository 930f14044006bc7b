"""Bilinear interpolation to photo resolution, compiled: a horizontal pass, then a vertical one.

A pixel is a mix of two to four cells along each axis. Products with dense matrices spend most of
their time on zeros and on copies for the batch; here every weight is used once, and no plane is
stored between the passes, only its few rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray
from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.horizontal import interpolate_columns
from m2fp_cli.kernels.threads import parallel_rows


@dataclass(frozen=True, eq=False)
class Taps:
    """The cells that every pixel of one axis is mixed from.

    Attributes:
        index: (T, pixels) uint32 cells; unused entries repeat the first one.
        weight: (T, pixels) float32; 0 in unused entries.
    """

    index: NDArray[np.uint32]
    weight: FloatArray

    @classmethod
    def bilinear(cls, size: int, out: int) -> Taps:
        """The taps of torch's bilinear ``interpolate(align_corners=False)`` along one axis.

        Args:
            size: length of the input, in cells.
            out: length of the output, in pixels.
        """
        source = np.maximum((np.arange(out, dtype=np.float64) + 0.5) * (size / out) - 0.5, 0)
        low = np.minimum(source.astype(np.int64), size - 1)
        weight = (source - low).astype(np.float32)
        index = np.stack((low, np.minimum(low + 1, size - 1)))
        return cls._merged(index.astype(np.uint32), np.stack((1 - weight, weight)))

    def after(self, before: Taps) -> Taps:
        """The taps of two interpolations in a row.

        Args:
            before: the first of the two; its pixels are the cells of this one.
        """
        index = before.index[:, self.index].reshape(-1, len(self))
        weight = (before.weight[:, self.index] * self.weight).reshape(-1, len(self))
        return Taps._merged(index, weight)

    @classmethod
    def _merged(cls, index: NDArray[np.uint32], weight: FloatArray) -> Taps:
        """Every cell once a pixel, in rising order, those without a weight last or left out."""
        order = np.argsort(index, axis=0, kind="stable")
        index = np.take_along_axis(index, order, axis=0)
        weight = np.take_along_axis(weight, order, axis=0)
        for tap in range(1, len(index)):
            again = index[tap] == index[tap - 1]
            weight[tap] += np.where(again, weight[tap - 1], 0)
            weight[tap - 1] *= ~again
        count = max(1, int(np.count_nonzero(weight, axis=0).max(initial=0)))
        order = np.argsort(weight == 0, axis=0, kind="stable")[:count]
        index = np.take_along_axis(index, order, axis=0)
        weight = np.take_along_axis(weight, order, axis=0)
        return cls(np.where(weight != 0, index, index[:1]), weight)

    @property
    def arrays(self) -> tuple[NDArray[np.uint32], FloatArray]:
        """Index and weight."""
        return self.index, self.weight

    def __getitem__(self, span: slice) -> Taps:
        """The taps of a range of pixels."""
        index, weight = (np.ascontiguousarray(array[:, span]) for array in self.arrays)
        return Taps(index, weight)

    def padded(self, length: int) -> Taps:
        """The same taps and, up to ``length`` pixels, the last cell with weight 0."""
        more = ((0, 0), (0, length - len(self)))
        if not more[1][1]:
            return self
        return Taps(np.pad(self.index, more, mode="edge"), np.pad(self.weight, more))

    def __len__(self) -> int:
        """Number of pixels."""
        return self.index.shape[1]


def interpolate_plane(cells: FloatArray, rows: Taps, columns: Taps) -> FloatArray:
    """Interpolate one plane.

    Args:
        cells: (h, w) float32.
        rows: taps of the H output rows.
        columns: taps of the W output columns.

    Returns:
        (H, W) float32.
    """
    wide = horizontal_pass(cells, rows, columns)
    out = np.empty((len(rows), len(columns)), dtype=np.float32)
    parallel_rows(
        len(rows), len(columns), lambda span: _vertical_pass(wide, *rows[span].arrays, out[span])
    )
    return out


def horizontal_pass(cells: FloatArray, rows: Taps, columns: Taps) -> FloatArray:
    """Interpolate the rows that the vertical pass will read to the output's width.

    Args:
        cells: (h, w) float32.
        rows: taps of the output rows; they tell which rows of cells are needed.
        columns: taps of the W output columns.

    Returns:
        (h, W) float32; rows that are not needed are left uninitialized.
    """
    wide = np.empty((cells.shape[0], len(columns)), dtype=np.float32)
    first, last = int(rows.index.min(initial=0)), int(rows.index.max(initial=0)) + 1
    interpolate_columns(cells, *columns.arrays, first, last, wide)
    return wide


def argmax_planes(
    cells: FloatArray, rows: Taps, columns: Taps, highest: FloatArray | None = None
) -> NDArray[np.uint8]:
    """Argmax over K interpolated planes at every pixel; the first plane on a tie.

    Args:
        cells: (K, h, w) float32, K at most 256.
        rows: taps of the H output rows.
        columns: taps of the W output columns.
        highest: (H, W) float32 to write the highest plane's value to, or None: at the size of a
            large photo it is the largest array of all.

    Returns:
        (H, W) uint8 number of the highest plane.
    """
    size_hw = (len(rows), len(columns))
    wide = np.empty((*cells.shape[:2], size_hw[1]), dtype=np.float32)
    for plane, target in zip(cells, wide, strict=True):
        interpolate_columns(plane, *columns.arrays, 0, cells.shape[1], target)
    number = np.zeros(size_hw, dtype=np.uint8)
    value = np.empty((0, size_hw[1]), dtype=np.float32) if highest is None else highest
    parallel_rows(
        *size_hw, lambda span: _argmax_rows(wide, *rows[span].arrays, number[span], value[span])
    )
    return number


@compiled
def _vertical_pass(
    wide: FloatArray, index: NDArray[np.uint32], weight: FloatArray, out: FloatArray
) -> None:
    """Every output row as a mix of wide rows."""
    for y in range(out.shape[0]):
        interpolate_row(wide, index, weight, y, out[y])


@numba.njit(nogil=True, fastmath=True, error_model="numpy")
def interpolate_row(
    wide: FloatArray, index: NDArray[np.uint32], weight: FloatArray, y: int, line: FloatArray
) -> None:
    """Write output row ``y`` to ``line``, (W,), as a mix of the rows of (h, W) ``wide``."""
    upper, upper_weight = wide[index[0, y]], weight[0, y]
    if index.shape[0] == 1:
        for x in range(line.shape[0]):
            line[x] = upper_weight * upper[x]
        return
    lower, lower_weight = wide[index[1, y]], weight[1, y]
    for x in range(line.shape[0]):
        line[x] = upper_weight * upper[x] + lower_weight * lower[x]
    for tap in range(2, index.shape[0]):
        another, its_weight = wide[index[tap, y]], weight[tap, y]
        if its_weight != 0.0:
            for x in range(line.shape[0]):
                line[x] += its_weight * another[x]


@numba.njit(nogil=True, fastmath=True, error_model="numpy")
def row_pair(
    wide: FloatArray, index: NDArray[np.uint32], weight: FloatArray, y: int, line: FloatArray
) -> tuple[FloatArray, FloatArray, np.float32, np.float32]:
    """Output row ``y`` as two rows and their weights, so that the caller can mix them on the way.

    A row that is a mix of more than two is interpolated into ``line`` first and comes back as that
    line with weight 1.
    """
    for tap in range(2, index.shape[0]):
        if weight[tap, y] != 0.0:
            interpolate_row(wide, index, weight, y, line)
            return line, line, np.float32(1.0), np.float32(0.0)
    if index.shape[0] == 1:
        return wide[index[0, y]], wide[index[0, y]], weight[0, y], np.float32(0.0)
    return wide[index[0, y]], wide[index[1, y]], weight[0, y], weight[1, y]


@compiled
def _argmax_rows(
    wide: FloatArray,
    index: NDArray[np.uint32],
    weight: FloatArray,
    number: NDArray[np.uint8],
    value: FloatArray,
) -> None:
    """Row by row: interpolate every plane's row and keep the highest; no ``value`` of no rows."""
    width = wide.shape[2]
    line, best = np.empty(width, dtype=np.float32), np.empty(width, dtype=np.float32)
    chosen = np.empty(width, dtype=np.int32)  # as wide as float32: chosen with the same vectors
    for y in range(index.shape[1]):
        best[:] = np.float32(-3.0e38)
        chosen[:] = 0
        for plane in range(wide.shape[0]):
            upper, lower, upper_weight, lower_weight = row_pair(wide[plane], index, weight, y, line)
            for x in range(width):
                mixed = upper_weight * upper[x] + lower_weight * lower[x]
                higher = mixed > best[x]
                best[x] = mixed if higher else best[x]
                chosen[x] = np.int32(plane) if higher else chosen[x]
        number_row = number[y]
        for x in range(width):
            number_row[x] = np.uint8(chosen[x])
        if value.shape[0]:
            value[y] = best
