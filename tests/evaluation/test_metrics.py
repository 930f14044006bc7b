"""The figures of ``m2fp eval`` against cases worked out by hand and against slow twins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from m2fp_cli.engine.people import assemble_result, result_from_maps
from m2fp_cli.errors import ImageError
from m2fp_cli.evaluation.confusion import LabelFigures, count_pixels
from m2fp_cli.evaluation.dataset import Truth
from m2fp_cli.evaluation.judge import Judge
from m2fp_cli.evaluation.people import PeopleMaps, PeopleTally, label_overlaps
from m2fp_cli.evaluation.precision import THRESHOLDS, average_precision
from m2fp_cli.evaluation.regions import RegionMap, RegionTally
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance

LABELS = LabelSet(("Background", "Hair", "Face", "Coat", "Human"), human_id=4)
HALF = THRESHOLDS.index(0.5)


def grid(*rows: str) -> np.ndarray:
    """A map of digits, (H, W) uint8."""
    return np.array([[int(c) for c in row] for row in rows], np.uint8)


# One person, hair above face; found with half of the face.
TRUE_LABELS = grid("1111", "2222", "0000", "0000")
FOUND_LABELS = grid("1111", "2200", "0000", "0000")


def maps(labels, people, *scores):
    return PeopleMaps(labels, people, int(people.max()), scores)


# ---- average precision -------------------------------------------------------------------------


def test_precision_of_hit_miss_hit_over_three():
    # Precision 1, 1/2, 2/3; the best from each recall on is 1, 2/3, 2/3.
    assert average_precision([0.9, 0.8, 0.7], [True, False, True], 3) == pytest.approx(5 / 9)


def test_findings_go_by_score_and_ties_keep_their_order():
    assert average_precision([0.1, 0.9], [False, True], 1) == 1
    assert average_precision([0.5, 0.5], [False, True], 1) == 0.5


def test_nothing_found_is_zero_and_nothing_to_find_is_undefined():
    assert average_precision([], [], 2) == 0
    assert math.isnan(average_precision([0.5], [False], 0))


# ---- label maps --------------------------------------------------------------------------------


def test_label_figures_by_hand():
    truth = np.where(grid("0000", "0000", "0000", "0001") > 0, 255, TRUE_LABELS)
    counts = count_pixels(truth, FOUND_LABELS, 4)
    assert counts.tolist() == [[7, 0, 0, 0], [0, 4, 0, 0], [2, 0, 2, 0], [0, 0, 0, 0]]
    figures = LabelFigures(counts, LABELS)
    assert figures.iou[:3].tolist() == [7 / 9, 1, 2 / 4]
    assert math.isnan(figures.iou[3])
    assert figures.mean_iou == pytest.approx((7 / 9 + 1 + 1 / 2) / 3)
    assert figures.pixel_accuracy == pytest.approx(13 / 15)
    assert figures.person_iou == pytest.approx(6 / 8)


def test_a_label_that_is_not_there_but_found_counts_as_zero():
    figures = LabelFigures(count_pixels(grid("00"), grid("03"), 4), LABELS)
    assert figures.mean_iou == pytest.approx((1 / 2 + 0) / 2)


# ---- regions -----------------------------------------------------------------------------------


def test_overlap_must_exceed_the_threshold():
    tally = RegionTally((1,), THRESHOLDS, once=False)
    tally.add(RegionMap(grid("1000", "1000"), (1,), (0.9,)), RegionMap(grid("1100", "1100"), (1,)))
    assert tally.average_precisions()[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]  # IoU is 0.5


def test_two_fragments_of_one_region():
    found = RegionMap(grid("1200", "1200"), (1, 1), (0.9, 0.8))
    truth = RegionMap(grid("1100", "1100"), (1,))
    official = RegionTally((1,), (0.4,), once=False)
    strict = RegionTally((1,), (0.4,), once=True)
    official.add(found, truth)
    strict.add(found, truth)
    assert official.average_precisions()[0, 0] == 2  # as CIHP's evaluator counts
    assert strict.average_precisions()[0, 0] == 1


def test_a_region_of_another_label_is_no_hit_and_absent_labels_are_undefined():
    tally = RegionTally((1, 2, 3), (0.5,), once=False)
    tally.add(RegionMap(grid("11"), (2,), (0.9,)), RegionMap(grid("11"), (1,)))
    found = tally.average_precisions()[:, 0]
    assert found[0] == 0
    assert np.isnan(found[1:]).all()


def test_regions_of_other_photos_do_not_match_and_covered_ones_do_not_count():
    tally = RegionTally((1,), (0.5,), once=False)
    tally.add(RegionMap(grid("11"), (1,), (0.9,)), RegionMap(grid("00"), ()))
    tally.add(RegionMap(grid("22"), (1, 1), (0.8, 0.7)), RegionMap(grid("11"), (1,)))
    assert tally.average_precisions()[0, 0] == pytest.approx(1 / 2)  # miss 0.9, hit 0.7


def slow_region_precision(photos, label, threshold):
    """CIHP's rule said in loops: photos are (found ids, labels, scores, true ids, labels)."""
    marks, total = [], 0
    for found, found_labels, scores, truth, true_labels in photos:
        true_masks = [truth == i for i, own in enumerate(true_labels, 1) if own == label]
        total += sum(mask.any() for mask in true_masks)
        for i, (own, score) in enumerate(zip(found_labels, scores, strict=True), 1):
            mask = found == i
            if own != label or not mask.any():
                continue
            ious = [(mask & other).sum() / (mask | other).sum() for other in true_masks]
            marks.append((score, max(ious, default=0) > threshold))
    marks.sort(key=lambda mark: -mark[0])
    hits = [hit for _, hit in marks]
    precision = [sum(hits[: n + 1]) / (n + 1) for n in range(len(hits))]
    best = [max(precision[n:]) for n in range(len(hits))]
    return sum(b for b, hit in zip(best, hits, strict=True) if hit) / total if total else math.nan


