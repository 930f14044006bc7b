"""Make the templates of the eye fit: two linear templates over a coarse grid of gray values.

    python -m training.eye_templates DATA -o m2fp_cli/tryon/eye_templates.npz

DATA holds ``photos``, ``labels`` and ``worn`` as ``training/tryon_benchmark.py`` describes; photos
with an even number are learned from, the others are the benchmark's. The template with dark lenses
learns from where sunglasses really are, the bare one from the eyes that ``training/eye_teacher.py``
finds. Each is a linear discriminant between the right pose and poses near it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.codec import decode_map, read_image
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.eyes import (
    CENTER,
    CROP_WH,
    POINTS,
    UNIT,
    sample_grid,
    standard_crop,
)
from m2fp_cli.tryon.face_shape import measure_face, prior_from_masks
from m2fp_cli.tryon.figure import build_figure, face_region, head_window
from m2fp_cli.tryon.worn_glasses import LENS_DROP
from training.eye_teacher import KnownEyes, find_known_eyes
from training.tryon_benchmark import is_held_out

Array = NDArray[np.float32]
WIDTH_OF_GLASSES = 2.3  # U
RIDGE = 0.15
DARK_AHEAD = 0.1  # the bare template also fits the gaps between dark lenses, at a lower score


@dataclass(eq=False)
class Face:
    """One face in the standard crop; ``pose`` is x, y, scale and tilt."""

    contrast: Array
    pose: NDArray[np.float64]
    glasses: bool


def main() -> None:
    """Read the data, learn both templates, write them."""
    data, output, names = read_command_line()
    faces = [face for name in names if (face := read_face(data, name)) is not None]
    rng = np.random.default_rng(0)
    learned = [learn([f for f in faces if f.glasses is dark], rng) for dark in (False, True)]
    np.savez(
        output,
        weights=np.round(np.stack([weights for weights, _ in learned], axis=1), 5),
        offsets=np.asarray([learned[0][1], learned[1][1] + DARK_AHEAD], dtype=np.float32),
    )


def read_command_line() -> tuple[Path, Path, list[str]]:
    """Folder of the data, file to write, and the names of the photos that may be learned from."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    names = sorted(path.stem for path in (options.data / "labels").glob("*.png"))
    return options.data, options.output, [name for name in names if not is_held_out(name)]


def read_face(data: Path, name: str) -> Face | None:
    """One face of the data whose eyes are known: by its sunglasses, or bare and by the teacher."""
    labels = np.asarray(decode_map(read_bytes(data / "labels" / f"{name}.png")), dtype=np.uint8)
    labels = np.where(labels == 255, 0, np.where(labels == 4, 13, labels)).astype(np.uint8)
    result = result_from_maps(CIHP, labels)
    window = head_window(result, result.people[0]) if result.people else None
    if window is None:
        return None
    figure = build_figure(result, result.people[0], window)
    region = face_region(figure)
    shape = measure_face(region, figure)
    if shape.side < 12 or shape.width < 5:
        return None
    prior = prior_from_masks(shape, figure)
    photo = read_image(data / "photos" / f"{name}.jpg").image_bgr
    gray = to_gray(photo[figure.window])
    contrast, matrix = standard_crop(gray, region, prior)
    path = data / "worn" / f"{name}.png"
    worn = np.asarray(decode_map(read_bytes(path))) if path.exists() else np.zeros_like(labels)
    eyewear = np.isin(worn, (2, 3))
    if eyewear.any():
        pose = pose_of(eyewear[figure.window], matrix) if (worn == 2).any() else None
    else:
        known = find_known_eyes(gray, region, prior)
        pose = None if known is None else pose_of_eyes(known, matrix)
    return None if pose is None else Face(contrast, pose, bool(eyewear.any()))


def pose_of_eyes(known: KnownEyes, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pose of known eyes in the standard crop."""
    center = matrix[:, :2] @ np.asarray(known.center_xy) + matrix[:, 2]
    return np.array([*center, known.unit * matrix[0, 0] / UNIT, known.tilt])


def pose_of(mask: NDArray[np.bool_], matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Pose of the eyes behind glasses, None where the mask is no pair of glasses."""
    y, x = np.nonzero(mask)
    if x.size < 20:
        return None
    points = (matrix[:, :2] @ np.stack((x, y)) + matrix[:, 2:]).T
    center = points.mean(axis=0)
    _, spread, axes = np.linalg.svd(points - center, full_matrices=False)
    axis = axes[0] * np.sign(axes[0, 0])
    along = (points - center) @ axis
    scale = float(np.ptp(np.percentile(along, (1, 99)))) / WIDTH_OF_GLASSES / UNIT
    tilt = float(np.arctan2(axis[1], axis[0]))
    down = np.array([-np.sin(tilt), np.cos(tilt)])
    eyes = center - LENS_DROP * scale * UNIT * down
    near = np.abs(eyes - CENTER) < (UNIT, 1.2 * UNIT)
    sound = spread[0] > 1.9 * spread[1] and abs(tilt) < 0.6 and 0.6 < scale < 1.6
    return np.array([*eyes, scale, tilt]) if sound and near.all() else None


def learn(faces: list[Face], rng: np.random.Generator) -> tuple[Array, float]:
    """Weights and offset that give right poses 1 and poses near them 0 on average."""
    right, wrong = [], []
    for face in faces:
        mirrored = np.ascontiguousarray(face.contrast[:, ::-1])
        pose = face.pose * (-1, 1, 1, -1) + (CROP_WH[0] - 1, 0, 0, 0)
        for contrast, where in ((face.contrast, face.pose), (mirrored, pose)):
            right.append(sample_grid(contrast, where[None].astype(np.float32))[0])
            wrong.append(sample_grid(contrast, poses_near(where, rng)))
    good, bad = np.stack(right), np.concatenate(wrong)
    covariance = np.cov(bad.T) + RIDGE * np.eye(len(POINTS))
    weights = np.linalg.solve(covariance, good.mean(axis=0) - bad.mean(axis=0))
    high, low = float((good @ weights).mean()), float((bad @ weights).mean())
    return (weights / (high - low)).astype(np.float32), -low / (high - low)


def poses_near(pose: NDArray[np.float64], rng: np.random.Generator, count: int = 12) -> Array:
    """Poses that are wrong, but not by far."""
    found: list[NDArray[np.float64]] = []
    while len(found) < count:
        other = pose + rng.normal(size=4) * (9, 12, 0.22 * pose[2], 0.25)
        moved = np.abs(other[:2] - pose[:2]).max() > 3.5 or abs(other[3] - pose[3]) > 0.17
        if moved or abs(np.log(max(other[2], 0.3) / pose[2])) > 0.2:
            other[2] = np.clip(other[2], 0.6, 1.6)
            found.append(other)
    return np.stack(found).astype(np.float32)


if __name__ == "__main__":
    main()
