"""Reading ``configuration.json``: what is tolerated and what is named."""

from __future__ import annotations

import json

import pytest
import torch

from m2fp_cli.engine.random_model import published_document
from m2fp_cli.errors import ModelError
from m2fp_cli.network.config import parse_config, read_config
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.records.labels import CIHP_NAMES
from tests.support.family import single_human_document, small_document


def test_multi_human_configuration_is_understood():
    config = parse_config(published_document())
    assert (config.labels.human_id, config.num_parsing) == (20, 20)
    assert (config.input.min_size, config.input.max_size) == (640, 1333)
    assert config.backbone.depth == 101


def test_single_human_configuration_has_a_crop_and_no_human():
    config = parse_config(single_human_document())
    assert config.labels.human_id is None
    assert config.input.crop_hw == (512, 384)
    assert not config.sem_seg_postprocess_before_inference


def test_the_human_class_may_be_left_unnamed():
    document = small_document()
    document["model"]["classes"].pop()
    assert parse_config(document).labels.names[20] == "Human"


def test_unknown_keys_are_tolerated():
    document = small_document(backbone={"new_key": 3})
    document["model"]["another"] = document["extra"] = {"x": 1}
    assert parse_config(document) == parse_config(small_document())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"backbone": {"depth": 34}}, "backbone.depth"),
        ({"backbone": {"kind": "vgg"}}, "backbone.kind"),
        ({"backbone": {"depth": "101"}}, "backbone.depth"),
        ({"backbone": {"norm": "LN"}}, "backbone.norm"),
        ({"backbone": {"stem_out_channels": 0}}, "backbone.stem_out_channels"),
        ({"backbone": {"out_features": ["res2"]}}, "encoder.in_features"),
        ({"encoder": {"conv_dim": 40}}, "encoder.conv_dim"),
        ({"encoder": {"transformer_in_features": ["res4", "res5"]}}, "transformer_in_features"),
        ({"encoder": {"mask_dim": 64}}, "mask_dim"),
        ({"decoder": {"num_classes": 5}}, "decoder.num_classes"),
        (
            {"classes": [*CIHP_NAMES], "decoder": {"num_classes": 20}},
            'lists 20 names and "num_parsing" adds Human, but "decoder.num_classes" is 20',
        ),
        ({"decoder": {"nheads": 5}}, "decoder.nheads"),
        ({"decoder": {"num_queries": 10**9}}, "decoder.num_queries"),
        ({"decoder": 3}, "decoder"),
        ({"classes": "hair"}, "classes"),
        ({"label_map": "best"}, "label_map"),
        ({"foreground_threshold": 1.0}, "foreground_threshold"),
        ({"foreground_threshold": 0.4}, "for the label maps of queries"),
        ({"human_scores": "best"}, "human_scores"),
        ({"parsing_on": False, "semantic_on": True, "human_scores": "label_map"}, "lacks"),
        ({"parsing_on": False, "semantic_on": True, "sides": "joints"}, "several people"),
        ({"sides": "left"}, "sides"),
        ({"parsing_on": False, "semantic_on": True, "carried": True}, "several people"),
        ({"carried": "yes"}, "carried"),
        ({"mask_edges": "sharp"}, "mask_edges"),
        ({"parsing_on": False, "semantic_on": False}, "one of them must be on"),
        ({"single_human": True}, "input_single_human.sizes"),
        ({"type": "maskdino"}, "model.type"),
    ],
)
def test_wrong_values_are_named(changes, named):
    document = small_document()
    for key, value in changes.items():
        section = document["model"].get(key)
        merge = isinstance(section, dict) and isinstance(value, dict)
        document["model"][key] = {**section, **value} if merge else value
    if "parsing_on" in changes:
        document["model"]["classes"].pop()
        document["model"]["decoder"]["num_classes"] = 20
    with pytest.raises(ModelError, match=named):
        parse_config(document)


def test_settings_of_people_and_background_are_taken_where_they_count():
    document = small_document(
        label_map="queries", foreground_threshold=0.4, human_scores="label_map"
    )
    assert parse_config(document).foreground_threshold == 0.4
    document = single_human_document(foreground_threshold=0.4)
    assert parse_config(document).foreground_threshold == 0.4


def test_the_size_of_the_input_is_bounded():
    document = {**small_document(), "preprocessor": {"min_size": 100_000}}
    with pytest.raises(ModelError, match=r"input\.min_size.* from 1 to 4096"):
        parse_config(document)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", "[" * 200_000])
def test_a_file_that_is_not_a_configuration_is_named(tmp_path, text):
    (tmp_path / "configuration.json").write_text(text)
    with pytest.raises(ModelError, match=r"configuration\.json"):
        read_config(tmp_path)


def test_configuration_is_read_from_a_folder(tmp_path):
    (tmp_path / "configuration.json").write_text(json.dumps(small_document()))
    assert read_config(tmp_path) == parse_config(small_document())


@pytest.mark.parametrize("depth", [14, 26, 50])
def test_smaller_members_are_just_configurations(depth):
    document = small_document(
        backbone={"depth": depth}, decoder={"num_queries": 7, "dec_layers": 1, "nheads": 2}
    )
    network = M2FP(parse_config(document)).eval()
    with torch.no_grad():
        prediction = network(torch.zeros(1, 3, 64, 96))
    assert prediction.class_logits.shape == (1, 7, 22)
    assert prediction.mask_logits.shape == (1, 7, 16, 24)
