"""The innermost step of reading a mask as vectors of our own: logits to probabilities.

The compiler's own vectorising gives up where a sum, a count and the bits of a mask come out of one
loop: 2.9 ms a mask of 1080p, against 0.9 ms.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 16
_KIND = ir.VectorType(ir.FloatType(), LANES)
_BYTES = ir.VectorType(ir.IntType(8), LANES)
_FAST = ("fast",)

# tanh as a ratio of polynomials on [-9, 9], the coefficients of Eigen's `generic_fast_tanh_float`:
# https://gitlab.com/libeigen/eigen/-/blob/3.4/Eigen/src/Core/MathFunctionsImpl.h
# Highest power first. The sigmoid is off by less than 3e-7.
_ODD = (
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
)  # fmt: skip
_EVEN = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)
_END = 9.0


def _declare_settle(_context: Any, line: Any, start: Any) -> Any:
    """Turn sixteen logits into probabilities where they are positive, into zeros elsewhere.

    In compiled code: ``settle(line, start)`` of a contiguous (N,) float32 array, from its element
    ``start`` on; nothing is checked. Returns uint16: bit ``i`` is set if logit ``i`` is positive.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], _KIND)
        above, probabilities = _settled(builder, builder.load(place, align=4))
        builder.store(probabilities, place, align=4)
        return builder.bitcast(above, ir.IntType(LANES))

    return types.uint16(line, start), build


def _declare_speak(_context: Any, line: Any, start: Any, score: Any, sums: Any, counts: Any) -> Any:
    """Add ``score`` times probability of sixteen logits where it is above one half, and count.

    In compiled code: ``speak(line, start, score, sums, counts)`` of contiguous (N,) arrays in
    float32, float32 and uint8, from their elements ``start`` on; nothing is checked.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def place(index: int, kind: Any) -> Any:
            array, begin = signature.args[index], arguments[1]
            return _place(context, builder, array, arguments[index], begin, kind)

        _, probabilities = _settled(builder, builder.load(place(0, _KIND), align=4))
        strength = builder.fmul(probabilities, _splat(builder, arguments[2]))
        speaks = builder.fcmp_ordered(">", strength, _all(0.5))
        heard = builder.select(speaks, strength, ir.Constant(_KIND, None))
        total, times = place(3, _KIND), place(4, _BYTES)
        builder.store(builder.fadd(builder.load(total, align=4), heard), total, align=4)
        once = builder.zext(speaks, _BYTES)
        builder.store(builder.add(builder.load(times, align=1), once), times, align=1)
        return context.get_dummy_value()

    return types.void(line, start, score, sums, counts), build


def _declare_count_bits(_context: Any, word: Any) -> Any:
    """How many bits of an unsigned integer are set; in compiled code."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = builder.ctpop(arguments[0])
        return context.cast(builder, count, signature.args[0], signature.return_type)

    return types.int64(word), build


settle: Any = intrinsic(_declare_settle)
speak: Any = intrinsic(_declare_speak)
count_bits: Any = intrinsic(_declare_count_bits)


def _place(context: Any, builder: Any, kind: Any, array: Any, start: Any, vector: Any) -> Any:
    """Pointer to a vector that begins at an array's element ``start``."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [start]), vector.as_pointer())


def _settled(builder: Any, logits: Any) -> tuple[Any, Any]:
    """Which logits are positive, and their probabilities there, zeros elsewhere."""
    zero = ir.Constant(_KIND, None)
    above = builder.fcmp_ordered(">", logits, zero)
    return above, builder.select(above, _sigmoid(builder, logits), zero)


def _sigmoid(builder: Any, values: Any) -> Any:
    """(1 + tanh(value / 2)) / 2 of values that are not negative."""
    half, end = _all(0.5), _all(_END)
    halved = builder.fmul(values, half, flags=_FAST)
    x = builder.select(builder.fcmp_ordered("<", halved, end), halved, end)
    square = builder.fmul(x, x, flags=_FAST)
    above = builder.fmul(_polynomial(builder, square, _ODD), x, flags=_FAST)
    tanh = builder.fdiv(above, _polynomial(builder, square, _EVEN), flags=_FAST)
    return builder.fadd(builder.fmul(tanh, half, flags=_FAST), half, flags=_FAST)


def _polynomial(builder: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    value = _all(coefficients[0])
    for coefficient in coefficients[1:]:
        value = builder.fadd(builder.fmul(value, x, flags=_FAST), _all(coefficient), flags=_FAST)
    return value


def _splat(builder: Any, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(_KIND, ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
    return builder.shuffle_vector(first, ir.Constant(_KIND, ir.Undefined), mask)


def _all(value: float) -> Any:
    return ir.Constant(_KIND, [value] * LANES)
