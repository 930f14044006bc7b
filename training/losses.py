"""What a step is judged by: label queries as per-pixel classes and as masks, people by matching.

Query ``i`` below ``num_labels`` stands for label ``i``; the others are people and compete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2fp_cli.network.mask_decoder import QueryPrediction
from training.batches import Batch
from training.dataset import IGNORE
from training.matching import match_people


@dataclass(frozen=True)
class LossWeights:
    """How much each part counts.

    Attributes:
        entropy: per-pixel cross-entropy over the label queries' mask logits.
        label_mask: cross-entropy plus dice of the masks of labels that are there.
        label_class: whether a label is there.
        people_mask: cross-entropy plus dice of the matched people's masks.
        people_class: person or nobody.
        nobody: class weight of "nobody" among the people queries.
        label_map: negative log-likelihood of the map as it is read in use.
        sides: left or right, on pixels of limbs and shoes alone; in the other losses they are too
            few for the side to be learned (shoes: IoU 0.46 each, 0.67 taken together).
        auxiliary: the per-pixel head on the mask features.
        boxes: the head that says where the person of a pixel begins and ends.
        deep: factor of everything for the layers before the last.
        anchor: see :func:`training.matching.match_people`.
    """

    entropy: float = 2.0
    label_mask: float = 2.0
    label_class: float = 1.0
    people_mask: float = 3.0
    people_class: float = 2.0
    nobody: float = 0.25
    label_map: float = 0.0
    sides: float = 0.0
    auxiliary: float = 1.0
    boxes: float = 2.0
    deep: float = 0.4
    anchor: float = 2.0


class AuxiliaryHeads(nn.Module):
    """Two 1x1 convolutions on the mask features, in training only.

    One names the label of every pixel: the backbone learns from the first step, before queries
    mean anything. One says where the pixel's person begins and ends: features of two people become
    different before the queries can tell them apart.
    """

    def __init__(self, mask_dim: int, num_labels: int) -> None:
        """Build both heads."""
        super().__init__()
        self.labels = nn.Conv2d(mask_dim, num_labels, 1)
        self.boxes = nn.Conv2d(mask_dim, 4, 1)


@dataclass(frozen=True, eq=False)
class Losses:
    """Named parts, each already weighted, and their sum."""

    parts: dict[str, Tensor] = field(default_factory=dict)

    @property
    def total(self) -> Tensor:
        """The sum."""
        total: Tensor = torch.stack(list(self.parts.values())).sum()
        return total


class Criterion(nn.Module):
    """The losses of one model."""

    class_weights: Tensor

    def __init__(
        self,
        class_weights: Tensor,
        human_id: int,
        weights: LossWeights,
        mirrored_ids: Sequence[int] = (),
    ) -> None:
        """Keep what the losses need to know of the labels.

        Args:
            class_weights: (num_labels,) weights for the per-pixel cross-entropy.
            human_id: the human class's id.
            weights: how much each part counts.
            mirrored_ids: of every label, the one it is in a mirrored photo; for ``sides``.
        """
        super().__init__()
        self.register_buffer("class_weights", class_weights)
        self.pairs = [(one, other) for one, other in enumerate(mirrored_ids) if one < other]
        self.num_labels, self.human_id, self.weights = len(class_weights), human_id, weights

    def forward(
        self, layers: Sequence[QueryPrediction], auxiliary: tuple[Tensor, Tensor], batch: Batch
    ) -> Losses:
        """Judge all layers' predictions and the auxiliary maps (labels, boxes) of a batch."""
        weights, parts = self.weights, self._auxiliary(*auxiliary, batch)
        matches = self._match(layers[-1], batch)
        for index, layer in enumerate(layers):
            last = index == len(layers) - 1
            view = _whole(layer, batch) if last else _thinned(layer, batch)
            for name, value in self._layer(*view, matches).items():
                scaled = value.mul(1.0 if last else weights.deep)
                parts[name] = parts[name] + scaled if name in parts else scaled
        if weights.label_map:
            parts["label_map"] = self._label_map(layers[-1], batch).mul(weights.label_map)
        if weights.sides:
            maps = [layers[-1].mask_logits[:, : self.num_labels], auxiliary[0]]
            losses = [side_loss(logits.float(), batch.labels, self.pairs) for logits in maps]
            parts["sides"] = torch.stack(losses).sum().mul(weights.sides)
        return Losses(parts)

    def _auxiliary(self, labels: Tensor, boxes: Tensor, batch: Batch) -> dict[str, Tensor]:
        entropy = F.cross_entropy(
            labels.float(), batch.labels, self.class_weights, ignore_index=IGNORE
        )
        truth, inside = box_targets(batch.people, boxes)
        distance = (boxes.float() - truth).abs() * inside
        mean = distance.sum() / (4 * inside.sum()).clamp(min=1)
        return {"auxiliary": self.weights.auxiliary * entropy, "boxes": self.weights.boxes * mean}

    def _match(self, layer: QueryPrediction, batch: Batch) -> list[Tensor]:
        """Person queries of every scene's people; all layers share the last one's assignment."""
        first = self.num_labels
        return [
            match_people(c[first:], m[first:], masks, self.weights.anchor)
            for c, m, masks in zip(layer.class_logits, layer.mask_logits, batch.people, strict=True)
        ]

    def _layer(
        self, layer: QueryPrediction, labels: Tensor, people: list[Tensor], matches: list[Tensor]
    ) -> dict[str, Tensor]:
        """Losses of one layer's masks (N, Q, P) over P pixels and of its classes."""
        weights, count = self.weights, self.num_labels
        masks, classes = layer.mask_logits.float(), layer.class_logits.float()
        entropy = F.cross_entropy(masks[:, :count], labels, self.class_weights, ignore_index=IGNORE)
        known = torch.ne(labels, IGNORE)[:, None]
        truth = torch.eq(labels[:, None], torch.arange(count, device=labels.device)[:, None])
        present = truth.any(2)
        seen = known.expand_as(truth)[present]
        label_masks = mask_loss(masks[:, :count][present], truth[present], seen)
        chosen = [m[count:][q] for m, q in zip(masks, matches, strict=True)]
        return {
            "entropy": entropy.mul(weights.entropy),
            "label_mask": label_masks.mul(weights.label_mask),
            "label_class": self._label_class(classes[:, :count], present).mul(weights.label_class),
            "people_mask": mask_loss(torch.cat(chosen), torch.cat(people)).mul(weights.people_mask),
            "people_class": self._people_class(classes[:, count:], matches).mul(
                weights.people_class
            ),
        }

    def _label_class(self, logits: Tensor, present: Tensor) -> Tensor:
        own = torch.arange(self.num_labels, device=logits.device)
        target = torch.where(present, own, logits.shape[-1] - 1)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    def _people_class(self, logits: Tensor, matches: list[Tensor]) -> Tensor:
        nobody = logits.shape[-1] - 1
        target = torch.full(logits.shape[:2], nobody, device=logits.device)
        for row, queries in zip(target, matches, strict=True):
            row[queries] = self.human_id
        weight = torch.ones(logits.shape[-1], device=logits.device)
        weight[nobody] = self.weights.nobody
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), weight)

    def _label_map(self, layer: QueryPrediction, batch: Batch) -> Tensor:
        """Likelihood of the true label in the normalised map that inference takes the best of."""
        classes = layer.class_logits.float().softmax(-1)[..., : self.num_labels]
        votes = torch.einsum("nqc,nqhw->nchw", classes, layer.mask_logits.float().sigmoid())
        likelihood = (votes / votes.sum(1, keepdim=True).clamp(min=1e-4)).clamp(min=1e-4).log()
        return F.nll_loss(likelihood, batch.labels, self.class_weights, ignore_index=IGNORE)


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


