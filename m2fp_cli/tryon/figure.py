"""One person of a result, cut out around the head: the masks that placement works with."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box
from m2fp_cli.records.face import Face
from m2fp_cli.records.joints import Joints
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.morphology import close_mask, dilate

# Names of the labels that belong together.
FACE = ("Face", "Sunglasses")  # the skin of the face, and glasses on it
BARE_HEAD = ("Face", "Hair")
HAIR = ("Hair", "Hat")  # hair, and what hides it
HEAD = (*BARE_HEAD, "Hat", "Sunglasses")
SKIN = ("Face", "Torso-skin")
TOPS = ("UpperClothes", "Dress", "Coat", "Jumpsuits")
BOTTOMS = ("Pants", "Skirt")
SHOES = ("Left-shoe", "Right-shoe")
LEGS = ("Left-leg", "Right-leg")
ARMS = ("Left-arm", "Right-arm")
HANDS = (*ARMS, "Glove")

# The window around a head.
WINDOW_UNITS = 9.0  # its usual width, U
WINDOW_REACH = 1.6  # from the box of the face outwards, widths of the face
NARROWEST_BOX = 0.7  # width to height; a narrower box is taken for wider than it is
MARGIN = 8  # pixels around the window of a head or a person
ANALYSIS_UNIT = 36.0  # pixels per U that are enough to look at a head

# The face as one region; lengths are shares of the square root of its largest piece's area.
NEAR_PIECE = 0.3  # distance up to which a piece belongs to the same face
MIN_PIECE_AREA = 0.03  # area of such a piece, share of the largest piece's
HOLE_RADIUS = 0.08  # of the disc that closes holes


@dataclass(frozen=True, eq=False)
class Figure:
    """What is known of one person inside a window of the photo.

    Attributes:
        person_id: id in the person map.
        label_map: (h, w) uint8, label ids of the person, 0 where the person is not.
        other_people: (h, w) bool, pixels of other people.
        origin_xy: column and row of the window's first pixel in the photo.
        image_hw: size of the photo.
        label_set: names of the ids.
        stride: pixels of the photo per pixel of the maps; those in between are left out.
        joints: of the person, pixels of the photo; None where they are unknown.
        face: of the person, pixels of the photo; None where it is unknown.
    """

    person_id: int
    label_map: NDArray[np.uint8]
    other_people: BoolArray
    origin_xy: tuple[int, int]
    image_hw: tuple[int, int]
    label_set: LabelSet
    stride: int = 1
    joints: Joints | None = None
    face: Face | None = None

    def mask(self, *names: str) -> BoolArray:
        """Pixels of the person with one of some labels.

        Args:
            names: of the labels; those that the label set does not have are left out.

        Returns:
            (h, w) bool, read-only.
        """
        found = self._masks.get(names)
        if found is None:
            known = {name: i for i, name in enumerate(self.label_set.names)}
            table = np.zeros(256, dtype=np.uint8)
            table[[known[name] for name in names if name in known]] = 1
            found = np.asarray(cv2.LUT(self.label_map, table)).view(np.bool_)
            found.setflags(write=False)
            self._masks[names] = found
        return found

    @cached_property
    def _masks(self) -> dict[tuple[str, ...], BoolArray]:
        """What ``mask`` has found; most masks are asked for several times."""
        return {}

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window, to index the photo with."""
        x0, y0, x1, y1 = self.window_xyxy
        return slice(y0, y1), slice(x0, x1)

    @property
    def window_xyxy(self) -> Box:
        """The window as a half-open box of the photo."""
        (x, y), (h, w) = self.origin_xy, self.label_map.shape
        return x, y, x + self.stride * w, y + self.stride * h

    def area(self, mask: BoolArray, unit: float) -> float:
        """Area of a mask of the window, U^2.

        Args:
            mask: (h, w) bool.
            unit: U in pixels of the photo.
        """
        return int(np.count_nonzero(mask)) * (self.stride / unit) ** 2

    def dilate(self, mask: BoolArray, radius: float) -> BoolArray:
        """``morphology.dilate`` for a radius in pixels of the photo."""
        return dilate(mask, radius / self.stride)

    def downsample(self, window_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The photo inside the window at the size of the maps, (h, w, 3) uint8.

        Args:
            window_bgr: the photo indexed with ``window``; returned itself where the stride is 1.
        """
        if self.stride == 1:
            return window_bgr
        height, width = self.label_map.shape
        small = cv2.resize(window_bgr, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)


def build_figure(
    result: ParsingResult, person: Person, window_xyxy: Box, stride: int = 1
) -> Figure:
    """Cut one person out of a result.

    Args:
        result: the parsed photo.
        person: one of its people.
        window_xyxy: half-open box; clipped to the photo, and to a multiple of the stride.
        stride: every how many pixels of the photo are looked at; all of them where the photo is
            narrower than that.
    """
    height, width = result.image_hw
    x0, y0 = max(window_xyxy[0], 0), max(window_xyxy[1], 0)
    x1, y1 = max(min(window_xyxy[2], width), x0), max(min(window_xyxy[3], height), y0)
    stride = stride if min(x1 - x0, y1 - y0) >= stride else 1
    first, counts = stride // 2, ((y1 - y0) // stride, (x1 - x0) // stride)
    cut = tuple(
        slice(start + first, start + stride * count, stride)
        for start, count in zip((y0, x0), counts, strict=True)
    )
    ids = result.person_map[cut]
    is_person = ids == person.person_id
    return Figure(
        person.person_id,
        result.semantic_map[cut] * is_person,
        (ids != 0) & ~is_person,
        (x0, y0),
        result.image_hw,
        result.labels,
        stride,
        person.joints,
        person.face,
    )


def head_window(result: ParsingResult, person: Person) -> Box | None:
    """Box around the head with room for a hat and a neck.

    Returns:
        half-open box in pixels of the photo, which it may exceed; None if no face is labelled.
    """
    boxes = {result.labels.names[part.label_id]: part.box_xyxy for part in person.parts}
    if "Face" not in boxes:
        return None
    x0, y0, x1, y1 = boxes["Face"]
    reach = round(WINDOW_REACH * max(x1 - x0, NARROWEST_BOX * (y1 - y0))) + MARGIN
    return x0 - reach, y0 - reach, x1 + reach, y1 + reach


def label_score(result: ParsingResult, person: Person, label: str) -> float:
    """Highest score of a person's parts of a label, 0 where there is none."""
    names = result.labels.names
    return max((part.score for part in person.parts if names[part.label_id] == label), default=0.0)


def head_stride(window_xyxy: Box) -> int:
    """Every how many pixels a head is looked at: more pixels of a large head say nothing new.

    Args:
        window_xyxy: what ``head_window`` gives, not clipped.
    """
    x0, y0, x1, y1 = window_xyxy
    return max(1, int(max(x1 - x0, NARROWEST_BOX * (y1 - y0)) / WINDOW_UNITS / ANALYSIS_UNIT))


def person_window(person: Person) -> Box:
    """Half-open box around a whole person with a margin, pixels of the photo, not clipped."""
    x0, y0, x1, y1 = person.box_xyxy
    return x0 - MARGIN, y0 - MARGIN, x1 + MARGIN, y1 + MARGIN


def parts_window(
    result: ParsingResult, person: Person, labels: Collection[str], margin: int
) -> Box | None:
    """Box around a person's parts of some labels.

    Args:
        result: the parsed photo.
        person: one of its people.
        labels: names of the labels.
        margin: around the parts, pixels.

    Returns:
        half-open box in pixels of the photo, which it may exceed; None if there is no such part.
    """
    names = result.labels.names
    boxes = [part.box_xyxy for part in person.parts if names[part.label_id] in labels]
    if not boxes:
        return None
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0) - margin, min(y0) - margin, max(x1) + margin, max(y1) + margin


def face_region(figure: Figure) -> BoolArray:
    """The face as one region: glasses count as face, stray pieces go, holes are closed.

    Dark glasses split a face mask in two, so that pieces near the largest one belong to it.

    Returns:
        (h, w) bool in the figure's window.
    """
    face = figure.mask(*FACE)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        face.astype(np.uint8), connectivity=8
    )
    if count < 2:
        return face
    areas = stats[:, cv2.CC_STAT_AREA]
    largest = 1 + int(np.argmax(areas[1:]))
    side = math.sqrt(areas[largest])
    near = dilate(pieces == largest, NEAR_PIECE * side)
    keep = [largest] + [
        i
        for i in range(1, count)
        if areas[i] >= MIN_PIECE_AREA * side * side and (near & (pieces == i)).any()
    ]
    kept = np.isin(pieces, keep)
    return close_mask(kept, HOLE_RADIUS * side) | kept
