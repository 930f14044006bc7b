"""Decides which limbs and shoes are left and which are right.

A small network tells a shoe from a trouser leg far better than a left shoe from a right one: most
of what the starter gets wrong about shoes is the side, often within one shoe. Here a whole limb or
shoe gets one side.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import LabelMap

# Shoes that are joined by a bridge narrower than this share of the person's height are two shoes.
# Values from 0.010 to 0.030 gain 0.5 to 1.5 points of IoU on the starter's shoes, on photos that it
# was trained on and on others.
_BRIDGE_SHARE = 0.015


def assign_sides_by_body(
    semantic_map: LabelMap, masks: Sequence[Mask], labels: LabelSet
) -> LabelMap:
    """Give every person's limbs and shoes the side of their body; see ``assign_sides``.

    Args:
        semantic_map: (H, W) uint8 label ids of the photo.
        masks: of the people, disjoint.
        labels: names of the label ids.

    Returns:
        (H, W) uint8 label ids; outside the masks as they were.
    """
    assigned, pairs, shoes = semantic_map.copy(), labels.side_pairs(), labels.side_pairs("shoe")
    for mask in masks:
        inside = mask.inside  # unpacked at every call
        own = semantic_map[mask.slices] * inside
        np.copyto(assigned[mask.slices], assign_sides(own, pairs, shoes), where=inside)
    return assigned


def assign_sides(
    labels: LabelMap,
    pairs: Sequence[tuple[int, int]],
    bridged: Collection[tuple[int, int]] = (),
) -> LabelMap:
    """Give each connected limb or shoe the side of the body that its center lies on.

    The body's middle is the median column of its pixels. People are taken to face the camera: what
    lies right in the photo is the person's left.

    Args:
        labels: (h, w) uint8 label ids of one person, 0 outside the person.
        pairs: ids of the left and the right one of every limb and shoe.
        bridged: those of ``pairs`` whose pieces are cut apart where a narrow bridge joins them.

    Returns:
        (h, w) uint8 label ids.
    """
    occurring = occurring_ids(labels)
    middle, assigned = _median_column(labels), labels.copy()
    bridge = round(_BRIDGE_SHARE * np.count_nonzero(labels.any(axis=1)))
    for pair in (pair for pair in pairs if occurring[list(pair)].any()):
        either = ((labels == pair[0]) | (labels == pair[1])).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(either)
        box = np.s_[top : top + height, left : left + width]
        pieces = _number_pieces(either[box], bridge if pair in bridged else 0)
        count = np.bincount(pieces.ravel())
        columns = np.broadcast_to(np.arange(width) + left, pieces.shape)
        centers = np.bincount(pieces.ravel(), columns.ravel()) / np.maximum(count, 1)
        sides = np.where(centers >= middle, *pair).astype(np.uint8)
        np.copyto(assigned[box], sides[pieces], where=pieces > 0)
    return assigned


def occurring_ids(labels: LabelMap) -> NDArray[np.bool_]:
    """Which ids occur in a label map.

    Args:
        labels: (h, w) uint8.

    Returns:
        (256,) bool, by id.
    """
    counts = cv2.calcHist([labels], [0], None, [256], [0, 256])
    return np.asarray(counts[:, 0] > 0)


def _number_pieces(part: NDArray[np.uint8], bridge: int) -> NDArray[np.int32]:
    """Number the connected pieces of a part from 1, cut apart where they are joined narrowly.

    Args:
        part: (h, w) uint8, 1 inside.
        bridge: what is narrower than this many pixels is cut; below 2 nothing is cut.

    Returns:
        (h, w) int32, 0 outside the part.
    """
    pieces = np.asarray(cv2.connectedComponents(part)[1], np.int32)
    if bridge < 2:
        return pieces
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (bridge, bridge))
    around = np.pad(part, bridge)  # OpenCV takes pixels beyond the border for more of the part
    opened = np.asarray(cv2.morphologyEx(around, cv2.MORPH_OPEN, disc), np.uint8)
    cores = opened[bridge:-bridge, bridge:-bridge].copy()
    kept = np.bincount(pieces.ravel(), cores.ravel()) > 0
    cores |= part & ~kept[pieces]  # a whole piece narrower than the bridge stays a piece
    nearest = cv2.distanceTransformWithLabels(
        1 - cores, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_CCOMP
    )[1]
    return np.where(part > 0, nearest, 0).astype(np.int32)


def _median_column(labels: LabelMap) -> float:
    """The median column of a person's pixels."""
    counts = np.count_nonzero(labels, axis=0).cumsum()
    both = (np.searchsorted(counts, counts[-1] / 2, side) for side in ("left", "right"))
    return float(sum(both)) / 2
