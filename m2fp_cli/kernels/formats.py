"""Number formats in compiled loops: float32 as it is, bfloat16 as its bits in uint16.

numba has no bfloat16. It is the upper half of a float32, so a shift reads it; a loop that is given
either array through ``load`` and ``store`` is compiled once for each, without a branch inside.
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

RawArray = NDArray[np.float32] | NDArray[np.uint16]


def raw(tensor: Tensor) -> RawArray:
    """The memory of a float32 or bfloat16 tensor, shared."""
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16)
    array: FloatArray = tensor.numpy()
    return array


def as_tensor(array: RawArray) -> Tensor:
    """The tensor whose memory this is; the inverse of ``raw``."""
    if array.dtype == np.uint16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _reinterpret(target: types.Type) -> Callable[[Any, Any, Any, Any], Any]:
    """What puts the same 32 bits into another type."""

    def build(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(target))

    return build


def _declare_float_of(_context: Any, _bits: Any) -> Any:
    return types.float32(types.uint32), _reinterpret(types.float32)


def _declare_bits_of(_context: Any, _value: Any) -> Any:
    return types.uint32(types.float32), _reinterpret(types.uint32)


_float_of: Any = intrinsic(_declare_float_of)
_bits_of: Any = intrinsic(_declare_bits_of)


@numba.njit(fastmath=True)
def _narrow(value: Any) -> Any:
    """The bits of the nearest bfloat16, ties to even, as the hardware rounds."""
    bits = _bits_of(np.float32(value))
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> 16)


def load(value: Any) -> Any:
    """An element of a raw array as float32 (in compiled code)."""
    raise NotImplementedError(value)


def store(array: Any, index: Any, value: Any) -> Any:
    """Put a float32 into a raw array of one dimension (in compiled code)."""
    raise NotImplementedError(array, index, value)


@overload(load)
def _load(value: Any) -> Any:
    def widened(value: Any) -> Any:
        return _float_of(np.uint32(value) << np.uint32(16))

    def same(value: Any) -> Any:
        return value

    return widened if value == types.uint16 else same


@overload(store)
def _store(array: Any, index: Any, value: Any) -> Any:
    def narrowed(array: Any, index: Any, value: Any) -> Any:
        array[index] = _narrow(value)

    def same(array: Any, index: Any, value: Any) -> Any:
        array[index] = value

    return narrowed if array.dtype == types.uint16 else same


@numba.njit(fastmath=True)
def exponential(x: Any) -> Any:
    """The exponential of a float32 x <= 0; vectorises where libm's call does not.

    x = (n + f) ln 2 with n whole and |f| <= 1/2; 2 ** f by its Taylor polynomial of degree 6
    (remainder (ln 2 / 2) ** 7 / 7! = 1.2e-7), 2 ** n by the exponent's bits. With the rounding of
    x / ln 2 the relative error is at most 5e-7 + 1e-7 |x|. Below -87, where float32 runs out, it
    gives e ** -87.
    """
    x = np.float32(-87.0) if x < np.float32(-87.0) else x
    scaled = x * np.float32(1.4426950408889634)
    whole = np.floor(scaled + np.float32(0.5))
    f = (scaled - whole) * np.float32(0.6931471805599453)
    p = np.float32(1.0 / 720.0)
    p = p * f + np.float32(1.0 / 120.0)
    p = p * f + np.float32(1.0 / 24.0)
    p = p * f + np.float32(1.0 / 6.0)
    p = p * f + np.float32(0.5)
    p = p * f + np.float32(1.0)
    p = p * f + np.float32(1.0)
    return p * _float_of(np.uint32((np.int32(whole) + np.int32(127)) << np.int32(23)))
