"""What a model finds in real scenes, and what that is worth: people, foreground, sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.evaluation import precision
from training.scene_truth import TALL, Bools, TruePerson, TrueScene, height_of

HIT = 0.5  # IoU from which on a person is found
SURE = 0.5  # score from which on somebody is counted
# COCO's keypoints on the left and on the right that lie on a limb or shoe.
_SIDED = {7: 0, 9: 0, 13: 0, 15: 0, 8: 1, 10: 1, 14: 1, 16: 1}


@dataclass(frozen=True, eq=False)
class SceneFindings:
    """One judged scene.

    Attributes:
        people: the true ones, T of them.
        scores: (D,) of the people found.
        overlaps: (D, T) IoU.
        covered: (D, T) share of the true person that is covered.
        elsewhere: (D,) bool, at least half of it lies where nobody knows.
        heights: (D,) of the boxes of the people found, as shares of the photo's height.
        foreground: pixels (true and found, true or found).
        sides: per judged keypoint (whether a face is seen, whether the side is right).
    """

    people: Sequence[TruePerson]
    scores: NDArray[np.float64]
    overlaps: NDArray[np.float64]
    covered: NDArray[np.float64]
    elsewhere: Bools
    heights: NDArray[np.float64]
    foreground: tuple[int, int]
    sides: Sequence[tuple[bool, bool]]


def judge_scene(
    scene: TrueScene,
    masks: Sequence[Bools],
    scores: Sequence[float],
    labels: NDArray[np.uint8],
    pairs: Sequence[tuple[int, int]],
) -> SceneFindings:
    """Compare what was found with what is there.

    Args:
        scene: the truth.
        masks: (H, W) bool of every person found.
        scores: of them.
        labels: (H, W) label map found.
        pairs: ids of the left and the right label of every limb and shoe.
    """
    size = int(scene.known.sum())
    true = np.array([p.mask[scene.known] for p in scene.people], bool).reshape(-1, size)
    found = np.array([m[scene.known] for m in masks], bool).reshape(-1, size)
    whole = np.array([m.sum() for m in masks], np.float64)
    shared = found.astype(np.float32) @ true.T.astype(np.float32)
    either = found.sum(1)[:, None] + true.sum(1)[None] - shared
    somebody, named = (scene.photo.labels > 0)[scene.known], (labels > 0)[scene.known]
    return SceneFindings(
        scene.people,
        np.asarray(scores, np.float64),
        shared / np.maximum(either, 1),
        shared / np.maximum(true.sum(1), 1),
        np.asarray(found.sum(1) < 0.5 * whole),
        np.array([height_of(mask) for mask in masks], np.float64),
        (int((somebody & named).sum()), int((somebody | named).sum())),
        [side for person in scene.people for side in _judge_sides(person, labels, pairs)],
    )


def _judge_sides(
    person: TruePerson, labels: NDArray[np.uint8], pairs: Sequence[tuple[int, int]]
) -> Iterable[tuple[bool, bool]]:
    """Every seen joint that a limb or shoe was found at."""
    if person.points is None or not person.tall:
        return
    sides = {ids[side]: side for ids in pairs for side in (0, 1)}
    height, width = labels.shape
    for joint, side in _SIDED.items():
        x, y, seen = person.points[joint]
        row, column = int(y), int(x)
        if seen < 2 or not (0 <= row < height and 0 <= column < width):
            continue
        if person.mask[row, column] and int(labels[row, column]) in sides:
            yield bool(person.shows_face), sides[int(labels[row, column])] == side


def assign_people(findings: SceneFindings) -> NDArray[np.intp]:
    """The true person that each one found is taken for, best score first; -1 = none.

    A free tall person comes before a free small one, as in COCO's evaluation of sizes.
    """
    taken = np.full(len(findings.scores), -1, np.intp)
    free = np.ones(len(findings.people), bool)
    tall = np.array([p.tall for p in findings.people], bool)
    for index in np.argsort(-findings.scores, kind="stable"):
        for group in (free & tall, free & ~tall):
            overlaps = np.where(group, findings.overlaps[index], 0.0)
            if overlaps.max(initial=0.0) >= HIT:
                taken[index] = overlaps.argmax()
                free[taken[index]] = False
                break
    return taken


def summarize(scenes: Sequence[SceneFindings]) -> dict[str, float]:
    """Figures over scenes; shares are 0 to 1."""
    both, either = np.sum([s.foreground for s in scenes], axis=0)
    everybody = [(p, f) for s in scenes for p, f in zip(s.people, found_people(s), strict=True)]
    tall = [f for p, f in everybody if p.tall]
    company = [f for p, f in everybody if p.tall and "alone" not in p.kinds]
    small = [f for p, f in everybody if not p.tall]
    sides = [side for s in scenes for side in s.sides]
    turned = [right for face, right in sides if not face]
    return {
        "scenes": len(scenes),
        "people": len(tall),
        "person_iou": float(both / max(either, 1)),
        "average_precision_50": tall_average_precision(scenes),
        "recall": _mean(tall),
        "recall_in_company": _mean(company),
        "precision": _precision(scenes),
        "merged_pairs": float(sum(count_merged(s) for s in scenes)),
        "small_people": len(small),
        "small_found": _mean(small),
        "sides_right": _mean([right for _, right in sides]),
        "sides_right_no_face": _mean(turned),
        "joints_no_face": len(turned),
    }


def found_people(findings: SceneFindings) -> list[bool]:
    """Whether each true person is found with a score from ``SURE`` on."""
    taken = assign_people(findings)
    hits = set(taken[findings.scores >= SURE].tolist())
    return [index in hits for index in range(len(findings.people))]


def tall_average_precision(scenes: Sequence[SceneFindings]) -> float:
    """AP50 of tall people.

    As in COCO's evaluation by size, who is taken for a small one, or for nobody and is small itself
    or lies where nobody knows, counts neither for nor against.
    """
    scores: list[float] = []
    hits: list[bool] = []
    for scene in scenes:
        taken = assign_people(scene)
        left_out = scene.elsewhere | (scene.heights < TALL)
        for score, person, out in zip(scene.scores, taken, left_out, strict=True):
            hit = person >= 0 and scene.people[person].tall
            if hit or (person < 0 and not out):
                scores.append(float(score))
                hits.append(bool(hit))
    total = sum(p.tall for scene in scenes for p in scene.people)
    return precision.average_precision(scores, hits, total)


def _precision(scenes: Sequence[SceneFindings]) -> float:
    """Of those found with a score from ``SURE`` on, the share that is somebody."""
    marks = [
        person >= 0
        for s in scenes
        for score, person, out in zip(s.scores, assign_people(s), s.elsewhere, strict=True)
        if score >= SURE and (person >= 0 or not out)
    ]
    return _mean(marks)


def count_merged(findings: SceneFindings) -> int:
    """Pairs of tall people of whom one person found covers at least half each."""
    tall = np.array([p.tall for p in findings.people], bool)
    both = (findings.covered[findings.scores >= SURE] >= HIT)[:, tall]
    merged = set()
    for row in both:
        there = np.flatnonzero(row)
        merged |= {(one, other) for one in there for other in there if one < other}
    return len(merged)


def by_kind(scenes: Sequence[SceneFindings]) -> dict[str, tuple[int, float, float]]:
    """Of every kind of tall people: how many, the share found, their mean best IoU."""
    rows: dict[str, list[tuple[bool, float]]] = {}
    for scene in scenes:
        best = scene.overlaps.max(0, initial=0.0)
        for person, found, overlap in zip(scene.people, found_people(scene), best, strict=True):
            for kind in person.kinds if person.tall else ():
                rows.setdefault(kind, []).append((found, float(overlap)))
    return {
        kind: (len(row), _mean([f for f, _ in row]), float(np.mean([o for _, o in row])))
        for kind, row in sorted(rows.items())
    }


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
