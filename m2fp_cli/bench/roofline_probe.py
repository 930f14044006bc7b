"""The process that measures the network's stages and the machine's bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.bench.roofline import STAGES, TOTAL
from m2fp_cli.bench.serve import AnswerFunction, serve
from m2fp_cli.kernels.cpu import INT8

if TYPE_CHECKING:
    from torch import Tensor, nn

    from m2fp_cli.network.m2fp import M2FP

_SIDES = (512, 1024, 2048, 4096)  # of square products; which one is fastest depends on the caches
_ATTRIBUTES = dict(zip(("backbone", "pixel_decoder", "mask_decoder"), STAGES, strict=True))


def product_peak(dtype: str, seconds: float, sides: tuple[int, ...] = _SIDES) -> float:
    """Operations per second of the fastest square matrix product that was seen.

    Args:
        dtype: ``float32``, ``bfloat16`` or ``int8``.
        seconds: time to spend, shared by the sides; each is tried twice unless one takes longer.
        sides: lengths to try.
    """
    import torch

    best = 0.0
    for side in sides:
        generator = torch.Generator().manual_seed(side)
        one, other = (torch.randn(side, side, generator=generator) for _ in range(2))
        multiply = _product(one, other, dtype)
        began, tries = time.perf_counter(), 0
        while tries < 2 or time.perf_counter() - began < seconds / len(sides):
            start = time.perf_counter()
            multiply()
            taken = time.perf_counter() - start
            best, tries = max(best, 2 * side**3 / taken), tries + 1
            if taken > seconds:  # a format that this CPU has no units for
                return best
    return best


def _product(one: Tensor, other: Tensor, dtype: str) -> Callable[[], Tensor]:
    """The product of two float32 matrices, converted to ``dtype`` beforehand."""
    import torch

    if dtype != INT8:
        kind = getattr(torch, dtype)
        one, other = one.to(kind), other.to(kind)
        return lambda: torch.mm(one, other)
    from m2fp_cli.engine.fast.products import PackedLinear
    from m2fp_cli.engine.int8.calibration import LayerRanges, Range
    from m2fp_cli.engine.int8.layers import Int8Linear
    from m2fp_cli.engine.int8.rounding import steps_of

    values, sums = Range(-4.0, 4.0), Range(-4.0 * len(one) ** 0.5, 4.0 * len(one) ** 0.5)
    plain = PackedLinear(other.T, None, torch.float32, chained=True)
    layer = Int8Linear(plain, LayerRanges(values, sums))
    rows = torch.quantize_per_tensor(one, *steps_of(values), torch.quint8)
    return lambda: cast("Tensor", layer(rows))


class StageTimer:
    """Takes the time of the parts of a network, whenever it runs.

    Attributes:
        samples: seconds by name of the part, and of all as ``network``.
        input_hw: size of the latest input.
    """

    def __init__(self, network: nn.Module) -> None:
        """Watch a network; parts it does not have are left out."""
        from torch import nn

        self._network = network
        self._parts = {TOTAL: network}
        for attribute, stage in _ATTRIBUTES.items():
            part = getattr(network, attribute, None)
            if isinstance(part, nn.Module):
                self._parts[stage] = part
        self.samples: dict[str, list[float]] = {name: [] for name in self._parts}
        self.input_hw = (0, 0)

    @contextmanager
    def watching(self) -> Iterator[StageTimer]:
        """Take times inside the block."""
        handles = []
        for name, part in self._parts.items():
            started = [0.0]

            def enter(_m: nn.Module, inputs: Any, at: list[float] = started) -> None:
                at[0] = time.perf_counter()

            def leave(
                _m: nn.Module, _i: Any, _o: Any, at: list[float] = started, key: str = name
            ) -> None:
                self.samples[key].append(time.perf_counter() - at[0])

            handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
        handles.append(self._network.register_forward_pre_hook(self._see_input))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _see_input(self, _module: nn.Module, inputs: Any) -> None:
        self.input_hw = (int(inputs[0].shape[2]), int(inputs[0].shape[3]))


def parts_of(network: M2FP) -> dict[str, nn.Module]:
    """The parts of the network as it is defined, by name of ``STAGES``."""
    head = network.sem_seg_head
    modules = (network.backbone, head.pixel_decoder, head.predictor)
    return dict(zip(STAGES, modules, strict=True))


def prepare(order: dict[str, Any]) -> tuple[dict[str, Any], AnswerFunction]:
    """Load the engine and measure the machine's bound; see ``serve``."""
    from m2fp_cli.bench.runtimes.flops import count_flops
    from m2fp_cli.engine.parser import HumanParser
    from m2fp_cli.network.m2fp import M2FP

    seconds = float(order.pop("seconds"))
    asked = ProbeOrder(**order)
    parser = HumanParser(asked.model, precision=asked.precision, threads=asked.threads)
    plain = M2FP(parser.config).eval()
    dtype = str(getattr(parser.network, "format_name", "float32"))
    formats = dict.fromkeys(("float32", "bfloat16", dtype))
    peaks = {dtype: product_peak(dtype, seconds / 2) for dtype in formats}

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        image = np.load(question["photo"])
        parser.parse(image)
        with StageTimer(parser.network).watching() as timer:
            began = time.perf_counter()
            while len(timer.samples[TOTAL]) < 3 or time.perf_counter() - began < seconds:
                parser.parse(image)
        flops = count_flops(plain, parts_of(plain), timer.input_hw)
        flops[TOTAL] = sum(flops.values())
        return {"input_hw": timer.input_hw, "flops": flops, "seconds": timer.samples}

    return {"dtype": dtype, "peak_flops": peaks}, answer


if __name__ == "__main__":
    serve(prepare)
