"""Measures what a network's layers read and give while it looks at photos."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from m2fp_cli.arrays import FloatArray
from m2fp_cli.engine.fast.convolution import ResidualSum
from m2fp_cli.engine.fast.products import PackedConv
from m2fp_cli.engine.int8.calibration import LayerRanges, Range
from m2fp_cli.engine.int8.rounding import choose_range

_SAMPLE_VALUES = 4096  # of a tensor and photo
# Multiplications in the time in which a value goes to memory and comes back, about. In float32
# among int8 layers, also a sum has to convert, write and read its values.
_PASS = 100


class Seen:
    """Values of one tensor over all photos: extremes, means, and a sample of the values between."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.low, self.high = np.inf, -np.inf
        self._samples: list[FloatArray] = []
        self._means: list[Tensor] = []

    def add(self, tensor: Tensor) -> None:
        """Look at a float32 tensor; every n-th value goes into the sample."""
        low, high = torch.aminmax(tensor)
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))
        rows = tensor.permute(0, 2, 3, 1).flatten(0, 2) if tensor.ndim == 4 else tensor
        self._means.append(rows.mean(0))
        flat = rows.flatten()
        # An odd step meets all channels, whose number is even, in turn.
        step = (len(flat) // _SAMPLE_VALUES) | 1
        self._samples.append(flat[::step].numpy().copy())

    def range(self) -> Range:
        """The range to quantize these values with."""
        return choose_range(np.concatenate(self._samples), self.low, self.high)

    def means(self) -> tuple[float, ...]:
        """Mean of each channel, every photo with the same weight."""
        means = torch.stack(self._means).mean(0).tolist()
        return tuple(float(f"{value:.4g}") for value in means)  # as a file has it


class RangeRecorder:
    """Watches all layers of a network that have an int8 twin.

    Attributes:
        layers: by name.
        operations: multiplications of each on all photos, and what its values' ways take.
    """

    def __init__(self, network: nn.Module) -> None:
        """Watch a network of ``engine.fast`` in float32 whose layers are not packed."""
        self.layers = quantizable_layers(network)
        self._seen = {name: (Seen(), Seen()) for name in self.layers}
        self._products = {
            name: layer.weight[0].numel()
            for name, layer in self.layers.items()
            if isinstance(layer, PackedConv)
        }
        self.operations = dict.fromkeys(self.layers, 0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record what the network computes inside."""
        handles = [
            layer.register_forward_hook(self._hook(name)) for name, layer in self.layers.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def ranges(self) -> dict[str, LayerRanges]:
        """Ranges by layer, of those that ran."""
        return {
            name: LayerRanges(
                source.range(),
                target.range(),
                source.means() if corrects_means(self.layers[name]) else (),
            )
            for name, (source, target) in self._seen.items()
            if np.isfinite(target.high)
        }

    def _hook(self, name: str) -> Any:
        source, target = self._seen[name]

        def look(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            target.add(output)
            # What a sum reads is not used, and is overwritten by now.
            source.add(output if isinstance(layer, ResidualSum) else inputs[0])
            self.operations[name] += output.numel() * (self._products.get(name, 0) + _PASS)

        return look


def corrects_means(layer: nn.Module) -> bool:
    """Whether the layer's bias makes up for the mean error of its weights in int8.

    Not in a depthwise convolution, whose nine products have little to average out: the starter's
    first one, corrected, has half its own error, but its channels' errors no longer cancel in the
    next layer, and the network's error rises from 0.013 to 0.031.
    """
    return isinstance(layer, PackedConv) and layer.geometry[3] == 1


def quantizable_layers(network: nn.Module) -> dict[str, nn.Module]:
    """All layers of a network of ``engine.fast`` that have an int8 twin, by name."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, (PackedConv, ResidualSum))
    }
