"""One person of a result, cut out around the head: the masks that placement works with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.morphology import close_mask, dilate

HEAD = ("Face", "Hair", "Hat", "Sunglasses")
SKIN = ("Face", "Torso-skin")
TOPS = ("UpperClothes", "Dress", "Coat", "Jumpsuits")
HANDS = ("Left-arm", "Right-arm", "Glove")
WINDOW_UNITS = 9.0  # width of the window around a head, U
LOOK_UNIT = 36.0  # pixels per U that are enough to look at a head


@dataclass(frozen=True, eq=False)
class Figure:
    """What is known of one person inside a window of the photo.

    Attributes:
        person_id: id in the person map.
        own: (h, w) uint8, label ids of the person, 0 where the person is not.
        others: (h, w) bool, pixels of other people.
        origin_xy: column and row of the window's first pixel in the photo.
        image_hw: size of the photo.
        labels: names of the ids.
        step: pixels of the photo per pixel of the maps; those between are left out.
    """

    person_id: int
    own: NDArray[np.uint8]
    others: BoolArray
    origin_xy: tuple[int, int]
    image_hw: tuple[int, int]
    labels: LabelSet
    step: int = 1

    def mask(self, *names: str) -> BoolArray:
        """Pixels of the person that carry one of the labels, read-only; unknown names add none."""
        found = self._masks.get(names)
        if found is None:
            known = {name: i for i, name in enumerate(self.labels.names)}
            table = np.zeros(256, dtype=np.uint8)
            table[[known[name] for name in names if name in known]] = 1
            found = np.asarray(cv2.LUT(self.own, table)).view(np.bool_)
            found.setflags(write=False)
            self._masks[names] = found
        return found

    @cached_property
    def _masks(self) -> dict[tuple[str, ...], BoolArray]:
        """What ``mask`` has found; most are asked for several times."""
        return {}

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window, to index the photo with."""
        x0, y0, x1, y1 = self.window_xyxy
        return slice(y0, y1), slice(x0, x1)

    @property
    def window_xyxy(self) -> Box:
        """The window as a half-open box of the photo."""
        (x, y), (h, w) = self.origin_xy, self.own.shape
        return x, y, x + self.step * w, y + self.step * h

    def area(self, mask: BoolArray, unit: float) -> float:
        """Area of a mask of the window in U^2, for a U in pixels of the photo."""
        return int(np.count_nonzero(mask)) * (self.step / unit) ** 2

    def dilate(self, mask: BoolArray, radius: float) -> BoolArray:
        """``morphology.dilate`` for a radius in pixels of the photo."""
        return dilate(mask, radius / self.step)


def build_figure(result: ParsingResult, person: Person, window_xyxy: Box, step: int = 1) -> Figure:
    """Cut one person out of a result.

    Args:
        result: the parsed photo.
        person: one of its people.
        window_xyxy: half-open box; clipped to the photo, and to a multiple of the step.
        step: every how many pixels of the photo are looked at.
    """
    height, width = result.image_hw
    x0, y0 = max(window_xyxy[0], 0), max(window_xyxy[1], 0)
    x1, y1 = max(min(window_xyxy[2], width), x0), max(min(window_xyxy[3], height), y0)
    first, whole = step // 2, ((y1 - y0) // step, (x1 - x0) // step)
    cut = tuple(
        slice(start + first, start + step * count, step)
        for start, count in zip((y0, x0), whole, strict=True)
    )
    ids = result.person_map[cut]
    mine = ids == person.person_id
    own = result.semantic_map[cut] * mine
    others = (ids != 0) & ~mine
    return Figure(person.person_id, own, others, (x0, y0), result.image_hw, result.labels, step)


def head_window(result: ParsingResult, person: Person) -> Box | None:
    """Box around the head with room for a hat and a neck, None if no face is labelled."""
    boxes = {result.labels.names[part.label_id]: part.box_xyxy for part in person.parts}
    if "Face" not in boxes:
        return None
    x0, y0, x1, y1 = boxes["Face"]
    reach = round(1.6 * max(x1 - x0, 0.7 * (y1 - y0))) + 8
    return x0 - reach, y0 - reach, x1 + reach, y1 + reach


def head_step(window_xyxy: Box) -> int:
    """Every how many pixels a head is looked at: those of a large one say the same many times.

    Args:
        window_xyxy: what ``head_window`` gives, not clipped.
    """
    side = max(window_xyxy[2] - window_xyxy[0], 0.7 * (window_xyxy[3] - window_xyxy[1]))
    return max(1, int(side / WINDOW_UNITS / LOOK_UNIT))


def whole_window(person: Person, margin: int = 8) -> Box:
    """Box around the person with a margin in pixels."""
    x0, y0, x1, y1 = person.box_xyxy
    return x0 - margin, y0 - margin, x1 + margin, y1 + margin


def face_region(figure: Figure) -> BoolArray:
    """The face as one region: sunglasses count as face, stray pieces go, holes are closed.

    Dark glasses split a face mask in two, so that pieces near the largest one belong to it.
    """
    face = figure.mask("Face", "Sunglasses")
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        face.astype(np.uint8), connectivity=8
    )
    if count < 2:
        return face
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    side = float(np.sqrt(stats[largest, cv2.CC_STAT_AREA]))
    near = dilate(pieces == largest, 0.3 * side)
    keep = [largest] + [
        i
        for i in range(1, count)
        if stats[i, cv2.CC_STAT_AREA] >= 0.03 * side * side and (near & (pieces == i)).any()
    ]
    kept = np.isin(pieces, keep)
    return close_mask(kept, 0.08 * side) | kept
