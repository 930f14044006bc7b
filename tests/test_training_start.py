"""A run begins with another run's averaged weights, or with a model folder's."""

from __future__ import annotations

import json

import pytest
import torch

from m2fp_cli.models.weights import load_weights
from m2fp_cli.network.config import parse_config
from tests.tiny_model import write_tiny_model
from training.recipe import Phase, Recipe
from training.start import Start, read_start
from training.train import begin_at, build_run, save_run

CPU = torch.device("cpu")
PHASE = Phase(2, (64, 64), 1)


@pytest.fixture
def tiny(tmp_path):
    folder = write_tiny_model(tmp_path / "model")
    recipe = Recipe(json.loads((folder / "configuration.json").read_text()), (PHASE,), PHASE)
    return folder, recipe, parse_config(recipe.configuration)


def same(one, other) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_run_continues_from_the_average_of_another(tiny, tmp_path):
    _, recipe, config = tiny
    first, second = build_run(recipe, config, CPU), build_run(recipe, config, CPU)
    with torch.no_grad():
        first.average.sem_seg_head.predictor.class_embed.bias.add_(1)
    first.progress.step, first.progress.before = 5, 2
    save_run(first, tmp_path / "checkpoint.pt")
    begin_at(second, read_start(tmp_path / "checkpoint.pt"))
    assert same(first.average.state_dict(), second.model.state_dict())
    assert same(first.average.state_dict(), second.average.state_dict())
    assert (second.progress.step, second.progress.before) == (0, 7)


def test_a_run_can_begin_with_a_model_folder(tiny):
    folder, recipe, config = tiny
    run = build_run(recipe, config, CPU)
    begin_at(run, read_start(folder))
    assert same(load_weights(folder), run.model.state_dict())


def test_weights_of_another_network_are_refused(tiny):
    folder, recipe, config = tiny
    start = read_start(folder)
    start = Start({k: v for k, v in start.model.items() if "class_embed" not in k})
    with pytest.raises(ValueError, match="class_embed"):
        begin_at(build_run(recipe, config, CPU), start)
