"""The two steps of a masked softmax as vector code, sixteen scores at once.

The compiler does not vectorize them beside the mask and the conversions: 84 ms of a photo of
640x864 in the published model, against 40 ms.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from m2fp_cli.kernels.formats import (
    EXP_LOWEST,
    EXP_TERMS,
    EXPONENT_BIAS,
    FRACTION_BITS,
    LN_2,
    LOG2_E,
)
from m2fp_cli.kernels.vectors import (
    FAST,
    I8,
    LANES,
    FloatVectors,
    float_vectors,
    load_vector,
    pointer,
)

LOWEST_SCORE = -3.0e38  # in place of a blocked score; close to the lowest float32


def _declare_update_maxima(_context: Any, row: Any, blocked: Any, start: Any, maxima: Any) -> Any:
    """Raise sixteen running maxima to sixteen scores of a row where these are not blocked.

    In compiled code: ``update_maxima(row, blocked, start, maxima)`` with contiguous arrays: ``row``
    (N,) float32 or bfloat16 as uint16, ``blocked`` (N,) bool, both from element ``start`` on, and
    ``maxima`` (16,) float32. Nothing is checked.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = float_vectors(builder, row.dtype, LANES)
        place, blocked_lanes = _scores(context, vectors, signature, arguments)
        lowest = vectors.constant(LOWEST_SCORE)
        score = builder.select(blocked_lanes, lowest, vectors.read(place))
        plain = FloatVectors(builder, LANES)
        lanes = _first(context, builder, signature, arguments, 3)
        maximum = plain.read(lanes)
        higher = builder.fcmp_ordered(">", score, maximum)
        plain.store(builder.select(higher, score, maximum), lanes)
        return context.get_dummy_value()

    return types.void(row, blocked, start, maxima), build


def _declare_exponentiate(
    _context: Any, row: Any, blocked: Any, start: Any, maximum: Any, totals: Any
) -> Any:
    """Replace sixteen scores by e ** (score - maximum), or 0 where blocked, and add them up.

    In compiled code: ``exponentiate(row, blocked, start, maximum, totals)`` with the arrays of
    ``update_maxima``. What is added to the (16,) float32 ``totals`` are the values as stored.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = float_vectors(builder, row.dtype, LANES)
        place, blocked_lanes = _scores(context, vectors, signature, arguments)
        below = builder.fsub(vectors.read(place), vectors.splat(arguments[3]))
        zero = vectors.constant(0.0)
        numerators = builder.select(blocked_lanes, zero, _exponential(vectors, below))
        stored = vectors.store(numerators, place)
        plain = FloatVectors(builder, LANES)
        lanes = _first(context, builder, signature, arguments, 4)
        plain.store(builder.fadd(plain.read(lanes), stored), lanes)
        return context.get_dummy_value()

    return types.void(row, blocked, start, maximum, totals), build


update_maxima: Any = intrinsic(_declare_update_maxima)
exponentiate: Any = intrinsic(_declare_exponentiate)


def _scores(context: Any, vectors: FloatVectors, signature: Any, arguments: Any) -> tuple[Any, Any]:
    """Pointer to the sixteen scores, and which of them are blocked."""
    scores, blocked = (
        pointer(context, vectors.builder, signature.args[i], arguments[i], arguments[2])
        for i in (0, 1)
    )
    flags = ir.VectorType(I8, LANES)
    loaded = load_vector(vectors.builder, blocked, flags, 1)
    return scores, vectors.builder.icmp_unsigned("!=", loaded, ir.Constant(flags, None))


def _first(context: Any, builder: Any, signature: Any, arguments: Any, index: int) -> Any:
    """Pointer to the first element of argument ``index``."""
    return pointer(context, builder, signature.args[index], arguments[index], ir.IntType(64)(0))


def _exponential(vectors: FloatVectors, x: Any) -> Any:
    """The exponential of values up to 0; see ``formats.exponential``."""
    builder, lowest = vectors.builder, vectors.constant(EXP_LOWEST)
    x = builder.select(builder.fcmp_ordered("<", x, lowest), lowest, x)
    scaled = builder.fmul(x, vectors.constant(LOG2_E), flags=FAST)
    whole = vectors.floor(builder.fadd(scaled, vectors.constant(0.5), flags=FAST))
    fraction = builder.fsub(scaled, whole, flags=FAST)
    product = builder.fmul(fraction, vectors.constant(LN_2), flags=FAST)
    power = vectors.polynomial(product, EXP_TERMS)
    exponent = builder.add(
        builder.fptosi(whole, vectors.words),
        ir.Constant(vectors.words, [EXPONENT_BIAS] * LANES),
    )
    doubled = builder.shl(exponent, ir.Constant(vectors.words, [FRACTION_BITS] * LANES))
    return builder.fmul(power, builder.bitcast(doubled, vectors.type), flags=FAST)
