"""What the mask of a face says by itself: its size, its ends, and where its eyes should be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.eyes import Prior
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.morphology import open_mask

UNITS_PER_WIDTH = 0.43  # U / width of the face without ears; ANSUR II 0.46, CelebAMask 0.459
EYES_TO_CHIN = 1.84  # U; median of 967 faces of CelebAMask
MIN_FACE_SIDE = 12.0  # square root of the face's area in pixels

# The core of the mask.
CORE_RADIUS = 0.15  # of the opening that takes off ears and slivers of hair, sides of the face
WIDTH_PERCENTILE = 95  # of the lengths of its rows that is its width
UPPER_SHARE = 0.7  # of its rows that say where its middle is; those below may be neck

# Where the eyes should be.
FROM_TOP, FROM_HAT = 0.95, 0.7  # below the upper end of a bare face, and of one below a hat, U
MIN_FROM_TOP = 0.25  # by the lower end, U
MAX_BELOW_TOP = 0.8  # that the lower end may say in excess of the upper one, U
TOP_WEIGHT, CHIN_WEIGHT = 0.85, 0.15  # of both ends


@dataclass(frozen=True)
class FaceShape:
    """What the mask of a face says by itself, in pixels of the figure's maps.

    Attributes:
        side: square root of its area.
        width: of the face without ears.
        top_y: row of its upper end.
        bottom_y: row below its lower end.
        middle_x: column of its middle.
        cut_share: share of its outline that lies on the photo's border.
    """

    side: float
    width: float
    top_y: float
    bottom_y: float
    middle_x: float
    cut_share: float


def measure_face(face: BoolArray, figure: Figure) -> FaceShape:
    """Width, ends and middle of a face mask, without ears and slivers of hair.

    Args:
        face: (h, w) bool, the face region.
        figure: the person, for the place of the window in the photo.

    Returns:
        the shape; of a face smaller than ``MIN_FACE_SIDE`` its side only.
    """
    side = math.sqrt(np.count_nonzero(face))
    if side < MIN_FACE_SIDE:
        return FaceShape(side, 0.0, 0.0, 0.0, 0.0, 0.0)
    core = open_mask(face, CORE_RADIUS * side)
    core = core if core.any() else face
    rows = np.flatnonzero(core.any(axis=1))
    widths = core[rows].sum(axis=1)
    middles = core[rows].argmax(axis=1) + widths / 2
    upper = slice(0, max(1, round(UPPER_SHARE * len(rows))))
    return FaceShape(
        side,
        float(np.percentile(widths, WIDTH_PERCENTILE)),
        float(rows[0]),
        float(rows[-1] + 1),
        float(np.average(middles[upper], weights=widths[upper])),
        _cut_share(face, figure),
    )


def _cut_share(face: BoolArray, figure: Figure) -> float:
    """Share of the face's outline that lies on the photo's border."""
    x0, y0, x1, y1 = figure.window_xyxy
    height, width = figure.image_hw
    on_border = 0
    on_border += int(face[0].sum()) if y0 == 0 else 0
    on_border += int(face[-1].sum()) if y1 > height - figure.stride else 0
    on_border += int(face[:, 0].sum()) if x0 == 0 else 0
    on_border += int(face[:, -1].sum()) if x1 > width - figure.stride else 0
    outline = 2.0 * math.sqrt(math.pi * np.count_nonzero(face))  # of a disc of the same area
    return on_border / max(outline, 1.0)


def prior_from_masks(shape: FaceShape, figure: Figure) -> Prior:
    """Where the masks expect the eyes.

    The upper end of the face is the hair line, a fringe or a hat; the lower end is the chin, or
    some place on the neck. Both are weak, so that they are averaged and the prior is wide.

    Args:
        shape: of the face.
        figure: the person.
    """
    unit = UNITS_PER_WIDTH * shape.width
    from_top = shape.top_y + (FROM_HAT if figure.mask("Hat").any() else FROM_TOP) * unit
    from_chin = max(shape.bottom_y - EYES_TO_CHIN * unit, shape.top_y + MIN_FROM_TOP * unit)
    y = TOP_WEIGHT * from_top + CHIN_WEIGHT * min(from_chin, from_top + MAX_BELOW_TOP * unit)
    return Prior((shape.middle_x, y), unit, ends_y=(shape.top_y, shape.bottom_y))
