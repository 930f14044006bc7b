"""Learn the steps that correct the pose of the eyes, after ``training/eye_templates.py``.

    python -m training.eye_steps DATA -o m2fp_cli/tryon/eye_steps.npz

From the photos with an even number and their mirror images: poses scattered around the right one,
and around the one that the templates find, are led to the right one by ridge regression; every step
starts where the one before has led. Some label maps end the face at the chin, others at the collar:
every face is learned from both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.codec import decode_map
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.eye_steps import GRID_X, GRID_Y, move_poses, sample_features, stack_channels
from m2fp_cli.tryon.eyes import (
    CENTER,
    CROP_WH,
    UNIT,
    Prior,
    fit_templates,
    load_templates,
    standard_crop,
)
from m2fp_cli.tryon.face_shape import MIN_FACE_SIDE, measure_face, prior_from_masks
from m2fp_cli.tryon.figure import Figure, build_figure, face_region, head_window
from m2fp_cli.tryon.head import NARROWEST_FACE
from m2fp_cli.tryon.worn_glasses import eyes_from_glasses
from training.eye_teacher import KnownEyes, find_known_eyes
from training.eye_templates import pose_of_eyes, read_command_line
from training.tryon_benchmark import WORN, read_labelled
from training.worn_masks import hide, main_piece

Array = NDArray[np.float32]
Pose = NDArray[np.float64]
STEPS = 3
RIDGE = 0.1
SCATTER = (0.15 * UNIT, 0.18 * UNIT, 0.12, 0.12)  # of starts: x, y, share of the scale, tilt
LARGEST = 0.8  # a correction that is larger teaches no more than this
FARTHEST = 1.5  # eyes from where masks expect them, U
CHIN = (1.9, 0.1)  # where the chin is drawn below the eyes, U, mean and deviation


@dataclass(eq=False)
class Start:
    """One face: channels in the standard crop, the right pose, and poses to start from (N, 4)."""

    channels: Array
    right: Pose
    poses: Array


def main() -> None:
    """Read the data, learn the steps, write them."""
    data, output, names = read_command_line()
    rng = np.random.default_rng(0)
    starts: list[Start] = []
    for name in names:
        starts += read_starts(data, name, rng)
    print(len(starts), "faces, mirrored and cut ones included")
    np.savez(output, steps=np.round(learn_steps(starts), 5))


def read_starts(data: Path, name: str, rng: np.random.Generator) -> list[Start]:
    """The face of a photo, with and without its neck, and both in a mirror."""
    photo, labels = read_labelled(data, name)
    path = data / "worn" / f"{name}.png"
    worn = np.asarray(decode_map(read_bytes(path))) if path.exists() else np.zeros_like(labels)
    eyewear = main_piece(np.isin(worn, WORN["glasses"]))
    if eyewear.any():
        labels = hide(labels, eyewear, "glasses")
    result = result_from_maps(CIHP, labels)
    window = head_window(result, result.people[0]) if result.people else None
    if window is None:
        return []
    figure = build_figure(result, result.people[0], window)
    gray = to_gray(photo[figure.window])
    if eyewear.any():
        known = known_behind(eyewear[figure.window])
    else:
        prior = prior_of(figure)
        known = None if prior is None else find_known_eyes(gray, face_region(figure), prior)
    if known is None:
        return []
    bare = without_neck(figure, known, rng)
    return [start for f in (figure, bare) for start in both_ways(f, gray, known, rng)]


def known_behind(mask: NDArray[np.bool_]) -> KnownEyes | None:
    """Eyes behind a pair of glasses, None where the mask is no pair."""
    found = eyes_from_glasses(mask)
    return None if found is None else KnownEyes(found.center_xy, found.unit, found.tilt)


def prior_of(figure: Figure) -> Prior | None:
    """What the masks say of the eyes; None for a face that try-on skips."""
    shape = measure_face(face_region(figure), figure)
    height = shape.lower_y - shape.upper_y
    if shape.side < MIN_FACE_SIDE or shape.width < max(5, NARROWEST_FACE * height):
        return None
    return prior_from_masks(shape, figure)


def without_neck(figure: Figure, eyes: KnownEyes, rng: np.random.Generator) -> Figure:
    """The figure with a face that ends at a round chin."""
    y, x = np.indices(figure.label_map.shape) + 0.5
    dx, dy = (x - eyes.center_xy[0]) / eyes.unit, (y - eyes.center_xy[1]) / eyes.unit
    along = dx * np.cos(eyes.tilt) + dy * np.sin(eyes.tilt)
    below = dy * np.cos(eyes.tilt) - dx * np.sin(eyes.tilt)
    neck = figure.mask("Face") & (below > rng.normal(*CHIN) - 0.25 * along**2)
    skin = figure.label_set.names.index("Torso-skin")
    return replace(figure, label_map=np.where(neck, skin, figure.label_map).astype(np.uint8))


def both_ways(
    figure: Figure, gray: NDArray[np.uint8], eyes: KnownEyes, rng: np.random.Generator
) -> list[Start]:
    """A face and its mirror image; none where masks or eyes are far from a face's."""
    prior = prior_of(figure)
    if prior is None:
        return []
    face = face_region(figure)
    contrast, matrix = standard_crop(gray, face, prior)
    right = pose_of_eyes(eyes, matrix)
    if np.abs(right[:2] - CENTER).max() > FARTHEST * UNIT:
        return []
    channels = stack_channels(contrast, face, figure.mask("Hair", "Hat"), matrix)
    first = fit_templates(contrast, prior, load_templates())[0].astype(np.float64)
    starts = []
    for flip in (False, True):
        if flip:
            channels = np.ascontiguousarray(channels[:, :, ::-1])
            right, first = (
                (p * (-1, 1, 1, -1) + (CROP_WH[0] - 1, 0, 0, 0)) for p in (right, first)
            )
        near = right + rng.normal(size=(16, 4)) * SCATTER
        found = first + rng.normal(size=(5, 4)) * (1, 1, 0.03, 0.03)
        poses = np.concatenate((near, found))
        poses[:, 2] = np.clip(poses[:, 2], 0.5, 1.8)
        starts.append(Start(channels, right, poses.astype(np.float32)))
    return starts


