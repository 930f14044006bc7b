"""A drawn person whose eyes are known: photo, label map and result."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.figure import build_figure, head_stride, head_window
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head


@dataclass(frozen=True, eq=False)
class DrawnPerson:
    photo_bgr: NDArray[np.uint8]
    result: ParsingResult
    eyes_xy: tuple[float, float]
    unit: float


def draw_person(unit: float = 30.0, roll: float = 0.0, hat: bool = False) -> DrawnPerson:
    """A face with eyes, brows, nose and mouth, hair, neck and a top; ``roll`` in degrees."""
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
