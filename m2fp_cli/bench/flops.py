"""Floating-point operations of the network: counted while it runs, two per multiply-add."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from m2fp_cli.bench.roofline import STAGES
from m2fp_cli.network.m2fp import M2FP

# Two sizes are enough: with sides in multiples of 32, every map's area is a fixed share of the
# input's, and all products are linear in the areas.
_SIZES_HW = ((64, 64), (64, 128))
aten: Any = torch.ops.aten  # type: ignore[attr-defined]


def count_flops(network: M2FP, input_hw: tuple[int, int]) -> dict[str, float]:
    """Operations of one forward pass of the network as it is defined.

    Products of convolutions and matrices and the sampling of deformable attention are counted;
    norms, activations and softmax are not. An engine that finds a shorter way to the same answer
    still has done this work.

    Args:
        network: in evaluation mode.
        input_hw: size of the network's input, multiples of 32.

    Returns:
        operations by name of ``STAGES``.
    """
    small, large = (_count(network, hw) for hw in _SIZES_HW)
    areas = [math.prod(hw) for hw in _SIZES_HW]
    return {
        stage: small[stage]
        + (large[stage] - small[stage]) / (areas[1] - areas[0]) * (math.prod(input_hw) - areas[0])
        for stage in STAGES
    }


def _count(network: M2FP, input_hw: tuple[int, int]) -> dict[str, float]:
    images = torch.zeros(1, 3, *input_hw)
    head = network.sem_seg_head
    modules: tuple[nn.Module, ...] = (network.backbone, head.pixel_decoder, head.predictor)
    parts = dict(zip(STAGES, modules, strict=True))
    with torch.no_grad(), _Counting() as counting, _naming(parts, counting):
        network(images)
    return {stage: float(counting.flops[stage]) for stage in STAGES}


@contextlib.contextmanager
def _naming(parts: dict[str, nn.Module], counting: _Counting) -> Iterator[None]:
    """Tell what counts which part of the network is at work."""
    handles = []
    for stage, module in parts.items():

        def enter(_module: nn.Module, _inputs: Any, name: str = stage) -> None:
            counting.stage = name

        handles.append(module.register_forward_pre_hook(enter))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Counting(TorchDispatchMode):
    """Counts the products that pass by, under the name of the stage."""

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.flops = "", Counter[str]()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        packet = getattr(func, "overloadpacket", func)
        self.flops[self.stage] += _flops_of(packet, args, out)
        return out


def _flops_of(packet: Any, args: tuple[Any, ...], out: Any) -> int:
    if packet in (aten.convolution, aten._convolution, aten.conv2d):
        return 2 * int(out.numel() * math.prod(args[1].shape[1:]))
    if packet in (aten.mm, aten.bmm, aten.linear, aten.matmul):
        return 2 * int(out.numel() * args[0].shape[-1])
    if packet in (aten.addmm, aten.baddbmm):
        return 2 * int(out.numel() * args[1].shape[-1])
    if packet == aten.grid_sampler_2d:
        return 8 * int(out.numel())  # four neighbours, weighted and added
    return 0
