"""Real scenes to judge on: ``photos/ labels/ people/`` and, where there are, ``keypoints.json``.

Kinds of people are read from the masks, the keypoints (COCO's 17) and the colors; sport and
children are listed by name in ``held_out_kinds.tsv``, skin tones in ``held_out_tones.tsv``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.training.dataset import IGNORE, Bytes, LabelledPhoto, read_photo

TALL = 0.2  # of the photo's height; people below are counted apart
_SMALLEST = 30  # pixels; COCO's polygons mean nothing below
_FACE = (0, 1, 2)  # nose, left eye, right eye among COCO's keypoints
_SHOULDERS, _HIPS, _KNEES = (5, 6), (11, 12), (13, 14)
_BY_EYE = Path(__file__).parent / "held_out_kinds.tsv"
_TONES = Path(__file__).parent / "held_out_tones.tsv"

Points = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TruePerson:
    """One person of a scene.

    Attributes:
        mask: (H, W) bool.
        height: of its box, as a share of the photo's height.
        points: (17, 3) x, y, visibility (0 = not marked, 1 = hidden, 2 = seen); None = unknown.
        kinds: what it is counted as.
    """

    mask: Bools
    height: float
    points: Points | None
    kinds: frozenset[str]

    @property
    def tall(self) -> bool:
        """Whether it is at least a fifth of the photo's height."""
        return self.height >= TALL

    @property
    def shows_face(self) -> bool | None:
        """Whether nose or eyes are marked; None = unknown."""
        return None if self.points is None else bool((self.points[list(_FACE), 2] > 0).any())


@dataclass(frozen=True, eq=False)
class TrueScene:
    """A photo and the people in it.

    Attributes:
        photo: with its planes.
        people: everybody who is known.
        known: (H, W) bool, False where it is unknown whether somebody is there.
    """

    photo: LabelledPhoto
    people: list[TruePerson]
    known: Bools


def read_scene(folder: Path, name: str, keypoints: Mapping[str, Any]) -> TrueScene:
    """Read one scene; ``keypoints`` is the content of :func:`read_keypoints`."""
    photo = read_photo(folder, name)
    ids = np.unique(photo.people)
    masks = {int(i): photo.people == i for i in ids if 0 < i < IGNORE}
    points = {
        int(entry["person"]): np.asarray(entry["keypoints"], np.float64).reshape(-1, 3)
        for entry in keypoints.get(name, ())
        if entry["keypoints"]
    }
    masks = {i: mask for i, mask in masks.items() if mask.sum() >= _SMALLEST}
    of_photo = _kinds_of_photo(photo.rgb, masks) | kinds_by_eye().get(name, frozenset())
    people, tones = [], tones_by_eye()
    for i, mask in masks.items():
        others = [m for j, m in masks.items() if j != i]
        kinds = of_photo | tones.get((name, i), frozenset())
        people.append(_describe(mask, points.get(i), others, kinds))
    return TrueScene(photo, people, photo.people != IGNORE)


@functools.cache
def kinds_by_eye(table: Path = _BY_EYE) -> Mapping[str, frozenset[str]]:
    """Kinds of photos that were judged by eye, by name.

    Args:
        table: lines of name, tab, kind; those that begin with # are not read.
    """
    lines = table.read_text("utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    return {name: frozenset(kind for one, kind in pairs if one == name) for name, _ in pairs}


@functools.cache
def tones_by_eye(table: Path = _TONES) -> Mapping[tuple[str, int], frozenset[str]]:
    """Skin tone of people by photo and id, as a kind; those whose tone is not known are missing.

    Args:
        table: lines of name, tab, id, tab, range of the Monk scale; those that begin with # are not
            read.
    """
    tones: dict[tuple[str, int], frozenset[str]] = {}
    for line in table.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, person, tone = line.split("\t")
            tones[name, int(person)] = frozenset({tone})
    return tones


def read_keypoints(folder: Path) -> Mapping[str, Any]:
    """``keypoints.json`` of a folder, by photo; empty where there is none."""
    path = folder / "keypoints.json"
    found: Mapping[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def height_of(mask: Bools) -> float:
    """Height of a mask's box as a share of the photo's."""
    rows = np.flatnonzero(mask.any(1))
    return float((rows[-1] - rows[0] + 1) / len(mask)) if len(rows) else 0.0


def _describe(
    mask: Bools, points: Points | None, others: Sequence[Bools], of_photo: frozenset[str]
) -> TruePerson:
    kinds = set(of_photo)
    if any(_touch(mask, other) for other in others):
        kinds.add("touching somebody")
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        kinds.add("cut off by the frame")
    if points is not None:
        kinds |= _kinds_of_pose(points)
    return TruePerson(mask, height_of(mask), points, frozenset(kinds))


def _touch(one: Bools, other: Bools) -> bool:
    """Whether two masks are within 3 pixels of each other."""
    near = cv2.dilate(one.astype(np.uint8), np.ones((7, 7), np.uint8))
    return bool((near.astype(bool) & other).any())


def _kinds_of_photo(rgb: Bytes, masks: Mapping[int, Bools]) -> frozenset[str]:
    count = sum(height_of(mask) >= TALL for mask in masks.values())
    kinds = {"alone" if count < 2 else "two" if count == 2 else "three and more"}
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    if hsv[..., 2].mean() < 80:  # of 255
        kinds.add("dark photo")
    if hsv[..., 1].mean() < 12:
        kinds.add("black and white")
    return frozenset(kinds)


def _kinds_of_pose(points: Points) -> set[str]:
    marked, y = points[:, 2] > 0, points[:, 1]

    def row(indices: tuple[int, int]) -> float:
        there = [y[i] for i in indices if marked[i]]
        return float(np.mean(there)) if there else float("nan")

    kinds = set()
    shoulders, hips, knees = row(_SHOULDERS), row(_HIPS), row(_KNEES)
    if not marked[list(_FACE)].any() and marked[list(_SHOULDERS)].any():
        kinds.add("no face seen")
    if knees - hips < 0.5 * (hips - shoulders):  # False where one of them is unknown
        kinds.add("sitting or crouching")
    return kinds
