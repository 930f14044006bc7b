"""Bare skin that the network takes for the top: arms and hands before the chest of small people.

Their color gives them away where the top is of another one. Bags, books and cuffs are told from the
cloth by nothing that was tried: half of what differs from it beside a hand belongs to it. Straps
are, see ``strap_in_front``.

On 520 street photos with annotated parts pieces are found on 4 people, on 3 of them they are
something in front of the top.
"""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.figure import ARMS, SKIN, Figure
from m2fp_cli.tryon.morphology import erode, open_mask

PER_UNIT = 10.0  # pixels per U at which colors are compared
LIGHTNESS = 0.5  # weight of lightness, as skin in front of a top may be in the shade
SKIN_COLOR, MEAN_COLOR = 14.0, 9.0  # from the median color of the person's skin, pixel and piece
MIN_APART = 30.0  # from it to most of the top
MIN_PIECE, MAX_SHARE = 0.5, 0.3  # U^2, and share of the top that all of it may be
RIM = 1.0  # of the top and around pieces, that may be mixed, pixels of the smaller picture
MIN_PIXELS = 60  # of a top, and a third of it of skin


def find_skin_in_front(
    window_bgr: Picture, figure: Figure, top: BoolArray, unit: float
) -> BoolArray:
    """Where skin is seen in what is labelled as the top.

    Args:
        window_bgr: (h, w, 3) uint8, the photo in the figure's window.
        figure: the person, of stride 1.
        top: (h, w) bool.
        unit: U in pixels.

    Returns:
        (h, w) bool, a part of ``top``.
    """
    scale = min(PER_UNIT / unit, 1.0)
    size = max(1, round(top.shape[1] * scale)), max(1, round(top.shape[0] * scale))
    lab = to_lab(np.asarray(cv2.resize(window_bgr, size, interpolation=cv2.INTER_AREA), np.uint8))
    small, bare = (
        cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        for mask in (top, figure.mask(*SKIN, *ARMS))
    )
    small = erode(small, RIM)
    found = np.zeros(small.shape, np.uint8)
    if np.count_nonzero(small) >= MIN_PIXELS and np.count_nonzero(bare) >= MIN_PIXELS / 3:
        found[_alike(lab - np.median(lab[bare], axis=0), small, (unit * scale) ** 2)] = 1
    grown = cv2.dilate(found, np.ones((3, 3), np.uint8))
    large = cv2.resize(grown, top.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(large > 0) & top


def _alike(apart: FloatArray, top: BoolArray, area: float) -> BoolArray:
    """Pieces of a top in the color of skin, by the difference from it; ``area`` is a square U."""
    distance = np.linalg.norm(apart * (LIGHTNESS, 1, 1), axis=2)
    out = np.zeros(top.shape, np.bool_)
    alike = open_mask(top & (distance < SKIN_COLOR), RIM)
    total = np.count_nonzero(top)
    if np.median(distance[top]) < MIN_APART or np.count_nonzero(alike) > MAX_SHARE * total:
        return out
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        alike.astype(np.uint8), connectivity=4
    )
    for index in range(1, count):
        piece = pieces == index
        large = stats[index, cv2.CC_STAT_AREA] >= MIN_PIECE * area
        if large and distance[piece].mean() < MEAN_COLOR:
            out |= piece
    return out
