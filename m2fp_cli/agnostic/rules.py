"""How far a mask reaches beyond the old clothes: three rules, from narrow to wide.

A mask that follows the old clothes shows a generative model their outline, and it paints them
again (OOTDiffusion issue 199, CatVTON issue 89). A wide one costs more of the background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.errors import UsageError
from m2fp_cli.tryon.morphology import dilate

# Lengths of FASHN VTON 1.5's mask (fashn-AI/fashn-vton-1.5, preprocessing/agnostic.py), in pixels
# of a person 864 pixels high.
PERSON_HEIGHT = 864.0
_BUFFER, _CONTOUR = 4.0, 18.0
_BOX_TRIM, _BOX_ASIDE, _BOX_UP = 100.0, 33.0, 16.0
_SMOOTH = _CONTOUR / 2.5
# CatVTON's mask (model/cloth_masker.py) grows by 1/250 of the longer side of the photo and goes on
# to where a blur of 1/25 of it has fallen to a tenth: 10 pixels of 864 together. With 14 instead,
# 0.15 % more of the old tops of 39 street photos is covered, which the parse calls background, and
# 0.16 % more with another 4 outside of the person's other clothes.
_HULL_MARGIN, _HULL_OUTSIDE = 14.0, 4.0
SEAM = 24.0
"""How far a mask goes into the person's other clothes and legs along the old clothes."""


@dataclass(frozen=True, eq=False)
class Regions:
    """What a rule works with, all (h, w) bool.

    Attributes:
        base: the old clothes, to be covered entirely, and the skin that is painted anew.
        kept: what no mask touches.
        beside: the person's other clothes.
        seam: what is near the old clothes, where a rule goes into the others: hems overlap, and a
            parse is unsure where one garment ends.
        hands: hands at whose arms something is painted.
        scale: pixels per pixel of a person 864 high.
    """

    base: BoolArray
    kept: BoolArray
    beside: BoolArray
    seam: BoolArray
    hands: BoolArray
    scale: float


Rule = Callable[[Regions], BoolArray]


def cover_loosely(regions: Regions) -> BoolArray:
    """FASHN's rule: a smooth outline well outside of the clothes, and the box around it."""
    s, base = regions.scale, regions.base
    buffer = dilate(base, _BUFFER * s)
    contour = filled(smoothed(dilate(base, _CONTOUR * s), _SMOOTH * s))
    box = np.zeros_like(base)
    rows, columns = np.flatnonzero(base.any(axis=1)), np.flatnonzero(base.any(axis=0))
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    box &= dilate(contour, _BOX_TRIM * s)
    kernel = np.ones((2 * round(_BOX_UP * s) + 1, 2 * round(_BOX_ASIDE * s) + 1), np.uint8)
    box = cv2.dilate(box.astype(np.uint8), kernel).astype(bool)
    return np.asarray(buffer | contour | box)


def cover_hull(regions: Regions) -> BoolArray:
    """CatVTON's rule: the convex hull of each piece, a little wider; other clothes stay."""
    wide = dilate(regions.base, _HULL_MARGIN * regions.scale)
    outlines = [*_outlines(wide), *_lost_sleeves(regions.hands, wide)]
    hull = np.zeros(wide.shape, np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(hull, cv2.convexHull(outline), (1,))
    inner = (hull > 0) | wide
    outer = dilate(inner, _HULL_OUTSIDE * regions.scale) & ~regions.beside
    return np.asarray((inner & ~_away_from_clothes(regions)) | outer)


def _outlines(mask: BoolArray) -> Sequence[NDArray[np.int32]]:
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [np.asarray(outline, np.int32) for outline in found]


def _lost_sleeves(hands: BoolArray, wide: BoolArray) -> Iterator[NDArray[np.int32]]:
    """Points whose hulls hold the sleeves that a parse misses between a hand and the clothes.

    They are those of the hand and of the clothes on its side down to it.
    """
    rows, columns = np.indices(wide.shape, sparse=True)
    for outline in _outlines(hands):
        x, y, width, height = cv2.boundingRect(outline)
        cut = slice(max(y - 1, 0), y + height + 1), slice(max(x - 1, 0), x + width + 1)
        if wide[cut].any():
            continue
        middle = np.median(np.nonzero(wide)[1])
        side = (columns >= middle) if x + width / 2 >= middle else (columns <= middle)
        for part in _outlines(wide & side & (rows < y + height)):
            yield np.concatenate([part, outline])


def cover_tightly(regions: Regions) -> BoolArray:
    """The clothes and the skin, with a narrow margin; other clothes stay."""
    wide = dilate(regions.base, _BUFFER * regions.scale)
    return np.asarray(wide & ~_away_from_clothes(regions))


def _away_from_clothes(regions: Regions) -> BoolArray:
    """The person's other clothes, but for a seam along the old ones."""
    return np.asarray(regions.beside & ~regions.seam)


def filled(mask: BoolArray) -> BoolArray:
    """A mask without its holes."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    out = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(out, outlines, -1, (1,), cv2.FILLED)
    return out.astype(bool)


def smoothed(mask: BoolArray, sigma: float) -> BoolArray:
    """A mask whose outline turns no sharper than a Gaussian of ``sigma`` pixels lets it."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    signed = np.where(mask, inside - 0.5, 0.5 - outside).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(signed, (0, 0), max(sigma, 0.3)) > 0)


RULES: dict[str, Rule] = {"fashn": cover_loosely, "hull": cover_hull, "tight": cover_tightly}
"""By the name that ``--rule`` takes."""


def find_rule(name: str) -> Rule:
    """The rule of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in RULES:
        raise UsageError(f"--rule takes one of {', '.join(RULES)}, got {name!r}")
    return RULES[name]
