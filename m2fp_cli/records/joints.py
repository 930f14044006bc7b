"""Joints of a person: where they are, and how sure that is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.jsonio import list_of, number_of, numbers_of, read_each
from m2fp_cli.terminal import counted

Points = NDArray[np.float64]  # (J, 2) x, y

# MediaPipe's order; left is the person's own left.
JOINT_NAMES = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear",
    "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_ankle", "right_ankle", "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
NUM_JOINTS = len(JOINT_NAMES)
# Score of a person's joints from which on these are believed: of people in COCO photos with a
# lower one 14 to 41 % of the joints are right, of others 49 to 77 %.
SURE_PRESENCE = 0.5
_POINT_DIGITS, _SCORE_DIGITS = 1, 4  # the network is not that exact
_FARTHEST = 1e9  # pixels from the photo's corner


def joint_indices(*names: str) -> list[int]:
    """Where joints of some names stand in ``JOINT_NAMES``."""
    return [JOINT_NAMES.index(name) for name in names]


@dataclass(frozen=True, eq=False)
class Joints:
    """The joints of one person, in the order of ``JOINT_NAMES``.

    Attributes:
        points: (33, 2) float64 x, y in pixels of the upright photo. Hidden joints are guessed, and
            joints beyond the photo's edge lie there.
        scores: (33,) float64 in [0, 1], the probability that a joint is in the photo and not
            hidden.
        score: probability that the network saw a person at all, in [0, 1].
    """

    points: Points
    scores: NDArray[np.float64]
    score: float

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: an array has another shape.
        """
        if self.points.shape != (NUM_JOINTS, 2) or self.scores.shape != (NUM_JOINTS,):
            raise ValueError(f"has {counted(len(self.points), 'joint')}, not {NUM_JOINTS}")

    def as_json(self) -> dict[str, Any]:
        """The joints as ``schemas/result.schema.json`` describes them."""
        points, scores = self.points.round(_POINT_DIGITS), self.scores.round(_SCORE_DIGITS)
        return {
            "score": round(self.score, _SCORE_DIGITS),
            "points": np.column_stack((points, scores)).tolist(),
        }


def read_joints(document: Mapping[str, Any]) -> Joints:
    """Joints from their JSON, which may come from a stranger.

    Raises:
        ValueError: it does not hold 33 joints; the message fits behind the file's name.
    """
    rows = read_each(document, "points", _read_point, most=NUM_JOINTS)
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Joints(table[:, :2], table[:, 2], number_of(document, "score", 0, 1))


def _read_point(row: Any) -> list[float]:
    listed = list_of({"point": row}, "point", most=3)
    values = dict(zip(("x", "y", "score"), listed, strict=False))  # those that lack are named
    place = numbers_of(values, ("x", "y"), -_FARTHEST, _FARTHEST)
    return [*place, number_of(values, "score", 0, 1)]


def distance_to_chain(pixels: Points, chain: Points) -> NDArray[np.float64]:
    """Distance of every pixel to the nearest segment of a chain of joints.

    Args:
        pixels: (P, 2) x, y.
        chain: (J, 2) x, y; segments with an end that is nan do not count.

    Returns:
        (P,) in pixels; inf without a segment.
    """
    least = np.full(len(pixels), np.inf)
    for start, end in itertools.pairwise(chain):
        if np.isnan(start).any() or np.isnan(end).any():
            continue
        along = end - start
        share = ((pixels - start) @ along / max(float(along @ along), 1e-9)).clip(0, 1)
        nearest = start + share[:, None] * along
        least = np.minimum(least, np.linalg.norm(pixels - nearest, axis=1))
    return least