def side_loss(logits: Tensor, labels: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Cross-entropy of left against right, every pair that is seen counting the same.

    Args:
        logits: (N, num_labels, h, w).
        labels: (N, h, w) true ids.
        pairs: ids of the two sides; pixels of other labels do not count.
    """
    losses = []
    for one, other in pairs:
        first, second = torch.eq(labels, one), torch.eq(labels, other)
        either = first | second
        if not either.any():
            continue
        lead = (logits[:, one] - logits[:, other])[either]
        losses.append(F.binary_cross_entropy_with_logits(lead, first[either].float()))
    mean: Tensor = torch.stack(losses).mean() if losses else logits.sum() * 0
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


_View = tuple[QueryPrediction, Tensor, list[Tensor]]


def _whole(layer: QueryPrediction, batch: Batch) -> _View:
    """All pixels: masks (N, Q, P), labels (N, P), people's masks [(K, P)]."""
    return _view(layer, batch, slice(None), slice(None))


def _thinned(layer: QueryPrediction, batch: Batch) -> _View:
    """Every second pixel of every second row, from a random corner: enough for early layers."""
    top, left = (int(i) for i in torch.randint(0, 2, (2,)))
    return _view(layer, batch, slice(top, None, 2), slice(left, None, 2))


def _view(layer: QueryPrediction, batch: Batch, rows: slice, columns: slice) -> _View:
    masks = layer.mask_logits[:, :, rows, columns].flatten(2)
    labels = batch.labels[:, rows, columns].flatten(1)
    people = [p[:, rows, columns].flatten(1) for p in batch.people]
    return QueryPrediction(layer.class_logits, masks), labels, people


def class_weights(frequencies: Tensor, limits: tuple[float, float] = (0.5, 4.0)) -> Tensor:
    """Inverse square root of label frequencies over their median's, within limits."""
    median = frequencies[frequencies > 0].median()
    weights: Tensor = (median / frequencies.clamp(min=1e-9)).sqrt().clamp(*limits)
    return weights


__all__ = ["AuxiliaryHeads", "Criterion", "LossWeights", "Losses", "mask_loss", "side_loss"]
