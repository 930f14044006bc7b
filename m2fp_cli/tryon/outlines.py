"""What the outline of a bare picture surely is, or is not: glasses, a chain, a garment, a hat, ...

A kind refuses by this what would be put on in the wrong place. Where an outline may be of several
kinds, nothing is said: a shoe that lies askew is much like a cap, and a hoop like a chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.accessory import content_box, content_mask
from m2fp_cli.tryon.garment_outline import NotFlat, cloth_share, find_landmarks
from m2fp_cli.tryon.lenses import fill_holes, find_lens_boxes
from m2fp_cli.tryon.product_ground import largest_piece

# Glasses: two lenses fill the outline, side by side and level, with a thin bridge above the nose.
# Headphones and ears on a band are joined far above or below, the lobes of a bow in their middle.
LEAST_WIDE = 1.6  # width to height
LEAST_LENS = 0.55  # height of each, share of the outline's
MOST_BESIDE = 0.2  # of the outline above and below each lens, share of its height
BRIDGE_LOW, BRIDGE_THICK = 0.55, 0.4  # its lower end and thickness, shares of a lens's height

# A chain: a line from one upper corner to the other, with nothing between its upper halves.
CHAIN_DROP = 0.4  # height to width; what hangs less may lie on a forehead
CHAIN_MIDDLE = (1 / 3, 2 / 3)  # of the width, empty in the upper half
CHAIN_ROWS = 0.8  # of the upper half in which both sides are seen; beads leave gaps
CHAIN_THICK = 0.09  # of each side, share of the width; a wreath is thicker

# A hat that is no pair of glasses: a solid dome, low in the middle.
DOME_AT, DOME_WIDE = 0.15, 0.65  # height at which it is so wide at most; a shield is wider
DOME_BESIDE = 0.2  # of its middle there, share of the width; a snorkel is farther
DOME_FILLED = 0.5  # of its box
DOME_FLANKS, DOME_MIDDLE = (0.2, 0.35), (0.45, 0.55)  # of the width, where its lower edge is
MOST_NOTCH = 0.04  # of the width, by which the middle is higher: more is room for a nose
MOST_HOLES = 0.02  # of what is seen; lenses, straps and eyeholes leave more

# A garment, by its landmarks. A hood or a bow has them, too, but is hollow or cut in below.
LEAST_CLOTH = 0.97  # share of the axis of each sleeve that is cloth
LEAST_FILLED = 0.9  # of what lies between its sides
MOST_CUT_IN = 0.15  # by which its hem is higher in the middle, share of the armpits' distance
SIDE = 440  # of the outline in which landmarks are looked for, pixels
# Trousers.
LEAST_LONG, MOST_LONG = 1.3, 4.0  # height to width
WAIST_ROWS, LEG_ROWS = (0.06, 0.22), (0.6, 0.95)  # of the height
LEAST_WAIST = 0.5  # width of the waist, solid, to that of all
BAND_ROWS, LEAST_BAND = (0.02, 0.15), 0.75  # of the height; width of the upper to the lower one

HIGH_WIDE = 0.9  # width to height; no pair of glasses is so narrow from the front
NARROW_WIDE = 0.42  # ... and no hat: a dunce cap has 0.48
WIDE_WIDE = 1.4  # ... and no earring is so wide as it hangs; it would be wider than half a face

# What leaves no room for a neck: of 25 necklaces none is so full, but one that a bust wears.
FULL, FULL_MIDDLE = 0.65, 0.8  # share of its convex hull, and of the middle fifth of its width
FULL_FLAT = 0.25  # height to width; a choker is flatter

# A shoe from the side: a level sole, the heel high above it, the toe low. Of 92 hats those with so
# level an edge are as high at both ends; caps from the side bend at the back.
SOLE_ROWS, LEAST_SOLE = 0.1, 0.8  # share of the height that counts as level, and of the width
SHOE_ENDS = (0.02, 0.12)  # of the width, where its ends are looked at
HEEL_HIGH, TOE_LOW = 0.88, 0.68  # share of the height


@dataclass(frozen=True)
class Outline:
    """What a picture surely shows, by its outline.

    Attributes:
        looks: what is said of it, after the name of its file.
        advice: what to do.
        fits: whether an outline is such, from the visible content (h, w) bool, cut to its box.
    """

    looks: str
    advice: str
    fits: Callable[[BoolArray], bool]


def find_outline(bgra: NDArray[np.uint8], outlines: Iterable[Outline]) -> Outline | None:
    """The first of some outlines that a picture has; None if it has none of them.

    Args:
        bgra: (H, W, 4) uint8 with at least one visible pixel, cut out.
        outlines: what is looked for.
    """
    x0, y0, x1, y1 = content_box(bgra)
    seen = content_mask(bgra)[y0:y1, x0:x1]
    return next((one for one in outlines if one.fits(seen)), None)


def is_glasses(seen: BoolArray) -> bool:
    """Whether an outline is that of a pair of glasses from the front.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    height, width = seen.shape
    found = find_lens_boxes(seen) if width >= LEAST_WIDE * height else None
    if found is None:
        return False
    (left, right) = found
    for _, y0, _, y1 in found:
        if y1 - y0 < LEAST_LENS * height or max(y0, height - y1) > MOST_BESIDE * height:
            return False
    top, lens = min(left[1], right[1]), max(left[3] - left[1], right[3] - right[1])
    middle = round((left[2] + right[0]) / 2)
    bridge = np.flatnonzero(seen[:, max(middle - 1, 0) : middle + 2].any(axis=1))
    if not bridge.size:
        return False
    low, thick = float(bridge[-1]) + 1 - top, bridge[-1] + 1 - bridge[0]
    return bool(low <= BRIDGE_LOW * lens and thick <= BRIDGE_THICK * lens)


