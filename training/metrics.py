"""Figures of merit: those of ``m2fp eval`` per label, and people found on composed scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.evaluation import precision
from m2fp_cli.evaluation.confusion import LabelFigures, count_pixels, group_iou, label_iou

__all__ = [
    "FoundPeople",
    "LabelFigures",
    "average_precision",
    "count_pixels",
    "group_iou",
    "label_iou",
    "mask_iou",
    "recall_and_precision",
]


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
    return precision.average_precision([m[0] for m in marks], [m[1] for m in marks], total)


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
