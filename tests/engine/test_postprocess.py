"""From queries to results, against a slow twin that makes every plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2fp_cli.engine import label_map, label_votes
from m2fp_cli.engine.candidates import make_view
from m2fp_cli.engine.geometry import InputGeometry
from m2fp_cli.engine.postprocess import build_result, weigh_people
from m2fp_cli.engine.preprocess import ModelInput
from m2fp_cli.errors import ImageError
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance
from tests.support.family import small_document

FRAME = InputGeometry((70, 50), (64, 64), (0, 0, 46, 64))
GIVEN = ModelInput(torch.zeros(1, 3, 64, 64), FRAME)
CONFIG = parse_config(small_document())


def random_prediction(seed: int, sharpness: float = 8.0) -> QueryPrediction:
    """Sure classes and smooth masks, 40 queries."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randn(1, 40, 22, generator=generator).mul(sharpness)
    coarse = torch.randn(1, 40, 5, 5, generator=generator)
    masks = F.interpolate(coarse, (16, 16), mode="bilinear", align_corners=False).mul(6)
    return QueryPrediction(classes, masks)


def full_planes(prediction: QueryPrediction) -> tuple[torch.Tensor, torch.Tensor]:
    """Class probabilities and every mask at the photo's size."""
    probabilities = prediction.class_logits[0].softmax(-1)[:, :-1]
    up = F.interpolate(prediction.mask_logits, (64, 64), mode="bilinear", align_corners=False)
    cut = up[:, :, :64, :46]
    return probabilities, F.interpolate(cut, (70, 50), mode="bilinear", align_corners=False)[0]


def slow_pairs(prediction: QueryPrediction) -> list[tuple[int, float, torch.Tensor]]:
    """All (label, score, mask logits) of the 100 likeliest pairs."""
    probabilities, planes = full_planes(prediction)
    top = probabilities.flatten().topk(100).indices.tolist()
    out = []
    for pair in top:
        query, label = divmod(pair, 21)
        inside = torch.gt(planes[query], 0)
        mean = planes[query].sigmoid()[inside].sum() / (inside.sum() + 1e-6)
        out.append((label, float(probabilities[query, label] * mean), planes[query]))
    return out


def slow_label_map(prediction: QueryPrediction, threshold: float) -> np.ndarray:
    """Per pixel and class the mean vote of its instances, pixel by pixel."""
    planes = np.zeros((20, 70, 50))
    for label in range(20):
        votes = [
            (score * logits.sigmoid()).numpy()
            for one, score, logits in slow_pairs(prediction)
            if one == label and score >= threshold
        ]
        for y, x in np.ndindex(70, 50):
            values = [plane[y, x] for plane in votes if plane[y, x] > 0.5]
            planes[label, y, x] = np.mean(values) if values else 0
    return planes.argmax(axis=0)


def result_of(prediction: QueryPrediction, config: ModelConfig = CONFIG, **options):
    return build_result([make_view(prediction, GIVEN, config)], config, **options)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["class_logits", "mask_logits"])
def test_an_answer_that_is_no_number_is_not_taken_for_nobody(part, value):
    prediction = random_prediction(0)
    getattr(prediction, part).flatten()[7] = value
    with pytest.raises(ImageError, match="the model's numbers overflow"):
        result_of(prediction)


@pytest.mark.parametrize("seed", range(3))
def test_instances_are_those_of_the_slow_twin(seed):
    prediction = random_prediction(seed)
    wanted = sorted(
        (label, round(score, 5), int(torch.gt(logits, 0).sum()))
        for label, score, logits in slow_pairs(prediction)
        if label != 0 and score >= 0.1 and torch.gt(logits, 0).any()
    )
    found = [(i.label_id, round(i.score, 5), i.mask.area) for i in result_of(prediction).instances]
    assert len(found) > 10
    assert [f[0] for f in sorted(found)] == [w[0] for w in wanted]
    for one, other in zip(sorted(found), wanted, strict=True):
        assert one[1] == pytest.approx(other[1], abs=2e-5)
        assert abs(one[2] - other[2]) <= 1


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_label_map_is_that_of_the_slow_twin(seed):
    prediction = random_prediction(seed)
    wanted = slow_label_map(prediction, CONFIG.parsing_ins_score_thr)
    assert len(np.unique(wanted)) > 3
    assert np.mean(result_of(prediction).semantic_map != wanted) < 2e-3


def test_label_map_does_not_depend_on_the_reported_score():
    prediction = random_prediction(5)
    strict, loose = result_of(prediction, min_score=0.9), result_of(prediction, min_score=0.0)
    assert np.array_equal(strict.semantic_map, loose.semantic_map)
    assert len(strict.instances) < len(loose.instances)
    assert all(i.score >= 0.9 for i in strict.instances)


@pytest.mark.parametrize("before", [True, False])
def test_semantic_inference_is_that_of_the_slow_twin(before):
    document = small_document(label_map="queries", sem_seg_postprocess_before_inference=before)
    prediction = random_prediction(1, sharpness=2.0)
    probabilities, planes = full_planes(prediction)
    sums = torch.einsum("qc,qhw->chw", probabilities[:, :20], planes.sigmoid())
    if not before:
        masks = F.interpolate(prediction.mask_logits, (64, 64), mode="bilinear")[0].sigmoid()
        small = torch.einsum("qc,qhw->chw", probabilities[:, :20], masks)[:, :64, :46]
        sums = F.interpolate(small[None], (70, 50), mode="bilinear")[0]
    found = result_of(prediction, parse_config(document)).semantic_map
    assert np.mean(found != sums.argmax(dim=0).numpy()) < 1e-3


