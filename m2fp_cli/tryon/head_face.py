"""What the face that the face network sees says about the head: eyes, size, roll, yaw and chin.

Of 208 heads of COCO photos whose yaw is known from annotated points and that are dressed, the yaw
is 3.0 degrees off in the median and 9.7 in nine of ten (without faces 6.3 and 19.6, of 237). Of
413 people there whose eyes are annotated something can be put on 236 within 0.4 U of their eyes and
on 4 more than 0.6 U beside them (225 and 52 without); of 162 with one annotated eye on 4 (55), of
344 without eyes and nose on none (47). On 304 bare faces of street photos whose eyes OpenCV's
cascades find, the eyes are met within 0.03 U in the median, 0.07 in nine of ten (0.05 and 0.12).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.face import SURE_FACE, Face
from m2fp_cli.tryon.eye_steps import EyeFit, fit_eyes
from m2fp_cli.tryon.eyes import CENTER, Prior, load_templates, score_poses, standard_crop
from m2fp_cli.tryon.figure import HAIR, HEAD, Figure

REACH = 1.5  # from where the mask expects the eyes, U; a farther face is somebody else's
SIZE_RATIO = (0.3, 3.3)  # of its size to what the mask expects; others are somebody else's, too
MAX_YAW = 75.0  # degrees; nobody who is seen is turned farther
SCORE = 0.8  # of eyes that are seen, at least
# The network may be sure of a face and see it beside where it is. Of 474 faces none but such a one,
# which put a hat over the eyes, is moved; of 1896 made by moving them by 0.6 U 414 are.
NO_EYES, CLEAR_EYES = 0.1, 0.75  # what pixels score where they show none, and clear ones
ELSEWHERE = 0.4  # U between the two
MAX_ROLL = 50.0  # degrees from upright
# Of 83 heads on COCO photos whose seen face is turned by more than this, 20 have an eye that lies
# so far beside the head: 9 of 12 with one annotated eye, and 10 of 60 with two, near profiles.
FROM_SIDE_YAW = 20.0  # degrees
FROM_SIDE = 0.05  # U
# Labelled faces end so much below the chin that is seen, which lies in front; medians of 831 heads
# of street photos are 1.84 and 1.75 U below the eyes.
BELOW_CHIN = 0.09  # U
CHIN_RANGE = (1.3, 2.4)  # below the eyes, U; who nods has less


def find_seen_face(figure: Figure, prior: Prior) -> Face | None:
    """The face that was seen on a head.

    Args:
        figure: the person in a window around the head.
        prior: where the masks expect the eyes.

    Returns:
        None where it is unknown, in doubt, or not where and as large as the mask has it.
    """
    face = figure.face
    if face is None or face.score < SURE_FACE:
        return None
    apart = math.dist(_eyes_in_window(face, figure), prior.center_xy)
    ratio = face.unit / figure.stride / prior.unit
    fits = apart < REACH * prior.unit and SIZE_RATIO[0] < ratio < SIZE_RATIO[1]
    return face if fits else None


def is_from_side(face: Face, figure: Figure) -> bool:
    """Whether a seen face is a profile, whose averted eye is guessed beside the head.

    The yaw alone does not tell: the network calls heads turned by 60 degrees and more 25 to 45.
    """
    if abs(face.yaw) < FROM_SIDE_YAW:
        return False
    if abs(face.yaw) > MAX_YAW:
        return True
    way = 1 if face.yaw > 0 else -1
    x, y = max((face.point(eye) for eye in ("left_eye", "right_eye")), key=lambda xy: way * xy[0])
    head = figure.dilate(figure.mask(*HEAD), FROM_SIDE * face.unit)
    column, row = (
        int((place - start) // figure.stride)
        for place, start in zip((x, y), figure.origin_xy, strict=True)
    )
    height, width = head.shape
    return not (0 <= row < height and 0 <= column < width and head[row, column])


def fit_by_face(
    gray: NDArray[np.uint8], region: BoolArray, figure: Figure, face: Face, prior: Prior
) -> EyeFit:
    """The eyes of a seen face; their unit is that of the head from the front.

    Args:
        gray: (h, w) uint8, the photo in the figure's window.
        region: (h, w) bool, the face region.
        figure: the person.
        face: what was seen.
        prior: where the masks expect the eyes.

    Returns:
        the eyes; where the pixels show none there and clearly some elsewhere, those.
    """
    center, unit = _eyes_in_window(face, figure), face.unit / figure.stride
    tilt = math.radians(face.roll)
    contrast, _ = standard_crop(gray, region, Prior(center, unit))
    pose = np.array([[*CENTER, 1.0, tilt]], np.float32)
    bare, dark = (float(value) for value in score_poses(contrast, pose, load_templates())[0])
    if max(bare, dark) < NO_EYES:
        other = fit_eyes(gray, region, figure.mask(*HAIR), prior)
        if other.score > CLEAR_EYES and math.dist(other.center_xy, center) > ELSEWHERE * unit:
            return replace(other, unit=unit)
    return EyeFit(center, unit, tilt, max(bare, dark, SCORE), dark_lenses=dark > bare)


def measure_chin(face: Face) -> float:
    """Distance from the eye line to the lower end of the face, U."""
    (x, y), (chin_x, chin_y) = face.eyes_xy, face.point("chin")
    roll = math.radians(face.roll)
    below = (chin_y - y) * math.cos(roll) - (chin_x - x) * math.sin(roll)
    return min(max(below / face.unit + BELOW_CHIN, CHIN_RANGE[0]), CHIN_RANGE[1])


def measure_width(face: Face) -> float:
    """Width of a face without ears, as it appears, pixels."""
    return math.dist(face.point("left_cheek"), face.point("right_cheek"))


def _eyes_in_window(face: Face, figure: Figure) -> tuple[float, float]:
    """Middle between the eyes, pixels of the figure's maps."""
    x, y = (
        (eye - start - 0.5 * (figure.stride - 1)) / figure.stride
        for eye, start in zip(face.eyes_xy, figure.origin_xy, strict=True)
    )
    return x, y
