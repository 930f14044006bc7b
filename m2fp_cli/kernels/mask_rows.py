"""The innermost steps of reading a mask, as vectors of our own: logits to probabilities.

One row at a time: mixed from two rows of cells, judged and summed without being written anywhere.
Where all of sixteen pixels are out of question, their probabilities are not made. The compiler's
own vectorising gives up where a sum, a count and the bits of a mask come out of one loop.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD, PROBABILITY_THRESHOLD
from m2fp_cli.kernels.vectors import FAST, FUSED, I8, LANES, Floats, load, pointer, store, variable

_WORD = ir.IntType(LANES)
# tanh as a ratio of polynomials on [-9, 9], the coefficients of Eigen's `generic_fast_tanh_float`:
# https://gitlab.com/libeigen/eigen/-/blob/3.4/Eigen/src/Core/MathFunctionsImpl.h
# Highest power first. The sigmoid is off by less than 3e-7.
_ODD = (
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
)  # fmt: skip
_EVEN = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)
_END = 9.0


def _declare_read_row(
    _context: Any, first: Any, second: Any, share: Any, other: Any, words: Any
) -> Any:
    """Where one row of a mask is positive, and how sure it is there.

    In compiled code: ``read_row(first, second, share, other, words)`` reads logits ``share * first
    + other * second`` of contiguous (W,) float32 arrays; bit ``i`` of (W / 16,) uint16 ``words`` is
    set where logit ``i`` is positive. Nothing is checked. Returns how many bits are set, and the
    sum of the probabilities there.
    """
    tuple_of: Any = types.Tuple  # it has no annotations
    result = tuple_of((types.int64, types.float32))

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, counter = Floats(builder, LANES), ir.IntType(64)
        arrays = [_array(context, builder, signature, arguments, i) for i in (0, 1, 4)]
        shares = [code.splat(value) for value in arguments[2:4]]
        area = variable(builder, counter(0))
        total = variable(builder, code.all(0.0))
        with cgutils.for_range(builder, arrays[2].nitems) as loop:
            logits = _mixed(code, arrays[:2], shares, loop.index)
            above = builder.fcmp_ordered(">", logits, code.all(MASK_LOGIT_THRESHOLD))
            word = builder.bitcast(above, _WORD)
            builder.store(word, builder.gep(arrays[2].data, [loop.index]))
            with builder.if_then(builder.icmp_unsigned("!=", word, _WORD(0))):
                sure = builder.select(above, _sigmoid(code, logits), code.all(0.0))
                builder.store(builder.fadd(builder.load(total), sure, flags=FAST), total)
                bits = builder.zext(builder.ctpop(word), counter)
                builder.store(builder.add(builder.load(area), bits), area)
        values = (builder.load(area), code.sum(builder.load(total)))
        return context.make_tuple(builder, signature.return_type, values)

    return result(first, second, share, other, words), build


def _declare_speak_row(
    _context: Any, first: Any, second: Any, share: Any, other: Any, blocks: Any, score: Any,
    least: Any, sums: Any, counts: Any,
) -> Any:  # fmt: skip
    """Add ``score`` times probability of a row of logits where it is above one half, and count.

    In compiled code: ``speak_row(first, second, share, other, blocks, score, least, sums, counts)``
    of contiguous arrays, (W,) in float32, ``sums`` in float32 and ``counts`` in uint8, in their
    first ``16 * blocks`` elements; nothing is checked. No logit up to ``least`` is enough.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, lanes = Floats(builder, LANES), ir.VectorType(I8, LANES)
        arrays = [_array(context, builder, signature, arguments, i) for i in (0, 1)]
        shares = [code.splat(value) for value in arguments[2:4]]
        score_, least_ = (code.splat(value) for value in arguments[5:7])
        with cgutils.for_range(builder, arguments[4]) as loop:
            logits = _mixed(code, arrays, shares, loop.index)
            enough = builder.fcmp_ordered(">", logits, least_)
            some = builder.icmp_unsigned("!=", builder.bitcast(enough, _WORD), _WORD(0))
            with builder.if_then(some):
                strength = builder.fmul(_sigmoid(code, logits), score_)
                heard = builder.fcmp_ordered(">", strength, code.all(PROBABILITY_THRESHOLD))
                heard = builder.and_(heard, enough)
                begin = builder.mul(loop.index, ir.Constant(loop.index.type, LANES))
                total, times = (
                    pointer(context, builder, signature.args[i], arguments[i], begin)
                    for i in (7, 8)
                )
                strength = builder.select(heard, strength, code.all(0.0))
                code.store(builder.fadd(code.read(total), strength), total)
                once = builder.zext(heard, lanes)
                store(builder, builder.add(load(builder, times, lanes, 1), once), times, 1)
        return context.get_dummy_value()

    given = (first, second, share, other, blocks, score, least, sums, counts)
    return types.void(*given), build


read_row: Any = intrinsic(_declare_read_row)
speak_row: Any = intrinsic(_declare_speak_row)


def _array(context: Any, builder: Any, signature: Any, arguments: Any, index: int) -> Any:
    """An argument that is an array, its shape and data at hand."""
    return context.make_array(signature.args[index])(context, builder, arguments[index])


def _mixed(code: Floats, rows: Any, shares: Any, block: Any) -> Any:
    """Sixteen logits as the sum of two rows, each times its share."""
    begin = code.builder.mul(block, ir.Constant(block.type, LANES))
    one, two = (code.read(code.builder.gep(row.data, [begin])) for row in rows)
    product = code.builder.fmul(one, shares[0], flags=FUSED)
    return code.builder.fadd(product, code.builder.fmul(two, shares[1], flags=FUSED), flags=FUSED)


def _sigmoid(code: Floats, values: Any) -> Any:
    """(1 + tanh(value / 2)) / 2 of values that are not negative."""
    builder, half, end = code.builder, code.all(0.5), code.all(_END)
    halved = builder.fmul(values, half, flags=FAST)
    x = builder.select(builder.fcmp_ordered("<", halved, end), halved, end)
    square = builder.fmul(x, x, flags=FAST)
    above = builder.fmul(code.polynomial(square, _ODD), x, flags=FAST)
    tanh = builder.fdiv(above, code.polynomial(square, _EVEN), flags=FAST)
    return builder.fadd(builder.fmul(tanh, half, flags=FAST), half, flags=FAST)
