"""Where the lenses of half-rim glasses are, which show no lower rim, and clear lenses not at all.

Each half of the outline is then an arch: the rim runs over the lens and ends at its sides, a little
below its middle.
"""

from __future__ import annotations

import numpy as np

from m2fp_cli.arrays import BoolArray, Point

LOW = 0.75  # share of the height below which a rim ends
LEAST_SPAN = 0.5  # of an arch from end to end, share of a half's width
INNER = (0.3, 0.7)  # of the arch, where there is nothing but the rim above
RIM_LOW = 0.55  # the rim's lower edge there, at most, share of the height
MIDDLE = 0.9  # of a lens, share of the height of what is seen


def find_half_rims(seen: BoolArray) -> tuple[Point, Point] | None:
    """Middles of two lenses that have a rim above and none below.

    Args:
        seen: (h, w) bool, what is visible of the glasses, cut to its box.

    Returns:
        pixels, the left one first; None where either half is no arch.
    """
    height, width = seen.shape
    middle = width // 2
    arches = [_find_arch(seen[:, :middle]), _find_arch(seen[:, width - middle :])]
    if arches[0] is None or arches[1] is None:
        return None
    return (arches[0], MIDDLE * height), (width - middle + arches[1], MIDDLE * height)


def _find_arch(half: BoolArray) -> float | None:
    """Middle column of an arch that is open below, None if there is none."""
    height, width = half.shape
    lower = np.where(half.any(axis=0), height - np.argmax(half[::-1], axis=0), 0)
    ends = np.flatnonzero(lower > LOW * height)
    if not ends.size or np.ptp(ends) < LEAST_SPAN * width:
        return None
    first, span = int(ends[0]), int(np.ptp(ends))
    inner = lower[first + round(INNER[0] * span) : first + round(INNER[1] * span)]
    if not inner.size or inner.min() == 0 or inner.max() > RIM_LOW * height:
        return None
    return first + span / 2 + 0.5
