"""Our network and post-processing against ModelScope's own code, on the same weights."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from m2fp_cli.engine.fast.mask_decoder import FastMaskDecoder
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.engine.preprocess import prepare_image
from m2fp_cli.engine.random_model import build_sharpened, published_document
from m2fp_cli.engine.reference import ReferenceParser
from m2fp_cli.records.masks import mask_iou
from m2fp_cli.records.results import Instance, ParsingResult
from tests.support.attention_masks import looking_alike
from tests.support.family import photo_of_size, portrait_bgr, single_human_document, small_document

pytestmark = pytest.mark.reference

SIZES = {
    "landscape": (240, 320),
    "portrait": (401, 267),
    "square": (256, 256),
    "tiny": (40, 40),
    "panorama": (150, 700),
    "odd": (163, 257),
}
DOCUMENTS = {
    "multi": small_document(),
    "multi, map from queries": small_document(label_map="queries"),
    "multi, map from queries before scaling": small_document(
        label_map="queries", sem_seg_postprocess_before_inference=False
    ),
    "multi, map from queries, its background and scores": small_document(
        label_map="queries", foreground_threshold=0.9, human_scores="label_map"
    ),
    "multi, Pascal-Person-Part": small_document(
        num_parsing=7,
        classes=["Background", "Head", "Torso", "U-arms", "L-arms", "U-legs", "L-legs", "Human"],
        decoder={"num_classes": 8},
    ),
    "multi, pre-norm, projected": small_document(
        decoder={"pre_norm": True, "hidden_dim": 64, "enforce_input_project": True}
    ),
    "multi, dilated": small_document(
        backbone={"res5_dilation": 2, "res5_multi_grid": [1, 2, 4], "stride_in_1x1": True}
    ),
    "multi, EfficientNet-Lite": small_document(backbone={"kind": "efficientnet_lite0"}),
    "single": single_human_document(),
    "single, inference after scaling": single_human_document(
        sem_seg_postprocess_before_inference=True
    ),
}


@functools.cache
def parsers(name: str) -> tuple[HumanParser, ReferenceParser]:
    """Ours and ModelScope's around the same sharpened weights."""
    document = DOCUMENTS[name]
    network = build_sharpened(document, photo_of_size(300, 300))
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    return HumanParser.from_network(network), ReferenceParser.from_weights(document, weights)


def assert_same(ours: ParsingResult, reference: ParsingResult) -> None:
    """Same label map, and for every instance of the reference one of ours.

    A logit within rounding of zero may fall on either side: one pixel in ten thousand may differ,
    and one pixel in a photo too small to have ten thousand. A score is a mean over the mask, so
    it moves by a pixel's share of it.
    """
    allowed = max(1.0, 1e-4 * reference.semantic_map.size)
    assert np.sum(ours.semantic_map != reference.semantic_map) <= allowed
    assert len(ours.instances) == len(reference.instances)
    left = list(ours.instances)
    for wanted in reference.instances:
        found = min(left, key=lambda one: distance(one, wanted))
        left.remove(found)
        assert found.label_id == wanted.label_id
        differing = int(np.sum(found.mask.full() != wanted.mask.full()))
        assert differing <= allowed
        assert abs(found.score - wanted.score) < 1e-4 + differing / wanted.mask.area


def distance(one: Instance, other: Instance) -> float:
    """0 for the same instance; scores of different ones may be closer than rounding."""
    label = float(one.label_id != other.label_id)
    return label + abs(one.score - other.score) + 1 - mask_iou(one.mask, other.mask)


@pytest.mark.parametrize("size", SIZES)
def test_every_shape_gives_the_reference_result(size):
    ours, reference = parsers("multi")
    photo = photo_of_size(*SIZES[size])
    with looking_alike(ours, reference):
        wanted = reference.parse(photo)
        assert_same(ours.parse(photo), wanted)


@pytest.mark.parametrize("size", SIZES)
def test_single_human_gives_the_reference_result(size):
    ours, reference = parsers("single")
    photo = photo_of_size(*SIZES[size])
    with looking_alike(ours, reference):
        wanted = reference.parse(photo)
        assert_same(ours.parse(photo), wanted)


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_configuration_gives_the_reference_result(name):
    ours, reference = parsers(name)
    photo = photo_of_size(280, 310)
    with looking_alike(ours, reference):
        wanted = reference.parse(photo)
        assert_same(ours.parse(photo), wanted)


def test_the_compared_result_is_worth_comparing():
    result = parsers("multi")[0].parse(photo_of_size(300, 300))
    areas = [instance.mask.area for instance in result.instances]
    assert len(areas) >= 20
    assert len(np.unique(result.semantic_map)) >= 4
    assert 0 < min(areas) < max(areas) < result.semantic_map.size


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_raw_outputs_agree(name):
    ours, reference = parsers(name)
    model = reference._pipeline.model
    prepared = prepare_image(portrait_bgr(), ours.config.input)
    with torch.no_grad(), looking_alike(ours, reference):
        other = model.sem_seg_head(model.backbone(prepared.tensor))
        one = ours.network(prepared.tensor)
    for a, b in ((one.class_logits, other["pred_logits"]), (one.mask_logits, other["pred_masks"])):
        assert (a - b).abs().max() <= 1e-5 * (b.max() - b.min())


def test_another_attention_mask_would_show(monkeypatch):
    right = FastMaskDecoder.scaled_masks
    monkeypatch.setattr(FastMaskDecoder, "scaled_masks", lambda *given: right(*given) + 0.1)
    (ours, reference), photo = parsers("single"), photo_of_size(256, 256)
    with looking_alike(ours, reference):
        wanted = reference.parse(photo)
        found = ours.parse(photo)
    with pytest.raises(AssertionError):
        assert_same(found, wanted)


@pytest.mark.slow
def test_the_starter_gives_the_reference_result():
    photo = photo_of_size(400, 400)
    ours, reference = HumanParser("starter"), ReferenceParser("starter")
    assert len(ours.parse(photo).people) >= 1
    assert_same(ours.parse(photo), reference.parse(photo))


@pytest.mark.slow
def test_published_size_agrees():
    # Half of its own input size: a quarter of the work, 100 instances all the same.
    document = published_document() | {"preprocessor": {"min_size": 320, "max_size": 640}}
    network = build_sharpened(document, portrait_bgr())
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(63.0e6, rel=2e-3)
    reference = ReferenceParser.from_weights(document, network.state_dict())
    ours = HumanParser.from_network(network)
    photo = photo_of_size(240, 320)
    with looking_alike(ours, reference):
        wanted = reference.parse(photo)
        assert_same(ours.parse(photo), wanted)
