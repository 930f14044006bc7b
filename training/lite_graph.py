"""Layers of a network in TensorFlow Lite's format, read as tensors."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_ORDER = {
    "CONV_2D": (0, 3, 1, 2),
    "DEPTHWISE_CONV_2D": (3, 0, 1, 2),
}  # of a weight's axes, in torch's


class LiteGraph:
    """The operators of a ``.tflite`` file whose weights were stored in half precision."""

    def __init__(self, path: Path) -> None:
        """Read a file."""
        self._tflite = importlib.import_module("tflite")  # an extra
        codes = self._tflite.BuiltinOperator
        self._names = {v: k for k, v in vars(codes).items() if isinstance(v, int)}
        self._model = self._tflite.Model.GetRootAs(path.read_bytes(), 0)
        self._graph = self._model.Subgraphs(0)
        self._makers = {}
        for index in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(index)
            self._makers.update(dict.fromkeys(operator.OutputsAsNumpy().tolist(), index))

    def layers(
        self, outputs: Sequence[tuple[int, ...]], names: Collection[str] = CONVOLUTIONS
    ) -> Iterator[list[torch.Tensor]]:
        """Stored tensors of the layers on the way to some outputs.

        Args:
            outputs: their shapes; layers of the first come first, each layer once.
            names: of the operators that are wanted.

        Yields:
            float16 weights in torch's order of axes, and a bias if there is one.
        """
        done: set[int] = set()
        for shape in outputs:
            needed = self._needed(shape)
            for index in sorted(needed - done):
                operator = self._graph.Operators(index)
                name = self._name(operator)
                if name in names:
                    weight, *bias = map(self._constant, operator.InputsAsNumpy().tolist()[1:])
                    yield [weight.permute(_ORDER[name]) if name in _ORDER else weight, *bias]
            done |= needed

    def _needed(self, shape: tuple[int, ...]) -> set[int]:
        """Indices of the operators on the way to the outputs of a shape."""
        needed: set[int] = set()
        waiting = [i for i in self._graph.OutputsAsNumpy().tolist() if self._shape(i) == shape]
        while waiting:
            index = self._makers.get(waiting.pop())
            if index is not None and index not in needed:
                needed.add(index)
                waiting += self._graph.Operators(index).InputsAsNumpy().tolist()
        return needed

    def _name(self, operator: Any) -> str:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        return str(self._names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())])

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self._graph.Tensors(tensor).ShapeAsNumpy().tolist())

    def _constant(self, tensor: int) -> torch.Tensor:
        """A stored tensor; those that are used were stored as half precision."""
        stored = int(self._graph.Operators(self._makers[tensor]).InputsAsNumpy()[0])
        buffer = self._model.Buffers(self._graph.Tensors(stored).Buffer()).DataAsNumpy()
        values = np.frombuffer(buffer.tobytes(), np.float16).reshape(self._shape(stored))
        return torch.from_numpy(values.copy())
