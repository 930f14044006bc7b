"""Find the eyes inside a face mask by fitting a template to the gray pixels.

No landmark network: the face is resampled to a standard crop, its local contrast is evened out, and
one template of a bare face and one of a face with dark lenses are compared with it over a range of
positions, tilts and sizes. The templates are linear discriminants over a coarse grid of gray
values (``eye_templates.npz``; ``training/eye_templates.py`` makes them). ``eye_steps`` corrects the
pose that fits best.
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

# The standard crop, and the grid of the templates on it.
UNIT = 20.0  # pixels per U
CROP_WH = (200, 220)  # pixels
CENTER = (100.0, 100.0)  # where the prior's center goes, pixels
GRID_X = np.arange(-1.2, 1.21, 0.2)  # across, U from the middle between the eyes
GRID_Y = np.arange(-1.0, 1.81, 0.2)  # below it, U
POINTS = np.stack(np.meshgrid(GRID_X, GRID_Y), axis=-1).reshape(-1, 2).astype(np.float32)

# Evening out the light.
PREBLUR_BELOW, PREBLUR = 0.7, 0.35  # scale from which a photo is blurred first, and pixels of that
FACE_MARGIN = 0.2  # around the face's mask that still counts, U
CONTRAST_SIGMA = 0.8  # of the local mean and deviation, U
CONTRAST_FLOOR = 0.15  # added to the local deviation, share of the largest
SMOOTH_SIGMA = 0.09  # of the blur afterwards, U

# Poses that are compared: center in U from the prior's, scale, tilt in radians.
OFFSETS_X = np.arange(-0.7, 0.71, 0.14)
OFFSETS_Y = np.arange(-1.05, 1.06, 0.15)
SCALES = np.asarray([0.72, 0.82, 0.93, 1.06, 1.2, 1.36], dtype=np.float32)
TILTS = np.deg2rad(np.arange(-30, 31, 6)).astype(np.float32)
KEPT_POSES, KEPT_FROM = 6, 400  # poses of the first pass that are refined, of so many best ones
APART = 0.2  # U in x or y by which those differ, or ...
APART_TILT = 0.16  # ... radians
FINE_OFFSETS = (-0.1, -0.05, 0.0, 0.05, 0.1)  # around each of those, U
FINE_LOG_SCALES = (-0.06, 0.0, 0.06)
FINE_TILTS = (-4.0, -2.0, 0.0, 2.0, 4.0)  # degrees
REFINEMENTS = (1.0, 0.4)  # by what the fine offsets are multiplied, one pass each

# Weight of the prior against the score of a template.
PRIOR_WEIGHT = 0.12
MIN_BELOW = (0.53, 1.4)  # of the face below the eyes, share of its height and U: of 152 faces 98 %
LOW_SHARE_COST, LOW_UNITS_COST = 5.0, 0.6  # of what lacks to either


@dataclass(frozen=True)
class Prior:
    """Where masks alone expect the eyes, and how far to trust them.

    Attributes:
        center_xy: middle between the eyes, pixels of the picture that is searched.
        unit: U, the distance between the pupils, pixels.
        tilt: roll in radians, positive = the person's head leans to the image's right.
        sigma_xy: standard deviations of the center, U.
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
    """Linear templates, one of a bare face and one of a face with dark lenses.

    Attributes:
        weights: (P, 2) float32, for the points of ``POINTS``.
        offsets: (2,) float32.
    """

    weights: FloatArray
    offsets: FloatArray


@cache
def load_templates() -> Templates:
    """The templates that come with the package."""
    with np.load(Path(__file__).with_name("eye_templates.npz")) as arrays:
        return Templates(arrays["weights"].astype(np.float32), arrays["offsets"].astype(np.float32))


