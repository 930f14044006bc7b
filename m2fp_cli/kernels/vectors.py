"""Vectors in compiled loops: what llvmlite needs to be told about loads, stores and constants.

For the steps that the compiler does not vectorize by itself, or not well. Vectors of float32 may
lie in memory as bfloat16, the upper half of a float32's bits; ``float_vectors`` gives the class
that reads and writes the format of an array.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

LANES = 16  # float32 values in one register of AVX-512; two or four registers on other CPUs

FLOAT, I8, I16, I32 = ir.FloatType(), ir.IntType(8), ir.IntType(16), ir.IntType(32)
FUSED = ("contract",)  # allows a fused multiply-add, and nothing else of fast math
FAST = ("fast",)  # all of fast math: sums in any order, no care for infinities


class FloatVectors:
    """Builds code for vectors of ``lanes`` float32."""

    def __init__(self, builder: Any, lanes: int) -> None:
        """Emit instructions through llvmlite's ``builder``."""
        self.builder, self.lanes = builder, lanes
        self.type = ir.VectorType(FLOAT, lanes)
        self.words = ir.VectorType(I32, lanes)

    def read(self, source: Any) -> Any:
        """Load the vector at a pointer of any type."""
        return load_vector(self.builder, source, self.type, 4)

    def store(self, values: Any, target: Any) -> Any:
        """Store a vector at a pointer of any type; return the values as memory now holds them."""
        store_vector(self.builder, values, target, 4)
        return values

    def constant(self, value: float) -> Any:
        """A vector with one constant in every lane."""
        return ir.Constant(self.type, [value] * self.lanes)

    def splat(self, value: Any) -> Any:
        """A vector with one float32 variable in every lane."""
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, value, I32(0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(self.words, None))

    def sum(self, values: Any) -> Any:
        """The sum of all lanes, as one float32; lanes are added pair by pair."""
        half = self.lanes
        while half > 1:
            half //= 2
            places = [(i + half) % self.lanes for i in range(self.lanes)]
            rotated = self.builder.shuffle_vector(values, values, ir.Constant(self.words, places))
            values = self.builder.fadd(values, rotated, flags=FAST)
        return self.builder.extract_element(values, I32(0))

    def floor(self, values: Any) -> Any:
        """Every lane rounded down."""
        kind = ir.FunctionType(self.type, [self.type])
        name = f"llvm.floor.v{self.lanes}f32"
        find: Any = cgutils.get_or_insert_function  # it has no annotations
        floor = find(self.builder.module, kind, name)
        return self.builder.call(floor, [values])

    def polynomial(self, x: Any, coefficients: tuple[float, ...]) -> Any:
        """The polynomial of every lane of ``x``; coefficients of the highest power first."""
        value = self.constant(coefficients[0])
        for coefficient in coefficients[1:]:
            product = self.builder.fmul(value, x, flags=FAST)
            value = self.builder.fadd(product, self.constant(coefficient), flags=FAST)
        return value


class Bfloat16Vectors(FloatVectors):
    """Vectors of float32 that lie in memory as bfloat16."""

    def read(self, source: Any) -> Any:
        """Load the bfloat16 vector at a pointer and widen it to float32."""
        halves = load_vector(self.builder, source, ir.VectorType(I16, self.lanes), 2)
        words = self.builder.zext(halves, self.words)
        return self.builder.bitcast(self.builder.shl(words, self._words(16)), self.type)

    def store(self, values: Any, target: Any) -> Any:
        """Store the nearest bfloat16 values, ties to even, and return those values as float32."""
        bits = self.builder.bitcast(values, self.words)
        odd = self.builder.and_(self.builder.lshr(bits, self._words(16)), self._words(1))
        bits = self.builder.add(self.builder.add(bits, self._words(0x7FFF)), odd)
        upper = self.builder.lshr(bits, self._words(16))
        halves = self.builder.trunc(upper, ir.VectorType(I16, self.lanes))
        store_vector(self.builder, halves, target, 2)
        return self.builder.bitcast(self.builder.shl(upper, self._words(16)), self.type)

    def _words(self, value: int) -> Any:
        return ir.Constant(self.words, [value] * self.lanes)


def float_vectors(builder: Any, dtype: Any, lanes: int) -> FloatVectors:
    """The vectors of an array of numba's ``dtype``: float32, or bfloat16 held as uint16."""
    return (Bfloat16Vectors if dtype == types.uint16 else FloatVectors)(builder, lanes)


def pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Pointer to element ``index`` of a contiguous array; ``index`` is not checked."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def load_vector(builder: Any, source: Any, kind: Any, align: int) -> Any:
    """Load a vector of type ``kind`` from a pointer of any type, aligned to ``align`` bytes."""
    return builder.load(builder.bitcast(source, kind.as_pointer()), align=align)


def store_vector(builder: Any, values: Any, target: Any, align: int) -> None:
    """Store a vector at a pointer of any type, aligned to ``align`` bytes."""
    builder.store(values, builder.bitcast(target, values.type.as_pointer()), align=align)


def loop_variable(builder: Any, value: Any) -> Any:
    """Pointer to a variable with a first value; the compiler keeps it in a register."""
    make: Any = cgutils.alloca_once_value  # it has no annotations
    return make(builder, value)