def learn_steps(starts: list[Start]) -> Array:
    """Weights of all steps, (S, 3 P + 1, 4); the poses of the starts are led along."""
    steps = []
    for _ in range(STEPS):
        seen = np.concatenate([sample_features(start.channels, start.poses) for start in starts])
        wanted = np.concatenate([step_to(start.right, start.poses) for start in starts])
        ridge = RIDGE * len(seen) * np.eye(seen.shape[1])
        weights = np.linalg.solve(
            seen.T @ seen + ridge, seen.T @ np.clip(wanted, -LARGEST, LARGEST)
        )
        weights = symmetric(weights).astype(np.float32)
        steps.append(weights)
        for start in starts:
            start.poses = move_poses(
                start.poses, sample_features(start.channels, start.poses) @ weights
            )
    return np.stack(steps)


def step_to(right: Pose, poses: Array) -> Array:
    """The step from each of some poses (N, 4) to the right one; the inverse of ``move_poses``."""
    dx, dy = ((right[:2] - poses[:, :2]) / UNIT / poses[:, 2:3]).T
    cos, sin = np.cos(poses[:, 3]), np.sin(poses[:, 3])
    log_scale, tilt = np.log(right[2] / poses[:, 2]), right[3] - poses[:, 3]
    steps = (cos * dx + sin * dy, cos * dy - sin * dx, log_scale, tilt)
    out: Array = np.stack(steps, axis=1).astype(np.float32)
    return out


def symmetric(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that move a mirrored face the mirrored way."""
    rows, columns = len(GRID_Y), len(GRID_X)
    channels = weights[:-1].reshape(3, rows, columns, 4)[:, :, ::-1]
    mirrored = np.concatenate((channels.reshape(-1, 4), weights[-1:])) * (-1, 1, 1, -1)
    out: NDArray[np.float64] = (weights + mirrored) / 2
    return out


if __name__ == "__main__":
    main()
