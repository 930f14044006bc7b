"""Pieces of a garment that lie far from the person: they are somebody else's, or nothing.

Of trousers pieces far from hips and legs are suspect as well: chairs and tables are called Pants.
Of 301 people on COCO photos whose trousers or skirt are dyed 56 have more than half of them on
something else; 19 of these and 21 of the others have pieces far from the joints of their legs,
which are often hidden or somebody else's. So a check says it, and the pieces are dyed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.joints import Joints, distance_to_chain, joint_indices
from m2fp_cli.terminal import counted
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.wearer import Body

# From the piece of the person that holds most of the garment, share of the side of a square as
# large as the person. Of what lies as far in 291 COCO photos, tops and bottoms together, 155 pixels
# are the person's own and 3506 are not (photos of even number), 879 and 5083 (odd). Of hair and
# shoes as much is their own as not: a lock behind an arm, a foot behind a bag.
FAR = 0.3

# Pieces of trousers and skirts farther from the line of hips and legs do not hang together with it:
# share of the torso's or the thighs' length, the longer one. Chosen on photos of even number: of
# 29 people whose trousers are mostly something else 10 have such pieces, of 122 others 9; of odd
# number 9 of 27 and 12 of 123. Of 210 on street photos none has.
FAR_FROM_LEGS = 0.2
MOST_POINTS = 20_000  # of a garment that are looked at
_LEGS = joint_indices(
    "left_ankle", "left_knee", "left_hip", "right_hip", "right_knee", "right_ankle"
)
_SHOULDERS = joint_indices("left_shoulder", "right_shoulder")


def drop_stray(garment: BoolArray, person: BoolArray) -> BoolArray:
    """A garment without what lies on pieces of the person that are far from the main one.

    Args:
        garment: (h, w) bool, inside the person.
        person: (h, w) bool, all pixels of the person.

    Returns:
        (h, w) bool, part of ``garment``.
    """
    count, pieces = cv2.connectedComponents(person.astype(np.uint8))
    areas = np.bincount(pieces[garment], minlength=count)
    main = int(np.argmax(areas))
    if areas[main] == areas.sum():
        return garment
    away = cv2.distanceTransform((pieces != main).astype(np.uint8), cv2.DIST_L2, 5)
    reach = FAR * np.sqrt(np.count_nonzero(person))
    kept = {i for i in np.flatnonzero(areas) if away[pieces == i].min() <= reach}
    return garment & np.isin(pieces, list(kept))


def near_person(
    body: Body, figure: Figure, garment: BoolArray
) -> tuple[BoolArray, tuple[str, ...]]:
    """What of a garment is a person's own, and what their record says of the rest.

    Args:
        body: the person.
        figure: the same in a window that holds all of them, stride 1.
        garment: (h, w) bool in that window.
    """
    person = body.result.person_map[figure.window] == body.person.person_id
    kept = drop_stray(garment, person)
    rest = int(np.count_nonzero(garment) - np.count_nonzero(kept))
    one = "pixel far from the person was left as it is"
    more = "pixels far from the person were left as they are"
    return kept, (counted(rest, one, more),) if rest else ()


def share_off_legs(garment: BoolArray, origin_xy: tuple[int, int], joints: Joints) -> float:
    """How much of trousers or a skirt lies in pieces that do not hang together with hips or legs.

    Args:
        garment: (h, w) bool, not empty.
        origin_xy: column and row of its first pixel in the photo.
        joints: of the person.

    Returns:
        0..1.
    """
    _, pieces = cv2.connectedComponents(garment.astype(np.uint8))
    y, x = np.nonzero(garment)
    step = -(-len(x) // MOST_POINTS)
    pixels = np.column_stack((x, y))[::step] + origin_xy + 0.5
    of_piece: NDArray[np.intp] = pieces[y, x][::step].astype(np.intp)
    nearest = np.full(int(pieces.max()) + 1, np.inf)
    np.minimum.at(nearest, of_piece, distance_to_chain(pixels, joints.points[_LEGS]))
    return float(np.mean(nearest[of_piece] > FAR_FROM_LEGS * _longest(joints)))


def _longest(joints: Joints) -> float:
    """Length of the torso or of the longer thigh, pixels."""
    left_knee, left_hip, right_hip, right_knee = joints.points[_LEGS[1:-1]]
    torso = joints.points[_SHOULDERS].mean(axis=0) - (left_hip + right_hip) / 2
    links = torso, left_knee - left_hip, right_knee - right_hip
    return max(float(np.hypot(*link)) for link in links)
