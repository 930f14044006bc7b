"""Joints of drawn people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from m2fp_cli.records.joints import JOINT_NAMES, NUM_JOINTS, Joints

# A head that faces the camera, U from the middle between the eyes, x to the image's right.
FRONT = {
    "nose": (0.0, 0.6),
    "left_eye": (0.5, 0.0), "right_eye": (-0.5, 0.0),
    "left_ear": (1.17, 0.2), "right_ear": (-1.17, 0.2),
}  # fmt: skip
BEHIND = {name: (-x, y) for name, (x, y) in FRONT.items()}


def joints_at(points: Mapping[str, tuple[float, float]], score: float = 1.0) -> Joints:
    """Joints at named points (x, y), all others at the photo's corner."""
    placed = np.zeros((NUM_JOINTS, 2))
    for name, xy in points.items():
        placed[JOINT_NAMES.index(name)] = xy
    return Joints(placed, np.full(NUM_JOINTS, score), score)
