"""A student that answers as its teacher does costs nothing; what it may forget costs nothing."""

from __future__ import annotations

import pytest
import torch

from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.training.distillation import distill, distill_shares

LABELS = 2
NOWHERE = torch.zeros(1, 6, 6).bool()


def answer(seed: int, queries: int = 4) -> QueryPrediction:
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randn((1, queries, 5), generator=generator).mul(3)
    return QueryPrediction(classes, torch.randn((1, queries, 6, 6), generator=generator).mul(3))


def test_the_teachers_answer_costs_nothing_whatever_new_queries_say():
    taught, more = answer(0), answer(1, 1)
    masks = torch.cat((taught.mask_logits, more.mask_logits), 1)
    found = QueryPrediction(torch.cat((taught.class_logits, more.class_logits), 1), masks)
    assert float(distill(found, taught, NOWHERE, LABELS)) == pytest.approx(0, abs=1e-5)
    assert float(distill(answer(2), taught, NOWHERE, LABELS)) > 1


def test_masks_of_labels_are_free_where_there_is_a_bag_and_those_of_people_are_not():
    taught, free = answer(0), NOWHERE.clone()
    free[0, :2] = True
    masks = taught.mask_logits.clone()
    masks[:, :LABELS, :2] *= -1
    labels = QueryPrediction(taught.class_logits, masks)
    assert float(distill(labels, taught, free, LABELS)) == pytest.approx(0, abs=1e-5)
    assert float(distill(labels, taught, NOWHERE, LABELS)) > 0.1
    people = QueryPrediction(taught.class_logits, torch.where(free, -masks, taught.mask_logits))
    assert float(distill(people, taught, free, LABELS)) > 0.1


def test_shares_are_kept_but_for_the_bag():
    taught = torch.tensor([0.25, 0.75]).view(1, 2, 1, 1).repeat(1, 1, 1, 2)
    found = torch.tensor([[0.25, 0.5], [0.75, 0.5]]).view(1, 2, 1, 2)
    expected = 0.25 * torch.tensor(0.25 / 0.5).log() + 0.75 * torch.tensor(0.75 / 0.5).log()
    both = distill_shares(found, taught, torch.zeros(1, 1, 2).bool())
    assert float(both) == pytest.approx(float(expected) / 2, rel=1e-4)
    assert float(distill_shares(found, taught, torch.tensor([[[False, True]]]))) == 0
