"""Takes the face network's weights out of MediaPipe's file: ``python -m training.face_weights``.

``face_landmark.tflite`` lies in ``face_mesh_solution_packed_assets.data`` of the npm package
``@mediapipe/face_mesh`` (Apache-2.0, Google); where it begins and ends stands in the loader beside
that file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from m2fp_cli.network.face_network import MESH_POINTS, FaceNetwork
from training.lite_graph import CONVOLUTIONS, LiteGraph

_OUTPUTS = ((1, 1, 1, 3 * MESH_POINTS), (1, 1, 1, 1))  # shapes of the points and the presence


def take_weights(path: Path) -> dict[str, torch.Tensor]:
    """Half-precision weights of :class:`FaceNetwork`, by state-dict key.

    Raises:
        ValueError: the file holds another network.
    """
    kinds = (nn.Conv2d, nn.PReLU)
    layers = [(k, m) for k, m in FaceNetwork().named_modules() if isinstance(m, kinds)]
    weights: dict[str, torch.Tensor] = {}
    found = LiteGraph(path).layers(_OUTPUTS, (*CONVOLUTIONS, "PRELU"))
    for (key, layer), (weight, *bias) in zip(layers, found, strict=True):
        if isinstance(layer, nn.PReLU):
            weight = weight.flatten()
        if weight.shape != layer.weight.shape or len(bias) != isinstance(layer, nn.Conv2d):
            raise ValueError(f"{path}: {key} has the shape {tuple(weight.shape)}")
        weights[f"{key}.weight"] = weight.contiguous()
        weights.update({f"{key}.bias": each for each in bias})
    return weights


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the weights."""
    parser = argparse.ArgumentParser(prog="python -m training.face_weights", description=__doc__)
    parser.add_argument("source", type=Path, help="face_landmark.tflite")
    parser.add_argument("target", type=Path, help="m2fp_cli/models/faces/model.safetensors")
    options = parser.parse_args(arguments)
    save_file(take_weights(options.source), options.target)


if __name__ == "__main__":
    main()
