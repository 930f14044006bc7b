"""Number formats in compiled loops: float32, bfloat16 as its bits in uint16, quantized as uint8.

numba has no bfloat16. It is the upper half of a float32, so a shift converts it. A loop that reads
and writes its arrays through ``load`` and ``store``, or ``load_scaled`` and ``store_scaled`` where
they may be quantized, is compiled once for each format, without a branch inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from numba import types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray
from torch import Tensor

from m2fp_cli.arrays import FloatArray

RawArray = NDArray[np.float32] | NDArray[np.uint16] | NDArray[np.uint8]

# The exponential of a float32, here and in ``kernels.softmax``.
EXP_LOWEST = -87.0  # e ** -87 is close to the smallest normal float32
LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453
EXP_TERMS = (1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0)  # Taylor, highest power first
EXPONENT_BIAS, FRACTION_BITS = 127, 23  # of a float32
_ROUNDER = 1.5 * 2**FRACTION_BITS  # a float32 sum with it ends in the nearest whole number's bits
_ROUNDER_BITS = 0x4B400000


def as_array(tensor: Tensor) -> RawArray:
    """The memory of a float32, bfloat16 or quint8 tensor as an array: float32, uint16 or uint8."""
    if tensor.is_quantized:
        numbers = torch.empty(0, dtype=torch.uint8)
        memory = tensor.storage().untyped()
        numbers.set_(memory, tensor.storage_offset(), tensor.size(), tensor.stride())
        whole: NDArray[np.uint8] = numbers.numpy()
        return whole
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16)
    array: FloatArray = tensor.numpy()
    return array


def as_tensor(array: RawArray) -> Tensor:
    """The tensor that shares an array's memory; the inverse of ``as_array``."""
    if array.dtype == np.uint16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def load(value: Any) -> Any:
    """An element of a ``RawArray`` as float32; only in compiled code."""
    raise NotImplementedError(value)


def store(array: Any, index: Any, value: Any) -> Any:
    """Write a float32 into a ``RawArray`` of one dimension; only in compiled code."""
    raise NotImplementedError(array, index, value)


def load_scaled(value: Any, scale: Any, zero: Any) -> Any:
    """As ``load``; a uint8 stands for ``(value - zero) * scale``, both float32."""
    raise NotImplementedError(value, scale, zero)


def store_scaled(array: Any, index: Any, value: Any, per_step: Any, zero: Any) -> Any:
    """As ``store``; into uint8 goes the nearest to ``value * per_step + zero`` that fits.

    As in torch, ties go to the even number before a whole ``zero`` is added.
    """
    raise NotImplementedError(array, index, value, per_step, zero)


@numba.njit(fastmath=True)
def exponential(x: Any) -> Any:
    """The exponential of a float32 x <= 0; it vectorizes, libm's call does not.

    x = (n + f) ln 2 with n whole and |f| <= 1/2; 2 ** f by its Taylor polynomial of degree 6
    (remainder (ln 2 / 2) ** 7 / 7! = 1.2e-7), 2 ** n by the exponent's bits. With the rounding of
    x / ln 2 the relative error is at most 5e-7 + 1e-7 |x|. Below -87 the result is e ** -87.
    """
    x = np.float32(EXP_LOWEST) if x < np.float32(EXP_LOWEST) else x
    scaled = x * np.float32(LOG2_E)
    whole = np.floor(scaled + np.float32(0.5))
    f = (scaled - whole) * np.float32(LN_2)
    p = np.float32(EXP_TERMS[0])
    p = p * f + np.float32(EXP_TERMS[1])
    p = p * f + np.float32(EXP_TERMS[2])
    p = p * f + np.float32(EXP_TERMS[3])
    p = p * f + np.float32(EXP_TERMS[4])
    p = p * f + np.float32(EXP_TERMS[5])
    p = p * f + np.float32(EXP_TERMS[6])
    exponent = np.uint32((np.int32(whole) + np.int32(EXPONENT_BIAS)) << np.int32(FRACTION_BITS))
    return p * _float_from_bits(exponent)


def _bitcast_to(target: types.Type) -> Callable[[Any, Any, Any, Any], Any]:
    """Code that reads the same 32 bits as another type."""

    def build(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(target))

    return build


def _declare_float_from_bits(_context: Any, _bits: Any) -> Any:
    return types.float32(types.uint32), _bitcast_to(types.float32)


def _declare_bits_of_float(_context: Any, _value: Any) -> Any:
    return types.uint32(types.float32), _bitcast_to(types.uint32)


_float_from_bits: Any = intrinsic(_declare_float_from_bits)
_bits_of_float: Any = intrinsic(_declare_bits_of_float)


@numba.njit(fastmath=True)
def _round_to_bfloat16(value: Any) -> Any:
    """The bits of the nearest bfloat16, ties to even, as the hardware rounds."""
    bits = _bits_of_float(np.float32(value))
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> 16)


@overload(load)
def _load(value: Any) -> Any:
    def from_bfloat16(value: Any) -> Any:
        return _float_from_bits(np.uint32(value) << np.uint32(16))

    def from_float32(value: Any) -> Any:
        return value

    return from_bfloat16 if value == types.uint16 else from_float32


@overload(store)
def _store(array: Any, index: Any, value: Any) -> Any:
    def to_bfloat16(array: Any, index: Any, value: Any) -> Any:
        array[index] = _round_to_bfloat16(value)

    def to_float32(array: Any, index: Any, value: Any) -> Any:
        array[index] = value

    return to_bfloat16 if array.dtype == types.uint16 else to_float32


@numba.njit
def _nearest_whole(value: Any) -> Any:
    """The nearest int32, ties to even, to a float32 within 2 ** 22; it vectorizes."""
    return np.int32(_bits_of_float(value + np.float32(_ROUNDER))) - np.int32(_ROUNDER_BITS)


@overload(load_scaled)
def _load_scaled(value: Any, scale: Any, zero: Any) -> Any:
    def from_number(value: Any, scale: Any, zero: Any) -> Any:
        return (np.float32(value) - zero) * scale

    def from_float(value: Any, scale: Any, zero: Any) -> Any:
        return load(value)

    return from_number if value == types.uint8 else from_float


@overload(store_scaled)
def _store_scaled(array: Any, index: Any, value: Any, per_step: Any, zero: Any) -> Any:
    def to_number(array: Any, index: Any, value: Any, per_step: Any, zero: Any) -> Any:
        lowest, highest = -zero, np.float32(255.0) - zero
        steps = value * per_step
        steps = steps if steps > lowest else lowest
        steps = steps if steps < highest else highest
        array[index] = np.uint8(_nearest_whole(steps) + np.int32(zero))

    def to_float(array: Any, index: Any, value: Any, per_step: Any, zero: Any) -> Any:
        store(array, index, value)

    return to_number if array.dtype == types.uint8 else to_float