def is_chain(seen: BoolArray) -> bool:
    """Whether an outline is that of a thin necklace, open above.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    height, width = seen.shape
    upper = seen[: height // 2]
    first, end = (round(share * width) for share in CHAIN_MIDDLE)
    if height < CHAIN_DROP * width or not upper.size or upper[:, first:end].any():
        return False
    for side in (upper[:, :first], upper[:, end:]):
        across = side.sum(axis=1)[side.any(axis=1)]
        if len(across) < CHAIN_ROWS * len(upper) or np.median(across) > CHAIN_THICK * width:
            return False
    return bool(seen[:, first:end].any())


def is_dome(seen: BoolArray) -> bool:
    """Whether an outline is that of a hat as no glasses have it: solid, narrow above, no notch.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    height, width = seen.shape
    if seen.mean() < DOME_FILLED or find_lens_boxes(seen) is not None:
        return False
    across = np.flatnonzero(seen[round(DOME_AT * (height - 1))])
    if not across.size or np.ptp(across) + 1 > DOME_WIDE * width:
        return False
    if abs(float(across[[0, -1]].mean()) / width - 0.5) > DOME_BESIDE:
        return False
    holes = np.count_nonzero(fill_holes(np.pad(seen, 1))) - np.count_nonzero(seen)
    if holes > MOST_HOLES * np.count_nonzero(seen):
        return False
    lower = height - np.argmax(seen[::-1], axis=0)
    flanks = [lower[slice(*(round(v * width) for v in ends))] for ends in (
        DOME_FLANKS, (1 - DOME_FLANKS[1], 1 - DOME_FLANKS[0]))]  # fmt: skip
    middle = lower[slice(*(round(v * width) for v in DOME_MIDDLE))]
    if not middle.size or not min(flank.size for flank in flanks):
        return False
    low = min(float(np.median(flank)) for flank in flanks)
    return bool(low - float(np.median(middle)) <= MOST_NOTCH * width)


