"""Compiled: rows of cells at another width, sixteen pixels at once.

Neighbouring pixels are mixed from the same few cells, so each cell is spread over a vector and no
pixel has to gather its own: 100 masks of 160x288 cells at 1920 columns take 26 ms instead of 95.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from m2fp_cli.arrays import FloatArray
from m2fp_cli.kernels.compiled import compiled
from m2fp_cli.kernels.vectors import FAST, LANES, Floats, pointer, variable

IndexArray = NDArray[np.uint32]


def _declare_mix_block(
    _context: Any, row: Any, first: Any, weights: Any, block: Any, line: Any
) -> Any:
    """Pixels of one block as a mix of neighbouring cells.

    In compiled code: ``mix_block(row, first, weights, block, line)`` of contiguous (w,), (B, n, 16)
    and (16 B,) float32 arrays writes the sum over ``i`` of ``row[first + i] * weights[block, i]``
    to the block's place in ``line``; nothing is checked.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Floats(builder, LANES)
        table = context.make_array(signature.args[2])(context, builder, arguments[2])
        count = builder.extract_value(table.shape, 1)
        lanes = ir.Constant(count.type, LANES)
        here = builder.mul(builder.mul(arguments[3], count), lanes)
        source, shares, target = (
            pointer(context, builder, signature.args[i], arguments[i], index)
            for i, index in ((0, arguments[1]), (2, here), (4, builder.mul(arguments[3], lanes)))
        )
        mixed = variable(builder, code.all(0.0))
        with cgutils.for_range(builder, count) as loop:
            cell = code.splat(builder.load(builder.gep(source, [loop.index])))
            share = code.read(builder.gep(shares, [builder.mul(loop.index, lanes)]))
            product = builder.fmul(cell, share, flags=FAST)
            builder.store(builder.fadd(builder.load(mixed), product, flags=FAST), mixed)
        code.store(builder.load(mixed), target)
        return context.get_dummy_value()

    return types.void(row, first, weights, block, line), build


mix_block: Any = intrinsic(_declare_mix_block)


@numba.njit(nogil=True)
def _block_weights(
    index: IndexArray, weight: FloatArray, width: int
) -> tuple[NDArray[np.int64], FloatArray]:
    """First cell of every block of sixteen pixels, and what each cell from there on adds to each.

    Returns:
        (B,) int64, and (B, n, 16) float32 for as many cells ``n`` as the widest block needs.
    """
    blocks = index.shape[1] // LANES
    begin, count = np.zeros(blocks, np.int64), 1
    for block in range(blocks):
        cells = index[:, block * LANES : (block + 1) * LANES]
        begin[block] = cells.min()
        count = max(count, cells.max() + 1 - begin[block])
    weights = np.zeros((blocks, count, LANES), np.float32)
    for block in range(blocks):
        begin[block] = min(begin[block], width - count)
        for tap in range(len(index)):
            for lane in range(LANES):
                x = block * LANES + lane
                weights[block, index[tap, x] - begin[block], lane] += weight[tap, x]
    return begin, weights


@compiled
def mix_columns(
    cells: FloatArray,
    index: IndexArray,
    weight: FloatArray,
    first: int,
    last: int,
    wide: FloatArray,
) -> None:
    """Rows ``first`` to ``last`` of (h, w) ``cells`` at the width of (h, W) ``wide``.

    Args:
        cells: (h, w) float32.
        index: (T, W) cells that every column is mixed from.
        weight: (T, W) float32.
        first: first row that is asked for.
        last: one past the last.
        wide: result; its other rows stay as they are.
    """
    begin, weights = _block_weights(index, weight, cells.shape[1])
    blocks = len(begin)
    for r in range(first, last):
        row, line = cells[r], wide[r]
        for block in range(blocks):
            mix_block(row, begin[block], weights, block, line)
        for x in range(blocks * LANES, index.shape[1]):
            line[x] = weight[0, x] * row[index[0, x]]
            for tap in range(1, index.shape[0]):
                line[x] += weight[tap, x] * row[index[tap, x]]
