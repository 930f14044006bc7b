"""The joint network against MediaPipe's own file, run by Google's runtime."""

from __future__ import annotations

import numpy as np
import torch
from torch.testing._comparison import assert_close

from m2fp_cli.engine.joints import load_joint_network

# For the picture below, from pose_landmark_full.tflite of @mediapipe/pose 0.5.1675469404 in
# ai-edge-litert 2: x, y and the probability of being visible of some joints, and of a person.
EXPECTED = {
    0: (122.11, 60.50, 0.8256),
    11: (121.60, 79.11, 0.5436),
    12: (118.31, 74.57, 0.2741),
    15: (116.11, 59.90, 0.0509),
    24: (119.61, 127.69, 0.0466),
    28: (122.38, 82.56, 0.0535),
    32: (120.26, 75.11, 0.0807),
}
PRESENCE = 0.9872


def drawn_picture() -> torch.Tensor:
    """A blob, a disc above it and a gradient, (1, 3, 256, 256)."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    blob = np.exp(-(((x - 128) / 40) ** 2) - ((y - 150) / 90) ** 2)
    disc = (np.hypot(x - 128, y - 60) < 25) * 0.8
    return torch.from_numpy(np.stack((blob, disc, y / 255)).astype(np.float32))[None]


def test_joints_are_those_of_the_original_network():
    with torch.inference_mode():
        (points,), (visible,), presence = load_joint_network()(drawn_picture())
    found = torch.cat((points, visible[:, None]), 1)
    assert found.shape == (33, 3)
    assert_close(found[list(EXPECTED)], torch.tensor(list(EXPECTED.values())), atol=0.01, rtol=0)
    assert_close(presence, torch.tensor([PRESENCE]), atol=1e-3, rtol=0)


def test_people_are_seen_one_by_one_however_many_come_together():
    picture = drawn_picture()
    pictures = torch.cat([picture, picture.flip(3), picture.mul(0.5)])
    with torch.inference_mode():
        together = load_joint_network()(pictures)
        alone = [load_joint_network()(one[None]) for one in pictures]
    for of_all, of_each in zip(together, zip(*alone, strict=True), strict=True):
        assert_close(of_all, torch.cat(of_each), atol=2e-3, rtol=0)
