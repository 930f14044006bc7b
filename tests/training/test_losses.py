"""Losses, matching and the schedule, against brute force and against what perfection gives."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing._comparison import assert_close

from m2fp_cli.network.config import parse_config
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.training.batches import Batch
from m2fp_cli.training.dataset import IGNORE, SOMEBODY
from m2fp_cli.training.loss_terms import (
    box_targets,
    foreground_loss,
    label_loss,
    mask_loss,
    side_loss,
)
from m2fp_cli.training.losses import AuxiliaryHeads, Criterion, LossWeights
from m2fp_cli.training.matching import assign, centers, match_people
from m2fp_cli.training.recipe import Phase, Recipe, read_recipe
from m2fp_cli.training.schedule import Progress, learning_rate

STARTER = Path(__file__).parents[2] / "training" / "starter.json"


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 5), (4, 6)])
def test_assignment_is_the_cheapest_of_all(shape):
    rng = np.random.default_rng(0)
    for _ in range(20):
        cost = rng.normal(size=shape)
        found = cost[np.arange(shape[0]), assign(cost)].sum()
        every = itertools.permutations(range(shape[1]), shape[0])
        assert found == pytest.approx(min(cost[np.arange(shape[0]), list(p)].sum() for p in every))


def test_assignment_needs_a_column_for_every_row():
    assert assign(np.zeros((0, 4))).shape == (0,)
    with pytest.raises(ValueError, match="3 rows"):
        assign(np.zeros((3, 2)))


def test_a_person_is_matched_to_the_query_that_shows_it():
    masks = torch.zeros(2, 8, 8)
    masks[0, :, :3] = 1
    masks[1, :, 5:] = 1
    logits = torch.full((4, 8, 8), -8.0)
    logits[3], logits[1] = masks[0] * 16 - 8, masks[1] * 16 - 8
    known = torch.ones(8, 8, dtype=torch.bool)
    found = match_people(torch.zeros(4, 6), logits, masks, known, anchor_weight=0)
    assert found.tolist() == [3, 1]


def test_pixels_nobody_knows_do_not_decide_who_is_matched():
    known = torch.ones(8, 8, dtype=torch.bool)
    known[:, 4:] = False
    truth = torch.zeros(1, 8, 8)
    truth[0, :, :3] = 1
    spilled, clean = truth.clone(), truth.clone()
    spilled[:, :, 4:], clean[:, 0, 0] = 1, 0  # wrong where nobody knows; wrong in one known pixel
    logits = torch.cat((clean, spilled)).mul(16).sub(8)
    found = match_people(torch.zeros(2, 6), logits, truth, known, anchor_weight=0)
    assert found.tolist() == [1]


def test_foreground_is_judged_where_somebody_is_known_to_be_or_not_to_be():
    labels = torch.tensor([[[0, 5, SOMEBODY, IGNORE]]])
    right = torch.tensor([[[0.0, 1.0, 1.0, 0.0]]])
    assert foreground_loss(right, labels) < 1e-3
    for pixel in range(3):
        wrong = right.clone()
        wrong[0, 0, pixel] = 1 - wrong[0, 0, pixel]
        assert foreground_loss(wrong, labels) > 1
    unknown = torch.tensor([[[0.0, 1.0, 1.0, 1.0]]])
    assert_close(foreground_loss(unknown, labels), foreground_loss(right, labels))


def test_a_body_shared_out_among_labels_is_wrong_as_a_map_and_right_as_foreground():
    shares = torch.tensor([0.25, 0.25, 0.25, 0.25]).reshape(1, 4, 1, 1)
    labels = torch.full((1, 1, 1), 2)
    assert label_loss(shares.log(), labels, torch.ones(4)) > 1.3
    assert foreground_loss(1 - shares[:, 0], labels) < 0.45


def test_centers_are_in_shares_of_the_map():
    mask = torch.zeros(1, 4, 8)
    mask[0, 3, :2] = 1
    assert_close(centers(mask), torch.tensor([[1 / 8, 3.5 / 4]]))


def test_mask_loss_is_zero_for_perfection_and_blind_to_unknown_pixels():
    truth = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert mask_loss(truth.mul(80).sub(40), truth) == pytest.approx(0, abs=1e-6)
    wrong = torch.tensor([[40.0, 40.0, -40.0, 40.0]])
    known = torch.tensor([[True, True, True, False]])
    assert mask_loss(wrong, truth, known) == pytest.approx(0, abs=1e-6)
    assert float(mask_loss(torch.zeros(0, 4), torch.zeros(0, 4))) == 0


def test_boxes_span_each_person():
    mask = torch.zeros(1, 4, 8)
    mask[0, 1:3, 2:6] = 1
    boxes, inside = box_targets([mask], torch.zeros(1, 4, 4, 8))
    assert_close(boxes[0, :, 1, 2], torch.tensor([2 / 8, 1 / 4, 5 / 8, 2 / 4]))
    assert inside.sum() == 8


def perfect_prediction(batch: Batch, num_labels: int, num_people: int) -> QueryPrediction:
    """Query i shows label i, the next ones the people; all classes certain."""
    count, (height, width) = num_labels + num_people, batch.labels.shape[1:]
    classes = torch.full((1, count, num_labels + 2), -30.0)
    masks = torch.full((1, count, height, width), -30.0)
    for label in range(num_labels):
        there = batch.labels[0] == label
        masks[0, label][there] = 30.0
        classes[0, label, label if there.any() else -1] = 30.0
    for query in range(num_people):
        seen = query < len(batch.people[0])
        classes[0, num_labels + query, num_labels if seen else -1] = 30.0
        if seen:
            masks[0, num_labels + query] = batch.people[0][query] * 60 - 30
    return QueryPrediction(classes, masks)


def test_a_perfect_prediction_costs_nothing():
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[0, 2:6, 2:6] = 2
    known = torch.ones_like(labels, dtype=torch.bool)
    batch = Batch(torch.zeros(1, 3, 32, 32), labels, [torch.eq(labels, 2).float()], known)
    weights = LossWeights(label_map=1.0, sides=1.0)
    criterion = Criterion(torch.ones(3), human_id=3, weights=weights, mirrored_ids=(0, 2, 1))
    prediction = perfect_prediction(batch, 3, 2)
    boxes = box_targets(batch.people, torch.zeros(1, 4, 8, 8))[0]
    hints = (torch.nn.functional.one_hot(labels, 3).permute(0, 3, 1, 2) * 60.0, boxes)
    losses = criterion([prediction, prediction], hints, batch)
    assert float(losses.total) == pytest.approx(0, abs=1e-4)
    worse = QueryPrediction(prediction.class_logits, -prediction.mask_logits)
    assert float(criterion([worse], hints, batch).total) > 10


def scene_of_unknown_people() -> tuple[Batch, QueryPrediction, tuple[torch.Tensor, torch.Tensor]]:
    """Somebody of unknown parts on the left, a crowd nobody drew on the right; both are found."""
    truth = torch.zeros(1, 8, 8, dtype=torch.long)
    truth[0, :, :3], truth[0, :, 6:] = 2, 1
    labels = torch.tensor([0, IGNORE, SOMEBODY])[truth]
    known = torch.ne(truth, 1)
    batch = Batch(torch.zeros(1, 3, 32, 32), labels, [torch.eq(truth, 2).float()], known)
    crowd = Batch(batch.images, truth, [torch.eq(truth, i)[0].float() for i in (2, 1)], known)
    crowd.people[:] = [torch.stack(crowd.people)]
    prediction = perfect_prediction(crowd, 3, 2)
    boxes = box_targets(batch.people, torch.zeros(1, 4, 8, 8))[0]
    hints = (torch.nn.functional.one_hot(truth, 3).permute(0, 3, 1, 2) * 60.0, boxes)
    return batch, prediction, hints


def test_any_part_will_do_for_somebody_and_anybody_where_nobody_knows():
    batch, prediction, hints = scene_of_unknown_people()
    criterion = Criterion(torch.ones(3), 3, LossWeights(label_map=1.0), mirrored_ids=(0, 1, 2))
    assert float(criterion([prediction], hints, batch).total) == pytest.approx(0, abs=1e-3)
    denied = prediction.mask_logits.clone()
    denied[:, 0] = 60.0  # "all is background"
    worse = QueryPrediction(prediction.class_logits, denied)
    assert float(criterion([worse], hints, batch).parts["entropy"]) > 5


def test_somebody_counts_as_one_minus_the_share_of_background():
    shares = torch.tensor([[0.2, 0.5, 0.3]]).log()[..., None]
    loss = label_loss(shares, torch.tensor([[SOMEBODY]]), torch.ones(3))
    assert float(loss) == pytest.approx(-np.log(0.8), abs=1e-6)


def test_only_the_side_of_sided_pixels_counts():
    labels = torch.tensor([[[0, 1, 2, 255]]])
    logits = torch.zeros(1, 3, 1, 4)
    logits[0, 1, 0, :] = torch.tensor([9.0, 2.0, 1.0, 9.0])
    expected = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(1.0))) / 2
    everybody = [torch.ones(1, 1, 4)]
    assert float(side_loss(logits, labels, everybody, [(1, 2)])) == pytest.approx(expected)
    assert float(side_loss(logits, torch.zeros_like(labels), everybody, [(1, 2)])) == 0
    assert float(side_loss(logits, labels, [torch.zeros(0, 1, 4)], [(1, 2)])) == 0


def test_limbs_of_everybody_count_by_the_root_of_their_pixels():
    rng = np.random.default_rng(0)
    labels, owner = rng.integers(0, 5, (2, 1, 6, 6)), rng.integers(0, 3, (2, 1, 6, 6))
    logits = rng.normal(size=(2, 5, 6, 6))
    total = weight = 0.0
    for scene, person, (one, other) in itertools.product((0, 1), (1, 2), ((1, 2), (3, 4))):
        lead = (logits[scene, one] - logits[scene, other])[owner[scene, 0] == person]
        label = labels[scene, 0][owner[scene, 0] == person]
        costs = np.append(
            np.log1p(np.exp(-lead[label == one])), np.log1p(np.exp(lead[label == other]))
        )
        total, weight = total + costs.mean() * len(costs) ** 0.5, weight + len(costs) ** 0.5
    people = [torch.from_numpy(np.stack([o[0] == 1, o[0] == 2])).double() for o in owner]
    arguments = torch.from_numpy(logits), torch.from_numpy(labels[:, 0]), people
    assert float(side_loss(*arguments, [(1, 2), (3, 4)])) == pytest.approx(total / weight)


def test_a_scene_without_anybody_has_finite_losses():
    labels, known = torch.zeros(1, 8, 8).long(), torch.ones(1, 8, 8, dtype=torch.bool)
    batch = Batch(torch.zeros(1, 3, 32, 32), labels, [torch.zeros(0, 8, 8)], known)
    weights = LossWeights(sides=1.0)
    criterion = Criterion(torch.ones(3), human_id=3, weights=weights, mirrored_ids=(0, 2, 1))
    prediction = QueryPrediction(torch.zeros(1, 5, 5), torch.zeros(1, 5, 8, 8))
    heads = AuxiliaryHeads(8, 3)
    maps = heads.labels(torch.zeros(1, 8, 8, 8)), heads.boxes(torch.zeros(1, 8, 8, 8))
    assert torch.isfinite(criterion([prediction], maps, batch).total)


def recipe() -> Recipe:
    phases = (Phase(10, (64, 64), 2), Phase(5, (96, 96), 1))
    return Recipe({}, phases, Phase(4, (96, 96), 1), learning_rate=1.0, warm_up=2)


def test_phases_follow_each_other_and_the_decay_ends_the_run():
    seen, progress = [], Progress()
    while (phase := progress.phase(recipe())) is not None:
        seen.append((phase.size_hw[0], learning_rate(progress, recipe())))
        progress.step += 1
    assert [size for size, _ in seen] == [64] * 10 + [96] * 9
    assert [rate for _, rate in seen[:3]] == [0.5, 1.0, 1.0]
    assert [rate for _, rate in seen[-4:]] == [1.0, 0.75, 0.5, 0.25]


def test_the_decay_can_begin_at_any_step():
    progress = Progress(step=3)
    progress.start_decay()
    assert progress.phase(recipe()) == recipe().decay
    assert Progress(7, 3).phase(recipe()) is None


@pytest.mark.parametrize("path", sorted(STARTER.parent.glob("starter*.json")), ids=lambda p: p.stem)
def test_the_starter_recipes_can_be_read_and_built(path):
    found = read_recipe(path)
    config = parse_config(found.configuration)
    assert config.decoder.num_queries > config.num_parsing == 20
    assert all(size % 32 == 0 for phase in found.phases for size in phase.size_hw)


def test_a_wrong_key_in_a_recipe_is_named(tmp_path):
    given = json.loads(STARTER.read_text()) | {"odds": {"nobdy": 1}}
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(given))
    with pytest.raises(ValueError, match="nobdy"):
        read_recipe(path)
