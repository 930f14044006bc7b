"""Corrects labelled photos of one person each: ``python -m training.correct --help``.

Limbs and shoes get the side of the joints they lie on; other people whom a model finds in the
photo, and nobody labelled, become unknown.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m2fp_cli.engine.joint_sides import limb_chains
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.training.dataset import (
    IGNORE,
    SOMEBODY,
    Bytes,
    LabelledPhoto,
    find_names,
    read_photo,
    split_names,
)
from training.evaluate import set_min_size
from training.joint_sides import sides_by_joints
from training.pose_teacher import PoseTeacher

_STRANGER_SCORE = 0.3
_LARGEST_SHARE = 0.3  # of a stranger's mask that may lie on the labelled person
_RIM = 5  # pixels around a stranger that are unknown, too


def correct_sides(
    photo: LabelledPhoto, labels: Bytes, teacher: PoseTeacher, kinds: LabelSet
) -> Bytes:
    """Labels, (H, W) uint8, with the sides of the person's joints; unchanged where none is seen."""
    person = np.where(labels >= SOMEBODY, np.uint8(0), labels)
    left, top, width, height = cv2.boundingRect(person)
    joints = teacher.find_joints(photo.rgb, (left, top, left + width, top + height))
    if joints is None:
        return labels
    sided = sides_by_joints(person, joints, limb_chains(kinds))
    return np.where(person > 0, sided, labels)


def find_strangers(parser: HumanParser, photo: LabelledPhoto) -> NDArray[np.bool_]:
    """Where a model finds people that are not the labelled one, with a rim, (H, W) bool."""
    result = parser.parse(np.ascontiguousarray(photo.rgb[:, :, ::-1]))
    own = photo.people > 0
    strangers = np.zeros(own.shape, np.uint8)
    for found in result.instances:
        if found.label_id != parser.labels.human_id or found.score < _STRANGER_SCORE:
            continue
        mask = found.mask.full()
        if (mask & own).sum() <= _LARGEST_SHARE * mask.sum():
            strangers |= mask.astype(np.uint8)
    brush = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    return np.asarray(cv2.dilate(strangers, brush), bool) & ~own


def correct_folder(
    data: Path, names: Sequence[str], out: Path, teacher: PoseTeacher, parser: HumanParser
) -> None:
    """Write ``labels/`` and ``people/`` of the photos; ``photos`` links to those of ``data``."""
    for kind in ("labels", "people"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    if not (out / "photos").exists():
        (out / "photos").symlink_to((data / "photos").resolve())
    for name in names:
        photo = read_photo(data, name)
        labels = correct_sides(photo, photo.labels, teacher, parser.labels)
        unknown = find_strangers(parser, photo)
        people = np.where(unknown, np.uint8(IGNORE), photo.people)
        labels = np.where(unknown | (labels == SOMEBODY), np.uint8(IGNORE), labels)
        for kind, plane in (("labels", labels), ("people", people)):
            Image.fromarray(plane).save(out / kind / f"{name}.png")


def main() -> None:
    """Parse the command line and correct."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="with photos/ and labels/, one person each")
    parser.add_argument("--pose", type=Path, required=True, help="pose_landmark_heavy.tflite")
    parser.add_argument("--model", required=True, help="name or folder of the model")
    parser.add_argument("--min-size", type=int, help="its shortest edge")
    parser.add_argument("--all", action="store_true", help="held-out photos, too")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    names = find_names(arguments.data)
    if not arguments.all:
        names = split_names(names)[0]
    judge = HumanParser(arguments.model)
    set_min_size(judge, arguments.min_size)
    teacher = PoseTeacher(arguments.pose)
    correct_folder(arguments.data, names, arguments.out, teacher, judge)


if __name__ == "__main__":
    main()
