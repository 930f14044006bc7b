"""The top that a person wears, and the shape of the body in it: what a new garment goes onto."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, Box, Picture
from m2fp_cli.tryon.body_shape import BodyShape, measure_body
from m2fp_cli.tryon.cuffs import find_cuffs
from m2fp_cli.tryon.figure import HANDS, HEAD, TOPS, Figure, build_figure, person_window
from m2fp_cli.tryon.garment import MIN_AREA
from m2fp_cli.tryon.morphology import close_mask
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.one_garment import join_mislabeled
from m2fp_cli.tryon.wearer import Body
from m2fp_cli.tryon.worn_top import COATS, TopLayer, find_top

ANALYSIS_UNIT = 22.0  # pixels per U at which a body is measured
MIN_UNIT = 7.0  # pixels; a garment on smaller people is a blur

# The outline of the old top: a jag would show as one of the new garment. U.
CLOSE_RADIUS, SMOOTH_SIGMA = 0.14, 0.07

UPPER = (*TOPS, *HANDS, *HEAD, "Torso-skin", "Scarf")  # labels of what a top touches
BELOW = 1.0  # them, where the window ends, U
MAX_COAT = 1.0  # area of a coat that may be a mistake, U^2
COLLAR_HALF = 0.35  # from the middle, where the old neckline is looked for, U


@dataclass(frozen=True, eq=False)
class WornShape:
    """A top on its wearer.

    Attributes:
        figure: the person in a window that holds all of them.
        worn: (h, w) bool, the top.
        stride: pixels of the photo per pixel of the maps that the body is measured on.
        shape: of the body, in pixels of those maps.
        collar_y: row of the neckline's lowest point in them; NaN where it is not seen.
        below_coat: a coat is worn over the top, so that no sleeve of it is seen.
    """

    figure: Figure
    worn: BoolArray
    stride: int
    shape: BodyShape
    collar_y: float
    below_coat: bool


def find_worn_shape(body: Body) -> WornShape:
    """Find the top that somebody wears, and measure the body in it.

    Args:
        body: the person.

    Raises:
        NotWearable: there is no top, it is more than a top, or they do not face the camera.
    """
    frame, unit = body.frame, body.unit
    if frame is None:
        raise NotWearable("no face is seen from the front")
    if unit < MIN_UNIT:
        raise NotWearable("the person is too small")
    figure = build_figure(body.result, body.person, _upper_window(body))
    worn, figure = _worn_top(body, figure, body.photo_bgr[figure.window])
    stride = max(1, int(unit / ANALYSIS_UNIT))
    coarse = build_figure(body.result, body.person, figure.window_xyxy, stride)
    thin, (height, width) = slice(stride // 2, None, stride), coarse.label_map.shape
    coarse = replace(coarse, label_map=figure.label_map[thin, thin][:height, :width])
    small = worn[thin, thin][:height, :width]
    coat = coarse.mask(*COATS)
    below = bool(coarse.area(coat, unit) > MAX_COAT)
    shape = measure_body(coarse, small, frame, unit / stride, coat if below else None)
    collar_y = _old_collar(small, shape, unit / stride)
    return WornShape(figure, worn, stride, shape, collar_y, below)


def _upper_window(body: Body) -> Box:
    """Box around all that a top touches, as legs take half of the time and change nothing."""
    names = body.result.labels.names
    boxes = [part.box_xyxy for part in body.person.parts if names[part.label_id] in UPPER]
    x0, y0, x1, y1 = person_window(body.person)
    lowest = max((box[3] for box in boxes), default=y1)
    return x0, y0, x1, min(y1, round(lowest + BELOW * body.unit))


def _worn_top(body: Body, figure: Figure, window: Picture) -> tuple[BoolArray, Figure]:
    """The top that is worn, (h, w) bool, and the person with its cuffs labelled as it is.

    Raises:
        NotWearable: there is none, or it is more than a top.
    """
    label = find_top(figure, body.frame, body.unit, body.layer)
    if label is None or np.count_nonzero(figure.mask(label)) < MIN_AREA:
        raise NotWearable("no top is visible")
    coat = figure.area(figure.mask(*COATS), body.unit) > MAX_COAT
    if label in COATS or (coat and body.layer == TopLayer.OUTER):
        raise NotWearable("a coat is worn")
    if label != "UpperClothes":
        raise NotWearable("a dress is worn")
    masks = {name: figure.mask(name) for name in TOPS}
    instances = {name: mask[figure.window] for name, mask in body.garment_instances.items()}
    found = masks[label]
    if not coat:
        found = join_mislabeled(window, masks, instances, label, body.unit)
    cuffs = find_cuffs(window, figure, found, body.unit)
    if cuffs.any():
        top_id = figure.label_set.names.index(label)
        labels = np.where(cuffs, np.uint8(top_id), figure.label_map)
        figure, found = replace(figure, label_map=labels), found | cuffs
    whole = close_mask(found, CLOSE_RADIUS * body.unit)
    soft = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), max(SMOOTH_SIGMA * body.unit, 0.8))
    free = found | (figure.label_map == 0) & ~figure.other_people
    out: BoolArray = (soft > 0.5) & free
    return out, figure


def _old_collar(worn: BoolArray, shape: BodyShape, unit: float) -> float:
    """Row of the old neckline in the middle; NaN where the garment is not seen there."""
    middle = shape.shoulders.middle
    columns = slice(
        max(round(middle - COLLAR_HALF * unit), 0), round(middle + COLLAR_HALF * unit) + 1
    )
    part = worn[:, columns]
    seen = part.any(axis=0)
    return float(np.median(np.argmax(part, axis=0)[seen])) if seen.any() else float("nan")
