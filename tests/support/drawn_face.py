"""Faces with known points."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from m2fp_cli.records.face import FACE_POINT_NAMES, NUM_FACE_POINTS, Face


def face_at(
    points: Mapping[str, tuple[float, float]],
    *,
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    score: float = 1.0,
) -> Face:
    """A face at named points (x, y), all others at the photo's corner."""
    placed = np.zeros((NUM_FACE_POINTS, 2))
    for name, xy in points.items():
        placed[FACE_POINT_NAMES.index(name)] = xy
    return Face(placed, yaw, pitch, roll, score)
