"""Joints of a person by MediaPipe's pose landmarks, a network with the person's own sides.

The network is ``pose_landmark_heavy.tflite`` of the npm package ``@mediapipe/pose``
(Apache-2.0, Google); it runs with ``ai-edge-litert``. It sees a square around one person.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.training.dataset import Bytes
from training.lite_network import LiteNetwork

_INPUT = 256
_MARGIN = 1.25  # MediaPipe's: the square is so much larger than the circle around the body
_MIDDLE, _RIM = 33, 34  # two further points: mid hip, and one on the circle around the body
_LEAST_PRESENCE = 0.5
_AGREEMENT = 0.06  # of the person's height, between the joint in the photo and in its mirror image

# Index of the same joint on the other side, for the 33 joints.
_OTHER_SIDE = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9]
    + [i + 1 if i % 2 else i - 1 for i in range(11, 33)]
)  # fmt: skip

Joints = NDArray[np.float64]
Matrix = NDArray[np.float64]


class PoseTeacher:
    """The landmark network."""

    def __init__(self, model: Path) -> None:
        """Load ``pose_landmark_*.tflite``."""
        self._network = LiteNetwork(model)

    def find_joints(self, rgb: Bytes, box_xyxy: tuple[int, int, int, int]) -> Joints | None:
        """Joints on which the photo and its mirror image agree.

        Args:
            rgb: (H, W, 3) uint8.
            box_xyxy: around the person.

        Returns:
            (33, 2) x, y in pixels of the photo, nan where the two do not agree; None where the
            network sees nobody.
        """
        left, top, right, bottom = box_xyxy
        width = rgb.shape[1]
        plain = self._look_twice(rgb, box_xyxy)
        mirrored = self._look_twice(
            np.ascontiguousarray(rgb[:, ::-1]), (width - right, top, width - left, bottom)
        )
        if plain is None or mirrored is None:
            return None
        back = mirrored[_OTHER_SIDE] * (-1, 1) + (width - 1, 0)
        apart = np.linalg.norm(plain - back, axis=1)
        mean = (plain + back) / 2
        mean[apart > _AGREEMENT * max(bottom - top, right - left)] = np.nan
        return np.asarray(mean)

    def _look_twice(self, rgb: Bytes, box_xyxy: tuple[int, int, int, int]) -> Joints | None:
        """Joints (33, 2): first in a square around the box, then in the one this asks for."""
        left, top, right, bottom = box_xyxy
        center = ((left + right) / 2, (top + bottom) / 2)
        points = self._look(rgb, _square(center, _MARGIN * max(right - left, bottom - top), 0.0))
        if points is None:
            return None
        reach = points[_RIM] - points[_MIDDLE]
        turn = float(np.degrees(np.arctan2(reach[0], -reach[1])))
        side = 2 * _MARGIN * float(np.linalg.norm(reach))
        again = self._look(rgb, _square((points[_MIDDLE][0], points[_MIDDLE][1]), side, turn))
        return None if again is None else again[:33]

    def _look(self, rgb: Bytes, matrix: Matrix) -> Joints | None:
        """All 39 points (x, y) in pixels of the photo, by the square that a map cuts out."""
        flags = cv2.INTER_LINEAR
        square = cv2.warpAffine(rgb, matrix, (_INPUT, _INPUT), flags=flags)
        landmarks, presence = self._network.run(np.asarray(square, np.uint8))
        if presence < _LEAST_PRESENCE:
            return None
        points = landmarks.reshape(39, 5)[:, :2].astype(np.float64)
        inverse = np.asarray(cv2.invertAffineTransform(matrix))
        return np.asarray(points @ inverse[:, :2].T + inverse[:, 2])


def _square(center: tuple[float, float], side: float, degrees: float) -> Matrix:
    """(2, 3) map of a turned square of the photo to the network's input."""
    scale = _INPUT / max(side, 1.0)
    matrix = np.asarray(cv2.getRotationMatrix2D(center, degrees, scale), np.float64)
    matrix[:, 2] += _INPUT / 2 - np.asarray(center)
    return matrix
