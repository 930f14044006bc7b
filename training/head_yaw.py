"""Learn how far heads are turned from annotated points and from a face mesh network.

    python -m training.head_yaw PEOPLE RESULTS [PEOPLE RESULTS ...] --street DATA
        --teacher face_landmark.tflite -o m2fp_cli/tryon/head_yaw.npz

PEOPLE holds ``photos/`` and ``keypoints.json`` (COCO's 17 keypoints for each person), RESULTS what
``m2fp parse`` has made of these photos. The truth is the yaw at which a rigid face fits the five
points of a head, the teacher's (``face_teacher``), or the mean of both; heads on which the two do
not agree are left out. DATA holds ``photos/`` and annotated ``labels/``, one person each; only the
teacher knows their yaw, and photos with an odd number are kept to judge on.

Ridge regression on what ``sample_sides`` gives, and once more on that and the joints of those whose
joints are known. The printed errors are those of heads in photos that were not learned from: COCO's
in five folds, those of the street photos with an odd number.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.joints import find_joints
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.records.document import load_result
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.figure import build_figure, face_region, head_stride, head_window
from m2fp_cli.tryon.head import HeadFrame, fit_head
from m2fp_cli.tryon.head_yaw import sample_joints, sample_sides
from training.face_teacher import FaceTeacher
from training.tryon_benchmark import read_labelled

Array = NDArray[np.float64]
RIDGE = 60.0
JOINTS_SCALE = 4.0  # the joints are so much less penalized than one of the many points of the sides
FOLDS = 5
LEAST_SCORE = 0.5  # of a person
LEAST_EYE_DISTANCE = 7.0  # pixels between annotated eyes; closer ones say little

# A rigid face: nose, eyes, ears; U to the image's right, downwards and towards the camera.
NOSE, EYES, EARS = 0, (1, 2), (3, 4)
FACE_POINTS = np.array(
    [[0, 0.6, 0.62], [0.5, 0, 0], [-0.5, 0, 0], [1.17, 0.22, -1.2], [-1.17, 0.22, -1.2]]
)
YAWS, PITCHES = np.arange(-75, 76, 3), np.arange(-25, 26, 5)  # degrees that are compared
PITCH_COST = 0.02  # of 25 degrees, U^2
WORST_FIT = 0.15  # sum of the squared distances that is still believed, U^2
AGREEMENT = 20.0  # degrees between points and teacher


@dataclass(frozen=True, eq=False)
class KnownHead:
    """A head whose yaw is known.

    Attributes:
        photo: number of its photo.
        street: whether it is one of the street photos.
        yaw: degrees.
        sides: what ``sample_sides`` gives.
        joints: what ``sample_joints`` gives, None where the joints are unknown.
    """

    photo: int
    street: bool
    yaw: float
    sides: NDArray[np.float32]
    joints: NDArray[np.float32] | None


def main() -> None:
    """Read the heads, print what heads of other photos get, learn, write the weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path, nargs="+", help="PEOPLE RESULTS, one pair or more")
    parser.add_argument("--street", type=Path, required=True, help="photos/ and labels/")
    parser.add_argument("--teacher", type=Path, required=True, help="face_landmark.tflite")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    teacher = FaceTeacher(options.teacher)
    pairs = list(zip(options.data[::2], options.data[1::2], strict=True))
    heads = [head for people, results in pairs for head in read_found(people, results, teacher)]
    heads += read_labelled_heads(options.street, teacher)
    known = [head for head in heads if head.joints is not None]
    print(f"{len(known)} of {len(heads)} heads with joints")
    weights = learn_and_judge("all, sides", heads, [head.sides for head in heads])
    learn_and_judge("with joints, sides", known, [head.sides for head in known])
    both = [
        np.append(head.sides, JOINTS_SCALE * head.joints)
        for head in known
        if head.joints is not None
    ]
    with_joints = learn_and_judge("with joints, sides and joints", known, both)
    with_joints[len(weights) :] *= JOINTS_SCALE
    rounded = (np.round(each, 3).astype(np.float32) for each in (weights, with_joints))
    np.savez(options.output, **dict(zip(("weights", "with_joints"), rounded, strict=True)))


