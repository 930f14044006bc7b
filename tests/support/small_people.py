"""A drawn crowd, and a stand-in for the network that sees only who is large enough in a picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.postprocess import Findings
from m2fp_cli.network.model_config import InputConfig
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance

HUMAN = 20
SHIRT, TROUSERS = 5, 9
SEEN_FROM = 1 / 10  # of a picture's height; who is lower is suspected only
SUSPECTED = 0.06  # their score


def draw_crowd(photo_hw: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> Picture:
    """A black photo with a box of its own gray for every person."""
    photo = np.zeros((*photo_hw, 3), np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes, start=1):
        photo[y0:y1, x0:x1] = number
    return photo


@dataclass
class Stare:
    """Finds every box of a drawn crowd that is large enough in the picture it is shown.

    Attributes:
        shown: sizes of what it was shown.
    """

    shown: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, picture: Picture, size_hw: tuple[int, int], min_score: float) -> Findings:
        """One pass; upper halves are shirts, lower halves trousers."""
        self.shown.append(size_hw)
        if picture.shape[:2] != size_hw:
            enlarged = cv2.resize(picture, size_hw[::-1], interpolation=cv2.INTER_NEAREST)
            picture = enlarged.astype(np.uint8)
        labels: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
        instances = []
        for number in np.unique(picture[picture > 0]):
            mask = Mask.from_full(picture[:, :, 0] == number)
            x0, y0, x1, y1 = mask.box_xyxy
            seen = max(y1 - y0, x1 - x0) >= SEEN_FROM * picture.shape[0]
            if (0.9 if seen else SUSPECTED) >= min_score:
                instances.append(Instance(HUMAN, 0.9 if seen else SUSPECTED, mask))
            if seen:
                labels[y0 : (y0 + y1) // 2, x0:x1] = SHIRT
                labels[(y0 + y1) // 2 : y1, x0:x1] = TROUSERS
        return Findings(labels, instances)


INPUT = InputConfig(min_size=320, max_size=640)
