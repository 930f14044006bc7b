"""Whether a head is upright in the photo, by where hair, face and body lie.

The eyes are looked for within 33 degrees of upright. In photos that are turned by 90 or 180 degrees
something is found as well, and a hat goes beside the ear.
"""

from __future__ import annotations

import math

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.figure import HAIR, TOPS, Figure

MAX_TURN = 50.0  # degrees from upright
# Hair and body that lean to the same side: of 506 heads on COCO photos that are turned less than 55
# degrees by their eyes none, of 5 that are turned more 3.
BOTH_TURNED, EACH_TURNED = 45.0, 30.0  # degrees, on average, and of either
UPSIDE_DOWN = 100.0  # of the body from below the face: hair may be made up where none is
BELOW_HEAD = ("Torso-skin", "Scarf", *TOPS, "Pants", "Skirt", "Left-leg", "Right-leg")
MIN_AREA = 0.08  # of hair or body, shares of the face's area
MIN_APART = 0.3  # of their middles from the face's, sides of a square as large as the face


def is_turned(figure: Figure, face: BoolArray) -> bool:
    """Whether a head is turned by more than 50 degrees in the plane of the photo.

    Where hair and body are both seen, both must say so, as hair falls and people lean, though less
    is enough where they say the same; a body above the face says it alone.

    Args:
        figure: the person in a window around the head.
        face: (h, w) bool, their face.
    """
    area = max(np.count_nonzero(face), 1)
    found = dict[str, float]()
    for name, labels, way in (("body", BELOW_HEAD, 1), ("hair", HAIR, -1)):
        mask = figure.mask(*labels)
        if np.count_nonzero(mask) < MIN_AREA * area:
            continue
        x, y = (way * (a - b) for a, b in zip(_middle(mask), _middle(face), strict=True))
        if math.hypot(x, y) > MIN_APART * math.sqrt(area):
            found[name] = math.degrees(math.atan2(x, y))
    if abs(found.get("body", 0.0)) > UPSIDE_DOWN:
        return True
    least = min(map(abs, found.values()), default=0.0)
    if len(found) == 2 and found["body"] * found["hair"] > 0 and least > EACH_TURNED:
        return abs(found["body"] + found["hair"]) / 2 > BOTH_TURNED
    return least > MAX_TURN


def _middle(mask: BoolArray) -> tuple[float, float]:
    """Mean column and row of a mask."""
    y, x = np.nonzero(mask)
    return float(x.mean()), float(y.mean())