def is_garment(seen: BoolArray) -> bool:
    """Whether an outline is that of a top with sleeves, lying flat.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    shrink = max(1.0, max(seen.shape) / SIDE)
    size = round(seen.shape[1] / shrink), round(seen.shape[0] / shrink)
    levels = cv2.resize(seen.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    small = largest_piece(np.pad(np.asarray(levels > 0), 2))
    try:
        marks = find_landmarks(small)
    except NotFlat:
        return False
    sleeves = min(cloth_share(small, sleeve.axis) for sleeve in marks.sleeves)
    body = np.zeros(small.shape, np.uint8)
    edge = np.concatenate((marks.sides[0], marks.hem, marks.sides[1][::-1]))
    cv2.fillPoly(body, [np.round(edge).astype(np.int32)], (1,))
    cut_in = float(marks.hem[[1, 3], 1].mean() - marks.hem[2, 1])
    return bool(
        sleeves >= LEAST_CLOTH
        and small[body > 0].mean() >= LEAST_FILLED
        and cut_in <= MOST_CUT_IN * float(marks.armpit[1, 0] - marks.armpit[0, 0])
    )


def is_trousers(seen: BoolArray) -> bool:
    """Whether an outline is that of trousers: solid above, two legs below.

    Args:
        seen: (h, w) bool, cut to its box.
    """
    height, width = seen.shape
    if not LEAST_LONG * width <= height <= MOST_LONG * width:
        return False
    upper, lower = (seen[round(a * height) : round(b * height)] for a, b in (WAIST_ROWS, LEG_ROWS))
    starts = (np.diff(np.pad(lower, ((0, 0), (1, 0))).astype(np.int8), axis=1) > 0).sum(axis=1)
    return bool(upper.mean(axis=1).min(initial=1) >= LEAST_WAIST and (starts == 2).mean() >= 0.9)


def is_waisted(seen: BoolArray) -> bool:
    """Whether an outline is that of trousers with a level waist.

    A hat with long flaps or braids has two legs, too, but below a dome.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    upper, lower = (np.flatnonzero(seen[round(share * (len(seen) - 1))]) for share in BAND_ROWS)
    if not (upper.size and lower.size) or np.ptp(upper) < LEAST_BAND * np.ptp(lower):
        return False
    return is_trousers(seen)


def is_high(seen: BoolArray) -> bool:
    """Whether an outline is higher than wide and has no two lenses.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    return seen.shape[1] < HIGH_WIDE * seen.shape[0] and find_lens_boxes(seen) is None


def is_narrow(seen: BoolArray) -> bool:
    """Whether an outline is much higher than wide, as an earring that hangs is.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    return seen.shape[1] < NARROW_WIDE * seen.shape[0]


def is_wide(seen: BoolArray) -> bool:
    """Whether an outline is clearly wider than high.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    return seen.shape[1] > WIDE_WIDE * seen.shape[0]


def is_full(seen: BoolArray) -> bool:
    """Whether an outline leaves no room for a neck: it is neither hollow, open above, nor flat.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    height, width = seen.shape
    if height < FULL_FLAT * width:
        return False
    middle = seen[:, round(0.4 * width) : max(round(0.6 * width), round(0.4 * width) + 1)]
    if middle.mean() < FULL_MIDDLE:
        return False
    hull = np.zeros(seen.shape, np.uint8)
    points = np.argwhere(seen)[:, ::-1].astype(np.int32)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), (1,))
    return bool(np.count_nonzero(seen) >= FULL * np.count_nonzero(hull))


def is_shoe(seen: BoolArray) -> bool:
    """Whether an outline is that of a shoe from the side, standing on its sole.

    Args:
        seen: (h, w) bool, the visible content, cut to its box.
    """
    height, width = seen.shape
    above_floor = height - np.argmax(seen, axis=0)
    sole = seen[height - max(1, round(SOLE_ROWS * height)) :].any(axis=0)
    first, end = (round(share * width) for share in SHOE_ENDS)
    left, right = (
        float(side[first : max(end, first + 1)].max()) / height
        for side in (np.where(seen.any(axis=0), above_floor, 0)[::step] for step in (1, -1))
    )
    low, high = sorted((left, right))
    return bool(sole.mean() >= LEAST_SOLE and high >= HEEL_HIGH and low <= TOE_LOW)


GLASSES = Outline("looks like a pair of glasses", "wear it as glasses", is_glasses)
CHAIN = Outline("looks like a necklace", "wear it as a necklace", is_chain)
GARMENT = Outline("looks like a garment", "wear it as a top", is_garment)
DOME = Outline("looks like a hat or a shoe", "wear it as what it is", is_dome)
HIGH = Outline(
    "is higher than wide, as no glasses are", "turn it, or wear it as what it is", is_high
)
NARROW = Outline(
    "is much higher than wide, as no hat is", "turn it, or wear it as what it is", is_narrow
)
WIDE = Outline(
    "is wider than high, as no earring is that hangs",
    "crop it to one earring, or wear it as what it is",
    is_wide,
)
FULL_THING = Outline("leaves no room for a neck", "wear it as what it is", is_full)
SHOE = Outline("looks like a shoe", "give it as shoes", is_shoe)
TROUSERS = Outline("looks like trousers", "give its cloth or color as bottom", is_waisted)
