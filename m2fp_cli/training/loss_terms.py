"""Losses of masks, labels, sides and boxes, one function each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from m2fp_cli.training.dataset import IGNORE, SOMEBODY


def label_loss(log_shares: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Negative log-likelihood of the labels, averaged by their class weights.

    A pixel of somebody whose part is unknown asks for "not background", with weight 1.

    Args:
        log_shares: (N, num_labels, ...) logarithms of shares that sum to 1 over the labels.
        labels: (N, ...) int64, 255 = unknown, 254 = somebody.
        class_weights: (num_labels,).
    """
    somebody = torch.eq(labels, SOMEBODY)
    parts = labels.masked_fill(somebody, IGNORE)
    total = F.nll_loss(log_shares, parts, class_weights, ignore_index=IGNORE, reduction="sum")
    total = total - log_shares.movedim(1, -1)[somebody][:, 1:].logsumexp(-1).sum()
    weight = class_weights[parts[torch.ne(parts, IGNORE)]].sum() + somebody.sum()
    mean: Tensor = total / weight.clamp(min=1)
    return mean


def foreground_loss(share: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy plus dice of somebody against background, averaged over the scenes.

    Args:
        share: (N, h, w) what all labels together have of a pixel, in [0, 1].
        labels: (N, h, w) int64, 0 = background, 255 = unknown.
    """
    known = torch.ne(labels, IGNORE)
    logits = torch.logit(share.clamp(1e-4, 1 - 1e-4))
    return mask_loss(logits.flatten(1), torch.gt(labels, 0).flatten(1), known.flatten(1))


def mask_loss(logits: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Cross-entropy plus dice, averaged over M masks of P pixels; 0 for no masks.

    Args:
        logits: (M, P).
        truth: (M, P), 1 inside.
        known: (M, P) bool; pixels that count; None = all.
    """
    if not len(logits):
        return torch.sum(logits)
    truth = truth.float()
    count = torch.ones_like(logits) if known is None else known.float()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, count, reduction="none").sum(1)
    inside = logits.sigmoid() * count
    overlap = (inside * truth).sum(1)
    dice = 1 - (2 * overlap + 1) / (inside.sum(1) + (truth * count).sum(1) + 1)
    mean: Tensor = (entropy / count.sum(1).clamp(min=1) + dice).mean()
    return mean


def side_loss(
    logits: Tensor, labels: Tensor, people: Sequence[Tensor], pairs: Sequence[tuple[int, int]]
) -> Tensor:
    """Cross-entropy of left against right, averaged over the limbs and shoes of every person.

    A pair of a person (both arms, say) counts by the square root of its pixels: by all of them, one
    near arm would outweigh a street full of people; by none, so would feet of two pixels.

    Args:
        logits: (N, num_labels, h, w).
        labels: (N, h, w) true ids.
        people: per scene (K, h, w) float32 masks of its people.
        pairs: ids of the two sides; pixels of other labels do not count.
    """
    lefts, rights = ([pair[side] for pair in pairs] for side in (0, 1))
    left, right = (
        torch.eq(labels[:, None], torch.tensor(ids, device=labels.device)[:, None, None])
        for ids in (lefts, rights)
    )
    lead = logits[:, lefts] - logits[:, rights]
    entropy = F.binary_cross_entropy_with_logits(lead, left.to(logits.dtype), reduction="none")
    either = (left | right).to(logits.dtype)
    total, weight = logits.sum() * 0, logits.new_zeros(())
    for scene, masks in enumerate(people):
        sums = torch.einsum("khw,phw->kp", masks, entropy[scene] * either[scene])
        sizes = torch.einsum("khw,phw->kp", masks, either[scene])
        total = total + (sums * sizes.clamp(min=1).rsqrt()).sum()
        weight = weight + sizes.sqrt().sum()
    mean: Tensor = total / weight.clamp(min=1)
    return mean


def box_targets(people: list[Tensor], like: Tensor) -> tuple[Tensor, Tensor]:
    """Left, top, right, bottom of every pixel's person in [0, 1] of the map.

    Returns:
        (N, 4, h, w) float32 and (N, 1, h, w) float32, 1 where there is a person.
    """
    batch, _, height, width = like.shape
    boxes = torch.zeros((batch, 4, height, width), device=like.device)
    inside = torch.zeros((batch, 1, height, width), device=like.device)
    for index, masks in enumerate(people):
        for mask in masks.bool():
            rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
            edges = (columns[0] / width, rows[0] / height, columns[-1] / width, rows[-1] / height)
            boxes[index] = torch.where(mask, torch.stack(edges).view(4, 1, 1), boxes[index])
            inside[index, 0] += mask
    return boxes, inside
