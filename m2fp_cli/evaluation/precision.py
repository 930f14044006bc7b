"""Average precision of findings that are sorted by their score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = tuple(n / 10 for n in range(1, 10))
"""IoU thresholds 0.1 to 0.9 of AP^r, AP^p and PCP; an overlap must exceed them."""


def average_precision(
    scores: Sequence[float], hits: NDArray[np.bool_] | Sequence[bool], total: int
) -> float:
    """Area under the interpolated precision-recall curve.

    Pascal VOC's rule since 2010: precision at a recall is the best at that recall or a higher one,
    and every step of the recall counts. Findings of equal score keep their order.

    Args:
        scores: of each finding.
        hits: whether each finding is right.
        total: how many there are to find.

    Returns:
        0..1 as long as no true thing is hit twice; nan if there is nothing to find.
    """
    if not total:
        return float("nan")
    if not len(scores):
        return 0.0
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    right = np.cumsum(np.asarray(hits, np.float64)[order])
    recall = np.concatenate(([0.0], right / total))
    precision = right / np.arange(1, len(right) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * best_from_here).sum())
