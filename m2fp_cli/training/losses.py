"""What a step is judged by: label queries as per-pixel classes and as masks, people by matching.

Query ``i`` below ``num_labels`` stands for label ``i``; the others are people and compete. What
nobody knows of a scene (parts of a person, who is there) is left out of the losses it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
from m2fp_cli.training.matching import match_people

_NOT_JUDGED = -100  # torch's own mark for a target that does not count
_MOST_DOUBT = 0.05  # of a scene's person pixels: belts and watches of CCP are 1 to 3 %


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
        foreground: cross-entropy plus dice of that map's background against all its labels
            together, as a model with a ``foreground_threshold`` reads it.
        sides: left or right, on pixels of limbs and shoes alone; in the other losses they are too
            few for the side to be learned (shoes: IoU 0.46 each, 0.67 taken together).
        auxiliary: the per-pixel head on the mask features.
        boxes: the head that says where the person of a pixel begins and ends.
        deep: factor of everything for the layers before the last.
        anchor: see :func:`m2fp_cli.training.matching.match_people`.
    """

    entropy: float = 2.0
    label_mask: float = 2.0
    label_class: float = 1.0
    people_mask: float = 3.0
    people_class: float = 2.0
    nobody: float = 0.25
    label_map: float = 0.0
    foreground: float = 0.0
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
            for name, value in self._layer(view, matches).items():
                scaled = value.mul(1.0 if last else weights.deep)
                parts[name] = parts[name] + scaled if name in parts else scaled
        if weights.label_map or weights.foreground:
            shares = self._shares(layers[-1])
            if weights.label_map:
                likelihood = label_loss(shares.log(), batch.labels, self.class_weights)
                parts["label_map"] = likelihood.mul(weights.label_map)
            if weights.foreground:
                somebody = foreground_loss(1 - shares[:, 0], batch.labels)
                parts["foreground"] = somebody.mul(weights.foreground)
        if weights.sides:
            maps = [layers[-1].mask_logits[:, : self.num_labels], auxiliary[0]]
            losses = [
                side_loss(logits.float(), batch.labels, batch.people, self.pairs) for logits in maps
            ]
            parts["sides"] = torch.stack(losses).sum().mul(weights.sides)
        return Losses(parts)

    def _auxiliary(self, labels: Tensor, boxes: Tensor, batch: Batch) -> dict[str, Tensor]:
        entropy = label_loss(labels.float().log_softmax(1), batch.labels, self.class_weights)
        truth, inside = box_targets(batch.people, boxes)
        distance = (boxes.float() - truth).abs() * inside
        mean = distance.sum() / (4 * inside.sum()).clamp(min=1)
        return {"auxiliary": self.weights.auxiliary * entropy, "boxes": self.weights.boxes * mean}

    def _match(self, layer: QueryPrediction, batch: Batch) -> list[Tensor]:
        """Person queries of every scene's people; all layers share the last one's assignment."""
        first = self.num_labels
        return [
            match_people(c[first:], m[first:], masks, known, self.weights.anchor)
            for c, m, masks, known in zip(
                layer.class_logits, layer.mask_logits, batch.people, batch.known, strict=True
            )
        ]

    def _layer(self, view: _View, matches: list[Tensor]) -> dict[str, Tensor]:
        """Losses of one layer's masks (N, Q, P) over P pixels and of its classes."""
        weights, count = self.weights, self.num_labels
        masks, classes = view.layer.mask_logits.float(), view.layer.class_logits.float()
        labels = view.labels
        entropy = label_loss(masks[:, :count].log_softmax(1), labels, self.class_weights)
        truth = torch.eq(labels[:, None], torch.arange(count, device=labels.device)[:, None])
        present = truth.any(2)
        seen = torch.lt(labels, count)[:, None].repeat(1, count, 1)
        seen[:, 0] |= torch.eq(labels, SOMEBODY)  # somebody is known not to be background
        label_masks = mask_loss(masks[:, :count][present], truth[present], seen[present])
        chosen = [m[count:][q] for m, q in zip(masks, matches, strict=True)]
        sure = [k.expand_as(p) for k, p in zip(view.known, view.people, strict=True)]
        people_mask = mask_loss(torch.cat(chosen), torch.cat(view.people), torch.cat(sure))
        people_class = self._people_class(classes[:, count:], masks[:, count:], matches, view.known)
        label_class = self._label_class(classes[:, :count], present, view)
        return {
            "entropy": entropy.mul(weights.entropy),
            "label_mask": label_masks.mul(weights.label_mask),
            "label_class": label_class.mul(weights.label_class),
            "people_mask": people_mask.mul(weights.people_mask),
            "people_class": people_class.mul(weights.people_class),
        }

    def _label_class(self, logits: Tensor, present: Tensor, view: _View) -> Tensor:
        """Whether each label is there; that it is not can only be said where parts are known."""
        nothing = logits.shape[-1] - 1
        own = torch.arange(self.num_labels, device=logits.device)
        doubted = torch.eq(view.labels, SOMEBODY) | ~view.known
        somebody = (view.labels > 0) & torch.ne(view.labels, IGNORE) | doubted
        complete = doubted.sum(1) <= _MOST_DOUBT * somebody.sum(1)
        absent = torch.where(complete, nothing, _NOT_JUDGED)[:, None]
        target = torch.where(present, own, absent)
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")
        mean: Tensor = loss / torch.ne(target, _NOT_JUDGED).sum().clamp(min=1)
        return mean

    def _people_class(
        self, logits: Tensor, masks: Tensor, matches: list[Tensor], known: Tensor
    ) -> Tensor:
        """Person or nobody; a free query that looks where nobody knows is not judged."""
        nobody = logits.shape[-1] - 1
        inside = torch.gt(masks.detach(), 0)
        elsewhere = (inside & known[:, None]).sum(2)
        target = torch.where(elsewhere * 2 >= inside.sum(2), nobody, _NOT_JUDGED)
        for row, queries in zip(target, matches, strict=True):
            row[queries] = self.human_id
        weight = torch.ones(logits.shape[-1], device=logits.device)
        weight[nobody] = self.weights.nobody
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), weight)

    def _shares(self, layer: QueryPrediction) -> Tensor:
        """The normalized map (N, num_labels, h, w) that inference takes the best of."""
        classes = layer.class_logits.float().softmax(-1)[..., : self.num_labels]
        votes = torch.einsum("nqc,nqhw->nchw", classes, layer.mask_logits.float().sigmoid())
        shares: Tensor = (votes / votes.sum(1, keepdim=True).clamp(min=1e-4)).clamp(min=1e-4)
        return shares


