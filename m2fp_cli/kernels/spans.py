"""Steps over spans of 32 values as vector code, in place: sums, and a scale and shift by column.

torch 1.13.1 adds and cuts off negative values in two passes, and converts bfloat16 slowly: 8.4 ms
for 8.8 million values in one thread, against 3.8 in bfloat16 and 4.6 in float32 (Emerald Rapids).
Written as a plain loop, the compiler makes poor vectors of the conversions: 9.7 ms for scale and
shift of as many values in bfloat16, against 1.6.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from m2fp_cli.kernels.vectors import FUSED, LANES, FloatVectors, float_vectors, pointer

SPAN = 2 * LANES  # values that one step changes


def _declare_add_span(_context: Any, x: Any, start: Any, added: Any, lowest: Any) -> Any:
    """Add 32 values to 32 others and replace sums below a bound by it.

    In compiled code: ``add_span(x, start, added, lowest)`` with contiguous arrays of one dimension
    and one format, float32 or bfloat16 as uint16, both from element ``start`` on; ``lowest`` is a
    float32. Nothing is checked.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = float_vectors(builder, x.dtype, SPAN)
        target, other = (
            pointer(context, builder, signature.args[index], arguments[index], arguments[1])
            for index in (0, 2)
        )
        total = builder.fadd(vectors.read(target), vectors.read(other))
        vectors.store(_at_least(builder, vectors, total, arguments[3]), target)
        return context.get_dummy_value()

    return types.void(x, start, added, lowest), build


def _declare_scale_span(
    _context: Any, x: Any, start: Any, scale: Any, shift: Any, column: Any, lowest: Any
) -> Any:
    """Multiply 32 values, add to them and replace what is below a bound by it.

    In compiled code: ``scale_span(x, start, scale, shift, column, lowest)``: ``x`` and ``lowest``
    as in ``add_span``; ``scale`` and ``shift`` (C,) float32, from element ``column`` on.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, plain = float_vectors(builder, x.dtype, SPAN), FloatVectors(builder, SPAN)
        target, factor, more = (
            pointer(context, builder, signature.args[index], arguments[index], arguments[at])
            for index, at in ((0, 1), (2, 4), (3, 4))
        )
        scaled = builder.fmul(vectors.read(target), plain.read(factor), flags=FUSED)
        value = builder.fadd(scaled, plain.read(more), flags=FUSED)
        vectors.store(_at_least(builder, vectors, value, arguments[5]), target)
        return context.get_dummy_value()

    return types.void(x, start, scale, shift, column, lowest), build


def _at_least(builder: Any, vectors: FloatVectors, values: Any, lowest: Any) -> Any:
    """Values with those below ``lowest`` replaced by it; NaN stays, as with torch's ReLU."""
    bound = vectors.splat(lowest)
    return builder.select(builder.fcmp_ordered("<", values, bound), bound, values)


add_span: Any = intrinsic(_declare_add_span)
scale_span: Any = intrinsic(_declare_scale_span)
