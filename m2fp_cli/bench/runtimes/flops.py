"""Floating-point operations of the network: counted while it runs, two per multiply-add."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

# Two sizes are enough: with sides in multiples of 32, every map's area is a fixed share of the
# input's, and all products are linear in the areas.
_SIZES_HW = ((64, 64), (64, 128))
aten: Any = torch.ops.aten  # type: ignore[attr-defined]


def count_flops(
    network: nn.Module, parts: Mapping[str, nn.Module], input_hw: tuple[int, int]
) -> dict[str, float]:
    """Operations of one forward pass of the network as it is defined.

    Products of convolutions and matrices and the sampling of deformable attention are counted;
    norms, activations and softmax are not. An engine that finds a shorter way to the same answer
    still has done this work.

    Args:
        network: takes (1, 3, H, W) float32; in evaluation mode.
        parts: modules of it by name, in the order they run. What runs after a part and before the
            next one counts as its own.
        input_hw: size of the network's input, multiples of 32.

    Returns:
        operations by name of the part.
    """
    small, large = (count_at(network, parts, hw) for hw in _SIZES_HW)
    areas = [math.prod(hw) for hw in _SIZES_HW]
    return {
        name: small[name]
        + (large[name] - small[name]) / (areas[1] - areas[0]) * (math.prod(input_hw) - areas[0])
        for name in parts
    }


def count_at(
    network: nn.Module, parts: Mapping[str, nn.Module], input_hw: tuple[int, int]
) -> dict[str, float]:
    """The same, run at the very size; see ``count_flops``, which is faster for large inputs."""
    images = torch.zeros(1, 3, *input_hw)
    with torch.no_grad(), Counting() as counting, _naming(parts, counting):
        network(images)
    return {name: float(counting.flops[name]) for name in parts}


@contextlib.contextmanager
def _naming(parts: Mapping[str, nn.Module], counting: Counting) -> Iterator[None]:
    """Tell what counts which part of the network is at work."""
    handles = []
    for part, module in parts.items():

        def enter(_module: nn.Module, _inputs: Any, name: str = part) -> None:
            counting.part = name

        handles.append(module.register_forward_pre_hook(enter))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Counting(TorchDispatchMode):
    """Counts the products that pass by, under the name of the part that is at work.

    Attributes:
        part: the name.
        flops: operations by name.
    """

    def __init__(self) -> None:
        """Start with nothing counted and no part at work."""
        super().__init__()
        self.part, self.flops = "", Counter[str]()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        packet = getattr(func, "overloadpacket", func)
        self.flops[self.part] += _flops_of(packet, args, out)
        return out


def _flops_of(packet: Any, args: tuple[Any, ...], out: Any) -> int:
    if packet in (aten.convolution, aten._convolution, aten.conv2d):
        return 2 * int(out.numel() * math.prod(args[1].shape[1:]))
    if packet in (aten.mm, aten.bmm, aten.linear, aten.matmul):
        return 2 * int(out.numel() * args[0].shape[-1])
    if packet in (aten.addmm, aten.baddbmm):
        return 2 * int(out.numel() * args[1].shape[-1])
    if packet == aten.grid_sampler_2d:
        return 8 * int(out.numel())  # four neighbors, weighted and added
    return 0
