"""Correct the pose of the eyes in steps, each a linear function of what lies under the pose.

The templates of ``eyes`` say which of many poses fits best, but an eye and an ear fit nearly as
well as two eyes, and a turned face fits nothing. A step looks at gray values, face and hair on one
grid around the pose and moves it (supervised descent, Xiong and De la Torre 2013); it learns that
hair beside one eye means that the head is turned. ``training/eye_steps.py`` makes the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.eyes import (
    CROP_WH,
    UNIT,
    Prior,
    fit_templates,
    load_templates,
    sample_grid,
    score_poses,
    standard_crop,
)

GRID_X = np.arange(-1.6, 1.61, 0.2)  # across, U from the middle between the eyes
GRID_Y = np.arange(-1.2, 1.41, 0.2)  # below it, U
POINTS = np.stack(np.meshgrid(GRID_X, GRID_Y), axis=-1).reshape(-1, 2).astype(np.float32)
MASK_BLUR = 0.075  # of face and hair before they are sampled, U


@dataclass(frozen=True)
class EyeFit:
    """Where the eyes are.

    Attributes:
        center_xy: middle between the eyes, pixels of the picture that was searched.
        unit: U, the distance between the pupils, pixels.
        tilt: roll in radians.
        score: 0 for no face, about 1 for a typical face.
        dark_lenses: the template with dark lenses fits better.
    """

    center_xy: tuple[float, float]
    unit: float
    tilt: float
    score: float
    dark_lenses: bool


@cache
def load_steps() -> FloatArray:
    """The steps that come with the package: (S, 3 P + 1, 4) float32, see ``apply_steps``."""
    with np.load(Path(__file__).with_name("eye_steps.npz")) as arrays:
        steps: FloatArray = arrays["steps"].astype(np.float32)
        return steps


def stack_channels(
    contrast: FloatArray, face: BoolArray, hair: BoolArray, matrix: NDArray[np.float64]
) -> FloatArray:
    """What a step looks at, (3, h, w) float32 in the standard crop: contrast, face, hair.

    Args:
        contrast: (h, w) float32, from ``standard_crop``.
        face: (H, W) bool, the face region in the picture.
        hair: (H, W) bool, hair and hat.
        matrix: (2, 3), picture to standard crop.
    """
    channels = [contrast]
    for mask in (face, hair):
        levels = cv2.warpAffine(mask.astype(np.float32), matrix, CROP_WH, flags=cv2.INTER_NEAREST)
        channels.append(cv2.GaussianBlur(levels, (0, 0), MASK_BLUR * UNIT).astype(np.float32))
    return np.stack(channels)


def sample_features(channels: FloatArray, poses: FloatArray) -> FloatArray:
    """Values under poses, and a 1 for the constant term of a step.

    Args:
        channels: (3, h, w) float32, from ``stack_channels``.
        poses: (N, 4) float32, see ``eyes.sample_grid``.

    Returns:
        (N, 3 P + 1) float32.
    """
    values = [sample_grid(channel, poses, POINTS) for channel in channels]
    return np.concatenate((*values, np.ones((len(poses), 1), np.float32)), axis=1)


def move_poses(poses: FloatArray, moves: FloatArray) -> FloatArray:
    """Poses after one move each.

    Args:
        poses: (N, 4) float32, see ``eyes.sample_grid``.
        moves: (N, 4): along and below in U of the pose, logarithm of the scale, tilt in radians.
    """
    cos, sin = np.cos(poses[:, 3]), np.sin(poses[:, 3])
    reach = UNIT * poses[:, 2]
    out = np.empty_like(poses)
    out[:, 0] = poses[:, 0] + reach * (cos * moves[:, 0] - sin * moves[:, 1])
    out[:, 1] = poses[:, 1] + reach * (sin * moves[:, 0] + cos * moves[:, 1])
    out[:, 2] = poses[:, 2] * np.exp(moves[:, 2])
    out[:, 3] = poses[:, 3] + moves[:, 3]
    return out


def apply_steps(channels: FloatArray, pose: FloatArray, steps: FloatArray) -> FloatArray:
    """Correct a pose by all steps.

    Args:
        channels: (3, h, w) float32, from ``stack_channels``.
        pose: (4,), see ``eyes.sample_grid``.
        steps: (S, 3 P + 1, 4) float32: each makes a move of what ``sample_features`` gives.

    Returns:
        (4,) float32.
    """
    poses = pose[None].astype(np.float32)
    for step in steps:
        poses = move_poses(poses, sample_features(channels, poses) @ step)
    out: FloatArray = poses[0]
    return out


def fit_eyes(gray: NDArray[np.uint8], face: BoolArray, hair: BoolArray, prior: Prior) -> EyeFit:
    """Find the eyes around a prior: the templates' best pose, corrected by the steps.

    Args:
        gray: (H, W) uint8, the picture that is searched.
        face: (H, W) bool, the face region.
        hair: (H, W) bool, hair and hat.
        prior: what masks say.
    """
    contrast, matrix = standard_crop(gray, face, prior)
    templates = load_templates()
    pose, _ = fit_templates(contrast, prior, templates)
    pose = apply_steps(stack_channels(contrast, face, hair, matrix), pose, load_steps())
    score = score_poses(contrast, pose[None], templates)[0]
    x, y, scale, tilt = (float(value) for value in pose)
    center = cv2.invertAffineTransform(matrix) @ np.array([x, y, 1.0])
    return EyeFit(
        (float(center[0]), float(center[1])),
        scale * prior.unit,
        tilt,
        float(score.max()),
        bool(score.argmax() == 1),
    )