def learn_and_judge(
    title: str, heads: list[KnownHead], features: list[NDArray[np.float32]]
) -> Array:
    """Print what heads of other photos get, and learn from all but the street photos kept.

    Args:
        title: what is printed before the errors.
        heads: those whose yaw is known.
        features: (P,) of each head; of a mirror image the opposite.

    Returns:
        (P,) the weights.
    """
    sides = np.stack(features).astype(np.float64)
    yaws = np.array([head.yaw for head in heads])
    photos = np.array([head.photo for head in heads])
    street = np.array([head.street for head in heads])
    kept = street & (photos % 2 == 1)
    learned = ~kept
    found = judge(sides, yaws, photos, street & learned, kept)
    print_errors(f"{title}: people", found[~street], yaws[~street])
    weights = learn(sides[learned], yaws[learned])
    print_errors(f"{title}: street", sides[kept] @ weights, yaws[kept])
    return weights


def print_errors(title: str, found: Array, yaws: Array) -> None:
    """Errors of heads that were not learned from, and of calling all of them frontal."""
    error, plain = np.abs(found - yaws), np.percentile(np.abs(yaws), 90)
    print(f"{title}: {len(yaws)} heads, error median {np.median(error):.1f} degrees,", end=" ")
    print(f"p90 {np.percentile(error, 90):.1f}; with yaw 0 {plain:.1f}")


def read_found(people: Path, results: Path, teacher: FaceTeacher) -> Iterator[KnownHead]:
    """Every head with a known yaw that was found in the photos of a folder."""
    keypoints = json.loads((people / "keypoints.json").read_text())
    for path in sorted((results / "results").glob("*.json")):
        points = [
            np.asarray(entry["keypoints"], dtype=np.float64).reshape(-1, 3)[:5]
            for entry in keypoints.get(path.stem, ())
            if entry["keypoints"]
        ]
        result = load_result(path)
        photo = read_image(next((people / "photos").glob(f"{path.stem}.*"))).image_bgr
        number = int(path.stem.rsplit("_", 1)[-1])
        for person in result.people:  # where a face is seen, try-on does not ask these weights
            if person.score >= LEAST_SCORE:
                person = replace(person, face=None)
                head = read_head(photo, result, person, [p for p in points if are_seen(p)], teacher)
                if head is not None:
                    yield KnownHead(number, False, *head)


def read_labelled_heads(street: Path, teacher: FaceTeacher) -> Iterator[KnownHead]:
    """Every head of the street photos whose yaw the teacher knows."""
    for path in sorted((street / "labels").glob("*.png")):
        photo, labels = read_labelled(street, path.stem)
        result = result_from_maps(CIHP, labels)
        if result.people:
            person = result.people[0]
            joints = find_joints(photo, result.image_hw, [person.box_xyxy])[0]
            head = read_head(photo, result, replace(person, joints=joints), [], teacher)
            if head is not None:
                yield KnownHead(int(path.stem), True, *head)


def read_head(
    photo: NDArray[np.uint8],
    result: ParsingResult,
    person: Person,
    known: list[Array],
    teacher: FaceTeacher,
) -> tuple[float, NDArray[np.float32], NDArray[np.float32] | None] | None:
    """Yaw, sides and joints of the head of a person; None if its yaw is not known."""
    window = head_window(result, person)
    if window is None:
        return None
    figure = build_figure(result, person, window, head_stride(window))
    frame = fit_head(photo[figure.window], figure)
    if not isinstance(frame, HeadFrame):
        return None
    label = result.labels.names.index("Face")
    x0, y0, x1, y1 = next(p.box_xyxy for p in person.parts if p.label_id == label)
    inside = [p for p in known if x0 <= p[NOSE, 0] <= x1 and y0 <= p[NOSE, 1] <= y1]
    by_points, left = fit_yaw(inside[0]) if len(inside) == 1 else (0.0, np.inf)
    tilt = float(np.radians(frame.roll))
    yaw = combine(
        by_points if left < WORST_FIT else None,
        teacher.find_yaw(photo, frame.eyes_xy, frame.unit, tilt),
    )
    if yaw is None:
        return None
    face = face_region(figure)
    return yaw, sample_sides(figure, face, tilt), sample_joints(figure, face, tilt)


