"""Average precision of regions: AP^r of parts, AP^h of people.

AP^r is Hariharan et al.'s measure (https://arxiv.org/abs/1407.1808) as the CIHP challenge uses it
(Gong et al., https://arxiv.org/abs/1808.00157): per label, the findings of all photos go by
descending score, one is right where its overlap with a true region of its photo and label exceeds
the threshold; the mean over labels and over the thresholds 0.1 to 0.9 is the figure.

The evaluators of CIHP and of M2FP do not ask whether a true region was found before, which can
count one region twice below a threshold of 0.5 (the average precision of fragments may even exceed
1). ``once=False`` does the same, so that figures can be compared with published ones; ``once=True``
counts a second finding as wrong, as Hariharan et al. define it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.evaluation.precision import average_precision


@dataclass(frozen=True, eq=False)
class RegionMap:
    """Regions of one photo that do not overlap.

    Attributes:
        ids: 0 = no region, else number of the region from 1; any shape, such as (H, W).
        labels: label of each region.
        scores: of each region; empty for true ones.
    """

    ids: NDArray[np.integer[Any]]
    labels: tuple[int, ...]
    scores: tuple[float, ...] = ()


@dataclass
class _Label:
    """What was found of one label so far."""

    total: int = 0
    scores: list[float] = field(default_factory=list)
    hits: list[NDArray[np.bool_]] = field(default_factory=list)


class RegionTally:
    """Collects photo after photo."""

    def __init__(self, labels: Sequence[int], thresholds: Sequence[float], *, once: bool) -> None:
        """Start with nothing.

        Args:
            labels: the labels to judge.
            thresholds: overlaps that a right finding must exceed.
            once: whether a true region is found by the first of several findings only.
        """
        self._thresholds = np.asarray(thresholds)
        self._once = once
        self._by_label = {label: _Label() for label in labels}

    def add(self, found: RegionMap, truth: RegionMap) -> None:
        """Judge one photo; regions of which no pixel is left in the map do not count.

        Args:
            found: with scores.
            truth: of the same size.
        """
        overlaps, areas, true_areas = _overlaps(found, truth)
        true_labels = np.asarray(truth.labels, np.int64)
        for label in true_labels[true_areas > 0]:
            self._by_label[int(label)].total += 1
        taken = np.zeros((len(truth.labels), len(self._thresholds)), np.bool_)
        for index in np.argsort([-score for score in found.scores], kind="stable"):
            label = found.labels[index]
            if not areas[index] or label not in self._by_label:
                continue
            of_label = np.where(true_labels == label, overlaps[index], -1.0)
            self._note(label, found.scores[index], of_label, taken)

    def _note(
        self,
        label: int,
        score: float,
        overlaps: NDArray[np.float64],
        taken: NDArray[np.bool_],
    ) -> None:
        """Judge one finding by the true region it overlaps most."""
        hits = np.zeros(len(self._thresholds), np.bool_)
        if overlaps.size:
            best = int(overlaps.argmax())
            hits = overlaps[best] > self._thresholds
            if self._once:
                hits &= ~taken[best]
                taken[best] |= hits
        self._by_label[label].scores.append(score)
        self._by_label[label].hits.append(hits)

    def average_precisions(self) -> NDArray[np.float64]:
        """Per label and threshold, (labels, thresholds); nan where a label is not in the truth."""
        table = np.full((len(self._by_label), len(self._thresholds)), np.nan)
        for row, one in zip(table, self._by_label.values(), strict=True):
            hits = np.asarray(one.hits, np.bool_).reshape(-1, len(row))
            row[:] = [average_precision(one.scores, hits[:, i], one.total) for i in range(len(row))]
        return table


def _overlaps(
    found: RegionMap, truth: RegionMap
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """IoU of each found with each true region, and the areas of both."""
    shape = len(found.labels) + 1, len(truth.labels) + 1
    pairs = found.ids.astype(np.int64) * shape[1] + truth.ids
    counts = np.bincount(pairs.ravel(), minlength=shape[0] * shape[1]).reshape(shape)
    areas, true_areas = counts.sum(1)[1:], counts.sum(0)[1:]
    inside = counts[1:, 1:]
    union = areas[:, None] + true_areas[None] - inside
    return inside / np.maximum(union, 1), areas, true_areas
