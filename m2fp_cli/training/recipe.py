"""A training run as one JSON file: model, data, phases, losses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2fp_cli.training.compose import SceneOdds
from m2fp_cli.training.losses import LossWeights
from m2fp_cli.training.sources import Source


@dataclass(frozen=True)
class Phase:
    """A stretch of steps at one size.

    Attributes:
        steps: how many.
        size_hw: height and width of the scenes, multiples of 32.
        batch: scenes a step.
    """

    steps: int
    size_hw: tuple[int, int]
    batch: int


@dataclass(frozen=True)
class Recipe:
    """Everything that defines a run, the photos aside.

    Attributes:
        configuration: the model's ``configuration.json`` as a mapping.
        phases: in order; the last one is followed by the decay.
        decay: steps in which the learning rate falls to zero at the end.
        learning_rate: after the warm-up.
        backbone_rate: factor of the learning rate for a pre-trained backbone.
        pretrained: start from ImageNet weights (see :mod:`pretrained`); the backbone's batch
            norms then keep their statistics.
        warm_up: steps in which the learning rate rises.
        weight_decay: AdamW's, on weights of two and more dimensions.
        clip: largest norm of the gradient.
        average: weight that the running average of the weights keeps a step.
        height: rows the photos are scaled down to in memory.
        sources: where the photos come from; one folder of its own where none is named.
        frozen: stages of the backbone that do not learn, ``stem`` included.
        seed: of weights and samples.
        keep_at: steps whose checkpoint is kept, as ``RUN/step-N/checkpoint.pt``.
        label_bias: see :func:`weights.export_weights`; set after training, by what is best on
            training photos.
        odds: what scenes look like.
        losses: weights of the losses.
        late_losses: weights of the losses during the decay.
    """

    configuration: Mapping[str, Any]
    phases: tuple[Phase, ...]
    decay: Phase
    learning_rate: float = 1e-3
    backbone_rate: float = 1.0
    pretrained: bool = False
    warm_up: int = 300
    weight_decay: float = 0.03
    clip: float = 3.0
    average: float = 0.999
    height: int = 448
    sources: tuple[Source, ...] = (Source("."),)
    frozen: tuple[str, ...] = ()
    seed: int = 1
    keep_at: tuple[int, ...] = ()
    label_bias: float = 0.0
    odds: SceneOdds = field(default_factory=SceneOdds)
    losses: LossWeights = field(default_factory=LossWeights)
    late_losses: LossWeights = field(default_factory=LossWeights)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no JSON or a key is wrong; the message names it.
    """
    given = json.loads(path.read_text(encoding="utf-8"))
    try:
        values = dict(given)
        values["phases"] = tuple(_phase(phase) for phase in given["phases"])
        values["decay"] = _phase(given["decay"])
        values["keep_at"] = tuple(given.get("keep_at", ()))
        values["frozen"] = tuple(given.get("frozen", ()))
        if "sources" in given:
            values["sources"] = tuple(Source(**source) for source in given["sources"])
        values["odds"] = SceneOdds(**given.get("odds", {}))
        values["losses"] = LossWeights(**given.get("losses", {}))
        late = {**given.get("losses", {}), **given.get("late_losses", {})}
        values["late_losses"] = LossWeights(**late)
        return Recipe(**values)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _phase(given: Mapping[str, Any]) -> Phase:
    height, width = given["size_hw"]
    return Phase(given["steps"], (height, width), given["batch"])
