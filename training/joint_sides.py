"""Left and right of limbs and shoes from joints that somebody or something has marked.

Unlike :mod:`m2fp_cli.engine.joint_sides` it says nothing where it is not sure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from m2fp_cli.engine.joint_sides import Chain
from m2fp_cli.records.joints import Points, distance_to_chain
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.training.dataset import IGNORE, Bytes

# By the left label's name: the joints along the left limb and along the right one.
COCO_CHAINS: Mapping[str, tuple[Chain, Chain]] = {  # COCO's 17
    "Left-arm": ((5, 7, 9), (6, 8, 10)),
    "Left-leg": ((11, 13, 15), (12, 14, 16)),
    "Left-shoe": ((13, 15), (14, 16)),
}
_NEAREST = 0.12  # of the person's height: further away from both limbs the side is unknown
_LEAD = 0.012  # of the person's height: by less no limb is nearer than the other


def chains_by_id(
    named: Mapping[str, tuple[Chain, Chain]], labels: LabelSet
) -> dict[tuple[int, int], tuple[Chain, Chain]]:
    """The joints of every limb and shoe, by the ids of the left and the right label."""
    chains = {labels.id_of(name): both for name, both in named.items()}
    return {pair: chains[pair[0]] for pair in labels.side_pairs()}


def sides_by_joints(
    labels: Bytes, joints: Points, chains: Mapping[tuple[int, int], tuple[Chain, Chain]]
) -> Bytes:
    """Give every pixel of a limb or shoe the side of the limb that it is nearer to.

    Args:
        labels: (H, W) uint8 of one person, 0 where that person is not.
        joints: (J, 2) x, y in pixels, nan where unknown.
        chains: by the ids of the left and the right label: the joints along the two limbs.

    Returns:
        (H, W) uint8; 255 where neither limb is known to be nearer.
    """
    sided = labels.copy()
    tall = max(1, int(np.count_nonzero(labels.any(axis=1))))
    for (left, right), (left_chain, right_chain) in chains.items():
        rows, columns = np.nonzero((labels == left) | (labels == right))
        pixels = np.stack((columns, rows), 1).astype(np.float64)
        to_left = distance_to_chain(pixels, joints[list(left_chain)])
        to_right = distance_to_chain(pixels, joints[list(right_chain)])
        nearer = np.where(to_left < to_right, left, right)
        nearest = np.minimum(to_left, to_right)
        known = (nearest <= _NEAREST * tall) & np.isfinite(np.maximum(to_left, to_right))
        known &= np.maximum(to_left, to_right) >= nearest + _LEAD * tall
        sided[rows, columns] = np.where(known, nearer, IGNORE)
    return sided
