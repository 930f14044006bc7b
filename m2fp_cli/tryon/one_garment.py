"""One garment that the network calls by two names, such as half a blouse that it takes for a coat.

Two garments have a seam in the photo, and masks that share it. One garment in doubt has neither:
the masks of both names cover the same pixels, and the cloth goes on from one label to the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.figure import BOTTOMS, TOPS
from m2fp_cli.tryon.morphology import dilate
from m2fp_cli.tryon.worn_top import COATS

# Of 158 pieces of tops beside the largest that the starter finds on 140 street photos, 46 belong to
# the same garment: 23 of them are joined, with half of their area, and 7 of the others. ALIKE 0.5
# joins 19 and 5.
# Where less is contested only a coat of the very same cloth is joined. Of 697 photos, 505 of COCO
# and 192 of streets, this changes 18 pictures: in 15 a garment was dyed in part and is dyed as one,
# in two of these a piece of a neighbor is dyed as well. Of an open coat and a top of its color the
# cloth is as alike, but hardly contested.
CONTESTED, HALF_CONTESTED = 0.6, 0.4  # share of one that the other's instances cover
ALIKE, SAME = 0.4, 0.9  # Bhattacharyya coefficient of the colors on both sides of the border
BESIDE, MIN_BESIDE = 0.3, 2.0  # width of what is compared, U, pixels
SMALLEST = 12  # pixels of a piece or of its border
NOISE = 4.0  # deviation of L, a and b that any cloth may show


def join_mislabeled(
    bgr: Picture,
    masks: Mapping[str, BoolArray],
    instances: Mapping[str, BoolArray],
    name: str,
    unit: float,
) -> BoolArray:
    """Join a garment with the pieces of others that are the same cloth under another name.

    Args:
        bgr: (h, w, 3) uint8, the photo.
        masks: (h, w) bool of each garment's label.
        instances: (h, w) bool of each garment's instances, which may overlap.
        name: label of the garment, a key of both.
        unit: U in pixels.

    Returns:
        (h, w) bool, ``masks[name]`` and what was added.
    """
    joined, reach = masks[name].copy(), max(MIN_BESIDE, BESIDE * unit)
    for other in (key for key in masks if key != name):
        doubt = _covered_share(masks[name], instances[other])
        for piece in _components(masks[other]):
            contested = max(doubt, _covered_share(piece, instances[name]))
            least = _least_likeness(contested, name, other)
            if least < 1 and _likeness(bgr, masks[name], piece, reach) > least:
                joined |= piece
    return joined


def find_garment_instances(result: ParsingResult) -> dict[str, BoolArray]:
    """Where the network's own instances of each garment are, (H, W) bool of the photo by label."""
    instances = {name: np.zeros(result.image_hw, np.bool_) for name in (*TOPS, *BOTTOMS)}
    for instance in result.instances:
        name = result.labels.names[instance.label_id]
        if name in instances:
            instances[name][instance.mask.slices] |= instance.mask.inside
    return instances


def _covered_share(part: BoolArray, by: BoolArray) -> float:
    return float(np.count_nonzero(part & by) / max(np.count_nonzero(part), 1))


def _components(mask: BoolArray) -> list[BoolArray]:
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] >= SMALLEST
    return [pieces == i for i in range(1, count) if large[i]]


def _least_likeness(contested: float, *names: str) -> float:
    """How alike the cloth of two names must be to be one garment; 1 where no cloth is enough."""
    if contested > CONTESTED:
        return ALIKE
    # Top and skirt of a suit are of one cloth, a coat and what is below it seldom.
    coat = any(name in COATS for name in names)
    return SAME if coat and contested > HALF_CONTESTED else 1.0


def _likeness(bgr: Picture, garment: BoolArray, piece: BoolArray, reach: float) -> float:
    """How alike the colors on both sides of a common border are, 0 where there is none."""
    inside, beside = dilate(garment, reach) & piece, dilate(piece, reach) & garment
    if min(np.count_nonzero(inside), np.count_nonzero(beside)) < SMALLEST:
        return 0.0
    sides = dilate(inside, reach) & piece, dilate(beside, reach) & garment
    colors = (to_lab(bgr[side][:, None])[:, 0] for side in sides)
    return bhattacharyya(*colors)


def bhattacharyya(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Overlap of the normal distributions of two sets of colors, in [0, 1].

    A. Bhattacharyya, 1943: exp(-D), D = d' S^-1 d / 8 + ln(det S / sqrt(det A det B)) / 2 with d
    the difference of the means and S the mean of the covariances A and B.

    Args:
        a: (N, 3) float32 Lab.
        b: (M, 3) float32 Lab.
    """
    spreads = [np.cov(colors.T) + NOISE**2 * np.eye(3) for colors in (a, b)]
    mean = (spreads[0] + spreads[1]) / 2
    apart = a.mean(axis=0) - b.mean(axis=0)
    volumes = [np.linalg.det(spread) for spread in (mean, *spreads)]
    distance = apart @ np.linalg.solve(mean, apart) / 8
    distance += 0.5 * np.log(volumes[0] / np.sqrt(volumes[1] * volumes[2]))
    return float(np.exp(-distance))
