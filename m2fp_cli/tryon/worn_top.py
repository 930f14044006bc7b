"""Which of a person's garments is the top: the one at chest height, below the neck.

The network may call a skirt a dress and find it larger than the sweater above it, so that size says
little. Over a shirt a coat may be worn, closed or open.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.joints import joint_indices
from m2fp_cli.tryon.figure import ARMS, HEAD, TOPS, Figure
from m2fp_cli.tryon.head import HeadFrame

COATS = ("Coat",)  # what is worn over another top

# Where the chest is, in U of 63 mm. ANSUR II has the chest 3.2 U below the neck's base in front,
# which lies 0.9 U below the chin, and the waist 5.6 U below it.
CHEST_BELOW_CHIN = (0.6, 4.4)
CHEST_HALF = 2.6  # to either side of the head's middle
CROWN_TO_CHIN = 3.5  # of a head whose face is not seen

# What counts.
MIN_CHEST = 0.25  # of a garment at the chest, U^2
OUTER_SHARE = 0.15  # of what is seen of the chest's garments, from which a coat is worn over them
INNER_SHARE = 0.04  # ... from which a garment is seen below a coat

# Scraps of a top on bare skin. Of 1180 people in COCO photos with a top, two men without one have
# 3.8 and 6.1 times as much bare torso as top, all others at most 1.25. A bikini may have as much,
# but crosses the middle of the chest.
MOST_BARE = 2.0  # bare torso over tops
CHEST_LINE = np.linspace(0.1, 0.6, 26)  # from the shoulders' middle to the hips'
LEAST_ON_LINE = 0.1  # share of the line on a top
SHOULDERS, HIPS = (joint_indices(f"left_{name}", f"right_{name}") for name in ("shoulder", "hip"))


class TopLayer(str, Enum):
    """Which of two tops over each other is meant."""

    OUTER = "outer"
    INNER = "inner"


def find_top(
    figure: Figure, frame: HeadFrame | None, unit: float, layer: TopLayer = TopLayer.OUTER
) -> str | None:
    """The label of a person's top.

    Args:
        figure: the person in a window that holds all of them.
        frame: their head, if it is known.
        unit: U in pixels.
        layer: a coat that is worn over another top, or the one below it.

    Returns:
        name of the label; None if there is no garment at chest height, or only scraps of one on
        bare skin.
    """
    chest = _find_chest(figure, frame, unit)
    areas = {name: figure.area(figure.mask(name) & chest, unit) for name in TOPS}
    seen = sum(areas.values())
    if seen < MIN_CHEST or _is_bare(figure):
        return None
    outer = max(COATS, key=lambda name: areas[name])
    inner = max((name for name in TOPS if name not in COATS), key=lambda name: areas[name])
    if layer == TopLayer.INNER and areas[inner] >= INNER_SHARE * seen:
        return inner
    return outer if areas[outer] >= OUTER_SHARE * seen else inner


def _is_bare(figure: Figure) -> bool:
    """Whether somebody wears no top, and what is labelled as one are scraps on their skin."""
    tops, skin = figure.mask(*TOPS), figure.mask("Torso-skin")
    if figure.joints is None or np.count_nonzero(skin) < MOST_BARE * np.count_nonzero(tops):
        return False
    shoulders, hips = (figure.joints.points[pair].mean(axis=0) for pair in (SHOULDERS, HIPS))
    line = shoulders + CHEST_LINE[:, None] * (hips - shoulders)
    places = ((line - figure.origin_xy) / figure.stride).astype(int)
    inside = ((places >= 0) & (places < tops.shape[::-1])).all(axis=1)
    x, y = places[inside].T
    return np.count_nonzero(tops[y, x]) < LEAST_ON_LINE * len(CHEST_LINE)


def _find_chest(figure: Figure, frame: HeadFrame | None, unit: float) -> BoolArray:
    """Where the chest is, (h, w) bool in the window."""
    x, chin_y = _find_chin(figure, frame, unit)
    height, width = figure.label_map.shape
    out = np.zeros((height, width), np.bool_)
    rows = [round(chin_y + below * unit) for below in CHEST_BELOW_CHIN]
    columns = round(x - CHEST_HALF * unit), round(x + CHEST_HALF * unit)
    out[max(rows[0], 0) : max(rows[1], 0), max(columns[0], 0) : max(columns[1], 0)] = True
    return out


def _find_chin(figure: Figure, frame: HeadFrame | None, unit: float) -> tuple[float, float]:
    """Column and row of the chin in the window; guessed where no face is seen."""
    left, upper = figure.origin_xy
    if frame is not None:
        x, y = frame.point(0.0, frame.chin)
        return x - left, y - upper
    head = figure.mask(*HEAD)
    rows, columns = np.nonzero(head if head.any() else figure.mask(*TOPS, *ARMS))
    if not rows.size:
        return 0.0, 0.0
    top = float(np.percentile(rows, 1))
    if head.any():
        # Hair may fall far below the chin: the head is measured from its crown.
        near = rows < top + CROWN_TO_CHIN * unit
        return float(columns[near].mean()), float(rows[near].max())
    # Without a head the photo begins at the neck, or a bald head is not labelled as one.
    return float(columns.mean()), top - CHEST_BELOW_CHIN[0] * unit
