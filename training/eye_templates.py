"""Make the templates of the eye fit: two linear templates over a coarse grid of grey values.

    python -m training.eye_templates DATA -o m2fp_cli/tryon/eye_templates.npz

DATA holds ``photos``, ``labels`` and ``worn`` as ``training/tryon_benchmark.py`` describes. The
template with dark lenses learns from where sunglasses really are, in photos with an even number:
the others are the benchmark's. The bare one starts from a hand-made pattern (two dark eyes between
bright brow, nose and cheeks) and learns from its own surest fits on faces without eyewear, three
times; no truth goes into it. Each is a linear discriminant between the right pose and poses near
it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.imaging.codec import decode_map, read_bytes, read_image
from m2fp_cli.labels import CIHP
from m2fp_cli.people import result_from_maps
from m2fp_cli.tryon.eyes import (
    CENTER,
    POINTS,
    SIZE_WH,
    UNIT,
    Prior,
    Templates,
    fit_standard,
    sample,
    standard_frame,
)
from m2fp_cli.tryon.figure import build_figure, face_region, head_window
from m2fp_cli.tryon.head import LENS_DROP, luminance, mask_prior, measure_face
from training.tryon_benchmark import is_held_out

Array = NDArray[np.float32]
WIDTH_OF_GLASSES = 2.3  # U
RIDGE = 0.15
ROUNDS = (50, 50, 40)  # percentile of the score below which a bare face is left out
HAND = ((-0.4, 0, -1), (-0.6, 0, -1), (0.4, 0, -1), (0.6, 0, -1), (0, 0.2, 0.8), (-0.4, 0.6, 0.8),
        (0.4, 0.6, 0.8), (0, -0.6, 0.5), (-0.4, -0.6, 0.5), (0.4, -0.6, 0.5))  # fmt: skip


@dataclass(eq=False)
class Face:
    """One face in the standard frame; ``pose`` is x, y, scale and tilt once it is known."""

    contrast: Array
    prior: Prior
    pose: NDArray[np.float64] | None
    glasses: bool


def main() -> None:
    """Read the data, learn both templates, write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    names = sorted(path.stem for path in (options.data / "labels").glob("*.png"))
    faces = [face for name in names if (face := read_face(options.data, name)) is not None]
    dark = [face for face in faces if face.glasses and face.pose is not None]
    bare = [face for face in faces if not face.glasses]
    rng = np.random.default_rng(0)
    dark_weights, dark_offset = learn(dark, rng)
    weights, offset = learn_bare(bare, rng)
    np.savez(
        options.output,
        weights=np.round(np.stack((weights, dark_weights), axis=1), 5),
        offsets=np.asarray([offset, dark_offset], dtype=np.float32),
    )


def read_face(data: Path, name: str) -> Face | None:
    """One face of the data; its pose if it wears sunglasses that are seen well."""
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
    prior = mask_prior(shape, figure)
    photo = read_image(data / "photos" / f"{name}.jpg").image_bgr
    contrast, matrix = standard_frame(luminance(photo[figure.window]), region, prior)
    path = data / "worn" / f"{name}.png"
    worn = np.asarray(decode_map(read_bytes(path))) if path.exists() else np.zeros_like(labels)
    eyewear = np.isin(worn, (2, 3))
    if not eyewear.any():
        return Face(contrast, prior, None, False)
    known = (worn == 2).any() and not is_held_out(name)
    pose = pose_of(eyewear[figure.window], matrix) if known else None
    return Face(contrast, prior, pose, True)


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


def learn_bare(faces: list[Face], rng: np.random.Generator) -> tuple[Array, float]:
    """The bare template, from its own surest fits."""
    weights = np.zeros(len(POINTS), dtype=np.float32)
    for x, y, value in HAND:
        weights[np.argmin(((POINTS - (x, y)) ** 2).sum(axis=1))] += value / 6
    offset = 0.0
    for percentile in ROUNDS:
        both = np.stack((weights, weights), axis=1)
        templates = Templates(both, np.full(2, offset, dtype=np.float32))
        scores = []
        for face in faces:
            pose, score = fit_standard(face.contrast, face.prior, templates)
            face.pose = pose.astype(np.float64)
            scores.append(float(score[0]))
        least = np.percentile(scores, percentile)
        sure = [f for f, score in zip(faces, scores, strict=True) if score > least]
        weights, offset = learn(sure, rng)
    return weights, offset


def learn(faces: list[Face], rng: np.random.Generator) -> tuple[Array, float]:
    """Weights and offset that give right poses 1 and poses near them 0 on average."""
    right, wrong = [], []
    for face in faces:
        assert face.pose is not None
        mirrored = np.ascontiguousarray(face.contrast[:, ::-1])
        pose = face.pose * (-1, 1, 1, -1) + (SIZE_WH[0] - 1, 0, 0, 0)
        for contrast, where in ((face.contrast, face.pose), (mirrored, pose)):
            right.append(sample(contrast, where[None].astype(np.float32))[0])
            wrong.append(sample(contrast, poses_near(where, rng)))
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
