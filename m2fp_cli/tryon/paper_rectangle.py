"""Whether what is visible of a picture is a rectangle of paper: a card, or a photo with a margin.

Earrings are sold on cards, and a product photo that was put on a clear canvas, or given round
corners, has transparency too; worn, each would be a white box beside the head.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.accessory import content_box
from m2fp_cli.tryon.product_ground import UNLIKE, measure_ground

OPAQUE = 250  # of 255
LEAST_FILLED = 0.96  # of the content's box; of 29 accessories that are cut out none fills 0.8
THING = (0.01, 0.9)  # share of the paper that something on it takes, least and most


def is_on_paper(bgra: NDArray[np.uint8]) -> bool:
    """Whether a picture shows a rectangle of near-white paper with something on it.

    Args:
        bgra: (H, W, 4) uint8 with at least one visible pixel.
    """
    x0, y0, x1, y1 = content_box(bgra)
    content = bgra[y0:y1, x0:x1]
    if (content[..., 3] >= OPAQUE).mean() < LEAST_FILLED:
        return False
    lab, ground = measure_ground(np.ascontiguousarray(content[..., :3]))
    if ground is None:
        return False
    thing: BoolArray = np.linalg.norm(lab - ground, axis=2) > UNLIKE
    return bool(THING[0] <= thing.mean() <= THING[1])
