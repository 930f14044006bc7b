"""What the mask of a face says by itself: its size, its ends, and where its eyes should be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.eyes import Prior
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.morphology import open_mask

UNITS_PER_WIDTH = 0.43  # U / width of the face without ears
EYES_TO_CHIN = 1.84
MIN_FACE_SIDE = 12.0  # square root of the face's area in pixels


@dataclass(frozen=True)
class FaceShape:
    """What the mask of a face says by itself; pixels of the figure's maps."""

    side: float
    width: float
    top: float
    bottom: float
    middle_x: float
    cut_share: float


def measure_face(face: BoolArray, figure: Figure) -> FaceShape:
    """Width, ends and middle of a face mask, without ears and slivers of hair."""
    area = int(np.count_nonzero(face))
    side = math.sqrt(area)
    if side < MIN_FACE_SIDE:
        return FaceShape(side, 0.0, 0.0, 0.0, 0.0, 0.0)
    core = open_mask(face, 0.15 * side)
    core = core if core.any() else face
    rows = np.flatnonzero(core.any(axis=1))
    widths = core[rows].sum(axis=1)
    left = core[rows].argmax(axis=1)
    upper = slice(0, max(1, round(0.7 * len(rows))))
    middles = left + widths / 2
    return FaceShape(
        side,
        float(np.percentile(widths, 95)),
        float(rows[0]),
        float(rows[-1] + 1),
        float(np.average(middles[upper], weights=widths[upper])),
        _cut_share(face, figure),
    )


def _cut_share(face: BoolArray, figure: Figure) -> float:
    """Share of the face's outline that lies on the photo's frame."""
    x0, y0, x1, y1 = figure.window_xyxy
    height, width = figure.image_hw
    on_frame = 0
    on_frame += int(face[0].sum()) if y0 == 0 else 0
    on_frame += int(face[-1].sum()) if y1 > height - figure.step else 0
    on_frame += int(face[:, 0].sum()) if x0 == 0 else 0
    on_frame += int(face[:, -1].sum()) if x1 > width - figure.step else 0
    outline = 2.0 * math.sqrt(math.pi * np.count_nonzero(face))
    return on_frame / max(outline, 1.0)


def mask_prior(shape: FaceShape, figure: Figure) -> Prior:
    """Where the masks expect the eyes.

    The upper end of the face is the hair line, a fringe or a hat; the lower end is the chin, or
    some place on the neck. Both are weak, so that they are averaged and the prior is wide.
    """
    unit = UNITS_PER_WIDTH * shape.width
    from_top = shape.top + (0.7 if figure.mask("Hat").any() else 0.95) * unit
    from_chin = max(shape.bottom - EYES_TO_CHIN * unit, shape.top + 0.25 * unit)
    y = 0.85 * from_top + 0.15 * min(from_chin, from_top + 0.8 * unit)
    return Prior((shape.middle_x, y), unit, ends_y=(shape.top, shape.bottom))
