"""Small networks computed as the fast network is: with convolutions packed beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from m2fp_cli.engine.fast.products import PackedConv, pack_layers
from m2fp_cli.models.weights import load_weights
from m2fp_cli.network.build import assign_weights

Network = TypeVar("Network", bound=nn.Module)


def load_packed(network: Network, folder: Path) -> Network:
    """Give a small network its weights and pack its convolutions.

    Args:
        network: just built; changed in place.
        folder: that holds ``model.safetensors``.

    Returns:
        the network.

    Raises:
        ModelError: the weights are missing or damaged.
    """
    assign_weights(network, load_weights(folder))
    pack_convolutions(network)
    return network


def pack_convolutions(network: nn.Module) -> nn.Module:
    """Replace the convolutions of a small network, in half of torch's own time or less.

    Args:
        network: with its weights; changed in place, and ready to be asked afterwards.

    Returns:
        the network.
    """
    _replace_convolutions(network)
    pack_layers(network)
    return network.requires_grad_(False).eval()


def _replace_convolutions(module: nn.Module) -> None:
    for name, layer in module.named_children():
        if isinstance(layer, nn.Conv2d):
            padding = layer.padding
            assert isinstance(padding, tuple)
            geometry = (
                (layer.stride[0], layer.stride[1]),
                (padding[0], padding[1]),
                (1, 1),
                layer.groups,
            )
            packed = PackedConv(layer.weight, layer.bias, geometry, torch.float32)
            setattr(module, name, packed)
        else:
            _replace_convolutions(layer)
