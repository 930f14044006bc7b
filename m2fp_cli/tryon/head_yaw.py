"""How far a head is turned to a side, by where hair, neck and clothes lie around its face.

A linear function of masks sampled on a grid around the face: hair is seen beside the averted
cheek, and the face moves off the middle of neck and shoulders. Where the joints of the person are
known, it also takes how far nose and eyes lie off the middle between the ears. Only what is unlike
left and right counts, so that a mirror image has the opposite yaw. The pair of eyes found in the
photo is not asked but for its tilt, as on turned heads an eye and an ear are taken for one.

``training/head_yaw.py`` makes the weights. Of 297 heads of COCO photos, judged in five folds, the
error is 7.0 degrees in the median and 20.0 in nine of ten (without joints 8.3 and 23.2); of 411
heads of street photos, from which nothing was learned, 4.0 and 11.2 (5.0 and 13.4). To call all of
them frontal would miss by 33.0 and 21.4 in nine of ten. Most of the rest are heads turned by more
than 40 degrees, which are called less turned than they are. On COCO photos annotated points and a
face mesh network, which are the truth, agree within 9 degrees for nine of ten.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.figure import HAIR, TOPS, Figure
from m2fp_cli.tryon.head_joints import measure_head

# The grid around the middle of the face, in sides of a square as large as the face.
STEP = 0.13
HALF_COLUMNS = 8  # on either side of the middle
ROWS = np.arange(-7, 9)  # above and below it, in steps
BLUR = 0.065  # of the masks before they are sampled
LABELS = (("Face", "Sunglasses"), HAIR, ("Torso-skin",), TOPS)
MAX_YAW = 75.0  # degrees

# Joints.
UNIT = 0.43  # about the distance between the pupils, in sides of the face
NARROWEST = 0.17  # distance between the ears that is divided by at least, in sides of the face
FARTHEST = 2.0  # units


@cache
def load_weights(with_joints: bool) -> FloatArray:
    """The weights that come with the package, float32.

    Args:
        with_joints: for heads whose joints are known.

    Returns:
        (N,) of what ``sample_sides`` gives, with joints (N + 3,) of that and of what
        ``sample_joints`` gives.
    """
    with np.load(Path(__file__).with_name("head_yaw.npz")) as arrays:
        weights: FloatArray = arrays["with_joints" if with_joints else "weights"]
        return weights.astype(np.float32)


def sample_sides(figure: Figure, face: BoolArray, tilt: float) -> FloatArray:
    """How unlike the two sides of a head are.

    Args:
        figure: the person in a window around the head.
        face: (h, w) bool, the face region, not empty.
        tilt: roll of the head in radians, positive = it leans to the image's right.

    Returns:
        (N,) float32, -1..1: of every label and every point to the image's right of the middle, what
        it holds more than the point at the left; of the mirror image the opposite.
    """
    y, x = np.nonzero(face)
    side = math.sqrt(len(x))
    columns = STEP * side * (np.arange(HALF_COLUMNS) + 0.5)
    down, across = np.meshgrid(STEP * side * ROWS, columns, indexing="ij")
    cos, sin = math.cos(tilt), math.sin(tilt)
    height, width = face.shape
    places = []
    for way in (1, -1):
        column = np.rint(x.mean() + way * cos * across - sin * down).astype(np.intp)
        row = np.rint(y.mean() + way * sin * across + cos * down).astype(np.intp)
        places.append((np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)))
    sides = []
    for names in LABELS:
        mask = face if names[0] == "Face" else figure.mask(*names)
        level = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), BLUR * side)
        sides.append(level[places[0]] - level[places[1]])
    return np.asarray(np.stack(sides), dtype=np.float32).ravel()


def sample_joints(figure: Figure, face: BoolArray, tilt: float) -> FloatArray | None:
    """How far nose and eyes lie from the middle between the ears.

    Args:
        figure: the person in a window around the head.
        face: (h, w) bool, the face region, not empty.
        tilt: roll of the head in radians, positive = it leans to the image's right.

    Returns:
        (3,) float32, -2..2, positive to the image's right: nose and eyes, in about the distance
        between the pupils, and the nose in distances between the ears; None where the joints are
        unknown. Of the mirror image the opposite.
    """
    if figure.joints is None:
        return None
    head = measure_head(figure.joints, tilt)
    side = figure.stride * math.sqrt(np.count_nonzero(face))
    unit, apart = UNIT * side, max(head.ears_apart, NARROWEST * side)
    nose, eyes = head.nose - head.ears, head.eyes - head.ears
    values = np.array((nose / unit, eyes / unit, nose / apart), dtype=np.float32)
    return np.clip(values, -FARTHEST, FARTHEST)


def estimate_yaw(figure: Figure, face: BoolArray, tilt: float) -> float:
    """Yaw of a head in degrees, positive = the face looks to the image's right.

    Args:
        figure: the person in a window around the head.
        face: (h, w) bool, the face region, not empty.
        tilt: roll of the head in radians.
    """
    sides = sample_sides(figure, face, tilt)
    joints = sample_joints(figure, face, tilt)
    seen = sides if joints is None else np.append(sides, joints)
    yaw = float(seen @ load_weights(with_joints=joints is not None))
    return min(max(yaw, -MAX_YAW), MAX_YAW)
