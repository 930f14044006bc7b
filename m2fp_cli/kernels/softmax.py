"""The two steps of a masked softmax as vectors of our own, sixteen scores at once.

Beside the mask and the conversions the compiler does not vectorise them: 84 ms of a photo of
640x864 in the published model, against 40 ms.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from m2fp_cli.kernels.vectors import FAST, I8, LANES, Floats, floats, load, pointer

LOWEST = -3.0e38

_LOG2_E, _LN_2 = 1.4426950408889634, 0.6931471805599453
_END = -87.0  # below, float32 runs out
_BIAS, _FRACTION_BITS = 127, 23  # of a float32
# Taylor's polynomial of 2 ** f for |f| <= 1/2 in f ln 2: as ``formats.exponential``.
_TERMS = (1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0)


def _declare_raise_peaks(_context: Any, row: Any, shut: Any, start: Any, peaks: Any) -> Any:
    """Raise sixteen peaks to sixteen scores where those are not shut.

    In compiled code: ``raise_peaks(row, shut, start, peaks)`` of contiguous arrays: (N,) float32 or
    bfloat16 as uint16, and (N,) bool, from their elements ``start`` on; (16,) float32. Unchecked.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = floats(builder, row.dtype, LANES)
        scores, closed = _scores(context, code, signature, arguments)
        score = builder.select(closed, code.all(LOWEST), code.read(scores))
        plain, lanes = Floats(builder, LANES), _first(context, code, signature, arguments, 3)
        peak = plain.read(lanes)
        higher = builder.fcmp_ordered(">", score, peak)
        plain.store(builder.select(higher, score, peak), lanes)
        return context.get_dummy_value()

    return types.void(row, shut, start, peaks), build


def _declare_soften(
    _context: Any, row: Any, shut: Any, start: Any, highest: Any, totals: Any
) -> Any:
    """Turn sixteen scores into weights, e ** (score - highest) or 0 where shut, and add them up.

    In compiled code: ``soften(row, shut, start, highest, totals)``, arrays as in ``raise_peaks``.
    What is added to the (16,) float32 ``totals`` is the weights as stored.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = floats(builder, row.dtype, LANES)
        scores, closed = _scores(context, code, signature, arguments)
        below = builder.fsub(code.read(scores), code.splat(arguments[3]))
        weights = builder.select(closed, code.all(0.0), _exponential(code, below))
        stored = code.store(weights, scores)
        plain, lanes = Floats(builder, LANES), _first(context, code, signature, arguments, 4)
        plain.store(builder.fadd(plain.read(lanes), stored), lanes)
        return context.get_dummy_value()

    return types.void(row, shut, start, highest, totals), build


raise_peaks: Any = intrinsic(_declare_raise_peaks)
soften: Any = intrinsic(_declare_soften)


def _scores(context: Any, code: Floats, signature: Any, arguments: Any) -> tuple[Any, Any]:
    """Where the scores lie, and which are shut."""
    scores, shut = (
        pointer(context, code.builder, signature.args[i], arguments[i], arguments[2])
        for i in (0, 1)
    )
    flags = ir.VectorType(I8, LANES)
    closed = load(code.builder, shut, flags, 1)
    return scores, code.builder.icmp_unsigned("!=", closed, ir.Constant(flags, None))


def _first(context: Any, code: Floats, signature: Any, arguments: Any, index: int) -> Any:
    """Where an array begins."""
    zero = ir.IntType(64)(0)
    return pointer(context, code.builder, signature.args[index], arguments[index], zero)


def _exponential(code: Floats, x: Any) -> Any:
    """The exponential of values up to 0; see ``formats.exponential``."""
    builder = code.builder
    x = builder.select(builder.fcmp_ordered("<", x, code.all(_END)), code.all(_END), x)
    scaled = builder.fmul(x, code.all(_LOG2_E), flags=FAST)
    whole = code.floor(builder.fadd(scaled, code.all(0.5), flags=FAST))
    fraction = builder.fsub(scaled, whole, flags=FAST)
    power = code.polynomial(builder.fmul(fraction, code.all(_LN_2), flags=FAST), _TERMS)
    exponent = builder.add(
        builder.fptosi(whole, code.words), ir.Constant(code.words, [_BIAS] * LANES)
    )
    doubled = builder.shl(exponent, ir.Constant(code.words, [_FRACTION_BITS] * LANES))
    return builder.fmul(power, builder.bitcast(doubled, code.type), flags=FAST)