def standard_crop(
    gray: NDArray[np.uint8], face: BoolArray, prior: Prior
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Resample a face to the standard crop and even out its light.

    Args:
        gray: (H, W) uint8.
        face: (H, W) bool, the face region.
        prior: gives center and size; the tilt is not applied.

    Returns:
        (h, w) float32 local contrast, about -2..2, 0 outside the face's surroundings; and the
        (2, 3) float64 matrix from the picture to the crop.
    """
    scale = UNIT / prior.unit
    matrix = np.array(
        [
            [scale, 0.0, CENTER[0] - scale * prior.center_xy[0]],
            [0.0, scale, CENTER[1] - scale * prior.center_xy[1]],
        ]
    )
    smooth = gray if scale >= PREBLUR_BELOW else cv2.GaussianBlur(gray, (0, 0), PREBLUR / scale)
    flags = cv2.INTER_LINEAR
    picture = cv2.warpAffine(smooth, matrix, CROP_WH, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    support = dilate(face, FACE_MARGIN * prior.unit).astype(np.float32)
    weight = cv2.warpAffine(support, matrix, CROP_WH, flags=flags)
    even = _local_contrast(np.sqrt(picture.astype(np.float32)), np.asarray(weight, np.float32))
    return even, matrix


def _local_contrast(picture: FloatArray, weight: FloatArray) -> FloatArray:
    """Subtract the local mean and divide by the local deviation, both inside ``weight`` only."""
    sigma = CONTRAST_SIGMA * UNIT
    total = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-3
    mean = cv2.GaussianBlur(picture * weight, (0, 0), sigma) / total
    centered = (picture - mean) * weight
    spread = np.sqrt(cv2.GaussianBlur(centered * centered, (0, 0), sigma) / total)
    contrast = centered / (spread + CONTRAST_FLOOR * float(spread.max()) + 1e-3)
    return np.asarray(cv2.GaussianBlur(contrast, (0, 0), SMOOTH_SIGMA * UNIT), dtype=np.float32)


def sample_grid(contrast: FloatArray, poses: FloatArray, points: FloatArray = POINTS) -> FloatArray:
    """Values of the standard crop on a grid of points for many poses.

    Args:
        contrast: (220, 200) float32, the standard crop.
        poses: (N, 4) float32: center x and y in pixels of the crop, scale, tilt in radians.
        points: (P, 2) float32 in U from the center, x to the image's right before the tilt.

    Returns:
        (N, P) float32.
    """
    out: FloatArray = contrast.ravel()[_pixels_under(poses, points)]
    return out


def _pixels_under(poses: FloatArray, points: FloatArray) -> NDArray[np.int32]:
    """(N, P) index into the flattened standard crop of the pixel nearest to each point."""
    cos, sin = np.cos(poses[:, 3:]), np.sin(poses[:, 3:])
    reach = poses[:, 2:3] * UNIT
    x = poses[:, :1] + reach * (cos * points[:, 0] - sin * points[:, 1])
    y = poses[:, 1:2] + reach * (sin * points[:, 0] + cos * points[:, 1])
    width, height = CROP_WH
    column = np.clip(x + 0.5, 0, width - 1).astype(np.int32)
    row = np.clip(y + 0.5, 0, height - 1).astype(np.int32)
    out: NDArray[np.int32] = row * np.int32(width) + column
    return out


def prior_penalty(poses: FloatArray, prior: Prior) -> FloatArray:
    """What poses cost by their distance from the prior, to be subtracted from their scores.

    Where the ends of the face are known, eyes that lie too near its lower end cost more.

    Args:
        poses: (N, 4) float32, see ``sample_grid``.
        prior: where masks expect the eyes.

    Returns:
        (N,) float32.
    """
    dx = (poses[:, 0] - CENTER[0]) / UNIT / prior.sigma_xy[0]
    dy = (poses[:, 1] - CENTER[1]) / UNIT / prior.sigma_xy[1]
    scale = np.log(poses[:, 2]) / prior.sigma_scale
    tilt = (poses[:, 3] - prior.tilt) / prior.sigma_tilt
    out: FloatArray = PRIOR_WEIGHT * 0.5 * (dx**2 + dy**2 + scale**2 + tilt**2)
    return out if prior.ends_y is None else out + _low_eyes_penalty(poses, prior, prior.ends_y)


def _low_eyes_penalty(poses: FloatArray, prior: Prior, ends_y: tuple[float, float]) -> FloatArray:
    """Cost of eyes with too little face below them: then they are the mouth."""
    upper, lower = (CENTER[1] + UNIT / prior.unit * (end - prior.center_xy[1]) for end in ends_y)
    below = lower - poses[:, 1]
    share = np.maximum(MIN_BELOW[0] - below / max(lower - upper, 1.0), 0)
    units = np.maximum(MIN_BELOW[1] - below / (poses[:, 2] * UNIT), 0)
    out: FloatArray = LOW_SHARE_COST * share + LOW_UNITS_COST * units
    return out


@cache
def coarse_poses() -> FloatArray:
    """Every pose of the first pass, (N, 4) float32, see ``sample_grid``."""
    x, y = CENTER[0] + UNIT * OFFSETS_X, CENTER[1] + UNIT * OFFSETS_Y
    grid = np.stack(np.meshgrid(x, y, SCALES, TILTS, indexing="ij"), axis=-1)
    out: FloatArray = grid.reshape(-1, 4).astype(np.float32)
    return out


@cache
def _fine_offsets() -> FloatArray:
    """What is added to a pose that is refined, (N, 4): x, y, logarithm of the scale, tilt."""
    position, tilt = UNIT * np.asarray(FINE_OFFSETS), np.deg2rad(np.asarray(FINE_TILTS))
    grid = np.stack(np.meshgrid(position, position, FINE_LOG_SCALES, tilt, indexing="ij"), axis=-1)
    out: FloatArray = grid.reshape(-1, 4).astype(np.float32)
    return out


def score_poses(contrast: FloatArray, poses: FloatArray, templates: Templates) -> FloatArray:
    """Scores of both templates, about 1 for typical eyes.

    Args:
        contrast: (220, 200) float32, the standard crop.
        poses: (N, 4) float32, see ``sample_grid``.
        templates: what is compared.

    Returns:
        (N, 2) float32: of a bare face, of a face with dark lenses.
    """
    out: FloatArray = sample_grid(contrast, poses) @ templates.weights + templates.offsets
    return out


def score_coarse_poses(contrast: FloatArray, templates: Templates) -> FloatArray:
    """``score_poses`` at ``coarse_poses``, from every other point."""
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


def fit_templates(
    contrast: FloatArray, prior: Prior, templates: Templates
) -> tuple[FloatArray, FloatArray]:
    """Find the pose that fits best, by a coarse search and two finer ones.

    Args:
        contrast: (220, 200) float32, the standard crop.
        prior: what masks say.
        templates: what is compared.

    Returns:
        (4,) float32, see ``sample_grid``; and (2,) float32, the scores of both templates there.
    """
    poses = coarse_poses()
    scores = score_coarse_poses(contrast, templates)
    total = scores.max(axis=1) - prior_penalty(poses, prior)
    best = _suppress_neighbors(poses, total, KEPT_POSES)
    for factor in REFINEMENTS:
        offsets = _fine_offsets() * factor
        poses = (best[:, None, :] + offsets[None] * (1, 1, 0, 1)).reshape(-1, 4).astype(np.float32)
        poses[:, 2] = (best[:, None, 2] * np.exp(offsets[None, :, 2])).ravel()
        scores = score_poses(contrast, poses, templates)
        total = scores.max(axis=1) - prior_penalty(poses, prior)
        best = poses[np.argsort(-total)[:1]]
    first = int(np.argmax(total))
    return poses[first], scores[first]


def _suppress_neighbors(poses: FloatArray, total: FloatArray, count: int) -> FloatArray:
    """The best poses that are not neighbors of a better one."""
    chosen: list[int] = []
    for index in np.argsort(-total)[:KEPT_FROM]:
        apart = all(
            np.abs(poses[index, :2] - poses[other, :2]).max() > APART * UNIT
            or abs(poses[index, 3] - poses[other, 3]) > APART_TILT
            for other in chosen
        )
        if apart:
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return poses[chosen]
