"""How well a label map fits the truth: confusion counts, and what they say.

Mean IoU and pixel accuracy are those of Long et al., "Fully Convolutional Networks for Semantic
Segmentation" (https://arxiv.org/abs/1411.4038, section 5), counted over all photos together as the
CIHP and LIP challenges do. Labels are compared by id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.records.labels import IGNORED_ID, LabelSet

Counts = NDArray[np.int64]
_UPPER_GARMENTS = ("UpperClothes", "Dress", "Coat")


def count_pixels(
    truth: NDArray[np.integer[Any]], found: NDArray[np.integer[Any]], num_labels: int
) -> Counts:
    """Count pixels by their true and their found label.

    Args:
        truth: (H, W) label ids; pixels 255 are left out.
        found: (H, W) label ids.
        num_labels: both maps hold ids below it.

    Returns:
        (num_labels, num_labels) int64, rows = truth.
    """
    known = truth != IGNORED_ID
    pairs = truth[known].astype(np.int64) * num_labels + found[known]
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
    """What confusion counts over some photos say; every share is in 0..1.

    Attributes:
        counts: (N, N) int64, rows = truth.
        labels: names of the ids.
    """

    counts: Counts
    labels: LabelSet

    @property
    def iou(self) -> NDArray[np.float64]:
        """Per label; nan where a label is neither in the truth nor found."""
        return label_iou(self.counts)

    @property
    def mean_iou(self) -> float:
        """Mean over the labels that are in the truth or found, the background among them."""
        return float(np.nanmean(self.iou)) if self.counts.any() else float("nan")

    @property
    def pixel_accuracy(self) -> float:
        """Share of the known pixels with the right label."""
        total = self.counts.sum()
        return float(np.trace(self.counts) / total) if total else float("nan")

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
