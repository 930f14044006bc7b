"""Where the eyes of a bare face are, by OpenCV's cascades: slow, often silent, nearly never wrong.

They need about 30 pixels between the pupils and a face from the front, and stay silent on every
second street photo; so they teach and judge the eye fit, and are no part of the tool. OpenCV 5 has
no cascades.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.tryon.eyes import Prior

UNIT = 40.0  # pixels per U in the picture that is searched
ORIGIN = 1.6  # its corner lies this far to the left of and above the expected eyes, U
SIZE_WH = (128, 144)
CASCADES = ("haarcascade_eye_tree_eyeglasses.xml", "haarcascade_eye.xml")  # surest first


@dataclass(frozen=True)
class KnownEyes:
    """A pair of eyes: middle and distance in pixels of the picture searched, roll in radians."""

    center_xy: tuple[float, float]
    unit: float
    tilt: float


@cache
def _cascade(name: str) -> Any:
    folder = Path(cv2.__file__).parent / "data"
    return cv2.CascadeClassifier(str(folder / name))


def find_known_eyes(
    gray: NDArray[np.uint8], face: NDArray[np.bool_], prior: Prior
) -> KnownEyes | None:
    """The pair of eyes of a face, None unless two are detected that can be a pair.

    Args:
        gray: (H, W) uint8.
        face: (H, W) bool, the face region.
        prior: where masks expect the eyes.
    """
    scale = UNIT / prior.unit
    corner = np.asarray(prior.center_xy) - ORIGIN * prior.unit
    matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    picture = cv2.warpAffine(gray, matrix, SIZE_WH, flags=cv2.INTER_CUBIC)
    inside = cv2.warpAffine(face.astype(np.uint8), matrix, SIZE_WH) > 0
    even = cv2.equalizeHist(picture)
    for name in CASCADES:
        boxes = _cascade(name).detectMultiScale(even, 1.05, 3, minSize=(14, 14), maxSize=(50, 50))
        pair = _best_pair(np.asarray(boxes, dtype=np.float64).reshape(-1, 4), inside)
        if pair is not None:
            x, y = np.asarray(pair.center_xy) / scale + corner
            return KnownEyes((float(x), float(y)), pair.unit / scale, pair.tilt)
    return None


def _best_pair(boxes: NDArray[np.float64], inside: NDArray[np.bool_]) -> KnownEyes | None:
    """The pair that is nearest to level, alike in size and as far apart as expected."""
    best, least = None, math.inf
    for (ax, ay, aw, ah), (bx, by, bw, bh) in permutations(boxes, 2):
        left, right = np.array([ax + aw / 2, ay + ah / 2]), np.array([bx + bw / 2, by + bh / 2])
        apart, tilt = float(np.hypot(*(right - left))), math.atan2(*(right - left)[::-1])
        alike = abs(math.log(aw / bw))
        x, y = (left + right) / 2
        possible = 0.65 * UNIT < apart < 1.4 * UNIT and abs(tilt) < 0.5 and alike < 0.5
        if not possible or max(aw, bw) > 0.75 * apart or not inside[int(y), int(x)]:
            continue
        cost = abs(math.log(apart / UNIT)) + abs(tilt) + alike
        if cost < least:
            best, least = KnownEyes((float(x), float(y)), apart, tilt), cost
    return best
