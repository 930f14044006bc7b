"""Builds the network of a model folder: from its configuration, with its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from m2fp_cli.errors import ModelError
from m2fp_cli.models.weights import compare_keys, load_weights
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.network.model_config import ModelConfig


def build_network(folder: Path, config: ModelConfig) -> M2FP:
    """Build the network of a model folder for inference.

    The weights are not copied: a mapped checkpoint stays shared with other processes that read it.

    Args:
        folder: model folder.
        config: its configuration, from ``read_config``.

    Returns:
        The network in evaluation mode, float32, without gradients.

    Raises:
        ModelError: weights are missing, damaged, unsafe, not numbers, or do not fit the
            configuration.
    """
    weights = load_weights(folder)
    with _Building(sum(tensor.numel() for tensor in weights.values())):
        network = M2FP(config)
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    compare_keys(expected, {key: tuple(value.shape) for key, value in weights.items()})
    _check_numbers(folder, {key: weights[key] for key in expected if key in weights})
    assign_weights(network, weights)
    return network.requires_grad_(False).eval()


def _check_numbers(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Check that weights can be computed with; a training that diverged leaves NaN.

    Raises:
        ModelError: some are whole numbers, NaN or infinite.
    """
    for key, tensor in weights.items():
        if key.endswith("num_batches_tracked"):  # a counter
            continue
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ModelError(f"{folder}: the weights {key} are {kind}; export them as float32")
        # A sum takes a tenth of the time, and passes NaN and infinity on.
        if not tensor.sum().isfinite() and not tensor.isfinite().all():
            raise ModelError(
                f"{folder}: the weights {key} hold NaN or infinity, so it can find nothing; its "
                "training diverged or the file is damaged, use another copy"
            )


def assign_weights(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put tensors into a module in place of its own, without copying them.

    Args:
        network: the module; the tensors become its parameters and buffers.
        weights: tensors by state-dict key; keys that the module does not have are ignored. Their
            shapes are not checked.
    """
    for prefix, module in network.named_modules():
        for registry in (module._parameters, module._buffers):
            for name in registry:
                key = f"{prefix}.{name}" if prefix else name
                if key in weights:
                    tensor = weights[key]
                    is_parameter = registry is module._parameters
                    registry[name] = nn.Parameter(tensor, False) if is_parameter else tensor


aten: Any = torch.ops.aten  # type: ignore[attr-defined]


class _Building(TorchDispatchMode):
    """Skips random numbers that the weights will replace, and stops a network that outgrows them.

    Random numbers take 1 s of start-up for a ResNet-101. A configuration of a stranger may ask for
    10**9 queries, which would take all memory before keys and shapes are compared.
    """

    RANDOM = (aten.uniform_.default, aten.normal_.default)

    def __init__(self, weights: int) -> None:
        """Build a network whose weights have this many elements."""
        super().__init__()
        self._left = 2 * weights + (1 << 22)  # buffers and constants have few

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run every operation, except that random numbers are not filled in."""
        if func in self.RANDOM:
            return args[0]
        if func is aten.empty.memory_format:
            self._left -= math.prod(args[0])
            if self._left < 0:
                raise ModelError(
                    "the weights do not fit the configuration (it describes a larger network); use "
                    "both files of one model"
                )
        return func(*args, **(kwargs or {}))
