"""The joint network against MediaPipe's own file, run by Google's runtime."""

from __future__ import annotations

import numpy as np
import torch
from torch.testing._comparison import assert_close

from m2fp_cli.engine.joints import load_joint_network

# x, y of joints 0, 11, 12, 15, 24, 28 and 32 for the picture below, from pose_landmark_full.tflite
# of @mediapipe/pose 0.5.1675469404 in ai-edge-litert 2.
EXPECTED = {
    0: (122.11, 60.50),
    11: (121.60, 79.11),
    12: (118.31, 74.57),
    15: (116.11, 59.90),
    24: (119.61, 127.69),
    28: (122.38, 82.56),
    32: (120.26, 75.11),
}


def drawn_picture() -> torch.Tensor:
    """A blob, a disc above it and a gradient, (1, 3, 256, 256)."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    blob = np.exp(-(((x - 128) / 40) ** 2) - ((y - 150) / 90) ** 2)
    disc = (np.hypot(x - 128, y - 60) < 25) * 0.8
    return torch.from_numpy(np.stack((blob, disc, y / 255)).astype(np.float32))[None]


def test_joints_are_those_of_the_original_network():
    with torch.inference_mode():
        (joints,) = load_joint_network()(drawn_picture())
    assert joints.shape == (33, 2)
    assert_close(joints[list(EXPECTED)], torch.tensor(list(EXPECTED.values())), atol=0.01, rtol=0)


def test_people_are_seen_one_by_one_however_many_come_together():
    picture = drawn_picture()
    pictures = torch.cat([picture, picture.flip(3), picture.mul(0.5)])
    with torch.inference_mode():
        together = load_joint_network()(pictures)
        alone = torch.cat([load_joint_network()(one[None]) for one in pictures])
    assert_close(together, alone, atol=2e-3, rtol=0)