@pytest.mark.parametrize("before", [True, False])
def test_background_stands_against_all_labels_together(before):
    document = small_document(
        label_map="queries", sem_seg_postprocess_before_inference=before, foreground_threshold=0.5
    )
    prediction = random_prediction(1, sharpness=1.0)
    prediction.class_logits[:, ::2, 0] = 20.0  # half of the queries; the rest speak for all labels
    probabilities, planes = full_planes(prediction)
    sums = torch.einsum("qc,qhw->chw", probabilities[:, :20], planes.sigmoid()).numpy()
    somebody = sums[1:].sum(0) >= 0.5 * sums.sum(0)
    wanted = np.where(somebody, sums[1:].argmax(0) + 1, 0)
    assert 0.2 < somebody.mean() < 0.8
    assert np.mean(sums.argmax(0) > 0) < 0.1  # plain argmax finds next to nobody
    found = result_of(prediction, parse_config(document)).semantic_map
    assert np.mean(found != wanted) < (1e-3 if before else 0.02)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"label_map": "queries"},
        {
            "label_map": "queries",
            "mask_edges": "photo",
            "sem_seg_postprocess_before_inference": False,
        },
    ],
)
def test_a_photo_that_is_done_in_parts_is_as_one_done_at_once(settings, monkeypatch):
    config = parse_config(small_document(**settings))
    prediction = random_prediction(4, sharpness=4.0)
    at_once = result_of(prediction, config)
    assert len(np.unique(at_once.semantic_map)) > 3
    for name in ("PENDING_BYTES", "BAND_VALUES", "CACHED_VALUES"):
        monkeypatch.setattr(label_map, name, 7000)
    monkeypatch.setattr(label_votes, "BAND_PIXELS", 150)
    in_parts = result_of(prediction, config)
    assert np.mean(in_parts.semantic_map != at_once.semantic_map) < 1e-3


def test_people_are_weighed_by_what_the_label_map_says_of_their_masks():
    labels = np.zeros((10, 20), np.uint8)
    labels[:, :8] = 5
    full, half = np.zeros((10, 20), bool), np.zeros((10, 20), bool)
    full[2:6, 1:7], half[:, 4:12] = True, True
    part = Instance(5, 0.3, Mask.from_full(half))
    people = [Instance(20, 0.8, Mask.from_full(mask)) for mask in (full, half, labels == 0)]
    found = weigh_people([part, *people], labels, 20, min_score=0.1)
    assert [one.label_id for one in found] == [5, 20, 20]
    assert [one.score for one in found] == pytest.approx([0.3, 0.8, 0.4])


def test_people_are_weighed_only_where_their_model_says_so():
    prediction = random_prediction(2)
    for first, label in enumerate((20, 0, 0)):  # people, and much that is nobody's
        prediction.class_logits[0, first::4] = -9
        prediction.class_logits[0, first::4, label] = 9
    plain = result_of(prediction)
    weighed = weigh_people(plain.instances, plain.semantic_map, 20, 0.1)
    found = result_of(prediction, parse_config(small_document(human_scores="label_map")))
    assert sorted(i.score for i in found.instances) == sorted(i.score for i in weighed)
    assert found.people[0].score < plain.people[0].score


def test_a_photo_of_nobody_is_all_background():
    silent = random_prediction(2)
    silent.class_logits[..., :-1] = -20
    result = result_of(silent)
    assert not result.semantic_map.any()
    assert result.people == ()
    assert result.instances == ()


@pytest.mark.parametrize("before", [True, False])
def test_a_photo_of_which_no_query_is_likely_is_all_background(before):
    document = small_document(
        label_map="queries", mask_edges="photo", sem_seg_postprocess_before_inference=before
    )
    silent = random_prediction(2)
    silent.class_logits[..., :-1], silent.class_logits[..., -1] = -20, 0
    result = result_of(silent, parse_config(document))
    assert not result.semantic_map.any()
    assert (result.people, result.instances) == ((), ())


def mirrored_of(prediction: QueryPrediction) -> QueryPrediction:
    """The output of a perfectly symmetric network for the mirrored photo (no padding)."""
    order = [*CONFIG.labels.mirrored_ids(), 21]
    return QueryPrediction(prediction.class_logits[..., order], prediction.mask_logits.flip(3))


def test_two_views_that_agree_give_the_result_of_one():
    given = ModelInput(GIVEN.tensor, InputGeometry((70, 50), (64, 64), (0, 0, 64, 64)))
    prediction = random_prediction(3)
    plain = make_view(prediction, given, CONFIG)
    mirrored = make_view(mirrored_of(prediction), given, CONFIG, mirrored=True)
    one, two = build_result([plain], CONFIG), build_result([plain, mirrored], CONFIG)
    assert np.mean(one.semantic_map != two.semantic_map) < 1e-3
    best_one, best_two = one.instances[0], two.instances[0]
    assert (best_one.label_id, best_one.mask.area) == (best_two.label_id, best_two.mask.area)


def test_views_that_agree_merge_into_one_instance():
    given = ModelInput(GIVEN.tensor, InputGeometry((64, 64), (64, 64), (0, 0, 64, 64)))
    prediction = random_prediction(4)
    prediction.class_logits[0, 1:, :-1] = -20  # only the first query finds something
    prediction.class_logits[0, 0] = 0
    prediction.class_logits[0, 0, 14] = 12  # left arm
    prediction.mask_logits[0, 0] = torch.linspace(-4, 4, 16)
    views = [
        make_view(prediction, given, CONFIG),
        make_view(mirrored_of(prediction), given, CONFIG, mirrored=True),
    ]
    (instance,) = build_result(views, CONFIG).instances
    assert instance.label_id == 14
    assert instance.box_xyxy == (32, 0, 64, 64)
