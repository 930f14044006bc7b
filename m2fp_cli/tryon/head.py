"""The head frame: where a head is, how large, how it leans and turns, and how sure that is.

The face that the face network saw gives all of it (``head_face``). Where it saw none, masks and
joints give a first guess and the yaw (``head_yaw``), the gray pixels inside the face the rest
(``eyes``). Everything that is put on a head is placed in this frame. U is the distance between
the pupils; ratios to it are from anthropometry (ANSUR II: head breadth 2.40 U, eyes to chin 1.83 U)
and from labelled faces (CelebAMask).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box, FloatArray, Point
from m2fp_cli.records.face import Face
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.eye_steps import EyeFit, fit_eyes
from m2fp_cli.tryon.face_shape import (
    EYES_TO_CHIN,
    MIN_FACE_SIDE,
    FaceShape,
    measure_face,
    prior_from_masks,
    prior_with_joints,
)
from m2fp_cli.tryon.figure import HAIR, Figure, face_region
from m2fp_cli.tryon.head_ends import EYES_TO_CROWN, correct_unit, find_chin, find_crown
from m2fp_cli.tryon.head_face import (
    MAX_ROLL,
    find_seen_face,
    fit_by_face,
    is_from_side,
    measure_chin,
    measure_width,
)
from m2fp_cli.tryon.head_turn import is_turned
from m2fp_cli.tryon.head_yaw import estimate_yaw
from m2fp_cli.tryon.worn_glasses import choose_fit, find_eyes_behind, prior_behind

# Heads that wear nothing.
MAX_CUT_SHARE = 0.25  # of the face's outline on the photo's border
PROFILE_YAW = 50.0  # degrees; where no pair of eyes is seen
PROFILE_YAW_WITHOUT_EYES = 30.0  # degrees; where no eye is seen at all
NARROWEST_FACE = 0.42  # width to height; a face with its neck has 0.55, a profile less
SEEN_EYES, NO_EYES = 0.6, 0.3  # scores of a pair of eyes that is there, and of none

# What lowers the confidence.
SURE_SCORE = 0.45  # of eyes that are clearly seen
TURNED_YAW = 25.0  # degrees
TOUCHING_SHARE = 0.05  # of the face's outline on the photo's border
SCORE_NONE, SCORE_SPAN = 0.1, 0.7  # score of no confidence, and from there to a full one
LEAST_BY_SCORE, LEAST_BY_YAW = 0.05, 0.2  # what is left of the confidence at worst
YAW_FREE, YAW_SPAN = 0.3, 60.0  # of the span no confidence is lost; over it, degrees, all of it

# U of a turned head.
YAW_SHARE = 0.8  # of the yaw that brings the eyes closer together
MIN_FORESHORTENING = 0.8

HEAD_BEHIND_EYES = 0.8  # how far the middle of a hat lies behind the eyes, U
MIN_HAT_AREA = 0.1  # of the label that is a hat, share of the square of the face's side


class SkipReason(str, Enum):
    """Why a person is left alone."""

    NO_FACE = "no face is visible"
    NO_LABEL = "the model has no label for faces"
    SMALL = "the face is too small"
    CUT = "the face is cut by the frame"
    PROFILE = "the head is seen from the side"
    TURNED = "the head is turned by more than 50 degrees"
    NOT_SEEN = "the face is turned away or hidden"


@dataclass(frozen=True)
class HeadFrame:
    """A head in the photo; lengths in pixels of the photo or in U.

    Attributes:
        eyes_xy: middle between the eyes, pixels.
        down_xy: unit vector from the eyes to the chin.
        right_xy: unit vector to the image's right along the eye line.
        unit: U, the distance between the pupils of the head seen from the front, pixels.
        face_width: width of the face without ears, pixels.
        chin: distance from the eye line to the chin, U.
        crown: distance from the eye line to the upper end of hair or hat, U.
        middle: offset of the middle of the whole head from the eyes along ``right_xy``, U.
        roll: degrees, positive = clockwise in the image.
        yaw: degrees, positive = the face looks to the image's right.
        confidence: 0..1.
        dark_lenses: dark glasses are worn.
        has_hat: the masks hold a hat on this head.
        reasons: what lowers the confidence, in words.
        by_face: the face network has seen the face.
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
    by_face: bool = False

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Photo coordinates of a point of the head.

        Args:
            x: along the eye line to the image's right, U from the middle between the eyes.
            y: below the eye line, U.
        """
        return (
            self.eyes_xy[0] + self.unit * (x * self.right_xy[0] + y * self.down_xy[0]),
            self.eyes_xy[1] + self.unit * (x * self.right_xy[1] + y * self.down_xy[1]),
        )

    def units(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[FloatArray, FloatArray]:
        """Where points of the photo lie on the head; the inverse of ``point``.

        Args:
            x: (N,) columns in pixels of the photo, or any shape.
            y: rows, like ``x``.

        Returns:
            float32 along the eye line and below it, U from the middle between the eyes.
        """
        dx, dy = (x - self.eyes_xy[0]) / self.unit, (y - self.eyes_xy[1]) / self.unit
        along = dx * self.right_xy[0] + dy * self.right_xy[1]
        down = dx * self.down_xy[0] + dy * self.down_xy[1]
        return along.astype(np.float32), down.astype(np.float32)

    def box_units(self, box_xyxy: Box, stride: int = 1) -> tuple[FloatArray, FloatArray]:
        """``units`` of the pixels of a box.

        Args:
            box_xyxy: half-open, pixels of the photo.
            stride: every how many pixels one is taken, in its center.

        Returns:
            two (h, w) float32, read-only.
        """
        return _box_units(self.eyes_xy, self.unit, self.right_xy, self.down_xy, box_xyxy, stride)


@lru_cache(maxsize=3)  # most functions ask for the same window of one head
def _box_units(
    eyes_xy: Point, unit: float, right_xy: Point, down_xy: Point, box_xyxy: Box, stride: int
) -> tuple[FloatArray, FloatArray]:
    x0, y0, x1, y1 = box_xyxy
    dx = (np.arange(x0 + stride // 2, x1, stride) + 0.5 - eyes_xy[0]) / unit
    dy = ((np.arange(y0 + stride // 2, y1, stride) + 0.5 - eyes_xy[1]) / unit)[:, None]
    along, below = (
        (dx * x).astype(np.float32) + (dy * y).astype(np.float32) for x, y in (right_xy, down_xy)
    )
    for array in (along, below):
        array.setflags(write=False)
    return along, below


def fit_head(window_bgr: NDArray[np.uint8], figure: Figure) -> HeadFrame | SkipReason:
    """Find the head frame of a person.

    Args:
        window_bgr: the photo inside the figure's window, (h, w, 3) uint8 at full size.
        figure: the person in a window around the head.

    Returns:
        the frame, or why there is none.
    """
    face = face_region(figure)
    shape = measure_face(face, figure)
    if shape.side < MIN_FACE_SIDE:
        return SkipReason.SMALL
    if shape.cut_share > MAX_CUT_SHARE:
        return SkipReason.CUT
    gray = to_gray(figure.downsample(window_bgr))
    prior = prior_from_masks(shape, figure)
    seen = find_seen_face(figure, prior)
    if is_turned(figure, face) if seen is None else abs(seen.roll) > MAX_ROLL:
        return SkipReason.TURNED
    if seen is not None and is_from_side(seen, figure):
        return SkipReason.PROFILE
    if seen is not None:
        fit = fit_by_face(gray, face, figure, seen, prior)
        return _build_frame(fit, face, shape, figure, seen)
    prior = prior_with_joints(prior, figure)
    behind_glasses = find_eyes_behind(face & figure.mask("Sunglasses"), figure.mask("Face"))
    if behind_glasses is not None:
        prior = prior_behind(prior, behind_glasses)
    fit = fit_eyes(gray, face, figure.mask(*HAIR), prior)
    if behind_glasses is not None:
        fit = choose_fit(fit, behind_glasses)
    return _build_frame(fit, face, shape, figure)


def _build_frame(
    fit: EyeFit, face: BoolArray, shape: FaceShape, figure: Figure, seen: Face | None = None
) -> HeadFrame | SkipReason:
    """Add yaw, width and crown to the eyes, and judge how sure all of it is."""
    right = (math.cos(fit.tilt), math.sin(fit.tilt))
    down = (-right[1], right[0])
    has_hat = bool(np.count_nonzero(figure.mask("Hat")) > MIN_HAT_AREA * shape.side**2)
    stride = figure.stride
    x, y = (
        start + stride * place + 0.5 * (stride - 1)
        for start, place in zip(figure.origin_xy, fit.center_xy, strict=True)
    )
    unit, eyes = stride * fit.unit, (x, y)
    frame = HeadFrame(
        eyes, down, right, unit, stride * shape.width, EYES_TO_CHIN, EYES_TO_CROWN, 0.0,
        math.degrees(fit.tilt), 0.0, 1.0, fit.dark_lenses, has_hat,
    )  # fmt: skip
    along, below = window_units(frame, figure)
    yaw = estimate_yaw(figure, face, fit.tilt) if seen is None else seen.yaw
    if _is_profile(fit, shape, yaw):
        return SkipReason.PROFILE
    if seen is None:
        # The eyes of a turned head appear closer together than they are.
        foreshortening = max(math.cos(math.radians(YAW_SHARE * yaw)), MIN_FORESHORTENING)
        unit *= 1.0 / foreshortening * correct_unit(figure, along, below)
        chin = find_chin(face, along * frame.unit / unit, below * frame.unit / unit)
        width = frame.face_width
    else:
        chin, width = measure_chin(seen), measure_width(seen)
    reasons = []
    if fit.score < SURE_SCORE:
        reasons.append("the eyes are not clearly seen")
    if abs(yaw) > TURNED_YAW:
        reasons.append("the head is turned")
    if shape.cut_share > TOUCHING_SHARE:
        reasons.append("the face touches the frame")
    return replace(
        frame,
        unit=unit,
        crown=find_crown(figure, along * frame.unit / unit, below * frame.unit / unit),
        chin=chin,
        face_width=width,
        middle=-HEAD_BEHIND_EYES * math.sin(math.radians(yaw)),
        yaw=yaw,
        confidence=round(_confidence(fit.score, yaw), 3),
        reasons=tuple(reasons),
        by_face=seen is not None,
    )


def _confidence(score: float, yaw: float) -> float:
    """Confidence in a frame, 0..1, by the score of the eyes and the yaw in degrees."""
    by_score = np.clip((score - SCORE_NONE) / SCORE_SPAN, LEAST_BY_SCORE, 1)
    return float(by_score * np.clip(1 + YAW_FREE - abs(yaw) / YAW_SPAN, LEAST_BY_YAW, 1))


def _is_profile(fit: EyeFit, shape: FaceShape, yaw: float) -> bool:
    """Whether a head is seen from the side: two eyes that are seen say that it is not.

    Hair over the cheeks makes a face narrow and one-sided as well. Of ten such heads in photos with
    an even number one is a profile, with a score of 0.51; the others have 0.72 and more.
    Of 12 heads that were looked at of those refused for their yaw on 505 COCO photos nine are
    profiles, ears from behind or nobody's.
    """
    if fit.score >= SEEN_EYES:
        return False
    narrow = shape.width < NARROWEST_FACE * (shape.lower_y - shape.upper_y)
    return narrow or abs(yaw) > (PROFILE_YAW if fit.score >= NO_EYES else PROFILE_YAW_WITHOUT_EYES)


def window_units(frame: HeadFrame, figure: Figure) -> tuple[FloatArray, FloatArray]:
    """Where every pixel of the figure's window lies in the head frame.

    Returns:
        (h, w) float32 along the eye line to the image's right, and below it, U from the eyes.
    """
    return frame.box_units(figure.window_xyxy, figure.stride)
