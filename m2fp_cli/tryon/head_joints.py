"""What the joints of a person say about the head: where nose, eyes and ears are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import Point
from m2fp_cli.records.joints import Joints, joint_indices

(NOSE,) = joint_indices("nose")
EYES = joint_indices("left_eye", "right_eye")
EARS = joint_indices("left_ear", "right_ear")


@dataclass(frozen=True)
class HeadJoints:
    """Joints of a head along its own axes, pixels of the photo.

    Attributes:
        nose: along the eye line, to the image's right.
        eyes: of the middle between the eyes.
        ears: of the middle between the ears.
        ears_apart: from the right ear to the left one; positive where the head faces the camera.
    """

    nose: float
    eyes: float
    ears: float
    ears_apart: float


def measure_head(joints: Joints, tilt: float) -> HeadJoints:
    """Measure the joints of a head along its eye line.

    Args:
        joints: of the person.
        tilt: roll of the head in radians, positive = it leans to the image's right.
    """
    along = joints.points @ np.array([math.cos(tilt), math.sin(tilt)])
    left, right = (float(along[ear]) for ear in EARS)
    eyes = float(along[EYES].mean())
    return HeadJoints(float(along[NOSE]), eyes, (left + right) / 2, left - right)


def find_eyes(joints: Joints) -> Point:
    """Middle between the eyes, pixels of the photo."""
    x, y = joints.points[EYES].mean(axis=0)
    return float(x), float(y)
