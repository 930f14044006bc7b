"""Where a run's weights begin when it does not begin anew: at another run's, or at a model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from m2fp_cli.models.weights import load_weights


@dataclass(frozen=True, eq=False)
class Start:
    """Weights to begin with.

    Attributes:
        model: the network's, by name.
        heads: the auxiliary heads'; empty where they were not kept.
        steps: steps that were taken to get them, all runs before this one together.
    """

    model: Mapping[str, Tensor]
    heads: Mapping[str, Tensor] = field(default_factory=dict)
    steps: int = 0


def read_start(path: Path) -> Start:
    """Read a run's ``checkpoint.pt`` (its averaged weights) or a model folder.

    Raises:
        OSError: a checkpoint cannot be read.
        ModelError: a folder holds no usable weights.
    """
    if path.is_dir():
        return Start(load_weights(path))
    state = torch.load(path, map_location="cpu")
    progress = state["progress"]
    return Start(state["average"], state["heads"], progress["step"] + progress.get("before", 0))


def fill(module: torch.nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a module.

    Raises:
        ValueError: a tensor is missing, too many, or of another shape; the message names some.
    """
    counters = [name for name in module.state_dict() if name.endswith("num_batches_tracked")]
    known = {name: module.state_dict()[name] for name in counters}
    try:
        module.load_state_dict({**known, **weights})
    except RuntimeError as error:
        raise ValueError(f"the weights to start from do not fit the recipe: {error}") from error
