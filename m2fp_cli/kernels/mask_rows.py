"""The innermost steps of thresholding a mask and of voting with it, written as vector code.

Both take one row of mask logits, sixteen pixels at a time: interpolated from two rows of cells,
compared with the threshold, and added up without being stored. Where none of sixteen pixels is
above the threshold, their sigmoids are not computed. The compiler does not vectorize a loop that
gives a sum, a count and the bits of a mask at once.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD, PROBABILITY_THRESHOLD
from m2fp_cli.kernels.vectors import (
    FAST,
    FUSED,
    I8,
    LANES,
    FloatVectors,
    load_vector,
    loop_variable,
    pointer,
    store_vector,
)  # fmt: skip

_BITS = ir.IntType(LANES)  # one bit for each of the sixteen pixels
# tanh as a ratio of polynomials on [-9, 9], the coefficients of Eigen's `generic_fast_tanh_float`:
# https://gitlab.com/libeigen/eigen/-/blob/3.4/Eigen/src/Core/MathFunctionsImpl.h
# Highest power first. The sigmoid is off by less than 3e-7.
_TANH_ODD = (
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
)  # fmt: skip
_TANH_EVEN = (
    1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03,
)  # fmt: skip
_TANH_LIMIT = 9.0  # beyond it tanh is 1 in float32


def _declare_threshold_row(
    _context: Any, upper: Any, lower: Any, upper_weight: Any, lower_weight: Any, words: Any
) -> Any:
    """Threshold one row of a mask and add up the probabilities inside it.

    In compiled code: ``threshold_row(upper, lower, upper_weight, lower_weight, words)``. The logits
    are ``upper_weight * upper + lower_weight * lower`` of contiguous (W,) float32 arrays; bit ``i``
    of (W / 16,) uint16 ``words`` is set where logit ``i`` is above ``MASK_LOGIT_THRESHOLD``. W is a
    multiple of 16. Nothing is checked. Returns the number of set bits, int64, and the sum of the
    probabilities there, float32.
    """
    tuple_of: Any = types.Tuple  # it has no annotations
    result = tuple_of((types.int64, types.float32))

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, counter = FloatVectors(builder, LANES), ir.IntType(64)
        arrays = [_array(context, builder, signature, arguments, i) for i in (0, 1, 4)]
        weights = [vectors.splat(value) for value in arguments[2:4]]
        area = loop_variable(builder, counter(0))
        total = loop_variable(builder, vectors.constant(0.0))
        with cgutils.for_range(builder, arrays[2].nitems) as loop:
            logits = _interpolated(vectors, arrays[:2], weights, loop.index)
            inside = builder.fcmp_ordered(">", logits, vectors.constant(MASK_LOGIT_THRESHOLD))
            word = builder.bitcast(inside, _BITS)
            builder.store(word, builder.gep(arrays[2].data, [loop.index]))
            with builder.if_then(builder.icmp_unsigned("!=", word, _BITS(0))):
                zero = vectors.constant(0.0)
                probability = builder.select(inside, _sigmoid(vectors, logits), zero)
                builder.store(builder.fadd(builder.load(total), probability, flags=FAST), total)
                bits = builder.zext(builder.ctpop(word), counter)
                builder.store(builder.add(builder.load(area), bits), area)
        values = (builder.load(area), vectors.sum(builder.load(total)))
        return context.make_tuple(builder, signature.return_type, values)

    return result(upper, lower, upper_weight, lower_weight, words), build


def _declare_vote_row(
    _context: Any, upper: Any, lower: Any, upper_weight: Any, lower_weight: Any, blocks: Any,
    score: Any, min_logit: Any, sums: Any, counts: Any,
) -> Any:  # fmt: skip
    """Add one row of a mask's votes, score times probability, where they are above the threshold.

    In compiled code: ``vote_row(upper, lower, upper_weight, lower_weight, blocks, score, min_logit,
    sums, counts)``. The logits are those of ``threshold_row``; a vote counts where it is above
    ``PROBABILITY_THRESHOLD``. It is added to ``sums``, (W,) float32, and 1 to ``counts``, (W,)
    uint8, both contiguous. The first ``16 * blocks`` pixels are visited; nothing is checked.
    ``min_logit`` is a logit up to which no vote can count; it is what lets blocks be skipped.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, lanes = FloatVectors(builder, LANES), ir.VectorType(I8, LANES)
        arrays = [_array(context, builder, signature, arguments, i) for i in (0, 1)]
        weights = [vectors.splat(value) for value in arguments[2:4]]
        scores, min_logits = (vectors.splat(value) for value in arguments[5:7])
        with cgutils.for_range(builder, arguments[4]) as loop:
            logits = _interpolated(vectors, arrays, weights, loop.index)
            likely = builder.fcmp_ordered(">", logits, min_logits)
            some = builder.icmp_unsigned("!=", builder.bitcast(likely, _BITS), _BITS(0))
            with builder.if_then(some):
                vote = builder.fmul(_sigmoid(vectors, logits), scores)
                threshold = vectors.constant(PROBABILITY_THRESHOLD)
                counted = builder.and_(builder.fcmp_ordered(">", vote, threshold), likely)
                begin = builder.mul(loop.index, ir.Constant(loop.index.type, LANES))
                total, count = (
                    pointer(context, builder, signature.args[i], arguments[i], begin)
                    for i in (7, 8)
                )
                vote = builder.select(counted, vote, vectors.constant(0.0))
                vectors.store(builder.fadd(vectors.read(total), vote), total)
                one = builder.zext(counted, lanes)
                before = load_vector(builder, count, lanes, 1)
                store_vector(builder, builder.add(before, one), count, 1)
        return context.get_dummy_value()

    given = (upper, lower, upper_weight, lower_weight, blocks, score, min_logit, sums, counts)
    return types.void(*given), build


threshold_row: Any = intrinsic(_declare_threshold_row)
vote_row: Any = intrinsic(_declare_vote_row)


def _array(context: Any, builder: Any, signature: Any, arguments: Any, index: int) -> Any:
    """Argument ``index``, an array, with its shape and data."""
    return context.make_array(signature.args[index])(context, builder, arguments[index])


def _interpolated(vectors: FloatVectors, rows: Any, weights: Any, block: Any) -> Any:
    """Sixteen logits: two rows of cells, each times its weight, added up."""
    builder = vectors.builder
    begin = builder.mul(block, ir.Constant(block.type, LANES))
    upper, lower = (vectors.read(builder.gep(row.data, [begin])) for row in rows)
    product = builder.fmul(upper, weights[0], flags=FUSED)
    return builder.fadd(product, builder.fmul(lower, weights[1], flags=FUSED), flags=FUSED)


def _sigmoid(vectors: FloatVectors, logits: Any) -> Any:
    """(1 + tanh(logit / 2)) / 2 of logits from -18 on; lower ones give nonsense."""
    builder, half = vectors.builder, vectors.constant(0.5)
    limit = vectors.constant(_TANH_LIMIT)
    halved = builder.fmul(logits, half, flags=FAST)
    x = builder.select(builder.fcmp_ordered("<", halved, limit), halved, limit)
    square = builder.fmul(x, x, flags=FAST)
    odd = builder.fmul(vectors.polynomial(square, _TANH_ODD), x, flags=FAST)
    tanh = builder.fdiv(odd, vectors.polynomial(square, _TANH_EVEN), flags=FAST)
    return builder.fadd(builder.fmul(tanh, half, flags=FAST), half, flags=FAST)
