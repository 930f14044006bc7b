"""What a parsed photo is: people, their parts, label map and person map.

All arrays and boxes are in pixels of the upright photo (EXIF orientation applied).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Box
from m2fp_cli.records.face import Face
from m2fp_cli.records.joints import Joints
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask

LabelMap = NDArray[np.uint8]
PersonMap = NDArray[np.uint16]

SURE_SCORE = 0.5  # of a person, from which on somebody is believed to be there


@dataclass(frozen=True, eq=False)
class Instance:
    """One (label, score, mask) as a query of the network gives it; instances may overlap.

    Attributes:
        label_id: id in the model's label set.
        score: class probability times mean mask probability, in [0, 1]; a person's may also
            count what the label map says (``human_scores`` of the model's configuration).
        mask: where it is.
    """

    label_id: int
    score: float
    mask: Mask

    @property
    def box_xyxy(self) -> Box:
        """Half-open box of the mask."""
        return self.mask.box_xyxy


@dataclass(frozen=True, eq=False)
class Part:
    """One label on one person: the label map cut by the person's visible pixels.

    Attributes:
        label_id: id in the model's label set.
        score: score of the network's instance of this label that covers most of the part; the
            person's own score where no such instance survived.
        mask: where it is; parts of a photo never overlap.
    """

    label_id: int
    score: float
    mask: Mask

    @property
    def box_xyxy(self) -> Box:
        """Half-open box of the mask."""
        return self.mask.box_xyxy


@dataclass(frozen=True, eq=False)
class Person:
    """One person with their own parts.

    Attributes:
        person_id: value in the person map, from 1 by descending score.
        score: score of the human instance.
        mask: visible pixels of the person; people of a photo never overlap.
        parts: by ascending label id.
        joints: as a second network sees them; None where they are unknown, as those of people who
            are small in the picture that the model saw.
        face: as a third network sees it; None where it is unknown, as that of people without joints
            and of heads that are small in the picture that the model saw.
    """

    person_id: int
    score: float
    mask: Mask
    parts: tuple[Part, ...]
    joints: Joints | None = None
    face: Face | None = None

    @property
    def box_xyxy(self) -> Box:
        """Half-open box of the visible pixels."""
        return self.mask.box_xyxy


def count_sure(scores: Iterable[float]) -> int:
    """How many of some scores of people are at least ``SURE_SCORE``."""
    return sum(score >= SURE_SCORE for score in scores)


def require_result(result: object) -> None:
    """Check what a program gives as a result.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(result, ParsingResult):
        raise TypeError(
            "a result must be a ParsingResult, as HumanParser.parse and load_result give it, got "
            f"{type(result).__name__}"
        )


@dataclass(frozen=True, eq=False)
class ParsingResult:
    """Everything that the parser says about one photo.

    Attributes:
        image_hw: height and width of the upright photo.
        labels: names of the label ids.
        semantic_map: (H, W) uint8, label id per pixel, 0 = background.
        person_map: (H, W) uint16, person id per pixel, 0 = nobody.
        people: by descending score.
        unassigned: parts of the semantic map outside all people, by ascending label id.
        instances: the network's own instances, parts before humans, each by descending score.
    """

    image_hw: tuple[int, int]
    labels: LabelSet
    semantic_map: LabelMap
    person_map: PersonMap
    people: tuple[Person, ...]
    unassigned: tuple[Part, ...]
    instances: tuple[Instance, ...]

    def __post_init__(self) -> None:
        """Check shapes and dtypes of the maps.

        Raises:
            ValueError: a map has another shape or dtype; the message names both.
        """
        for name, array, dtype in (
            ("semantic_map", self.semantic_map, np.uint8),
            ("person_map", self.person_map, np.uint16),
        ):
            if array.shape != self.image_hw or array.dtype != dtype:
                raise ValueError(
                    f"{name} must be {np.dtype(dtype)} {self.image_hw}, "
                    f"got {array.dtype} {array.shape}"
                )

    @property
    def sure_people(self) -> int:
        """How many of the people have a score of at least ``SURE_SCORE``."""
        return count_sure(person.score for person in self.people)

    def as_list(self) -> list[dict[str, Any]]:
        """The instances with what ModelScope's pipeline says of each, which has three lists.

        Returns:
            dicts with ``label`` (name), ``score`` (float) and ``mask`` ((H, W) float32 of 0 and
            1), parts before humans.
        """
        return [
            {
                "label": self.labels.names[instance.label_id],
                "score": instance.score,
                "mask": instance.mask.full().astype(np.float32),
            }
            for instance in self.instances
        ]
