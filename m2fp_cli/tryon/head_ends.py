"""Where masks have the ends of a head, crown and chin, and what a high head says of its size."""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.face_shape import EYES_TO_CHIN
from m2fp_cli.tryon.figure import Figure

# U of a high head.
HAIR_HALF = 0.9  # half the width in which the hair's height is taken, U
MAX_CORRECTION = 1.15  # buns and voluminous hair also make heads high

# Ends of the head, U from the eyes.
EYES_TO_CROWN = 1.67  # median of 967 faces of CelebAMask
EYES_TO_BALD_CROWN = 1.55
CROWN_RANGE = (1.45, 2.1)
CROWN_HALF = 0.72  # half the width in which the crown is looked for
CHIN_RANGE = (1.5, 2.2)  # 95 % of CelebAMask lie in 1.60 to 2.18; below that it is the neck
CHIN_HALF = 0.7  # half the width in which the chin is looked for
MIN_HAIR_PIXELS = 20


def correct_unit(figure: Figure, along: FloatArray, below: FloatArray) -> float:
    """Factor for a U that is small for the height of the head above the eyes, at least 1.

    Args:
        figure: the person in a window around the head.
        along: (h, w) float32, along the eye line, U from the middle between the eyes.
        below: (h, w) float32, below it, U.
    """
    hair = below[figure.mask("Hair") & (np.abs(along) < HAIR_HALF)]
    if hair.size < MIN_HAIR_PIXELS or figure.mask("Hat").any():
        return 1.0
    return float(np.clip(-np.percentile(hair, 2) / CROWN_RANGE[1], 1.0, MAX_CORRECTION))


def find_crown(figure: Figure, along: FloatArray, below: FloatArray) -> float:
    """Upper end of the head above the eyes by the hair over its middle, U.

    Args:
        figure: the person in a window around the head.
        along: (h, w) float32, along the eye line, U from the middle between the eyes.
        below: (h, w) float32, below it, U.
    """
    hair = below[figure.mask("Hair") & (np.abs(along) < CROWN_HALF)]
    if figure.mask("Hat").any():
        return EYES_TO_CROWN
    if hair.size < MIN_HAIR_PIXELS:
        return EYES_TO_BALD_CROWN
    return float(np.clip(-np.percentile(hair, 1), *CROWN_RANGE))


def find_chin(face: BoolArray, along: FloatArray, below: FloatArray) -> float:
    """Lower end of the face below the eyes, U; a mask that runs down the neck is not believed.

    Args:
        face: (h, w) bool, the face region.
        along: (h, w) float32, along the eye line, U from the middle between the eyes.
        below: (h, w) float32, below it, U.
    """
    middle = below[face & (np.abs(along) < CHIN_HALF)]
    low = float(np.percentile(middle, 99.5)) if face.any() else 0.0
    return low if CHIN_RANGE[0] <= low <= CHIN_RANGE[1] else EYES_TO_CHIN
