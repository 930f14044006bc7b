"""Left or right: a limb or shoe lies on one side of the body, all of it.

A small network knows a shoe from a trouser leg far better than a left shoe from a right one: of all
that the starter gets wrong about shoes, the side is most, and often within one shoe.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from m2fp_cli.results import LabelMap


def put_on_sides(labels: LabelMap, pairs: Sequence[tuple[int, int]], min_share: float) -> LabelMap:
    """Give connected limbs and shoes the side of the body's median column that they lie on.

    People are taken to face the camera: what lies right in the photo is the person's left.

    Args:
        labels: (h, w) uint8 of one person, 0 where that person is not.
        pairs: ids of the left and the right one of every limb and shoe.
        min_share: of a part's pixels that must lie on one side, at least one half; what lies on
            both (two legs that touch) stays as it is.

    Returns:
        (h, w) uint8.
    """
    there = np.bincount(labels.ravel(), minlength=256) > 0
    middle, sided = _median_column(labels), labels.copy()
    for left, right in (pair for pair in pairs if there[list(pair)].any()):
        either = ((labels == left) | (labels == right)).astype(np.uint8)
        count, parts = cv2.connectedComponents(either)
        area = np.bincount(parts.ravel(), minlength=count)
        sides = np.zeros(count, np.uint8)
        for side, half in ((left, parts[:, middle + 1 :]), (right, parts[:, :middle])):
            share = np.bincount(half.ravel(), minlength=count) / np.maximum(area, 1)
            sides[share >= min_share] = side
        sides[0] = 0
        chosen = sides[parts]
        sided[chosen > 0] = chosen[chosen > 0]
    return sided


def _median_column(labels: LabelMap) -> int:
    """The column with as many pixels of the person left of it as right of it."""
    counts = np.count_nonzero(labels, axis=0).cumsum()
    return int(np.searchsorted(counts, counts[-1] / 2))
