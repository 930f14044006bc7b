"""The face network against MediaPipe's own file, run by Google's runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.testing._comparison import assert_close

from m2fp_cli import models
from m2fp_cli.engine.faces import load_face_network
from m2fp_cli.models.weights import load_weights
from m2fp_cli.network.build import assign_weights
from m2fp_cli.network.face_network import FaceNetwork

# For the picture below, from face_landmark.tflite of @mediapipe/face_mesh 0.4.1657299874 in
# ai-edge-litert 2: x, y and depth of some points, and the probability of a face.
EXPECTED = {
    1: (93.87, 109.31, -18.35),
    10: (96.80, 45.33, 2.77),
    33: (65.84, 84.88, 9.74),
    152: (93.92, 160.51, -3.52),
    234: (50.05, 97.77, 39.40),
    263: (127.54, 84.45, 6.12),
    467: (129.04, 81.36, 4.71),
}
PRESENCE = 0.9498
FOLDER = Path(models.__file__).parent / "faces"


def drawn_picture() -> torch.Tensor:
    """A pale ellipse with two dark eyes, (1, 3, 192, 192)."""
    y, x = np.mgrid[:192, :192].astype(np.float32)
    face = np.exp(-(((x - 96) / 40) ** 2) - ((y - 100) / 55) ** 2)
    eyes = [np.hypot((x - middle) / 10, (y - 85) / 6) for middle in (76, 116)]
    face_with_eyes = face * np.minimum(*eyes).clip(0, 1)
    channels = (0.9 * face_with_eyes, 0.7 * face_with_eyes, y / 384 + 0.3 * face)
    return torch.from_numpy(np.stack(channels).astype(np.float32))[None]


def test_points_are_those_of_the_original_network():
    with torch.inference_mode():
        (points,), presence = load_face_network()(drawn_picture())
    assert points.shape == (468, 3)
    assert_close(points[list(EXPECTED)], torch.tensor(list(EXPECTED.values())), atol=0.01, rtol=0)
    assert_close(presence, torch.tensor([PRESENCE]), atol=1e-3, rtol=0)


def test_packed_convolutions_change_nothing():
    plain = FaceNetwork().eval()
    packed = load_face_network()
    assign_weights(plain, load_weights(FOLDER))
    pictures = torch.cat([drawn_picture(), drawn_picture().flip(3)])
    with torch.inference_mode():
        for seen, expected in zip(packed(pictures), plain(pictures), strict=True):
            assert_close(seen, expected, atol=2e-3, rtol=0)
