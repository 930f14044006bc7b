"""Takes the joint network's weights out of MediaPipe's file: ``python -m training.joint_weights``.

``pose_landmark_full.tflite`` of the npm package ``@mediapipe/pose`` (Apache-2.0, Google) holds more
than :mod:`m2fp_cli.network.joint_network` has; what the joints do not need is left out.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from m2fp_cli.network.joint_network import JointNetwork

_OUTPUTS = ((1, 195), (1, 1))  # shapes of those that hold the joints and a person's presence
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


class _Graph:
    """The file's operators."""

    def __init__(self, path: Path) -> None:
        self.tflite = importlib.import_module("tflite")  # an extra
        codes = self.tflite.BuiltinOperator
        self._names = {v: k for k, v in vars(codes).items() if isinstance(v, int)}
        self._model = self.tflite.Model.GetRootAs(path.read_bytes(), 0)
        self._graph = self._model.Subgraphs(0)
        self._makers = {}
        for index in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(index)
            self._makers.update(dict.fromkeys(operator.OutputsAsNumpy().tolist(), index))

    def convolutions(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Weights and biases of the convolutions on the way to the outputs, in order."""
        outputs = self._graph.OutputsAsNumpy().tolist()
        needed: set[int] = set()
        waiting = [i for i in outputs if self._shape(i) in _OUTPUTS]
        while waiting:
            index = self._makers.get(waiting.pop())
            if index is not None and index not in needed:
                needed.add(index)
                waiting += self._graph.Operators(index).InputsAsNumpy().tolist()
        for index in sorted(needed):
            operator = self._graph.Operators(index)
            name = self._name(operator)
            if name in _CONVOLUTIONS:
                _, weight, bias = operator.InputsAsNumpy().tolist()
                order = (0, 3, 1, 2) if name == "CONV_2D" else (3, 0, 1, 2)
                yield self._constant(weight).permute(order), self._constant(bias)

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


def take_weights(path: Path) -> dict[str, torch.Tensor]:
    """Half-precision weights of :class:`JointNetwork`, by state-dict key.

    Raises:
        ValueError: the file holds another network.
    """
    layers = [(k, m) for k, m in JointNetwork().named_modules() if isinstance(m, nn.Conv2d)]
    weights: dict[str, torch.Tensor] = {}
    for (key, layer), (weight, bias) in zip(layers, _Graph(path).convolutions(), strict=True):
        if weight.shape != layer.weight.shape:
            raise ValueError(f"{path}: {key} has the shape {tuple(weight.shape)}")
        weights[f"{key}.weight"], weights[f"{key}.bias"] = weight.contiguous(), bias
    return weights


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the weights."""
    parser = argparse.ArgumentParser(prog="python -m training.joint_weights", description=__doc__)
    parser.add_argument("source", type=Path, help="pose_landmark_full.tflite")
    parser.add_argument("target", type=Path, help="m2fp_cli/models/joints/model.safetensors")
    options = parser.parse_args(arguments)
    save_file(take_weights(options.source), options.target)


if __name__ == "__main__":
    main()