def combine(by_points: float | None, by_teacher: float | None) -> float | None:
    """The mean of two yaws, one of them alone, or None where they do not agree."""
    if by_points is None or by_teacher is None:
        return by_teacher if by_points is None else by_points
    agree = abs(by_points - by_teacher) < AGREEMENT
    return (by_points + by_teacher) / 2 if agree else None


def are_seen(points: Array) -> bool:
    """Whether nose, both eyes and an ear are annotated and seen, the eyes far enough apart."""
    seen = points[:, 2] == 2
    apart = np.hypot(*(points[1, :2] - points[2, :2]))
    return bool(seen[:3].all() and seen.sum() >= 4 and apart >= LEAST_EYE_DISTANCE)


def fit_yaw(points: Array) -> tuple[float, float]:
    """Yaw in degrees at which the rigid face fits the seen points best, and what is left, U^2.

    Args:
        points: (5, 3) x, y in pixels and visibility of nose, eyes and ears.
    """
    seen = points[:, 2] == 2
    flat = points[seen, :2] - points[seen, :2].mean(axis=0)
    best = (0.0, np.inf)
    for yaw in YAWS:
        for pitch in PITCHES:
            turned = (FACE_POINTS[seen] @ rotation(yaw, pitch).T)[:, :2]
            turned = turned - turned.mean(axis=0)
            size = float((turned**2).sum())
            along = float((turned * flat).sum())
            across = float((turned[:, 0] * flat[:, 1] - turned[:, 1] * flat[:, 0]).sum())
            square = along**2 + across**2
            left = ((flat**2).sum() - square / size) / (square / size**2)
            left += PITCH_COST * (pitch / 25) ** 2
            best = min(best, (float(yaw), float(left)), key=lambda found: found[1])
    return best


def rotation(yaw: float, pitch: float) -> Array:
    """Matrix that turns a head to the image's right and then up or down, degrees."""
    cos, sin = np.cos(np.radians((yaw, pitch))), np.sin(np.radians((yaw, pitch)))
    turn = np.array([[cos[0], 0, sin[0]], [0, 1, 0], [-sin[0], 0, cos[0]]])
    nod = np.array([[1, 0, 0], [0, cos[1], -sin[1]], [0, sin[1], cos[1]]])
    return np.asarray(nod @ turn)


def learn(sides: Array, yaws: Array) -> Array:
    """Weights by ridge regression, (N,)."""
    inner = sides @ sides.T + RIDGE * np.eye(len(yaws))
    return np.asarray(sides.T @ np.linalg.solve(inner, yaws))


def judge(
    sides: Array,
    yaws: Array,
    photos: NDArray[np.int64],
    always: NDArray[np.bool_],
    never: NDArray[np.bool_],
) -> Array:
    """Yaws that weights give which were learned without the photo, and others of its fold.

    Args:
        sides: (N, P), of every head.
        yaws: (N,) degrees.
        photos: (N,) numbers of their photos.
        always: (N,) learned from in every fold.
        never: (N,) never learned from.
    """
    fold = np.unique(photos, return_inverse=True)[1] % FOLDS
    found = np.zeros(len(yaws))
    for index in range(FOLDS):
        rest = ((fold != index) | always) & ~never
        own = fold == index
        found[own] = sides[own] @ learn(sides[rest], yaws[rest])
    return found


if __name__ == "__main__":
    main()
