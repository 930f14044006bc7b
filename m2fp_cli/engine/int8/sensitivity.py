"""What each layer costs in int8: the error of the output with this layer alone in int8."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.int8.calibration import LayerRanges
from m2fp_cli.engine.int8.layers import int8_twin

Tell = Callable[[str], None]  # is given a line about how far the work is
One = TypeVar("One")


@torch.inference_mode()
def measure_errors(
    network: FastM2FP,
    ranges: Mapping[str, LayerRanges],
    inputs: Sequence[Tensor],
    tell: Tell = lambda _: None,
) -> dict[str, float]:
    """Relative errors of the pixel decoder's output.

    The mask decoder is left out: it cuts its masks at a threshold, which makes much of any error.
    Layers in it have an error of 0 here.

    Args:
        network: in float32, its layers not packed.
        ranges: of the layers to try.
        inputs: (1, 3, H, W) float32 each.
        tell: hears of each layer.
    """
    exact = [_context(network, one) for one in inputs]
    errors = dict.fromkeys(ranges, 0.0)
    tried = [name for name in ranges if not name.startswith("mask_decoder.")]
    for name in told(tried, tell, "layers tried"):
        with replaced(network, [name], ranges):
            changed = [_context(network, one) for one in inputs]
        parts = [float((a - b).norm() / b.norm()) for a, b in zip(changed, exact, strict=True)]
        errors[name] = sum(parts) / len(parts)
    return errors


def told(items: Sequence[One], tell: Tell, what: str) -> Iterator[One]:
    """The items, and a word after each, such as ``layers tried: 3 of 90``."""
    for number in range(len(items)):
        yield items[number]
        tell(f"{what}: {number + 1} of {len(items)}")


@contextmanager
def replaced(
    network: nn.Module, names: Sequence[str], ranges: Mapping[str, LayerRanges]
) -> Iterator[None]:
    """Compute some layers of a network, which are not packed, in int8 inside."""
    plain = {name: network.get_submodule(name) for name in names}
    for name, layer in plain.items():
        put_layer(network, name, int8_twin(layer, ranges[name]))
    try:
        yield
    finally:
        for name, layer in plain.items():
            put_layer(network, name, layer)


def put_layer(network: nn.Module, name: str, layer: nn.Module) -> None:
    """Put a layer in the place of another one."""
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, layer)


def _context(network: FastM2FP, images: Tensor) -> Tensor:
    """All that the mask decoder reads, as one vector."""
    mask_features, context, _ = network.pixel_decoder(network.backbone(images))
    return torch.cat([mask_features.flatten(), *(one.flatten() for one in context)])
