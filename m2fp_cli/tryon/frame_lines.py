"""Clear glasses that are worn: the label map does not show them, the lines of their frame do.

A frame is a dark line across the bridge of the nose, one down each side of the nose, and one
below each eye. On a face that is resampled to the same size, the darkest smooth line is looked for
in each of these places. Where there are two sides the fainter one counts: shadow falls on one.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from m2fp_cli.arrays import FloatArray, Picture
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.head import HeadFrame

# The crop: eyes half a unit beside its middle also where the head is turned.
UNIT = 20.0  # pixels per U
ACROSS, ABOVE, BELOW = 0.9, 0.4, 0.9  # from the middle between the eyes to its edges, U
LEAST_COSINE = 0.25  # of a yaw
LIGHT_FLOOR = 8.0  # added to gray values before their logarithm is taken
# Neither the shades of dark skin nor the folds of a face in even light are taken for lines.
LINE_FLOOR = 32.0  # the same, where lines are looked for
FLAT = 0.3  # added to the deviation of that logarithm

# Lines.
LINE_SIGMA = 0.04  # of the blur that a second derivative is taken of, U
DARKEST = 0.18  # what one point of a line counts at most: a pupil is no line
BRIDGE = (-0.22, 0.22, -0.3, 0.35)  # left, right, upper, lower, U
BESIDE_NOSE = (0.08, 0.45, 0.05, 0.5)  # of the right half of the image
BELOW_EYE = (0.25, 0.85, 0.25, 0.85)

# When that can be told.
LEAST_UNIT = 11.0  # pixels between the eyes; in a smaller face lines cannot be told
MAX_YAW = 35.0  # degrees


def measure_frame(photo_bgr: Picture, head: HeadFrame) -> float | None:
    """How much a face shows of the lines of glasses.

    Args:
        photo_bgr: (H, W, 3) uint8.
        head: of the person.

    Returns:
        what ``measure_lines`` gives; None where that tells nothing: the eyes are guessed, or the
        face is small or turned.
    """
    if not head.by_face or head.unit < LEAST_UNIT or abs(head.yaw) > MAX_YAW:
        return None
    return measure_lines(even_crop(photo_bgr, head))


def even_crop(photo_bgr: Picture, head: HeadFrame) -> FloatArray:
    """The surroundings of the eyes, upright and of one size and contrast.

    Args:
        photo_bgr: (H, W, 3) uint8.
        head: of the person.

    Returns:
        (26, 36) float32 logarithm of gray values, divided by its deviation and some more.
    """
    light = measure_light(upright_crop(photo_bgr, head), LINE_FLOOR)
    return np.asarray(light / (light.std() + FLAT), np.float32)


def upright_crop(photo_bgr: Picture, head: HeadFrame) -> Picture:
    """The surroundings of the eyes, upright and of one size, (26, 36, 3) uint8.

    Args:
        photo_bgr: (H, W, 3) uint8.
        head: of the person.
    """
    size = round(2 * ACROSS * UNIT), round((ABOVE + BELOW) * UNIT)
    turned = max(math.cos(math.radians(head.yaw)), LEAST_COSINE)
    steps = np.column_stack((np.multiply(head.right_xy, turned), head.down_xy)) * head.unit / UNIT
    middle = np.array((ACROSS, ABOVE)) * UNIT - 0.5
    # A window alone, which is small, and no picture that OpenCV refuses for its size.
    reach = math.ceil((ACROSS + BELOW + 0.5) * head.unit)
    height, width = photo_bgr.shape[:2]
    x, y = (int(place) for place in head.eyes_xy)
    left, top = min(max(x - reach, 0), width - 1), min(max(y - reach, 0), height - 1)
    window = photo_bgr[top : max(y + reach, top + 1), left : max(x + reach, left + 1)]
    shrink = head.unit / UNIT
    if shrink > 1:
        sigma = 0.5 * math.sqrt(shrink**2 - 1) + 1e-3
        window = np.asarray(cv2.GaussianBlur(window, (0, 0), sigma), np.uint8)
    start = np.subtract(head.eyes_xy, (left + 0.5, top + 0.5)) - steps @ middle
    crop = cv2.warpAffine(
        window,
        np.column_stack((steps, start)),
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(crop, np.uint8)


def measure_light(crop_bgr: Picture, floor: float = LIGHT_FLOOR) -> FloatArray:
    """Logarithm of the gray values of a crop, float32; a higher floor levels what is dark."""
    return np.asarray(np.log(to_gray(crop_bgr).astype(np.float32) + floor), np.float32)


def measure_lines(crop: FloatArray) -> float:
    """How dark the lines are that a frame would have.

    Args:
        crop: what ``even_crop`` gives.

    Returns:
        0 where there is none, up to three times ``DARKEST``.
    """
    sigma = LINE_SIGMA * UNIT
    smooth = cv2.GaussianBlur(crop, (0, 0), sigma)
    kernel = np.array([[sigma**2, -2 * sigma**2, sigma**2]], np.float32)
    level, upright = (
        np.minimum(cv2.filter2D(smooth, -1, one), DARKEST) for one in (kernel.T, kernel)
    )
    total = _darkest_line(cut_box(level, BRIDGE))
    for darkness, box in ((upright, BESIDE_NOSE), (level, BELOW_EYE)):
        halves = (cut_box(half, box) for half in (darkness, darkness[:, ::-1]))
        total += min(_darkest_line(half.T if box is BESIDE_NOSE else half) for half in halves)
    return total


def cut_box(plane: FloatArray, box: tuple[float, float, float, float]) -> FloatArray:
    """A box of the crop.

    Args:
        plane: (26, 36) or (26, 36, N) values of the crop.
        box: left, right, upper, lower; U from the middle between the eyes.
    """
    x0, x1 = (round((ACROSS + x) * UNIT) for x in box[:2])
    y0, y1 = (round((ABOVE + y) * UNIT) for y in box[2:])
    return plane[y0:y1, x0:x1]


def _darkest_line(darkness: FloatArray) -> float:
    """Mean darkness of the darkest line from left to right that moves a row a column at most."""
    best = darkness[:, 0]
    for column in darkness.T[1:]:
        around = np.pad(best, 1, constant_values=-np.inf)
        best = column + np.maximum(np.maximum(around[:-2], around[2:]), best)
    return float(best.max()) / darkness.shape[1]
