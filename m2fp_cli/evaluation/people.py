"""How well people are parsed one by one: AP^p and PCP.

Both are Li et al.'s measures (Multi-Human Parsing, https://arxiv.org/abs/1705.07206, and Zhao et
al., https://arxiv.org/abs/1804.03287) as Parsing R-CNN (Yang et al.,
https://arxiv.org/abs/1811.12596) and M2FP (https://arxiv.org/abs/2301.00394) report them for CIHP:

* A person is a map of their own labels, 0 elsewhere. Two such maps overlap by their mean IoU over
  all labels that are in one of them, the background among them.
* Found people go by descending score. One is right at a threshold where the overlap with the true
  person of the photo they overlap most exceeds it, and that person was not found before at this
  threshold. AP^p is the average precision, also averaged over the thresholds 0.1 to 0.9.
* PCP at a threshold: of each true person's parts the share whose IoU with the found person exceeds
  the threshold; 0 for people who were not found; averaged over all true people.

M2FP's evaluator ranks people by the score of the human instance times the mean label probability
inside; a result keeps no probabilities, so the human score alone ranks them here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Ids
from m2fp_cli.evaluation.precision import THRESHOLDS, average_precision


@dataclass(frozen=True, eq=False)
class PeopleMaps:
    """The people of one photo.

    Attributes:
        labels: label ids, 0 = background; any shape, such as (H, W) or the known pixels in a row.
        people: person ids from 1, 0 = nobody; the same shape.
        count: number of people; ids go up to it.
        scores: of each person; empty for true ones.
    """

    labels: Ids
    people: Ids
    count: int
    scores: tuple[float, ...] = ()


class PeopleTally:
    """Collects photo after photo."""

    def __init__(self, num_labels: int) -> None:
        """Start with nothing; label ids are below ``num_labels``."""
        self._num_labels = num_labels
        self._thresholds = np.asarray(THRESHOLDS)
        self._scores: list[float] = []
        self._hits: list[NDArray[np.bool_]] = []
        self._part_shares = np.zeros(len(THRESHOLDS))
        self.total = 0

    def add(self, found: PeopleMaps, truth: PeopleMaps) -> None:
        """Judge one photo; found people of whom no pixel is in the map do not count.

        Args:
            found: with scores.
            truth: of the same size.
        """
        self.total += truth.count
        pixels = np.bincount(found.people.ravel(), minlength=found.count + 1)[1:]
        overlaps = label_overlaps(found, truth, self._num_labels)
        parts = _areas(truth, self._num_labels)[:, 1:] > 0
        taken = np.zeros((truth.count, len(THRESHOLDS)), np.bool_)
        for index in np.argsort([-score for score in found.scores], kind="stable"):
            if not pixels[index]:
                continue
            hits = np.zeros(len(THRESHOLDS), np.bool_)
            if truth.count:
                best = int(np.nanmean(overlaps[index], axis=1).argmax())
                hits = float(np.nanmean(overlaps[index, best])) > self._thresholds
                hits &= ~taken[best]
                taken[best] |= hits
                shares = _part_shares(overlaps[index, best, 1:], parts[best], self._thresholds)
                self._part_shares += np.where(hits, shares, 0)
            self._scores.append(found.scores[index])
            self._hits.append(hits)

    def average_precisions(self) -> NDArray[np.float64]:
        """AP^p per threshold of ``THRESHOLDS``; nan if there are no true people."""
        hits = np.asarray(self._hits, np.bool_).reshape(-1, len(THRESHOLDS))
        columns = range(len(THRESHOLDS))
        return np.asarray(
            [average_precision(self._scores, hits[:, i], self.total) for i in columns]
        )

    def correct_parts(self) -> NDArray[np.float64]:
        """PCP per threshold of ``THRESHOLDS``; nan if there are no true people."""
        if not self.total:
            return np.full(len(THRESHOLDS), np.nan)
        return self._part_shares / self.total


def label_overlaps(found: PeopleMaps, truth: PeopleMaps, num_labels: int) -> NDArray[np.float64]:
    """IoU per label of every found with every true person.

    Everything is counted in one pass over the pixels, not person by person.

    Returns:
        (found.count, truth.count, num_labels) float64; nan for labels that neither has.
    """
    size = found.labels.size
    areas, true_areas = _areas(found, num_labels), _areas(truth, num_labels)
    shape = found.count + 1, truth.count + 1, num_labels
    pairs = found.people.astype(np.int64) * shape[1] + truth.people
    equal = found.labels == truth.labels
    inside = np.bincount(
        pairs[equal] * num_labels + truth.labels[equal], minlength=shape[0] * shape[1] * num_labels
    ).reshape(shape)[1:, 1:]
    both = np.bincount(
        pairs[(found.labels > 0) & (truth.labels > 0)], minlength=shape[0] * shape[1]
    ).reshape(shape[:2])[1:, 1:]
    # The background of a person's map is all that is not theirs, so it is counted by its rest.
    inside[..., 0] = size - areas[:, None, 1:].sum(2) - true_areas[None, :, 1:].sum(2) + both
    union = areas[:, None] + true_areas[None] - inside
    return np.divide(inside, union, out=np.full(inside.shape, np.nan), where=union > 0)


def _areas(maps: PeopleMaps, num_labels: int) -> NDArray[np.int64]:
    """Pixels of each person with each label, (people, labels); label 0 is all the rest."""
    pairs = maps.people.astype(np.int64) * num_labels + maps.labels
    counts = np.bincount(pairs.ravel(), minlength=(maps.count + 1) * num_labels)
    areas = counts.reshape(-1, num_labels)[1:].astype(np.int64)
    areas[:, 0] = maps.labels.size - areas[:, 1:].sum(1)
    return areas


def _part_shares(
    overlaps: NDArray[np.float64], parts: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of a person's parts that are found, per threshold; 0 for a person without parts."""
    if not parts.any():
        return np.zeros(len(thresholds))
    return np.asarray((overlaps[parts][:, None] > thresholds).mean(axis=0))
