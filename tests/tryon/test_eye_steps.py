from __future__ import annotations

import numpy as np

from m2fp_cli.tryon.eye_steps import POINTS, apply_steps, load_steps, move_poses, sample_features
from m2fp_cli.tryon.eyes import CROP_WH, UNIT
from m2fp_cli.tryon.worn_glasses import eyes_from_glasses
from training.eye_steps import LARGEST, Start, learn_steps, step_to, symmetric

RIGHT = np.array([104.0, 95.0, 1.1, 0.2])


def some_poses(count=40):
    rng = np.random.default_rng(1)
    return (RIGHT + rng.normal(size=(count, 4)) * (3, 3, 0.1, 0.1)).astype(np.float32)


def drawn_planes(flip=False):
    """A dark disc at each eye of the right pose, in all three planes."""
    x, y = np.meshgrid(np.arange(CROP_WH[0]), np.arange(CROP_WH[1]))
    plane = np.zeros(CROP_WH[::-1], np.float32)
    for side in (-0.5, 0.5):
        dx = x - RIGHT[0] - side * UNIT * RIGHT[2] * np.cos(RIGHT[3])
        dy = y - RIGHT[1] - side * UNIT * RIGHT[2] * np.sin(RIGHT[3])
        plane -= np.exp(-(dx**2 + dy**2) / 40)
    return np.stack([plane] * 3)


def test_a_step_to_the_right_pose_leads_there():
    poses = some_poses()
    there = move_poses(poses, step_to(RIGHT, poses))
    assert np.allclose(there, RIGHT, atol=1e-4)


def test_steps_that_are_learned_lead_nearer():
    poses = some_poses()
    assert np.abs(step_to(RIGHT, poses)).max() < LARGEST
    steps = learn_steps([Start(drawn_planes(), RIGHT, poses.copy())])
    ends = np.stack([apply_steps(drawn_planes(), pose, steps) for pose in poses])
    before, after = (np.hypot(*(p[:, :2] - RIGHT[:2]).T).mean() for p in (poses, ends))
    assert after < 0.7 * before


def test_a_mirrored_face_is_moved_the_mirrored_way():
    weights = symmetric(np.random.default_rng(2).normal(size=(3 * len(POINTS) + 1, 4)))
    planes = np.random.default_rng(3).normal(size=(3, *CROP_WH[::-1])).astype(np.float32)
    here, there = (np.array([[x, 95.0, 1.0, 0.0]], np.float32) for x in (99, CROP_WH[0] - 1 - 99))
    step = sample_features(planes, here) @ weights
    mirrored = sample_features(np.ascontiguousarray(planes[:, :, ::-1]), there) @ weights
    assert np.allclose(mirrored, step * (-1, 1, 1, -1), atol=1e-4)


def test_the_steps_that_are_shipped_fit_the_grid_and_keep_level_faces_level():
    steps = load_steps()
    assert steps.shape[1:] == (3 * len(POINTS) + 1, 4)
    level = sample_features(np.zeros((3, *CROP_WH[::-1]), np.float32), np.ones((1, 4), np.float32))
    assert np.allclose((level @ steps[0])[0, [0, 3]], 0, atol=1e-5)


def test_eyes_are_behind_the_upper_half_of_glasses():
    mask = np.zeros((60, 120), np.bool_)
    mask[20:40, 14:106] = True
    eyes = eyes_from_glasses(mask)
    assert eyes is not None
    assert 92 / 2.4 < eyes.unit < 92 / 2.2
    assert abs(eyes.center_xy[0] - 60) < 1
    assert 24 < eyes.center_xy[1] < 29
