"""Keeps a network what it was while it learns something new: its answers are those of a copy.

Learning without forgetting (Li and Hoiem, https://arxiv.org/abs/1606.09282), query by query: both
networks have the same queries in the same order, so nothing has to be matched.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.training.batches import Batch
from m2fp_cli.training.loss_terms import carried_loss, carried_query_loss
from m2fp_cli.training.losses import Criterion, Losses

_LEAST = 0.05  # what the mask of a query counts that says "no object"


def judge_taught(
    criterion: Criterion,
    layers: Sequence[QueryPrediction],
    taught: Sequence[QueryPrediction],
    auxiliary: tuple[Tensor, Tensor],
    batch: Batch,
) -> Losses:
    """Judge what is carried by a batch, and all else by a teacher's layers for it."""
    weights, own = criterion.weights, criterion.carried
    free, named = batch.carried, batch.labels.flatten(1)
    kept = carried = torch.zeros((), device=free.device)
    for index, (layer, known) in enumerate(zip(layers, taught, strict=True)):
        factor = 1.0 if index == len(layers) - 1 else weights.deep
        kept = kept + distill(layer, known, free, criterion.num_labels).mul(factor)
        classes, masks = layer.class_logits[:, own].float(), layer.mask_logits[:, own].float()
        found = carried_query_loss(classes, masks.flatten(2), named, batch.carried.flatten(1))
        carried = carried + found.mul(factor)
    shares = criterion.shares(layers[-1])
    kept = kept + distill_shares(shares, criterion.shares(taught[-1]), free).mul(2)
    for seen in (shares[:, 0].log(), auxiliary[0].float().log_softmax(1)[:, -1]):
        carried = carried + carried_loss(seen, batch.carried)
    parts = {"taught": kept.mul(weights.taught), "carried": carried.mul(weights.carried)}
    return Losses({**parts, **criterion.hints(*auxiliary, batch)})


def distill(found: QueryPrediction, taught: QueryPrediction, free: Tensor, labels: int) -> Tensor:
    """How far a layer is from the teacher's; 0 where both say the same.

    Kullback-Leibler divergence of classes and of mask probabilities, and the dice of masks, which
    count by how sure the teacher is that the query shows something.

    Args:
        found: a layer of the student; it may have further queries at the end.
        taught: the same layer of the teacher.
        free: (N, h, w) bool, where the masks of the first ``labels`` queries may be anything.
        labels: queries that stand for labels.
    """
    count = taught.class_logits.shape[1]
    classes = taught.class_logits.float().softmax(-1)
    says = found.class_logits[:, :count].float().log_softmax(-1)
    class_loss = F.kl_div(says, classes, reduction="none").sum(-1).mean()
    logits = found.mask_logits[:, :count].float().flatten(2)
    truth = taught.mask_logits.float().flatten(2).sigmoid()
    counts = torch.ones_like(truth)
    counts[:, :labels] = (~free).float().flatten(1)[:, None]
    entropy = F.binary_cross_entropy_with_logits(logits, truth, counts, reduction="none")
    entropy = entropy - F.binary_cross_entropy(truth, truth, counts, reduction="none")
    seen = logits.sigmoid()
    overlap = 2 * (seen * truth * counts).sum(2) + 1
    dice = 1 - overlap / ((seen.square() + truth.square()).mul(counts).sum(2) + 1)
    weight = (1 - classes[..., -1]).clamp(min=_LEAST)
    mask_loss = ((entropy.sum(2) / counts.sum(2).clamp(min=1) + dice) * weight).sum() / weight.sum()
    total: Tensor = class_loss + mask_loss
    return total


def distill_shares(found: Tensor, taught: Tensor, free: Tensor) -> Tensor:
    """Kullback-Leibler divergence of label shares (N, K, h, w), the mean over all but ``free``."""
    divergence = F.kl_div(found.log(), taught, reduction="none").sum(1)
    mean: Tensor = (divergence * ~free).sum() / (~free).sum().clamp(min=1)
    return mean
