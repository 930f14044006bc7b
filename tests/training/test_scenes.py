"""Figures on real scenes, against scenes whose figures can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from m2fp_cli.training.dataset import LabelledPhoto
from training.scene_figures import by_kind, judge_scene, summarize
from training.scene_truth import TruePerson, TrueScene, kinds_by_eye, tones_by_eye

HW = (40, 60)
LEFT, RIGHT = 14, 15


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(HW, bool)
    mask[top:bottom, left:right] = True
    return mask


def person(mask: np.ndarray, points: np.ndarray | None = None, *kinds: str) -> TruePerson:
    height = np.count_nonzero(mask.any(1)) / HW[0]
    return TruePerson(mask, height, points, frozenset(kinds))


def scene(*people: TruePerson, known: np.ndarray | None = None) -> TrueScene:
    labels = np.zeros(HW, np.uint8)
    for one in people:
        labels[one.mask] = 5
    photo = LabelledPhoto("a", np.zeros((*HW, 3), np.uint8), labels, labels)
    return TrueScene(photo, list(people), np.ones(HW, bool) if known is None else known)


def figures(truth: TrueScene, masks: list[np.ndarray], labels: np.ndarray | None = None):
    found = labels if labels is not None else truth.photo.labels
    return judge_scene(truth, masks, [0.9] * len(masks), found, [(LEFT, RIGHT)])


TALL, OTHER, SMALL = box(0, 0, 40, 10), box(0, 12, 40, 22), box(30, 40, 36, 44)


def test_perfection_is_one_everywhere():
    truth = scene(person(TALL), person(OTHER), person(SMALL))
    said = summarize([figures(truth, [TALL, OTHER, SMALL])])
    assert [said[k] for k in ("person_iou", "average_precision_50", "recall", "small_found")] == [
        1
    ] * 4
    assert said["merged_pairs"] == 0


def test_a_mask_over_two_people_is_a_merged_pair_and_finds_neither():
    truth = scene(person(TALL), person(OTHER))
    said = summarize([figures(truth, [box(0, 0, 40, 22)])])
    assert (said["merged_pairs"], said["recall"], said["precision"]) == (1, 0, 0)


def test_small_people_and_unknown_ground_cost_no_precision():
    known = np.ones(HW, bool)
    known[:, 50:] = False
    truth = scene(person(TALL), person(SMALL), known=known)
    said = summarize([figures(truth, [TALL, SMALL, box(0, 50, 40, 60)])])
    assert (said["average_precision_50"], said["precision"]) == (1, 1)


def test_sides_are_read_at_seen_joints_of_people_without_a_face():
    points = np.zeros((17, 3))
    points[7], points[8], points[5] = (5, 10, 2), (5, 20, 2), (5, 2, 2)  # elbows, a shoulder
    labels = np.zeros(HW, np.uint8)
    labels[TALL] = LEFT
    said = summarize([figures(scene(person(TALL, points)), [TALL], labels)])
    assert (said["sides_right_no_face"], said["joints_no_face"]) == (0.5, 2)


def test_kinds_are_counted_apart():
    truth = scene(person(TALL, None, "alone"), person(OTHER, None, "dark photo"))
    assert by_kind([figures(truth, [TALL])]) == {
        "alone": (1, 1.0, 1.0),
        "dark photo": (1, 0.0, pytest.approx(0.0)),
    }


def test_kinds_by_eye_are_those_of_the_table(tmp_path):
    (tmp_path / "kinds.tsv").write_text("# by eye\na\tsport\nb\tchildren\na\tchildren\n")
    kinds = kinds_by_eye(tmp_path / "kinds.tsv")
    assert kinds == {"a": {"sport", "children"}, "b": {"children"}}
    assert {kind for some in kinds_by_eye().values() for kind in some} == {"sport", "children"}


def test_skin_tones_are_known_by_photo_and_person(tmp_path):
    (tmp_path / "tones.tsv").write_text("# by eye\na\t2\tMonk 5 to 7\na\t1\tMonk 1 to 4\n")
    tones = tones_by_eye(tmp_path / "tones.tsv")
    assert tones["a", 2] == {"Monk 5 to 7"}
    assert set(tones) == {("a", 1), ("a", 2)}
    assert {kind for some in tones_by_eye().values() for kind in some} == {
        "Monk 1 to 4", "Monk 5 to 7", "Monk 8 to 10"
    }  # fmt: skip
