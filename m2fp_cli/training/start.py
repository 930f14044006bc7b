"""Where a run's weights begin when it does not begin anew: at another run's, or at a model's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from m2fp_cli.errors import ModelError
from m2fp_cli.models.weights import load_saved, load_weights
from m2fp_cli.terminal import displayable
from m2fp_cli.training.matching import query_anchors

_ENCODER_LAYER = re.compile(r"(.*\.transformer\.encoder\.layers\.)(\d+)\.")
_BRANCH_ENDS = ("self_attn.output_proj.", "linear2.")
_PARTS_OF_RUN = {"model", "heads", "average", "optimizer", "progress"}


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


def read_start(path: Path, *others: Path) -> Start:
    """Read a run's ``checkpoint.pt`` (its averaged weights) or a model folder.

    Args:
        path: of the weights.
        others: of weights to take the mean with, of runs that went on from each other (Wortsman et
            al., "Model soups", https://arxiv.org/abs/2203.05482); the rest is that of the first.

    Raises:
        ModelError: a checkpoint cannot be read, or a folder holds no usable weights.
    """
    if path.is_dir():
        start = Start(load_weights(path))
    else:
        state = read_run(path)
        progress = state["progress"]
        steps = progress["step"] + progress.get("before", 0)
        start = Start(state["average"], state["heads"], steps)
    models = [start.model, *(read_start(other).model for other in others)]
    return Start(mean_weights(models), start.heads, start.steps)


def read_run(path: Path) -> dict[str, Any]:
    """What ``run.save_run`` wrote, read without running any code that the file may hold.

    Returns:
        ``model``, ``heads``, ``average`` and ``optimizer`` as their ``load_state_dict`` takes them,
        and ``progress``, the fields of ``schedule.Progress``.

    Raises:
        ModelError: the file is damaged, or no run's.
    """
    try:
        state = load_saved(path)
        if not isinstance(state, dict) or not state.keys() >= _PARTS_OF_RUN:
            raise ModelError("a part is missing; remove it")
    except ModelError as error:
        raise ModelError(
            f"{displayable(path)} is not a run's checkpoint, or is damaged; remove it to begin anew"
        ) from error
    return state


def mean_weights(models: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several networks' weights; what is not a real number is the first one's."""
    return {
        name: torch.stack([model[name] for model in models]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in models[0].items()
    }


def grow_encoder(weights: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Weights for a pixel decoder with more encoder layers, which do next to nothing at first.

    A new layer is the last one with zeros where its two branches end. Its norms would still take
    the last norm's scale and shift away; they get the mean and the spread over channels of what
    that norm gives, so that a position's features pass nearly as they are.

    Args:
        weights: of a network, by name.
        layers: encoder layers wanted; no more than there are changes nothing.
    """
    found = {int(m[2]): m[1] for name in weights if (m := _ENCODER_LAYER.match(name))}
    grown, last = dict(weights), max(found)
    for new in range(last + 1, layers):
        prefix = f"{found[last]}{last}."
        scale, shift = (weights[f"{prefix}norm2.{part}"] for part in ("weight", "bias"))
        spread = (scale.square() + shift.square()).mean().sub(shift.mean().square()).sqrt()
        for name in [name for name in weights if name.startswith(prefix)]:
            part, value = name[len(prefix) :], weights[name]
            if part.startswith("norm"):
                value = (spread if part.endswith("weight") else shift.mean()).expand_as(value)
            elif part.startswith(_BRANCH_ENDS):
                value = torch.zeros_like(value)
            grown[f"{found[last]}{new}.{part}"] = value.clone()
    return grown


def grow_queries(
    weights: Mapping[str, Tensor], num_queries: int, num_labels: int
) -> dict[str, Tensor]:
    """Weights for a mask decoder with more person queries.

    Each new query begins as the old one whose place (see :func:`matching.query_anchors`) is nearest
    to its own, with a tenth of the old ones' spread as noise, so that those with one parent differ.

    Args:
        weights: of a network, by name.
        num_queries: queries wanted, those of the labels included; as many as there are change
            nothing.
        num_labels: the first queries, which stand for the labels.
    """
    grown = dict(weights)
    for name in (f"sem_seg_head.predictor.{part}.weight" for part in ("query_feat", "query_embed")):
        labels, people = weights[name][:num_labels], weights[name][num_labels:]
        if len(people) == num_queries - num_labels:
            continue
        old, new = query_anchors(len(people)), query_anchors(num_queries - num_labels)
        parents = people[torch.cdist(new, old, p=1).argmin(1)]
        generator = torch.Generator().manual_seed(num_queries)
        noise = torch.randn(parents.shape, generator=generator) * people.std(0) * 0.1
        grown[name] = torch.cat((labels, parents + noise))
    return grown


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
