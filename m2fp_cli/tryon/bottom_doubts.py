"""Whether what is called trousers or a skirt is some: a chair, a kite, a hem of a coat may be.

The label map gives every pixel the label that is likeliest there; the network's own instances say
how sure it is that a garment is there at all. Judged on 291 COCO photos, with their exact masks of
people, and by looking at what is dyed: of 85 bottoms that are mostly somebody else's, a thing or
another garment 47 are found out, of 226 others 11 are lost; of 124 on street photos 3.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.tryon.figure import BOTTOMS, Figure
from m2fp_cli.tryon.wearer import Body

UNSURE = "the network is not sure that these are trousers or a skirt"
TOO_LITTLE = "too little of the trousers or skirt is visible"

LEAST_SHARE = 0.03  # of the person; less is an edge of something else
# Mean over the pixels of the highest score of an instance that holds them.
LEAST_SCORE = 0.35
LEAST_LEAD = 0.1  # more than the same of tops and coats
NAMES, RIVALS = (*BOTTOMS, "Dress"), ("UpperClothes", "Coat")


def doubt_bottom(body: Body, figure: Figure, bottom: BoolArray) -> str:
    """Why a bottom should not be dyed.

    Args:
        body: the person.
        figure: the same in a window that holds all of them, stride 1.
        bottom: (h, w) bool in that window, not empty.

    Returns:
        the reason in words, empty where it is one.
    """
    if np.count_nonzero(bottom) < LEAST_SHARE * body.person.mask.area:
        return TOO_LITTLE
    if not body.result.instances:  # such as a result of maps alone
        return ""
    score, rival = (
        float(_highest_scores(body.result, figure, names)[bottom].mean())
        for names in (NAMES, RIVALS)
    )
    return UNSURE if score < LEAST_SCORE or score - rival < LEAST_LEAD else ""


def _highest_scores(result: ParsingResult, figure: Figure, names: Collection[str]) -> FloatArray:
    """The highest score of the instances of some labels that hold a pixel, (h, w) float32."""
    x0, y0, x1, y1 = figure.window_xyxy
    scores = np.zeros((y1 - y0, x1 - x0), np.float32)
    for instance in result.instances:
        left, top, right, bottom = instance.mask.box_xyxy
        if result.labels.names[instance.label_id] not in names:
            continue
        low, high = (max(left, x0), max(top, y0)), (min(right, x1), min(bottom, y1))
        if low[0] >= high[0] or low[1] >= high[1]:
            continue
        inside = instance.mask.inside[low[1] - top : high[1] - top, low[0] - left : high[0] - left]
        part = scores[low[1] - y0 : high[1] - y0, low[0] - x0 : high[0] - x0]
        np.maximum(part, np.float32(instance.score), out=part, where=inside)
    return scores
