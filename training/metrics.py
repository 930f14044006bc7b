"""Figures of merit: intersection over union per label, average precision of people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.labels import LabelSet
from training.dataset import IGNORE

Counts = NDArray[np.int64]
_UPPER_GARMENTS = ("UpperClothes", "Dress", "Coat")


def count_pixels(truth: NDArray[np.uint8], found: NDArray[np.uint8], num_labels: int) -> Counts:
    """Confusion counts (num_labels, num_labels) int64, rows = truth; pixels 255 are left out."""
    known = truth != IGNORE
    pairs = truth[known].astype(np.int64) * num_labels + np.minimum(found[known], num_labels - 1)
    counts: Counts = np.bincount(pairs, minlength=num_labels**2)
    return counts.reshape(num_labels, num_labels)


def label_iou(counts: Counts) -> NDArray[np.float64]:
    """Intersection over union of every label, (num_labels,); nan where it is never there."""
    inside = np.diag(counts).astype(np.float64)
    union = counts.sum(0) + counts.sum(1) - np.diag(counts)
    return np.divide(inside, union, out=np.full(len(counts), np.nan), where=union > 0)


def group_iou(counts: Counts, members: Iterable[int]) -> float:
    """Intersection over union of several labels taken as one; nan where none is ever there."""
    mask = np.isin(np.arange(len(counts)), list(members))
    both = counts[np.ix_(mask, mask)].sum()
    union = counts[mask].sum() + counts[:, mask].sum() - both
    return float(both / union) if union else float("nan")


@dataclass(frozen=True, eq=False)
class LabelFigures:
    """What confusion counts over some photos say."""

    counts: Counts
    labels: LabelSet

    @property
    def iou(self) -> NDArray[np.float64]:
        """Per label."""
        return label_iou(self.counts)

    @property
    def mean_iou(self) -> float:
        """Mean over the labels that are there."""
        return float(np.nanmean(self.iou))

    @property
    def pixel_accuracy(self) -> float:
        """Share of the known pixels with the right label."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def person_iou(self) -> float:
        """All labels but the background taken as one."""
        return group_iou(self.counts, range(1, len(self.counts)))

    @property
    def upper_garment_iou(self) -> float:
        """UpperClothes, Dress and Coat taken as one; nan for label sets without them."""
        folded = {name: i for i, name in enumerate(self.labels.names)}
        return group_iou(self.counts, [folded[n] for n in _UPPER_GARMENTS if n in folded])

    def summary(self) -> dict[str, float]:
        """The headline figures, for a log line."""
        figures = {
            "miou": self.mean_iou,
            "accuracy": self.pixel_accuracy,
            "person": self.person_iou,
            "upper": self.upper_garment_iou,
        }
        names = self.labels.names
        figures |= {f"iou_{names[i]}": float(value) for i, value in enumerate(self.iou)}
        return {name: round(value, 4) for name, value in figures.items()}


@dataclass(frozen=True, eq=False)
class FoundPeople:
    """One scene: (score, mask) of the people found, and the true masks, all (H, W) bool."""

    scores: Sequence[float]
    masks: Sequence[NDArray[np.bool_]]
    truth: Sequence[NDArray[np.bool_]]


def average_precision(scenes: Sequence[FoundPeople], threshold: float) -> float:
    """Area under the interpolated precision-recall curve at one IoU threshold.

    Detections of all scenes go by descending score; each takes the free true person of its scene
    it overlaps most, if that is by at least ``threshold``. Pascal VOC's all-points rule.
    """
    total = sum(len(scene.truth) for scene in scenes)
    marks: list[tuple[float, bool]] = []
    for scene in scenes:
        marks.extend(_judge_scene(scene, threshold))
    if not total or not marks:
        return 0.0 if total else float("nan")
    marks.sort(key=lambda mark: -mark[0])
    hits = np.cumsum([hit for _, hit in marks])
    recall = np.concatenate(([0.0], hits / total))
    precision = np.maximum.accumulate((hits / np.arange(1, len(marks) + 1))[::-1])[::-1]
    return float((np.diff(recall) * precision).sum())


def _judge_scene(scene: FoundPeople, threshold: float) -> list[tuple[float, bool]]:
    free = set(range(len(scene.truth)))
    marks = []
    for index in np.argsort([-score for score in scene.scores], kind="stable"):
        overlaps = {i: mask_iou(scene.masks[index], scene.truth[i]) for i in free}
        best = max(overlaps, key=lambda i: overlaps[i], default=None)
        hit = best is not None and overlaps[best] >= threshold
        if hit and best is not None:
            free.remove(best)
        marks.append((scene.scores[index], hit))
    return marks


def mask_iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 0 for two empty ones."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0


def recall_and_precision(
    scenes: Sequence[FoundPeople], threshold: float, min_score: float
) -> tuple[float, float]:
    """Share of true people found, share of found people that are true, from ``min_score`` on."""
    total = sum(len(scene.truth) for scene in scenes)
    marks = [m for scene in scenes for m in _judge_scene(scene, threshold) if m[0] >= min_score]
    hits = sum(hit for _, hit in marks)
    return hits / max(total, 1), hits / max(len(marks), 1)
