"""Left or right: a limb or shoe lies on one side of the body, all of it.

A small network knows a shoe from a trouser leg far better than a left shoe from a right one: of all
that the starter gets wrong about shoes, the side is most, and often within one shoe.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.records.results import LabelMap

# Of the person's height: two shoes that hang together by less are two. From .010 to .030 the
# starter's shoes get better by .5 to 1.5 points, on photos it has seen and on others.
_BRIDGE = 0.015


def put_on_sides(
    labels: LabelMap,
    pairs: Sequence[tuple[int, int]],
    bridged: Collection[tuple[int, int]] = (),
) -> LabelMap:
    """Give connected limbs and shoes the side of the body's median column that their centre is on.

    People are taken to face the camera: what lies right in the photo is the person's left.

    Args:
        labels: (h, w) uint8 of one person, 0 where that person is not.
        pairs: ids of the left and the right one of every limb and shoe.
        bridged: those of ``pairs`` that are cut where only a narrow bridge joins two pieces.

    Returns:
        (h, w) uint8.
    """
    there = occurring_ids(labels)
    middle, sided = _median_column(labels), labels.copy()
    brush = round(_BRIDGE * np.count_nonzero(labels.any(axis=1)))
    for pair in (pair for pair in pairs if there[list(pair)].any()):
        either = ((labels == pair[0]) | (labels == pair[1])).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(either)
        box = np.s_[top : top + height, left : left + width]
        pieces = _pieces(either[box], brush if pair in bridged else 0)
        count = np.bincount(pieces.ravel())
        columns = np.broadcast_to(np.arange(width) + left, pieces.shape)
        centres = np.bincount(pieces.ravel(), columns.ravel()) / np.maximum(count, 1)
        sides = np.where(centres >= middle, *pair).astype(np.uint8)
        np.copyto(sided[box], sides[pieces], where=pieces > 0)
    return sided


def occurring_ids(labels: LabelMap) -> NDArray[np.bool_]:
    """Which ids a label map, (h, w) uint8, holds at all.

    Returns:
        (256,) bool.
    """
    counts = cv2.calcHist([labels], [0], None, [256], [0, 256])
    return np.asarray(counts[:, 0] > 0)


def _pieces(part: NDArray[np.uint8], brush: int) -> NDArray[np.int32]:
    """Number the pieces of a part from 1; what joins them by less than the brush is cut.

    Args:
        part: (h, w) uint8, 1 inside.
        brush: diameter in pixels; below 2 nothing is cut.

    Returns:
        (h, w) int32, 0 where the part is not.
    """
    pieces = np.asarray(cv2.connectedComponents(part)[1], np.int32)
    if brush < 2:
        return pieces
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (brush, brush))
    around = np.pad(part, brush)  # else what lies beyond the box counts as more of the part
    opened = np.asarray(cv2.morphologyEx(around, cv2.MORPH_OPEN, disc), np.uint8)
    cores = opened[brush:-brush, brush:-brush].copy()
    kept = np.bincount(pieces.ravel(), cores.ravel()) > 0
    cores |= part & ~kept[pieces]  # a piece thinner than the brush is a piece
    nearest = cv2.distanceTransformWithLabels(
        1 - cores, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_CCOMP
    )[1]
    return np.where(part > 0, nearest, 0).astype(np.int32)


def _median_column(labels: LabelMap) -> float:
    """The median of the columns of a person's pixels."""
    counts = np.count_nonzero(labels, axis=0).cumsum()
    both = (np.searchsorted(counts, counts[-1] / 2, side) for side in ("left", "right"))
    return float(sum(both)) / 2