def test_regions_against_a_slow_twin():
    rng = np.random.default_rng(3)
    photos = []
    tally = RegionTally((1, 2, 3), THRESHOLDS, once=False)
    for _ in range(12):
        found, truth = rng.integers(0, 5, (2, 3, 4)).repeat(2, 1).repeat(2, 2)
        truth = np.where(rng.random((6, 8)) < 0.7, found, truth)
        found_labels, true_labels = rng.integers(1, 4, (2, 4)).tolist()
        scores = rng.random(4).tolist()
        photos.append((found, found_labels, scores, truth, true_labels))
        found_map = RegionMap(found, tuple(found_labels), tuple(scores))
        tally.add(found_map, RegionMap(truth, tuple(true_labels)))
    expected = [[slow_region_precision(photos, c, t) for t in THRESHOLDS] for c in (1, 2, 3)]
    np.testing.assert_allclose(tally.average_precisions(), expected)
    assert 0.05 < np.mean(expected) < 0.95


# ---- people ------------------------------------------------------------------------------------


def test_a_person_by_hand():
    person = (TRUE_LABELS > 0).astype(np.uint8)
    found = maps(FOUND_LABELS, (FOUND_LABELS > 0).astype(np.uint8), 0.9)
    truth = maps(TRUE_LABELS, person)
    assert label_overlaps(found, truth, 4)[0, 0, :3].tolist() == [8 / 10, 1, 2 / 4]
    tally = PeopleTally(4)
    tally.add(found, truth)  # mean IoU (0.8 + 1 + 0.5) / 3 = 0.77
    assert tally.average_precisions().tolist() == [1, 1, 1, 1, 1, 1, 1, 0, 0]
    parts = tally.correct_parts()
    assert parts[HALF - 1] == 1
    assert parts[HALF] == 1 / 2  # 0.5 does not exceed 0.5
    assert parts[7] == 0


def test_a_person_found_twice_counts_once_and_a_missed_one_costs_parts():
    labels = grid("1111", "1111", "0000", "1111")
    truth = maps(labels, grid("1111", "1111", "0000", "2222"))
    found = maps(
        grid("1111", "1111", "0000", "0000"), grid("1111", "2222", "0000", "0000"), 0.9, 0.8
    )
    tally = PeopleTally(2)
    tally.add(found, truth)
    # Each finding overlaps the first person by (4/8 + 8/12) / 2 = 0.58: one hit, one double.
    assert tally.average_precisions()[HALF] == 1 / 2
    assert tally.correct_parts()[HALF - 1] == 1 / 2


def slow_overlap(found, truth):
    """Mean IoU of two maps of one person's labels."""
    ids = sorted(set(found.ravel()) | set(truth.ravel()))
    ious = [((found == i) & (truth == i)).sum() / ((found == i) | (truth == i)).sum() for i in ids]
    return float(np.mean(ious)), dict(zip(ids, ious, strict=True))


def slow_people(photos, threshold):
    """AP^p and PCP said in loops."""
    findings, total = [], 0
    for number, (found, truth) in enumerate(photos):
        total += truth.count
        findings += [(score, number, i) for i, score in enumerate(found.scores, 1)]
    taken, hits, shares = set(), [], []
    for _, number, i in sorted(findings, key=lambda finding: -finding[0]):
        found, truth = photos[number]
        own = np.where(found.people == i, found.labels, 0)
        others = [np.where(truth.people == j + 1, truth.labels, 0) for j in range(truth.count)]
        overlaps = [slow_overlap(own, other) for other in others]
        best = max(range(len(others)), key=lambda j: overlaps[j][0], default=None)
        hit = best is not None and overlaps[best][0] > threshold and (number, best) not in taken
        hits.append(hit)
        if hit and best is not None:
            taken.add((number, best))
            parts = set(others[best].ravel()) - {0}
            shares.append(np.mean([overlaps[best][1][part] > threshold for part in parts]))
    precision = [sum(hits[: n + 1]) / (n + 1) for n in range(len(hits))]
    area = sum(max(precision[n:]) for n, hit in enumerate(hits) if hit)
    return area / total, sum(shares) / total


