"""Takes the joint network's weights out of MediaPipe's file: ``python -m training.joint_weights``.

``pose_landmark_full.tflite`` of the npm package ``@mediapipe/pose`` (Apache-2.0, Google) holds more
than :mod:`m2fp_cli.network.joint_network` has; what the joints do not need is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from m2fp_cli.network.joint_network import JointNetwork
from training.lite_graph import LiteGraph

_OUTPUTS = ((1, 195), (1, 1))  # shapes of those that hold the joints and a person's presence


def take_weights(path: Path) -> dict[str, torch.Tensor]:
    """Half-precision weights of :class:`JointNetwork`, by state-dict key.

    Raises:
        ValueError: the file holds another network.
    """
    layers = [(k, m) for k, m in JointNetwork().named_modules() if isinstance(m, nn.Conv2d)]
    weights: dict[str, torch.Tensor] = {}
    found = LiteGraph(path).layers(_OUTPUTS)
    for (key, layer), (weight, bias) in zip(layers, found, strict=True):
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
