"""A drawn person from head to foot whose every part is known: label map, person map, photo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult

FACE = 40  # rows of the face of a person 400 high
_SHAPES = (  # label, points of the outline in pixels around (0, 0), the top of the head
    ("Left-leg", ((5, 200), (40, 200), (35, 370), (12, 370))),
    ("Right-leg", ((-40, 200), (-5, 200), (-12, 370), (-35, 370))),
    ("Left-shoe", ((10, 370), (42, 370), (48, 392), (10, 392))),
    ("Right-shoe", ((-42, 370), (-10, 370), (-10, 392), (-48, 392))),
    ("Pants", ((-42, 180), (42, 180), (40, 280), (4, 280), (0, 220), (-4, 280), (-40, 280))),
    ("Left-arm", ((44, 84), (58, 90), (92, 200), (94, 236), (80, 236), (76, 204))),
    ("Right-arm", ((-44, 84), (-58, 90), (-92, 200), (-94, 236), (-80, 236), (-76, 204))),
    ("Torso-skin", ((-10, 50), (10, 50), (16, 74), (-16, 74))),
    ("UpperClothes", ((-46, 72), (46, 72), (58, 112), (46, 116), (42, 190), (-42, 190), (-46, 116),
                      (-58, 112))),
    ("Hair", ((-20, 4), (20, 4), (24, 30), (-24, 30))),
    ("Face", ((-9, 12), (9, 12), (14, 22), (14, 36), (6, 51), (-6, 51), (-14, 36), (-14, 22))),
)  # fmt: skip


def draw_dressed(
    *,
    hw: tuple[int, int] = (420, 300),
    at: tuple[int, int] = (150, 12),
    without: tuple[str, ...] = (),
    extra: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = (),
) -> NDArray[np.uint8]:
    """Label map of a person in a short-sleeved top, trousers to the knee and shoes.

    ``extra`` shapes lie over the others; the label of one may be ``Background``.
    """
    labels = np.zeros(hw, np.uint8)
    for name, points in (*_SHAPES, *extra):
        if name not in without:
            outline = np.asarray(points, np.int32) + np.asarray(at, np.int32)
            cv2.fillPoly(labels, [outline], (CIHP.id_of(name),))
    return labels


def dressed_result(labels: NDArray[np.uint8]) -> ParsingResult:
    """The result of a label map that shows one person."""
    return result_from_maps(CIHP, labels)


def label_mask(labels: NDArray[np.uint8], *names: str) -> NDArray[np.bool_]:
    """Where a label map has one of the labels."""
    return np.isin(labels, [CIHP.id_of(name) for name in names])