@dataclass(frozen=True, eq=False)
class _View:
    """A layer's prediction and the truth at P of the pixels.

    Attributes:
        layer: its masks are (N, Q, P).
        labels: (N, P).
        people: of every scene (K, P).
        known: (N, P) bool.
    """

    layer: QueryPrediction
    labels: Tensor
    people: list[Tensor]
    known: Tensor


def _whole(layer: QueryPrediction, batch: Batch) -> _View:
    """All pixels."""
    return _view(layer, batch, slice(None), slice(None))


def _thinned(layer: QueryPrediction, batch: Batch) -> _View:
    """Every second pixel of every second row, from a random corner: enough for early layers."""
    top, left = (int(i) for i in torch.randint(0, 2, (2,)))
    return _view(layer, batch, slice(top, None, 2), slice(left, None, 2))


def _view(layer: QueryPrediction, batch: Batch, rows: slice, columns: slice) -> _View:
    masks = layer.mask_logits[:, :, rows, columns].flatten(2)
    labels, known = (x[:, rows, columns].flatten(1) for x in (batch.labels, batch.known))
    people = [p[:, rows, columns].flatten(1) for p in batch.people]
    return _View(QueryPrediction(layer.class_logits, masks), labels, people, known)


def class_weights(frequencies: Tensor, limits: tuple[float, float] = (0.5, 4.0)) -> Tensor:
    """Inverse square root of label frequencies over their median's, within limits."""
    median = frequencies[frequencies > 0].median()
    weights: Tensor = (median / frequencies.clamp(min=1e-9)).sqrt().clamp(*limits)
    return weights
