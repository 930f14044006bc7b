"""Masks of what is worn, and label maps as they would be without it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.uint8]
Mask = NDArray[np.bool_]

HAT, HAIR, SUNGLASSES, FACE = 1, 2, 4, 13  # ids of CIHP


def main_piece(mask: Mask) -> Mask:
    """The largest component and those at least a tenth as large: both lenses, the rim."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    return np.isin(pieces, 1 + np.flatnonzero(areas >= 0.1 * areas.max()))


def hide(labels: Map, real: Mask, item: str) -> Map:
    """Label map without what is worn.

    Glasses become face, a hat what lies below each column of it, a necklace what is nearest.

    Args:
        labels: (h, w) uint8.
        real: (h, w) bool, what is worn.
        item: its kind.
    """
    if item == "necklace" and real.any():
        return _fill_nearest(labels, real)
    out = labels.copy()
    if item == "glasses":
        out[real | (labels == SUNGLASSES)] = FACE
    if item == "hat":
        hat = real | (labels == HAT)
        for column in np.flatnonzero(hat.any(axis=0)):
            rows = np.flatnonzero(hat[:, column])
            below = labels[min(rows[-1] + 1, len(labels) - 1), column]
            out[rows, column] = HAIR if below in (HAIR, FACE) else 0
    return out


def _fill_nearest(labels: Map, hole: Mask) -> Map:
    """A label map whose hole has the nearest labels of the person around it."""
    outside = hole | (labels == 0)
    _, nearest = cv2.distanceTransformWithLabels(
        outside.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ids = np.zeros(int(nearest.max()) + 1, dtype=np.uint8)
    ids[nearest[~outside]] = labels[~outside]
    return np.where(hole, ids[nearest], labels)
