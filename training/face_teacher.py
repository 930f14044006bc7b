"""Yaw of a face by MediaPipe's face mesh, a network that knows faces in depth.

The network is ``face_landmark.tflite``, which lies in ``holistic_solution_packed_assets.data`` of
the npm package ``@mediapipe/holistic`` (Apache-2.0, Google; the offsets stand in its loader); it
runs with ``ai-edge-litert``. It sees an upright square around one face.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.training.dataset import Bytes
from training.lite_network import LiteNetwork

_INPUT = 192
_REACH = 5.0  # width of the square, U
_EYES_ROW = 2.1  # from its upper edge to the eyes, U
_LEAST_PRESENCE = 2.0  # logit that it is a face
_AGREEMENT = 15.0  # degrees between the photo and its mirror image

# Landmarks at the image's left and the same ones at its right: eyes, mouth, cheeks, jaw.
_LEFT, _RIGHT = (
    np.array([33, 133, 61, 234, 127, 93, 132, 58]),
    np.array([263, 362, 291, 454, 356, 323, 361, 288]),
)


class FaceTeacher:
    """The face mesh network."""

    def __init__(self, model: Path) -> None:
        """Load ``face_landmark.tflite``."""
        self._network = LiteNetwork(model)

    def find_yaw(
        self, photo_bgr: Bytes, eyes_xy: tuple[float, float], unit: float, tilt: float
    ) -> float | None:
        """Yaw in degrees, positive to the image's right, on which photo and mirror image agree.

        Args:
            photo_bgr: (H, W, 3) uint8.
            eyes_xy: middle between the eyes, pixels.
            unit: U, pixels.
            tilt: roll of the head in radians.

        Returns:
            the yaw, or None where no face is seen or the two do not agree.
        """
        square = cut_face(photo_bgr, eyes_xy, unit, tilt)
        looks = [self._look(view) for view in (square, np.ascontiguousarray(square[:, ::-1]))]
        if any(presence < _LEAST_PRESENCE for _, presence in looks):
            return None
        yaw, other = (yaw_of(landmarks) for landmarks, _ in looks)
        return (yaw - other) / 2 if abs(yaw + other) < _AGREEMENT else None

    def _look(self, square_bgr: Bytes) -> tuple[NDArray[np.float32], float]:
        landmarks, presence = self._network.run(square_bgr[..., ::-1])
        return landmarks.reshape(-1, 3), presence


def cut_face(photo_bgr: Bytes, eyes_xy: tuple[float, float], unit: float, tilt: float) -> Bytes:
    """The upright square around a face that the network sees, (192, 192, 3) uint8."""
    step = _REACH * unit / _INPUT
    if step > 1:
        photo_bgr = np.asarray(cv2.GaussianBlur(photo_bgr, (0, 0), 0.4 * step), np.uint8)
    cos, sin = step * math.cos(tilt), step * math.sin(tilt)
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    matrix[:, 2] = eyes_xy - matrix[:, :2] @ (_INPUT / 2, _INPUT * _EYES_ROW / _REACH)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (_INPUT, _INPUT)
    square = cv2.warpAffine(photo_bgr, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, np.uint8)


def yaw_of(landmarks: NDArray[np.float32]) -> float:
    """Yaw in degrees of the 468 landmarks of a face, (468, 3) with the depth away from the camera.

    The mean direction from each landmark of one side of the face to the same one of the other.
    """
    across = landmarks[_RIGHT] - landmarks[_LEFT]
    mean = (across / np.linalg.norm(across, axis=1, keepdims=True)).mean(axis=0)
    return math.degrees(math.atan2(mean[2], mean[0]))
