"""The face of a person: where some of its points are, which way it looks, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from m2fp_cli.arrays import Point
from m2fp_cli.jsonio import list_of, number_of, numbers_of, read_each
from m2fp_cli.records.joints import Points
from m2fp_cli.terminal import counted

# Left is the person's own left. An eye is the middle between its corners, a cheek the edge of the
# face before the ear, a jaw its corner below that, the forehead the upper end of its middle.
FACE_POINT_NAMES = (
    "left_eye", "left_eye_inner", "left_eye_outer",
    "right_eye", "right_eye_inner", "right_eye_outer",
    "nose", "left_mouth", "right_mouth", "forehead", "chin",
    "left_cheek", "right_cheek", "left_jaw", "right_jaw",
)  # fmt: skip
NUM_FACE_POINTS = len(FACE_POINT_NAMES)
ANGLE_NAMES = ("yaw", "pitch", "roll")
# Score from which on a face is believed: of 401 people in COCO photos whose eyes are annotated 247
# have it, and the eyes of 231 of these are met within 0.25 of the distance between them, of 3 they
# are missed by more than 0.6. With 0.3 they are 251, 235 and 3, with 0.9 226, 213 and 3.
SURE_FACE = 0.5
_POINT_DIGITS, _ANGLE_DIGITS, _SCORE_DIGITS = 1, 1, 4  # the network is not that exact
_FARTHEST = 1e9  # pixels from the photo's corner
_OTHER = {"left": "right", "right": "left"}
_LEAST_COSINE = 0.25  # of a yaw, by which the distance between the eyes is divided


def mirrored_name(name: str) -> str:
    """The point that a point becomes in a mirror image."""
    side, _, rest = name.partition("_")
    return f"{_OTHER[side]}_{rest}" if side in _OTHER else name


@dataclass(frozen=True, eq=False)
class Face:
    """The face of one person, its points in the order of ``FACE_POINT_NAMES``.

    Attributes:
        points: (15, 2) float64 x, y in pixels of the upright photo; hidden points are guessed.
        yaw: degrees in [-180, 180], positive = it looks to the image's right.
        pitch: degrees in [-180, 180], positive = it looks up.
        roll: degrees in [-180, 180], positive = clockwise in the image, of the eye line.
        score: probability that there is a face at all, in [0, 1]; 0 where two looks at it
            differ, or where it is another person's.
    """

    points: Points
    yaw: float
    pitch: float
    roll: float
    score: float

    def __post_init__(self) -> None:
        """Check the shape.

        Raises:
            ValueError: it has other points.
        """
        if self.points.shape != (NUM_FACE_POINTS, 2):
            points = counted(len(self.points), "point")
            raise ValueError(f"has {points} of a face, not {NUM_FACE_POINTS}")

    def point(self, name: str) -> Point:
        """A point by its name, x and y in pixels of the photo."""
        x, y = self.points[FACE_POINT_NAMES.index(name)]
        return float(x), float(y)

    @property
    def eyes_xy(self) -> Point:
        """Middle between the eyes, pixels of the photo."""
        (x0, y0), (x1, y1) = self.point("left_eye"), self.point("right_eye")
        return (x0 + x1) / 2, (y0 + y1) / 2

    @property
    def unit(self) -> float:
        """Distance between the eyes if the face were seen from the front, pixels."""
        apart = math.dist(self.point("left_eye"), self.point("right_eye"))
        return apart / max(math.cos(math.radians(self.yaw)), _LEAST_COSINE)

    def as_json(self) -> dict[str, Any]:
        """The face as ``schemas/result.schema.json`` describes it."""
        angles = {name: getattr(self, name) for name in ANGLE_NAMES}
        return {
            "score": round(self.score, _SCORE_DIGITS),
            **{name: round(angle, _ANGLE_DIGITS) for name, angle in angles.items()},
            "points": self.points.round(_POINT_DIGITS).tolist(),
        }


def read_face(document: Mapping[str, Any]) -> Face:
    """A face from its JSON, which may come from a stranger.

    Raises:
        ValueError: it does not hold 15 points and three angles; the message fits behind the file's
            name.
    """
    rows = read_each(document, "points", _read_point, most=NUM_FACE_POINTS)
    points = np.array(rows, dtype=np.float64).reshape(-1, 2)
    yaw, pitch, roll = (number_of(document, name, -180, 180) for name in ANGLE_NAMES)
    return Face(points, yaw, pitch, roll, number_of(document, "score", 0, 1))


def _read_point(row: Any) -> list[float]:
    listed = list_of({"point": row}, "point", most=2)
    values = dict(zip(("x", "y"), listed, strict=False))  # those that lack are named
    return numbers_of(values, ("x", "y"), -_FARTHEST, _FARTHEST)
