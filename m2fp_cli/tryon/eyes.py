"""Find the eyes inside a face mask by fitting a template to the grey pixels.

No landmark network: the face is brought to a standard size, its local contrast is evened out, and
one template of a bare face and one of a face with dark lenses are compared with it over a range of
positions, tilts and sizes. The templates are linear discriminants over a coarse grid of grey
values (``eye_templates.npz``; ``training/eye_templates.py`` makes them). ``eye_steps`` goes on from
the pose that fits best.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.morphology import dilate

UNIT = 20.0  # pixels per U in the standard frame
SIZE_WH = (200, 220)
CENTER = (100.0, 100.0)
GRID_X = np.arange(-1.2, 1.21, 0.2)
GRID_Y = np.arange(-1.0, 1.81, 0.2)
POINTS = np.stack(np.meshgrid(GRID_X, GRID_Y), axis=-1).reshape(-1, 2).astype(np.float32)

LEAST_BELOW = (0.53, 1.4)  # of the face below the eyes: share of its height, and U

TILTS = np.deg2rad(np.arange(-30, 31, 6)).astype(np.float32)
SCALES = np.asarray([0.72, 0.82, 0.93, 1.06, 1.2, 1.36], dtype=np.float32)


@dataclass(frozen=True)
class Prior:
    """Where masks alone expect the eyes, and how far to trust them.

    Attributes:
        center_xy: middle between the eyes, in the frame of the picture that is searched.
        unit: distance between the pupils in pixels.
        tilt: roll in radians, positive = the person's head leans to the image's right.
        sigma_xy: standard deviations of the centre, in units.
        sigma_scale: standard deviation of the logarithm of the unit.
        sigma_tilt: standard deviation of the roll, radians.
        ends_y: rows of the face's upper and lower end, None where they are not known.
    """

    center_xy: tuple[float, float]
    unit: float
    tilt: float = 0.0
    sigma_xy: tuple[float, float] = (0.25, 0.45)
    sigma_scale: float = 0.16
    sigma_tilt: float = 0.21
    ends_y: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Templates:
    """Linear templates: (P, K) float32 weights and (K,) float32 offsets; K = bare, dark lenses."""

    weights: FloatArray
    offsets: FloatArray


@cache
def load_templates() -> Templates:
    """The templates that come with the package."""
    with np.load(Path(__file__).with_name("eye_templates.npz")) as arrays:
        return Templates(arrays["weights"].astype(np.float32), arrays["offsets"].astype(np.float32))


def standard_frame(
    grey: NDArray[np.uint8], face: BoolArray, prior: Prior
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Bring a face to the standard size and even out its light.

    Args:
        grey: (H, W) uint8.
        face: (H, W) bool, the face region.
        prior: gives centre and size; the tilt is not applied.

    Returns:
        (h, w) float32 local contrast, about -2..2, 0 outside the face's surroundings; and the
        2x3 matrix from the picture to the standard frame.
    """
    scale = UNIT / prior.unit
    matrix = np.array(
        [
            [scale, 0.0, CENTER[0] - scale * prior.center_xy[0]],
            [0.0, scale, CENTER[1] - scale * prior.center_xy[1]],
        ]
    )
    smooth = grey if scale >= 0.7 else cv2.GaussianBlur(grey, (0, 0), 0.35 / scale)
    flags = cv2.INTER_LINEAR
    picture = cv2.warpAffine(smooth, matrix, SIZE_WH, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    support = dilate(face, 0.2 * prior.unit).astype(np.float32)
    weight = cv2.warpAffine(support, matrix, SIZE_WH, flags=flags)
    even = _local_contrast(np.sqrt(picture.astype(np.float32)), np.asarray(weight, np.float32))
    return even, matrix


def _local_contrast(picture: FloatArray, weight: FloatArray) -> FloatArray:
    """Subtract the local mean and divide by the local deviation, both inside ``weight`` only."""
    sigma = 0.8 * UNIT
    total = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-3
    mean = cv2.GaussianBlur(picture * weight, (0, 0), sigma) / total
    centred = (picture - mean) * weight
    spread = np.sqrt(cv2.GaussianBlur(centred * centred, (0, 0), sigma) / total)
    contrast = centred / (spread + 0.15 * float(spread.max()) + 1e-3)
    return np.asarray(cv2.GaussianBlur(contrast, (0, 0), 0.09 * UNIT), dtype=np.float32)


def sample(contrast: FloatArray, poses: FloatArray, points: FloatArray = POINTS) -> FloatArray:
    """Grey values on the template's grid for many poses.

    Args:
        contrast: (220, 200) float32 standard frame.
        poses: (N, 4) centre x, centre y (standard frame), scale, tilt.
        points: (P, 2) in units, x to the image's right before the tilt.

    Returns:
        (N, P) float32.
    """
    out: FloatArray = contrast.ravel()[_pixels_under(poses, points)]
    return out


def _pixels_under(poses: FloatArray, points: FloatArray) -> NDArray[np.int32]:
    """(N, P) index into the flattened standard frame of the pixel nearest to each point."""
    cos, sin = np.cos(poses[:, 3:]), np.sin(poses[:, 3:])
    reach = poses[:, 2:3] * UNIT
    x = poses[:, :1] + reach * (cos * points[:, 0] - sin * points[:, 1])
    y = poses[:, 1:2] + reach * (sin * points[:, 0] + cos * points[:, 1])
    width, height = SIZE_WH
    column = np.clip(x + 0.5, 0, width - 1).astype(np.int32)
    row = np.clip(y + 0.5, 0, height - 1).astype(np.int32)
    out: NDArray[np.int32] = row * np.int32(width) + column
    return out


def prior_penalty(poses: FloatArray, prior: Prior) -> FloatArray:
    """Half the squared distance from the prior, per pose; weighs 0.12 against the score.

    Where the ends of the face are known, eyes that lie too near its lower end cost more.
    """
    dx = (poses[:, 0] - CENTER[0]) / UNIT / prior.sigma_xy[0]
    dy = (poses[:, 1] - CENTER[1]) / UNIT / prior.sigma_xy[1]
    scale = np.log(poses[:, 2]) / prior.sigma_scale
    tilt = (poses[:, 3] - prior.tilt) / prior.sigma_tilt
    out: FloatArray = 0.12 * 0.5 * (dx**2 + dy**2 + scale**2 + tilt**2)
    return out if prior.ends_y is None else out + _too_low(poses, prior, prior.ends_y)


def _too_low(poses: FloatArray, prior: Prior, ends_y: tuple[float, float]) -> FloatArray:
    """Cost of taking the mouth for the eyes: of 152 faces, 98 % have more face below their eyes."""
    top, bottom = (CENTER[1] + UNIT / prior.unit * (end - prior.center_xy[1]) for end in ends_y)
    below = bottom - poses[:, 1]
    share = np.maximum(LEAST_BELOW[0] - below / max(bottom - top, 1.0), 0)
    units = np.maximum(LEAST_BELOW[1] - below / (poses[:, 2] * UNIT), 0)
    out: FloatArray = 5.0 * share + 0.6 * units
    return out


@cache
def coarse_poses() -> FloatArray:
    """Every pose of the first pass, (N, 4)."""
    x = CENTER[0] + UNIT * np.arange(-0.7, 0.71, 0.14)
    y = CENTER[1] + UNIT * np.arange(-1.05, 1.06, 0.15)
    grid = np.stack(np.meshgrid(x, y, SCALES, TILTS, indexing="ij"), axis=-1)
    out: FloatArray = grid.reshape(-1, 4).astype(np.float32)
    return out


@cache
def _fine_steps() -> FloatArray:
    position = UNIT * np.asarray([-0.1, -0.05, 0.0, 0.05, 0.1])
    log_scale = np.asarray([-0.06, 0.0, 0.06])
    tilt = np.deg2rad(np.asarray([-4.0, -2.0, 0.0, 2.0, 4.0]))
    grid = np.stack(np.meshgrid(position, position, log_scale, tilt, indexing="ij"), axis=-1)
    out: FloatArray = grid.reshape(-1, 4).astype(np.float32)
    return out


def score_poses(contrast: FloatArray, poses: FloatArray, templates: Templates) -> FloatArray:
    """(N, K) scores of the templates."""
    out: FloatArray = sample(contrast, poses) @ templates.weights + templates.offsets
    return out


def score_coarse_poses(contrast: FloatArray, templates: Templates) -> FloatArray:
    """(N, K) scores of the templates at ``coarse_poses``, from every other point."""
    chosen, pixels = _coarse_pixels()
    weights = templates.weights[chosen] * (len(POINTS) / len(chosen))
    out: FloatArray = np.take(contrast, pixels) @ weights + templates.offsets
    return out


@cache
def _coarse_pixels() -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Points like the black fields of a chessboard, and the pixels under them in every pose."""
    column, row = np.arange(len(POINTS)) % len(GRID_X), np.arange(len(POINTS)) // len(GRID_X)
    chosen = np.flatnonzero((column + row) % 2 == 0)
    return chosen, _pixels_under(coarse_poses(), POINTS[chosen])


def fit_standard(
    contrast: FloatArray, prior: Prior, templates: Templates
) -> tuple[FloatArray, FloatArray]:
    """Best pose in a standard frame (x, y, scale, tilt), and the scores of both templates there."""
    poses = coarse_poses()
    scores = score_coarse_poses(contrast, templates)
    total = scores.max(axis=1) - prior_penalty(poses, prior)
    best = _distinct(poses, total, 6)
    for shrink in (1.0, 0.4):
        steps = _fine_steps() * shrink
        poses = (best[:, None, :] + steps[None] * (1, 1, 0, 1)).reshape(-1, 4).astype(np.float32)
        poses[:, 2] = (best[:, None, 2] * np.exp(steps[None, :, 2])).ravel()
        scores = score_poses(contrast, poses, templates)
        total = scores.max(axis=1) - prior_penalty(poses, prior)
        best = poses[np.argsort(-total)[:1]]
    top = int(np.argmax(total))
    return poses[top], scores[top]


def _distinct(poses: FloatArray, total: FloatArray, count: int) -> FloatArray:
    """The best poses that are not neighbours of a better one."""
    chosen: list[int] = []
    for index in np.argsort(-total)[:400]:
        apart = all(
            np.abs(poses[index, :2] - poses[other, :2]).max() > 0.2 * UNIT
            or abs(poses[index, 3] - poses[other, 3]) > 0.16
            for other in chosen
        )
        if apart:
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return poses[chosen]
