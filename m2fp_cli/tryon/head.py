"""The head frame: where a head is, how large, how it leans and turns, and how sure that is.

Masks give a first guess, the grey pixels inside the face the rest (``eyes``). Everything that is
put on a head is placed in this frame. U is the distance between the pupils; ratios to it are from
anthropometry (ANSUR II: head breadth 2.40 U, eyes to chin 1.83 U) and from labelled faces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box, FloatArray, Point
from m2fp_cli.tryon.eye_steps import EyeFit, fit_eyes
from m2fp_cli.tryon.face_shape import (
    EYES_TO_CHIN,
    MIN_FACE_SIDE,
    FaceShape,
    mask_prior,
    measure_face,
)
from m2fp_cli.tryon.figure import Figure, face_region
from m2fp_cli.tryon.worn_glasses import eyes_of_wearer, prior_of_wearer, surer

EYES_TO_CROWN = 1.67
EYES_TO_BALD_CROWN = 1.55
CROWN_RANGE = (1.45, 2.1)
HEAD_BEHIND_EYES = 0.8  # how far the middle of a hat lies behind the eyes, U
SURE_SCORE = 0.45
SEEN_EYES, NO_EYES = 0.6, 0.3  # scores of a pair of eyes that is there, and of none
PROFILE_YAW = 50.0
NARROWEST_FACE = 0.42  # width to height; a face with its neck has 0.55, a profile less


class SkipReason(str, Enum):
    """Why a person is left alone."""

    NO_FACE = "no face is visible"
    SMALL = "the face is too small"
    CUT = "the face is cut by the frame"
    PROFILE = "the head is seen from the side"


@dataclass(frozen=True)
class HeadFrame:
    """A head in the frame of the photo.

    Attributes:
        eyes_xy: middle between the eyes, pixels.
        down_xy: unit vector from the eyes to the chin.
        right_xy: unit vector to the image's right along the eye line.
        unit: distance between the pupils of the head seen from the front, pixels.
        face_width: width of the face without ears, pixels.
        chin: distance from the eye line to the chin, U.
        crown: distance from the eye line to the top of hair or hat, U.
        middle: offset of the middle of the whole head from the eyes along ``right_xy``, U.
        roll: degrees, positive = clockwise in the image.
        yaw: degrees, positive = the face looks to the image's right.
        confidence: 0..1.
        dark_lenses: dark glasses are worn.
        has_hat: the masks hold a hat on this head.
        reasons: what lowers the confidence, in words.
    """

    eyes_xy: tuple[float, float]
    down_xy: tuple[float, float]
    right_xy: tuple[float, float]
    unit: float
    face_width: float
    chin: float
    crown: float
    middle: float
    roll: float
    yaw: float
    confidence: float
    dark_lenses: bool
    has_hat: bool
    reasons: tuple[str, ...] = ()

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Photo coordinates of a point given in U from the eyes, x along the eye line, y down."""
        return (
            self.eyes_xy[0] + self.unit * (x * self.right_xy[0] + y * self.down_xy[0]),
            self.eyes_xy[1] + self.unit * (x * self.right_xy[1] + y * self.down_xy[1]),
        )

    def units(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[FloatArray, FloatArray]:
        """Photo coordinates to U from the eyes; the inverse of ``point``."""
        dx, dy = (x - self.eyes_xy[0]) / self.unit, (y - self.eyes_xy[1]) / self.unit
        along = dx * self.right_xy[0] + dy * self.right_xy[1]
        down = dx * self.down_xy[0] + dy * self.down_xy[1]
        return along.astype(np.float32), down.astype(np.float32)

    def box_units(self, box_xyxy: Box, step: int = 1) -> tuple[FloatArray, FloatArray]:
        """``units`` of the centre of every pixel, or every few, of a half-open box, read-only."""
        return _box_units(self.eyes_xy, self.unit, self.right_xy, self.down_xy, box_xyxy, step)


@lru_cache(maxsize=3)  # of one head most functions ask for the same window
def _box_units(
    eyes_xy: Point, unit: float, right_xy: Point, down_xy: Point, box_xyxy: Box, step: int
) -> tuple[FloatArray, FloatArray]:
    x0, y0, x1, y1 = box_xyxy
    dx = (np.arange(x0 + step // 2, x1, step) + 0.5 - eyes_xy[0]) / unit
    dy = ((np.arange(y0 + step // 2, y1, step) + 0.5 - eyes_xy[1]) / unit)[:, None]
    along, below = (
        (dx * x).astype(np.float32) + (dy * y).astype(np.float32) for x, y in (right_xy, down_xy)
    )
    for array in (along, below):
        array.setflags(write=False)
    return along, below


def fit_head(window_bgr: NDArray[np.uint8], figure: Figure) -> HeadFrame | SkipReason:
    """Head frame of a figure; ``window_bgr`` is the photo inside the figure's window."""
    face = face_region(figure)
    shape = measure_face(face, figure)
    if shape.side < MIN_FACE_SIDE:
        return SkipReason.SMALL
    if shape.cut_share > 0.25:
        return SkipReason.CUT
    prior = mask_prior(shape, figure)
    worn = eyes_of_wearer(face & figure.mask("Sunglasses"), figure.mask("Face"))
    if worn is not None:
        prior = prior_of_wearer(prior, worn)
    grey = luminance(shrink_window(window_bgr, figure))
    fit = fit_eyes(grey, face, figure.mask("Hair", "Hat"), prior)
    if worn is not None:
        fit = surer(fit, worn)
    return _assemble(fit, face, shape, figure)


def shrink_window(window_bgr: NDArray[np.uint8], figure: Figure) -> NDArray[np.uint8]:
    """The photo inside a figure's window at the size of the figure's maps."""
    import cv2

    height, width = figure.own.shape
    if figure.step == 1:
        return window_bgr
    small = cv2.resize(window_bgr, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def luminance(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey values of a photo, (H, W) uint8, by the weights of Rec. 601."""
    import cv2

    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _assemble(
    fit: EyeFit, face: BoolArray, shape: FaceShape, figure: Figure
) -> HeadFrame | SkipReason:
    """Add turn, width and crown to the eyes, and judge how sure all of it is."""
    right = (math.cos(fit.tilt), math.sin(fit.tilt))
    down = (-right[1], right[0])
    has_hat = bool(np.count_nonzero(figure.mask("Hat")) > 0.1 * shape.side**2)
    step = figure.step
    x, y = (
        start + step * place + 0.5 * (step - 1)
        for start, place in zip(figure.origin_xy, fit.center_xy, strict=True)
    )
    unit, eyes = step * fit.unit, (x, y)
    frame = HeadFrame(
        eyes, down, right, unit, step * shape.width, EYES_TO_CHIN, EYES_TO_CROWN, 0.0,
        math.degrees(fit.tilt), 0.0, 1.0, fit.dark_lenses, has_hat,
    )  # fmt: skip
    along, below = window_units(frame, figure)
    yaw, agree = _turn(face, figure, along, below)
    if _is_profile(fit, shape, yaw if agree else 0.0):
        return SkipReason.PROFILE
    unit *= _foreshortening(yaw) * _small_for_head(figure, along, below)
    reasons = []
    if fit.score < SURE_SCORE:
        reasons.append("the eyes are not clearly seen")
    if abs(yaw) > 25:
        reasons.append("the head is turned")
    if shape.cut_share > 0.05:
        reasons.append("the face touches the frame")
    sure = np.clip((fit.score - 0.1) / 0.7, 0.05, 1) * np.clip(1.3 - abs(yaw) / 60, 0.2, 1)
    return replace(
        frame,
        unit=unit,
        crown=_crown(figure, along * frame.unit / unit, below * frame.unit / unit),
        chin=_chin(face, along * frame.unit / unit, below * frame.unit / unit),
        middle=-HEAD_BEHIND_EYES * math.sin(math.radians(yaw)),
        yaw=yaw,
        confidence=round(float(sure), 3),
        reasons=tuple(reasons),
    )


def _is_profile(fit: EyeFit, shape: FaceShape, yaw: float) -> bool:
    """Whether a head is seen from the side: two eyes that are seen say that it is not.

    Hair over the cheeks makes a face narrow and one-sided as well. Of ten such heads in photos with
    an even number one is a profile, with a score of 0.51; the others have 0.72 and more.
    """
    if fit.score >= SEEN_EYES:
        return False
    narrow = shape.width < NARROWEST_FACE * (shape.bottom - shape.top)
    return narrow or abs(yaw) > (PROFILE_YAW if fit.score >= NO_EYES else 0.6 * PROFILE_YAW)


def window_units(frame: HeadFrame, figure: Figure) -> tuple[FloatArray, FloatArray]:
    """For every pixel of the figure's window its place in U from the eyes: across and down."""
    return frame.box_units(figure.window_xyxy, figure.step)


def _turn(
    face: BoolArray, figure: Figure, along: FloatArray, below: FloatArray
) -> tuple[float, bool]:
    """Yaw in degrees, positive to the image's right, and whether two cues agree on it.

    One cue is where the eyes lie between the two edges of the face, the other how far the face is
    from the middle of face and hair together (550 degrees per head width, measured on FASSEG).
    """
    level = np.abs(below) < 0.35
    edges = along[face & level]
    if edges.size < 5:
        return 0.0, False
    low, high = np.percentile(edges, (3, 97))
    eyes_cue = math.degrees(math.asin(float(np.clip(-(low + high) / 2 / 0.8, -0.95, 0.95))))
    head = along[figure.mask("Face", "Hair", "Hat", "Sunglasses") & (below > -1.3) & (below < 0.6)]
    head_low, head_high = np.percentile(head, (2, 98))
    offset = float(along[face & (np.abs(below) < 1.0)].mean()) - (head_low + head_high) / 2
    hair_cue = float(np.clip(550 * offset / max(head_high - head_low, 0.5), -80, 80))
    if eyes_cue * hair_cue <= 0:
        return 0.3 * eyes_cue, False
    weaker = min(abs(eyes_cue), abs(hair_cue))
    return math.copysign(0.5 * weaker + 0.25 * abs(eyes_cue + hair_cue), eyes_cue), weaker > 15


def _foreshortening(yaw: float) -> float:
    """How much closer together the eyes of a turned head appear than they are."""
    return 1.0 / max(math.cos(math.radians(0.8 * yaw)), 0.8)


def _small_for_head(figure: Figure, along: FloatArray, below: FloatArray) -> float:
    """Correction of a U that is small for the height of the head above the eyes.

    Buns and voluminous hair also make heads high, so that at most 15 % are believed.
    """
    hair = below[figure.mask("Hair") & (np.abs(along) < 0.9)]
    if hair.size < 20 or figure.mask("Hat").any():
        return 1.0
    return float(np.clip(-np.percentile(hair, 2) / CROWN_RANGE[1], 1.0, 1.15))


def _crown(figure: Figure, along: FloatArray, below: FloatArray) -> float:
    """Top of the head above the eyes, from hair over its middle columns; in U."""
    middle = np.abs(along) < 0.72
    hair = below[figure.mask("Hair") & middle]
    if figure.mask("Hat").any():
        return EYES_TO_CROWN
    if hair.size < 20:
        return EYES_TO_BALD_CROWN
    return float(np.clip(-np.percentile(hair, 1), *CROWN_RANGE))


def _chin(face: BoolArray, along: FloatArray, below: FloatArray) -> float:
    """Lower end of the face below the eyes in U; a mask that runs down the neck is not believed."""
    low = float(np.percentile(below[face & (np.abs(along) < 0.7)], 99.5)) if face.any() else 0.0
    return low if 1.5 <= low <= 2.2 else EYES_TO_CHIN