def test_people_against_a_slow_twin():
    rng = np.random.default_rng(5)
    photos, tally = [], PeopleTally(4)
    for _ in range(15):
        people = np.zeros((8, 8), np.uint8)
        people[:, :4], people[:, 4:] = 1, 2
        labels = rng.integers(0, 4, (4, 4)).repeat(2, 0).repeat(2, 1)
        labels[0, 0], labels[0, 7] = 1, 1
        found_people = np.roll(people, int(rng.integers(0, 3)), 1)
        found_labels = np.where(rng.random((8, 8)) < 0.8, labels, rng.integers(0, 4, (8, 8)))
        found = maps(found_labels, found_people, *rng.random(2).tolist())
        truth = maps(labels, people)
        photos.append((found, truth))
        tally.add(found, truth)
    expected = [slow_people(photos, threshold) for threshold in THRESHOLDS]
    np.testing.assert_allclose(tally.average_precisions(), [ap for ap, _ in expected])
    np.testing.assert_allclose(tally.correct_parts(), [pcp for _, pcp in expected])
    assert 0.2 < expected[HALF][0] < 0.9


# ---- all together ------------------------------------------------------------------------------


def test_the_truth_itself_is_perfect():
    labels = grid("1110", "2220", "0000", "0033")
    people = grid("1110", "1110", "0000", "0044").astype(np.uint16)
    judge = Judge(LABELS)
    judge.add(Truth(labels, people), result_from_maps(LABELS, labels, people))
    figures = judge.figures()
    assert figures.labels.mean_iou == figures.labels.pixel_accuracy == 1
    assert figures.people is not None
    headline = figures.people.headline()
    assert headline.pop("ap_r") == headline.pop("ap_r_50") == 0  # these maps have no instances
    assert set(headline.values()) == {1.0}
    assert figures.people.people == 2


def part(label: int, score: float, mask: np.ndarray) -> Instance:
    return Instance(label, score, Mask.from_full(mask.astype(bool)))


def test_region_precision_takes_the_networks_instances_the_surest_on_top():
    labels = grid("1122", "1122")
    sure, unsure = part(1, 0.9, labels == 1), part(2, 0.4, labels > 0)
    human = part(4, 0.8, labels > 0)
    judge = Judge(LABELS)
    people = np.ones((2, 4), np.uint16)
    judge.add(Truth(labels, people), assemble_result(LABELS, labels, (unsure, sure, human)))
    figures = judge.figures().people
    assert figures is not None
    assert figures.headline()["ap_r"] == 1  # the unsure one keeps what the sure one leaves
    assert figures.headline()["ap_h"] == 1
    assert np.isnan(figures.region[2]).all()


def test_unknown_pixels_count_nowhere():
    labels, people = grid("1122", "1122"), grid("1111", "1111").astype(np.uint16)
    wrong = grid("1122", "3333")
    judge = Judge(LABELS)
    known = np.where(grid("0000", "1111") > 0, 255, labels).astype(np.uint8)
    judge.add(Truth(known, people), result_from_maps(LABELS, wrong, people))
    figures = judge.figures()
    assert figures.people is not None
    assert figures.labels.mean_iou == 1
    assert figures.people.headline()["ap_p"] == figures.people.headline()["ap_parts"] == 1


def test_whoever_is_found_among_unknown_pixels_alone_is_no_mistake():
    labels, people = grid("1122", "1122"), grid("2222", "1111").astype(np.uint16)
    judge = Judge(LABELS)
    known = np.where(people == 1, 255, labels).astype(np.uint8)
    judge.add(Truth(known, people), result_from_maps(LABELS, labels, people))
    figures = judge.figures()
    assert figures.people is not None
    assert figures.people.people == 1
    assert figures.people.headline()["ap_p"] == figures.people.headline()["ap_h"] == 1


def test_photos_without_person_maps_say_nothing_of_people():
    judge = Judge(LABELS)
    labels = grid("12", "30")
    judge.add(Truth(labels, None), result_from_maps(LABELS, labels))
    assert judge.figures().people is None


def test_nobody_there_and_nobody_found():
    nothing = np.zeros((4, 4), np.uint8)
    judge = Judge(LABELS)
    judge.add(Truth(nothing, nothing.astype(np.uint16)), result_from_maps(LABELS, nothing))
    people = judge.figures().people
    assert people is not None
    assert all(math.isnan(value) for value in people.headline().values())


def test_maps_of_another_size_or_other_labels_are_refused():
    judge = Judge(LABELS)
    with pytest.raises(ImageError, match="differ in size: 4 x 2 and 3 x 2"):
        judge.add(Truth(grid("111", "111"), None), result_from_maps(LABELS, grid("1111", "1111")))
    with pytest.raises(ImageError, match="other labels"):
        judge.add(Truth(grid("1"), None), result_from_maps(LabelSet(("a", "b")), grid("1")))
