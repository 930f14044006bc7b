"""The innermost steps of deformable attention's training, written as vector code.

A sample is the mean of the four cells around a point, by their shares; forward it is added up, and
back its gradient goes to the cells. ``gather`` is the step of a network that only answers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from m2fp_cli.kernels.vectors import FAST, float_vectors

_I64 = ir.IntType(64)


class _Corners:
    """The four cells of a point in code that is being built.

    Attributes:
        code: vectors of a head's channels.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        """Of an intrinsic whose first arguments are ``flat, place, share, weight``."""
        self.context, self.builder = context, builder
        self.signature, self.arguments = signature, arguments
        depth = signature.args[-1].literal_value
        self.code = float_vectors(builder, signature.args[0].dtype, depth)
        places = [self._item(1, corner) for corner in range(4)]
        self.sources = [builder.gep(self.data(0), [place]) for place in places]
        self.places = places

    def data(self, index: int) -> Any:
        """Pointer to the first element of an array."""
        array = self.context.make_array(self.signature.args[index])
        return array(self.context, self.builder, self.arguments[index]).data

    def _item(self, index: int, place: int) -> Any:
        return self.builder.load(self.builder.gep(self.data(index), [_I64(place)]))

    def mix(self, row: int) -> Any:
        """The four cells' channels, weighted by a row of the shares."""
        total = ir.Constant(self.code.type, None)
        for corner, source in enumerate(self.sources):
            factor = self.code.splat(self._item(2, 4 * row + corner))
            product = self.builder.fmul(factor, self.code.read(source), flags=FAST)
            total = self.builder.fadd(total, product, flags=FAST)
        return total

    def weighted(self, corner: int) -> Any:
        """A cell's share times the sample's weight, in all lanes."""
        share = self._item(2, corner)
        return self.code.splat(self.builder.fmul(share, self.arguments[3]))

    def add(self, pointer: Any, values: Any) -> None:
        """Add to what lies at a pointer."""
        total = self.builder.fadd(self.code.read(pointer), values, flags=FAST)
        self.code.store(total, pointer)


def _declare_add_corners(
    _context: Any, flat: Any, place: Any, share: Any, weight: Any, out: Any, at: Any, depth: Any
) -> Any:
    """Add ``weight`` times the mean of four cells to ``out[at : at + depth]``; nothing is checked.

    In compiled code: ``add_corners(flat, place, share, weight, out, at, depth)`` with contiguous
    arrays; ``place`` (4,) int64 says where in ``flat`` a cell's channels begin; ``depth`` is a
    constant.
    """
    signature = types.void(flat, place, share, weight, out, at, depth)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        corners = _Corners(context, builder, signature, arguments)
        weight = corners.code.splat(arguments[3])
        target = builder.gep(corners.data(4), [arguments[5]])
        corners.add(target, builder.fmul(weight, corners.mix(0), flags=FAST))
        return context.get_dummy_value()

    return signature, build


def _declare_spread_corners(
    _context: Any, flat: Any, place: Any, share: Any, weight: Any, gradient: Any, at: Any,
    target: Any, slopes: Any, depth: Any,
) -> Any:  # fmt: skip
    """The gradients of one sample; nothing is checked.

    In compiled code: ``spread_corners(flat, place, share, weight, gradient, at, target, slopes,
    depth)``. Adds to ``target`` what goes to the four cells, and sets ``slopes`` (3,) to how the
    loss grows with the weight, and, but for the weight, with x and with y.
    """
    signature = types.void(flat, place, share, weight, gradient, at, target, slopes, depth)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        corners = _Corners(context, builder, signature, arguments)
        code = corners.code
        pull = code.read(builder.gep(corners.data(4), [arguments[5]]))
        for row in range(3):
            slope = code.sum(builder.fmul(pull, corners.mix(row), flags=FAST))
            builder.store(slope, builder.gep(corners.data(7), [_I64(row)]))
        for corner, place in enumerate(corners.places):
            target = builder.gep(corners.data(6), [place])
            corners.add(target, builder.fmul(pull, corners.weighted(corner), flags=FAST))
        return context.get_dummy_value()

    return signature, build


add_corners: Any = intrinsic(prefer_literal=True)(_declare_add_corners)
spread_corners: Any = intrinsic(prefer_literal=True)(_declare_spread_corners)
