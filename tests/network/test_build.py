"""A network is built for its weights, and not for more than they hold."""

from __future__ import annotations

import json
import re

import pytest
import torch
from safetensors.torch import save_file

from m2fp_cli.errors import ModelError
from m2fp_cli.models.weights import load_weights
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from tests.support.tiny_model import write_tiny_model


def changed(folder, **decoder):
    path = folder / "configuration.json"
    document = json.loads(path.read_text())
    document["model"]["decoder"] |= decoder
    path.write_text(json.dumps(document))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "decoder", [{"dec_layers": 65_536}, {"dim_feedforward": 65_536, "dec_layers": 500}]
)
def test_a_network_larger_than_its_weights_is_not_built(tmp_path, decoder):
    folder = changed(write_tiny_model(tmp_path / "model"), **decoder)
    with pytest.raises(ModelError, match="a larger network"):
        build_network(folder, read_config(folder))


def test_a_network_has_the_weights_of_its_folder(tmp_path):
    folder = write_tiny_model(tmp_path / "model")
    network = build_network(folder, read_config(folder))
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with pytest.raises(ModelError, match="do not fit"):
        build_network(changed(folder, num_queries=7), read_config(folder))
    assert torch.isfinite(next(network.parameters())).all()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda tensor: tensor * torch.nan, "hold NaN or infinity"),
        (lambda tensor: tensor / 0, "hold NaN or infinity"),
        (lambda tensor: tensor.to(torch.int8), "are int8; export them as float32"),
    ],
)
def test_weights_that_nothing_can_be_computed_with_are_refused(tmp_path, spoil, said):
    folder = write_tiny_model(tmp_path / "model")
    weights = {key: value.clone() for key, value in load_weights(folder).items()}
    key = next(key for key in weights if key.endswith(".weight"))
    weights[key] = spoil(weights[key])
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match=f"{re.escape(key)} {said}"):
        build_network(folder, read_config(folder))
