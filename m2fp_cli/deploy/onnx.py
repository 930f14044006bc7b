"""Writes the network as an ONNX file, for other runtimes.

In a process of its own (``python -m m2fp_cli.deploy.onnx``), so that the process
that is measured never holds torch's copy of the weights.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from m2fp_cli.batch.processes import python_command
from m2fp_cli.errors import EngineError
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.network.m2fp import M2FP

OPSET = 16  # the first that samples grids
INPUT, OUTPUTS = "image", ("class_logits", "mask_logits")


class _Plain(nn.Module):
    """The network with a tuple for an answer."""

    def __init__(self, network: M2FP) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        prediction = self.network(images)
        return prediction.class_logits, prediction.mask_logits


def write_onnx(folder: Path, size_hw: tuple[int, int], target: Path) -> None:
    """Write the network of a model folder for photos of one prepared size.

    Args:
        folder: model folder.
        size_hw: height and width of the network's input, multiples of 32; positions and shapes
            inside are constants for it.
        target: file.

    Raises:
        ModelError: the model is damaged.
    """
    network = _Plain(build_network(folder, read_config(folder)))
    photo = torch.zeros(1, 3, *size_hw)
    kept, torch.Tensor.unflatten = torch.Tensor.unflatten, _unflatten  # type: ignore[method-assign]
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # a line for every shape that becomes a constant
            # With EVAL, torch 1.13.1 folds batch norms wrongly: the answers are others.
            torch.onnx.export(
                network, photo, target, opset_version=OPSET, input_names=[INPUT],
                output_names=OUTPUTS, training=torch.onnx.TrainingMode.PRESERVE,
            )  # fmt: skip
    finally:
        torch.Tensor.unflatten = kept  # type: ignore[method-assign]


def write_onnx_elsewhere(folder: Path, size_hw: tuple[int, int], target: Path) -> None:
    """The same in another process.

    Raises:
        EngineError: it failed; its own words are on stderr.
    """
    words = [str(folder), str(size_hw[0]), str(size_hw[1]), str(target)]
    command = python_command("m2fp_cli.deploy.onnx", *words)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode:
        raise EngineError(f"the network could not be written as ONNX (code {done.returncode})")


def _unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """``Tensor.unflatten`` by an operation that torch 1.13.1 can export."""
    shape = [int(size) for size in x.shape]
    dim %= len(shape)
    return x.reshape(*shape[:dim], *sizes, *shape[dim + 1 :])


if __name__ == "__main__":
    write_onnx(Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])), Path(sys.argv[4]))
