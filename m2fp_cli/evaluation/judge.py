"""All figures of a model on a data set, collected photo by photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.errors import ImageError
from m2fp_cli.evaluation.confusion import LabelFigures, count_pixels
from m2fp_cli.evaluation.dataset import Truth
from m2fp_cli.evaluation.people import PeopleMaps, PeopleTally
from m2fp_cli.evaluation.precision import THRESHOLDS
from m2fp_cli.evaluation.regions import RegionMap, RegionTally
from m2fp_cli.records.labels import IGNORED_ID, LabelSet
from m2fp_cli.records.results import Instance, ParsingResult, Part

HUMAN_THRESHOLDS = tuple(n / 100 for n in range(50, 100, 5))
"""IoU thresholds of AP^h, those of COCO's mask AP."""

_HALF = THRESHOLDS.index(0.5)
_HUMAN = 1


@dataclass(frozen=True, eq=False)
class PeopleFigures:
    """Figures over the photos whose people are told apart.

    Attributes:
        photos: number of those photos.
        people: number of true people.
        region: AP^r per label and threshold of the network's own part instances, (labels, 9);
            nan where a label is not in the truth. ``region_labels`` names the rows.
        part: the same of the parts that a result gives each person, every true part found once.
        region_labels: label ids.
        person: AP^p per threshold, (9,).
        correct_parts: PCP per threshold, (9,).
        human: AP^h per threshold of ``HUMAN_THRESHOLDS``, (10,): masks of whole people.
    """

    photos: int
    people: int
    region: NDArray[np.float64]
    part: NDArray[np.float64]
    region_labels: tuple[int, ...]
    person: NDArray[np.float64]
    correct_parts: NDArray[np.float64]
    human: NDArray[np.float64]

    def headline(self) -> dict[str, float]:
        """The figures that papers report, by the names of the JSON; 0..1, nan if not defined."""
        return {
            "ap_r": _mean(self.region),
            "ap_r_50": _mean(self.region[:, _HALF]),
            "ap_parts": _mean(self.part),
            "ap_parts_50": _mean(self.part[:, _HALF]),
            "ap_p": _mean(self.person),
            "ap_p_50": float(self.person[_HALF]),
            "pcp_50": float(self.correct_parts[_HALF]),
            "ap_h": _mean(self.human),
            "ap_h_50": float(self.human[0]),
        }


@dataclass(frozen=True, eq=False)
class Figures:
    """Everything that was found out.

    Attributes:
        photos: number of photos judged.
        labels: of the label maps.
        people: None where no photo tells people apart.
    """

    photos: int
    labels: LabelFigures
    people: PeopleFigures | None


class Judge:
    """Compares results with the truth; labels are compared by id."""

    def __init__(self, labels: LabelSet) -> None:
        """Judge a model with these labels."""
        size = max((0, *labels.part_ids)) + 1
        self.labels = labels
        self._photos = self._photos_with_people = 0
        self._counts = np.zeros((size, size), np.int64)
        self._regions = RegionTally(labels.part_ids, THRESHOLDS, once=False)
        self._parts = RegionTally(labels.part_ids, THRESHOLDS, once=True)
        self._humans = RegionTally((_HUMAN,), HUMAN_THRESHOLDS, once=True)
        self._people = PeopleTally(size)

    def add(self, truth: Truth, result: ParsingResult) -> None:
        """Judge one photo.

        Args:
            truth: what is in it; pixels of label 255 count nowhere.
            result: what was found.

        Raises:
            ImageError: the maps differ in size, or the result has other labels.
        """
        if result.labels != self.labels:
            raise ImageError("unsupported", "was parsed with other labels than the photos before")
        if result.semantic_map.shape != truth.labels.shape:
            shown = " and ".join(f"{w} x {h}" for h, w in (result.image_hw, truth.labels.shape))
            raise ImageError("corrupt", f"photo and label map differ in size: {shown} pixels")
        self._photos += 1
        self._counts += count_pixels(truth.labels, result.semantic_map, len(self._counts))
        if truth.people is not None:
            self._photos_with_people += 1
            self._add_people(truth.labels, truth.people, result)

    def _add_people(
        self, labels: NDArray[np.uint8], people: NDArray[np.uint16], result: ParsingResult
    ) -> None:
        known = labels != IGNORED_ID
        true_people, count = _numbered(people[known])
        truth = PeopleMaps(labels[known], true_people, count)
        scores = tuple(person.score for person in result.people)
        found = PeopleMaps(
            result.semantic_map[known], result.person_map[known], len(scores), scores
        )
        self._people.add(found, truth)
        self._humans.add(_people_regions(found), _people_regions(truth))
        regions = _part_regions(truth)
        parts = [part for person in result.people for part in person.parts]
        instances = [one for one in result.instances if one.label_id in self.labels.part_ids]
        self._parts.add(_paint(parts, known), regions)
        self._regions.add(_paint(instances, known), regions)

    def figures(self) -> Figures:
        """The figures of the photos so far."""
        people = None
        if self._photos_with_people:
            people = PeopleFigures(
                self._photos_with_people,
                self._people.total,
                self._regions.average_precisions(),
                self._parts.average_precisions(),
                self.labels.part_ids,
                self._people.average_precisions(),
                self._people.correct_parts(),
                self._humans.average_precisions()[0],
            )
        return Figures(self._photos, LabelFigures(self._counts, self.labels), people)


def _mean(values: NDArray[np.float64]) -> float:
    """Mean over what is defined."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _numbered(ids: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], int]:
    """Ids above 0 replaced by 1, 2, 3 ... in their order, and how many there are."""
    present, place = np.unique(ids, return_inverse=True)
    numbers = np.cumsum(present > 0) * (present > 0)
    return numbers[place], int(numbers.max(initial=0))


def _people_regions(maps: PeopleMaps) -> RegionMap:
    return RegionMap(maps.people, (_HUMAN,) * maps.count, maps.scores)


def _part_regions(truth: PeopleMaps) -> RegionMap:
    """One region per person and label."""
    is_part = (truth.people > 0) & (truth.labels > 0)
    pairs = np.where(is_part, truth.people.astype(np.int64) * 256 + truth.labels, 0)
    labels = tuple(int(pair) % 256 for pair in np.unique(pairs) if pair)
    return RegionMap(_numbered(pairs)[0], labels)


def _paint(items: Sequence[Part | Instance], known: NDArray[np.bool_]) -> RegionMap:
    """Regions on one map, the surest on top, as M2FP's evaluator paints part instances."""
    ordered = sorted(items, key=lambda item: item.score)
    ids = np.zeros(known.shape, np.int64)
    for number, item in enumerate(ordered, start=1):
        ids[item.mask.slices][item.mask.inside] = number
    labels = tuple(item.label_id for item in ordered)
    return RegionMap(ids[known], labels, tuple(item.score for item in ordered))
