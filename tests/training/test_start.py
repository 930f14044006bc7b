"""A run begins with another run's averaged weights, or with a model folder's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from m2fp_cli.models.weights import load_weights
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.training.recipe import Phase, Recipe
from m2fp_cli.training.run import begin_at, build_run, save_run
from m2fp_cli.training.start import Start, grow_encoder, grow_queries, read_start
from tests.support.tiny_model import write_tiny_model

pytestmark = pytest.mark.slow

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


def test_a_run_can_begin_with_the_mean_of_several(tiny, tmp_path):
    _, recipe, config = tiny
    for name, steps in (("one", 5), ("two", 9)):
        run = build_run(recipe, config, CPU)
        with torch.no_grad():
            run.average.sem_seg_head.predictor.class_embed.bias.fill_(steps)
        run.progress.step = steps
        save_run(run, tmp_path / name)
    start = read_start(tmp_path / "one", tmp_path / "two")
    assert torch.eq(start.model["sem_seg_head.predictor.class_embed.bias"], 7).all()
    assert start.steps == 5


def test_new_encoder_layers_do_next_to_nothing_at_first(tiny):
    config = tiny[2]
    torch.manual_seed(1)
    old = M2FP(config).eval()
    layers = config.encoder.transformer_enc_layers
    encoder = replace(config.encoder, transformer_enc_layers=layers + 2)
    new = M2FP(replace(config, encoder=encoder)).eval()
    new.load_state_dict(grow_encoder(old.state_dict(), layers + 2))
    images = torch.randn(1, 3, 64, 96)
    one, two = (net.sem_seg_head.pixel_decoder(net.backbone(images))[0] for net in (old, new))
    assert not torch.equal(one, two)
    assert (one - two).abs().mean() < 0.05 * one.std()


def test_no_more_layers_are_the_same_weights(tiny):
    weights = M2FP(tiny[2]).state_dict()
    assert same(grow_encoder(weights, 1), weights)


def test_new_person_queries_begin_at_the_old_ones_nearest_to_them():
    weights = {f"sem_seg_head.predictor.{part}.weight": torch.randn(3 + 4, 8)
               for part in ("query_feat", "query_embed")}  # fmt: skip
    grown = grow_queries(weights, 3 + 8, 3)
    for name, value in grown.items():
        assert value.shape == (11, 8)
        assert torch.equal(value[:3], weights[name][:3])
        parents = weights[name][3:][[0, 1, 0, 1, 2, 3, 2, 3]]  # two rows of two, then of four
        assert (value[3:] - parents).abs().max() < 1
        assert not torch.equal(value[3], value[5])
    assert grow_queries(weights, 7, 3) == weights
