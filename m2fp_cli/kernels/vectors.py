"""Vectors in compiled loops: what llvmlite needs to be told about loads, stores and constants.

For the steps that the compiler does not vectorise by itself, or not well. Vectors of float32 may
lie in memory as bfloat16, the upper half of their bits; ``floats`` gives what reads and writes
either.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

LANES = 16  # float32 in a register of AVX-512; two or four registers elsewhere

FLOAT, I8, I16, I32 = ir.FloatType(), ir.IntType(8), ir.IntType(16), ir.IntType(32)
FUSED = ("contract",)  # a product and a sum may be rounded once; no more than that
FAST = ("fast",)


class Floats:
    """Vectors of ``lanes`` float32 in code that is being built."""

    def __init__(self, builder: Any, lanes: int) -> None:
        """Build with ``builder``."""
        self.builder, self.lanes = builder, lanes
        self.type = ir.VectorType(FLOAT, lanes)
        self.words = ir.VectorType(I32, lanes)

    def read(self, source: Any) -> Any:
        """What lies at a pointer, whatever its type."""
        return load(self.builder, source, self.type, 4)

    def store(self, values: Any, target: Any) -> Any:
        """Write to a pointer; gives the values as they are stored."""
        store(self.builder, values, target, 4)
        return values

    def all(self, value: float) -> Any:
        """One constant in every lane."""
        return ir.Constant(self.type, [value] * self.lanes)

    def sum(self, values: Any) -> Any:
        """Of all lanes, pair by pair."""
        half = self.lanes
        while half > 1:
            half //= 2
            places = [(i + half) % self.lanes for i in range(self.lanes)]
            turned = self.builder.shuffle_vector(values, values, ir.Constant(self.words, places))
            values = self.builder.fadd(values, turned, flags=FAST)
        return self.builder.extract_element(values, I32(0))

    def splat(self, value: Any) -> Any:
        """One float32 in every lane."""
        nothing = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(nothing, value, I32(0))
        return self.builder.shuffle_vector(first, nothing, ir.Constant(self.words, None))

    def floor(self, values: Any) -> Any:
        """Rounded down."""
        kind = ir.FunctionType(self.type, [self.type])
        name = f"llvm.floor.v{self.lanes}f32"
        find: Any = cgutils.get_or_insert_function  # it has no annotations
        floor = find(self.builder.module, kind, name)
        return self.builder.call(floor, [values])

    def polynomial(self, x: Any, coefficients: tuple[float, ...]) -> Any:
        """Of ``x``, highest power first."""
        value = self.all(coefficients[0])
        for coefficient in coefficients[1:]:
            product = self.builder.fmul(value, x, flags=FAST)
            value = self.builder.fadd(product, self.all(coefficient), flags=FAST)
        return value


class Bfloats(Floats):
    """Vectors of float32 that are read from and stored as bfloat16."""

    def read(self, source: Any) -> Any:
        """What lies at a pointer, widened."""
        halves = load(self.builder, source, ir.VectorType(I16, self.lanes), 2)
        words = self.builder.zext(halves, self.words)
        return self.builder.bitcast(self.builder.shl(words, self._words(16)), self.type)

    def store(self, values: Any, target: Any) -> Any:
        """Write the nearest bfloat16, ties to even."""
        bits = self.builder.bitcast(values, self.words)
        odd = self.builder.and_(self.builder.lshr(bits, self._words(16)), self._words(1))
        bits = self.builder.add(self.builder.add(bits, self._words(0x7FFF)), odd)
        upper = self.builder.lshr(bits, self._words(16))
        halves = self.builder.trunc(upper, ir.VectorType(I16, self.lanes))
        store(self.builder, halves, target, 2)
        return self.builder.bitcast(self.builder.shl(upper, self._words(16)), self.type)

    def _words(self, value: int) -> Any:
        return ir.Constant(self.words, [value] * self.lanes)


def floats(builder: Any, dtype: Any, lanes: int) -> Floats:
    """Vectors as an array of numba's ``dtype`` holds them: float32, or bfloat16 as uint16."""
    return (Bfloats if dtype == types.uint16 else Floats)(builder, lanes)


def pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Pointer to an element of a contiguous array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def load(builder: Any, source: Any, kind: Any, align: int) -> Any:
    """A vector of type ``kind`` at a pointer of any type."""
    return builder.load(builder.bitcast(source, kind.as_pointer()), align=align)


def store(builder: Any, values: Any, target: Any, align: int) -> None:
    """Write a vector at a pointer of any type."""
    builder.store(values, builder.bitcast(target, values.type.as_pointer()), align=align)


def variable(builder: Any, value: Any) -> Any:
    """Pointer to something that changes in a loop; the compiler keeps it in a register."""
    make: Any = cgutils.alloca_once_value  # it has no annotations
    return make(builder, value)
