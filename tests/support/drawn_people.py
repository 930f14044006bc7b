"""A drawn person whose eyes are known: photo, label map and result."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.catalog import load_item
from m2fp_cli.tryon.figure import build_figure, head_stride, head_window
from m2fp_cli.tryon.fitting import TryOn, try_on
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head
from m2fp_cli.tryon.kind import Item
from m2fp_cli.tryon.kinds import kind_of
from m2fp_cli.tryon.outfit import Outfit
from m2fp_cli.tryon.records import ItemRecord
from m2fp_cli.tryon.wearer import Wearer

HAT, HAIR, SUNGLASSES, TOP, NECK, FACE = 1, 2, 4, 5, 10, 13  # ids of CIHP


@dataclass(frozen=True, eq=False)
class DrawnPerson:
    photo_bgr: NDArray[np.uint8]
    result: ParsingResult
    eyes_xy: tuple[float, float]
    unit: float

    @property
    def labels(self) -> NDArray[np.uint8]:
        """A copy of the label map."""
        return self.result.semantic_map.copy()

    def pixel(self, along: float, below: float) -> tuple[int, int]:
        """Row and column of a point in U from the eyes, for a head that is upright."""
        x, y = self.eyes_xy
        return round(y + below * self.unit), round(x + along * self.unit)

    def box(self, left: float, upper: float, right: float, lower: float) -> tuple[slice, slice]:
        """Rows and columns of a box in U from the eyes, for a head that is upright."""
        (y0, x0), (y1, x1) = self.pixel(left, upper), self.pixel(right, lower)
        return slice(max(y0, 0), y1), slice(max(x0, 0), x1)

    def enlarged(self, times: int) -> DrawnPerson:
        """The same person with more pixels; the eyes and U are not changed."""
        size = self.photo_bgr.shape[1] * times, self.photo_bgr.shape[0] * times
        photo = cv2.resize(self.photo_bgr, size, interpolation=cv2.INTER_CUBIC)
        labels = np.kron(self.labels, np.ones((times, times), np.uint8))
        larger = replace(self, photo_bgr=np.asarray(photo, np.uint8))
        return larger.with_labels(labels)

    def with_labels(self, labels: NDArray[np.uint8]) -> DrawnPerson:
        """The same photo with another label map."""
        return replace(self, result=result_from_maps(CIHP, labels))


def draw_person(unit: float = 30.0, roll: float = 0.0, hat: bool = False) -> DrawnPerson:
    """A face with eyes, brows, nose and mouth, hair, neck and a top; ``roll`` in degrees.

    The photo may be painted on; the result is shared.
    """
    drawn = _draw_person(unit, roll, hat)
    return replace(drawn, photo_bgr=drawn.photo_bgr.copy())


@functools.cache
def _draw_person(unit: float, roll: float, hat: bool) -> DrawnPerson:
    size, eyes = (520, 420), (210.0, 190.0)
    photo = np.full((*size, 3), (190, 170, 150), np.uint8)
    labels = np.zeros(size, np.uint8)
    turn = np.deg2rad(roll)

    def at(x, y):
        c, s = np.cos(turn), np.sin(turn)
        return round(eyes[0] + unit * (c * x - s * y)), round(eyes[1] + unit * (s * x + c * y))

    def blob(x, y, rx, ry, color, label=None):
        axes = (round(rx * unit), round(ry * unit))
        cv2.ellipse(photo, at(x, y), axes, roll, 0, 360, color, -1, cv2.LINE_AA)
        if label is not None:
            cv2.ellipse(labels, at(x, y), axes, roll, 0, 360, label, -1)

    x0, x1 = round(eyes[0] - 3.6 * unit), round(eyes[0] + 3.6 * unit)
    top = round(eyes[1] + 3.1 * unit)
    folds = 20 * np.sin(np.arange(x1 - x0) / unit * 3)
    photo[top:, x0:x1] = np.clip(np.array([120, 90, 70]) + folds[None, :, None], 0, 255)
    labels[top:, x0:x1] = 5
    blob(0, 2.4, 0.8, 1.3, (125, 150, 195), 10)
    blob(0, -0.2, 1.35, 1.6, (35, 40, 50), 2)
    blob(0, 0.35, 1.09, 1.5, (140, 170, 215), 13)
    for side in (-1, 1):
        blob(0.5 * side, -0.38, 0.25, 0.05, (60, 70, 90))
        blob(0.5 * side, 0, 0.2, 0.1, (40, 45, 55))
    blob(0, 0.62, 0.15, 0.06, (105, 130, 180))
    blob(0, 1.05, 0.35, 0.09, (80, 80, 160))
    if hat:
        blob(0, -1.2, 1.35, 0.6, (60, 160, 60), 1)
    blurred = np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.02 * unit), np.uint8)
    return DrawnPerson(blurred, result_from_maps(CIHP, labels), eyes, unit)


def find_head(
    image_bgr: NDArray[np.uint8], result: ParsingResult, person: Person
) -> HeadFrame | SkipReason:
    """Head frame of one person of a photo, or why there is none."""
    window = head_window(result, person)
    if window is None:
        return SkipReason.NO_FACE
    figure = build_figure(result, person, window, head_stride(window))
    return fit_head(image_bgr[figure.window], figure)


def make_wearer(drawn: DrawnPerson, **head: Any) -> Wearer:
    """A drawn person about to wear something, without light and shadows.

    Args:
        drawn: the person.
        head: attributes of the head frame that are changed.
    """
    person = drawn.result.people[0]
    window = head_window(drawn.result, person)
    assert window is not None
    figure = build_figure(drawn.result, person, window, head_stride(window))
    frame = fit_head(drawn.photo_bgr[figure.window], figure)
    assert isinstance(frame, HeadFrame)
    photo = drawn.photo_bgr.copy()
    return Wearer(photo, drawn.result, person, figure, replace(frame, **head), None, shadow=False)


def wear(drawn: DrawnPerson, outfit: Outfit | Mapping[str, str | Item]) -> TryOn:
    """The person tries something on; what the tool knows by name is read once for all tests."""
    if not isinstance(outfit, Outfit):
        outfit = {
            kind: read_once(item, kind) if isinstance(item, str) else item
            for kind, item in outfit.items()
        }
    return try_on(drawn.photo_bgr, drawn.result, outfit)


@functools.cache
def read_once(name: str, kind: str) -> Item:
    """A thing that comes with the tool, or a color; to be worn, and not to be changed."""
    return load_item(name, kind)


def record_of(done: TryOn) -> ItemRecord:
    """The record of the only thing on the only person."""
    return done.people[0].items[0]


def values_of(record: ItemRecord) -> dict[str, float]:
    return {check.name: check.value for check in record.checks}


def failed_checks(record: ItemRecord) -> set[str]:
    return {check.name for check in record.checks if not check.ok}


def changed(drawn: DrawnPerson, done: TryOn) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = (done.image_bgr != drawn.photo_bgr).any(axis=2)
    return out


def plain_accessory(kind: str, bgra: NDArray[np.uint8], anchors: dict[str, Any]) -> Accessory:
    """An accessory without a file, its numbers the defaults of its kind."""
    numbers = {name: number.default for name, number in kind_of(kind).numbers.items()}
    return Accessory("plain", kind, bgra, anchors, numbers)
