"""How far a head is turned to a side, by where hair, neck and clothes lie around its face.

A linear function of masks sampled on a grid around the face: hair is seen beside the averted
cheek, and the face moves off the middle of neck and shoulders. Only what is unlike left and right
counts, so that a mirror image has the opposite yaw. The pair of eyes is not asked but for its tilt,
as on turned heads an eye and an ear are taken for one.

``training/head_yaw.py`` makes the weights. Of 254 heads of COCO photos that something is put on,
judged in five folds, the error is 7.6 degrees in the median and 22.5 in nine of ten; of 411 heads
of street photos, from which nothing was learned, 4.6 and 13.2. To call all of them frontal would
miss by 34.8 and 21.8 in nine of ten. True profiles are the rest: the label map often shows
their face as wide and as central as one that looks ahead. On COCO photos annotated points and a
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

# The grid around the middle of the face, in sides of a square as large as the face.
STEP = 0.13
HALF_COLUMNS = 8  # on either side of the middle
ROWS = np.arange(-7, 9)  # above and below it, in steps
BLUR = 0.065  # of the masks before they are sampled
LABELS = (("Face", "Sunglasses"), HAIR, ("Torso-skin",), TOPS)
MAX_YAW = 75.0  # degrees


@cache
def load_weights() -> FloatArray:
    """The weights that come with the package, (N,) float32, see ``sample_sides``."""
    with np.load(Path(__file__).with_name("head_yaw.npz")) as arrays:
        weights: FloatArray = arrays["weights"].astype(np.float32)
        return weights


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


def estimate_yaw(figure: Figure, face: BoolArray, tilt: float) -> float:
    """Yaw of a head in degrees, positive = the face looks to the image's right.

    Args:
        figure: the person in a window around the head.
        face: (h, w) bool, the face region, not empty.
        tilt: roll of the head in radians.
    """
    yaw = float(sample_sides(figure, face, tilt) @ load_weights())
    return min(max(yaw, -MAX_YAW), MAX_YAW)
