"""Correct the pose of the eyes in steps, each a linear function of what lies under the pose.

The templates of ``eyes`` say which of many poses fits best, but a pair of eyes that is half an ear
fits nearly as well, and a turned face fits nothing. A step looks at grey values, face and hair on
one grid around the pose and moves it (supervised descent, Xiong and De la Torre 2013); it learns
that hair beside one eye means that the head is turned. ``training/eye_steps.py`` makes the weights.
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
    SIZE_WH,
    UNIT,
    Prior,
    fit_standard,
    load_templates,
    sample,
    score_poses,
    standard_frame,
)

GRID_X = np.arange(-1.6, 1.61, 0.2)
GRID_Y = np.arange(-1.2, 1.41, 0.2)
POINTS = np.stack(np.meshgrid(GRID_X, GRID_Y), axis=-1).reshape(-1, 2).astype(np.float32)
MASK_BLUR = 0.075  # of face and hair before they are sampled, U


@dataclass(frozen=True)
class EyeFit:
    """Where the eyes are.

    Attributes:
        center_xy: middle between the eyes, in the frame of the picture that was searched.
        unit: distance between the pupils in pixels.
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
    """The steps that come with the package: (S, 3 P + 1, 4) float32, see ``moved``."""
    with np.load(Path(__file__).with_name("eye_steps.npz")) as arrays:
        steps: FloatArray = arrays["steps"].astype(np.float32)
        return steps


def stack_planes(
    contrast: FloatArray, face: BoolArray, hair: BoolArray, matrix: NDArray[np.float64]
) -> FloatArray:
    """What a step looks at, (3, h, w) float32 in the standard frame.

    Args:
        contrast: (h, w) float32, from ``standard_frame``.
        face: (H, W) bool, the face region in the picture.
        hair: (H, W) bool, hair and hat.
        matrix: 2x3, picture to standard frame.
    """
    planes = [contrast]
    for mask in (face, hair):
        levels = cv2.warpAffine(mask.astype(np.float32), matrix, SIZE_WH, flags=cv2.INTER_NEAREST)
        planes.append(cv2.GaussianBlur(levels, (0, 0), MASK_BLUR * UNIT).astype(np.float32))
    return np.stack(planes)


def look_under(planes: FloatArray, poses: FloatArray) -> FloatArray:
    """Values under poses (N, 4), and a 1 for the offset: (N, 3 P + 1) float32."""
    values = [sample(plane, poses, POINTS) for plane in planes]
    return np.concatenate((*values, np.ones((len(poses), 1), np.float32)), axis=1)


def moved(poses: FloatArray, step: FloatArray) -> FloatArray:
    """Poses after a step.

    Args:
        poses: (N, 4) centre x, centre y (standard frame), scale, tilt.
        step: (N, 4) across and down in units of the pose, logarithm of the scale, tilt.
    """
    cos, sin = np.cos(poses[:, 3]), np.sin(poses[:, 3])
    reach = UNIT * poses[:, 2]
    out = np.empty_like(poses)
    out[:, 0] = poses[:, 0] + reach * (cos * step[:, 0] - sin * step[:, 1])
    out[:, 1] = poses[:, 1] + reach * (sin * step[:, 0] + cos * step[:, 1])
    out[:, 2] = poses[:, 2] * np.exp(step[:, 2])
    out[:, 3] = poses[:, 3] + step[:, 3]
    return out


def follow_steps(planes: FloatArray, pose: FloatArray, steps: FloatArray) -> FloatArray:
    """One pose (4,) after all steps."""
    poses = pose[None].astype(np.float32)
    for weights in steps:
        poses = moved(poses, look_under(planes, poses) @ weights)
    out: FloatArray = poses[0]
    return out


def fit_eyes(grey: NDArray[np.uint8], face: BoolArray, hair: BoolArray, prior: Prior) -> EyeFit:
    """Find the eyes around a prior: the templates' best pose, then the steps.

    Args:
        grey: (H, W) uint8.
        face: (H, W) bool, the face region.
        hair: (H, W) bool, hair and hat.
        prior: what masks say.
    """
    contrast, matrix = standard_frame(grey, face, prior)
    templates = load_templates()
    pose, _ = fit_standard(contrast, prior, templates)
    pose = follow_steps(stack_planes(contrast, face, hair, matrix), pose, load_steps())
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
