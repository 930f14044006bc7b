"""How a flat garment goes onto a body: pairs of points, lengths of sleeves, what is too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import FloatArray, Point
from m2fp_cli.tryon.body_shape import BodyShape
from m2fp_cli.tryon.flat_garment import FlatGarment
from m2fp_cli.tryon.garment_outline import LEVELS, Points
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.sleeves import Limb

# Length of a garment on a body over that of a flat one whose shoulders are as wide: cloth goes over
# the chest.
LONGER = 1.1
WIDEST_NECK = 0.62  # of the neck's half width, share of the shoulder's

# Sleeves.
SAME_LENGTH = (0.72, 1.35)  # new over old: the old end is taken
LONG_SLEEVE = 0.85  # length over the width of the shoulders, from which a new sleeve is long
WRIST = 0.84  # share of an arm that an old sleeve covers which ends at the wrist
LONG = 0.6  # ... which may end there, if no more than a hand is seen below it
EQUAL = 1.4  # longer old sleeve over the shorter, up to which they are taken for equally long
OLD_SHARE, NEW_SHARE = 0.5, 0.68  # of an arm that a long sleeve covers at least
ASIDE = 0.3  # of a wrist from the middle, where a long sleeve goes on from a short one, U
HIDDEN = 1.2  # by which the skin of an arm ends above the wrist where the hand is hidden, U
UNLIKE = 0.55, 1.2  # old sleeves that cannot be of one top: ratio, and difference, U
LONGEST_SLEEVE = 0.98  # share of an arm from shoulder to wrist
# A hand is 189 mm long and a fist 105 (ANSUR II, men, hand length; DIN 33402).
HAND, FIST = 3.0, 1.6  # U; no more than a hand below an old sleeve: it ends at the wrist
MAX_FLARE = 1.4  # of a short old sleeve's end over the arm below it, where a longer one goes on
WIDE_BELOW = 0.14  # where the arm is measured for that, share of its length

# The hem.
TUCKED = 0.9  # length of what is seen over the new one's: the rest is in the trousers
MAX_LENGTH = 1.3

# Cloth goes around the body: its middle is less compressed than its sides.
LEAST_CENTER = 0.62  # slope in the middle over the mean one
MAX_STRETCH = 1.4  # across against along, of the middle of the body
STIFFNESS = 0.002  # of the thin plate


@dataclass(frozen=True, eq=False)
class Fit:
    """Where a garment's points go.

    Attributes:
        body: (N, 2) points on the body, pixels of the maps.
        picture: (N, 2) the same points in the garment's picture.
        collar: (2,) lowest point of the neckline on the body.
        sleeve_length: of each sleeve on the body.
        is_long: its sleeves go to the wrists.
        scale: pixels of the maps per pixel of the picture.
        stretch: the largest width between armpits and hem over the natural one, at least 1.
        tucked: share of the garment's length that is seen.
    """

    body: Points
    picture: Points
    collar: Points
    sleeve_length: tuple[float, float]
    is_long: bool
    scale: float
    stretch: float
    tucked: float


def fit_garment(
    garment: FlatGarment, shape: BodyShape, collar_y: float, unit: float, sleeves: bool = True
) -> Fit:
    """Pair the garment's landmarks with the body's.

    Args:
        garment: the garment.
        shape: the body.
        collar_y: row of the old neckline's lowest point; NaN where it is not seen.
        unit: U in pixels of the body's maps.
        sleeves: whether they are seen; those below a coat are not.

    Raises:
        NotWearable: it would have to be stretched too much, or uncovers what is not known.
    """
    marks = garment.landmarks
    width = float(np.linalg.norm(marks.shoulder[1] - marks.shoulder[0]))
    long = LONGER * (float(np.linalg.norm(shape.corner[1] - shape.corner[0])) / width)
    neck = _find_neck(garment, shape)
    collar = _find_collar(garment, neck, collar_y, unit, long)
    seen, tucked = _hem_share(garment, shape, long)
    levels_on_body, levels, stretch = _pair_levels(garment, shape, seen, long)
    if stretch > MAX_STRETCH:
        raise NotWearable("the garment would be stretched too much")
    is_long = sum(one.length for one in marks.sleeves) / 2 >= LONG_SLEEVE * width
    naturals = [long * one.length for one in marks.sleeves]
    lengths = (naturals[0], naturals[1])
    if sleeves:
        lengths = _sleeve_lengths(naturals, is_long, shape, unit)
    body = np.concatenate([np.array(neck), shape.corner, collar[None], *levels_on_body])
    picture = np.concatenate([marks.neck, marks.shoulder, marks.collar[None], *levels])
    return Fit(
        body.astype(np.float32),
        picture.astype(np.float32),
        collar,
        lengths,
        is_long,
        long,
        stretch,
        tucked,
    )


def _find_neck(garment: FlatGarment, shape: BodyShape) -> list[Point]:
    """Where both ends of the garment's neck lie on the lines of the shoulders."""
    marks, shoulders = garment.landmarks, shape.shoulders
    half = 0.5 * float(marks.shoulder[1, 0] - marks.shoulder[0, 0])
    neck = []
    for i, side in enumerate((-1, 1)):
        share = abs(float(marks.neck[i, 0] - marks.collar[0])) / half
        out = min(share, WIDEST_NECK) * abs(float(shape.corner[i, 0]) - shoulders.middle)
        neck.append(shoulders.point(side, out))
    return neck


def _find_collar(
    garment: FlatGarment, neck: list[Point], collar_y: float, unit: float, long: float
) -> FloatArray:
    """(2,) where the lowest point of the neckline lies: hardly below that of the old one."""
    marks = garment.landmarks
    level = float(np.mean([point[1] for point in neck]))
    depth = long * float(marks.collar[1] - marks.neck[:, 1].mean())
    natural = level + depth
    if collar_y < natural and not garment.is_jacket:
        natural = max(collar_y + 0.06 * unit, level + 0.6 * depth)
    return np.array((0.5 * (neck[0][0] + neck[1][0]), natural), np.float32)


def _pair_levels(
    garment: FlatGarment, shape: BodyShape, seen: float, long: float
) -> tuple[list[FloatArray], list[FloatArray], float]:
    """Pair the levels between armpits and hem.

    Args:
        garment: the garment.
        shape: the body.
        seen: share of the garment's body that is seen.
        long: lengths on the body over flat ones.

    Returns:
        points on the body, the same points in the garment's picture, and the largest width on the
        body over the one that is natural.
    """
    body, picture, stretch = list[FloatArray](), list[FloatArray](), 1.0
    for j in range(LEVELS):
        flat = np.stack([_at_level(side, j * seen) for side in garment.landmarks.sides])
        worn = shape.sides[:, j]
        body.append(worn)
        picture.append(flat)
        wide = float(np.linalg.norm(worn[1] - worn[0])) / float(np.linalg.norm(flat[1] - flat[0]))
        if 0 < j < LEVELS - 1:
            stretch = max(stretch, wide / long)
        for u in (-0.5, 0.0, 0.5):
            g = _toward_sides(u, wide, long)
            body.append((worn[0] + (worn[1] - worn[0]) * (0.5 + u / 2))[None])
            picture.append((flat[0] + (flat[1] - flat[0]) * (0.5 + g / 2))[None])
    body[-2], picture[-2] = shape.hem[2][None], _hem_middle(garment, seen)[None]
    return body, picture, stretch


def _toward_sides(u: float, wide: float, long: float) -> float:
    """Where a place across a body lies across the flat garment; both from -1 to 1.

    Args:
        u: place across the body.
        wide: width on the body over the flat one.
        long: the same of lengths; cloth that is narrower on the body goes around it.
    """
    middle = float(np.clip(wide / long, LEAST_CENTER, 1.0))
    return middle * u + (1 - middle) * u**3


def _at_level(side: Points, level: float) -> FloatArray:
    """A point of a side between its levels."""
    places = np.arange(LEVELS)
    return np.array([np.interp(level, places, side[:, axis]) for axis in (0, 1)], np.float32)


def _hem_share(garment: FlatGarment, shape: BodyShape, long: float) -> tuple[float, float]:
    """Share of the flat garment's body that is seen, and the length seen over its own."""
    marks = garment.landmarks
    own = long * float(marks.hem[2, 1] - marks.shoulder[:, 1].mean())
    worn = float(shape.hem[2, 1] - shape.corner[:, 1].mean())
    ratio = worn / own
    if ratio > MAX_LENGTH:
        raise NotWearable("the top that is worn is much longer")
    if ratio >= TUCKED and not shape.cut:
        return 1.0, ratio
    flat_body = float(marks.hem[2, 1] - marks.armpit[:, 1].mean())
    seen = (worn - (own - long * flat_body)) / (long * flat_body)
    return float(np.clip(seen / TUCKED if not shape.cut else seen, 0.3, 1.0)), ratio


def _hem_middle(garment: FlatGarment, seen: float) -> FloatArray:
    """The middle of the hem in the picture, or of where it goes into the trousers."""
    marks = garment.landmarks
    if seen >= 1:
        return np.asarray(marks.hem[2], np.float32)
    left, right = (_at_level(side, seen * (LEVELS - 1)) for side in marks.sides)
    return np.asarray((left + right) / 2, np.float32)


def _sleeve_lengths(
    naturals: list[float], is_long: bool, shape: BodyShape, unit: float
) -> tuple[float, float]:
    """Length of both sleeves on the arms, see ``_sleeve_length``.

    Raises:
        NotWearable: one would look much shorter than the other, or lie across the body.
    """
    limbs, ended = shape.limbs, _end_at_wrist(shape.limbs, unit)
    shorter, longer = sorted(limb.covered for limb in limbs)
    if shorter < UNLIKE[0] * longer and longer - shorter > UNLIKE[1] * unit:
        raise NotWearable("the arms cannot be followed")
    found = [_sleeve_length(naturals[i], is_long, limbs[i], unit, ended[i]) for i in (0, 1)]
    for i, side in enumerate((-1, 1)) if is_long else ():
        if found[i] < (OLD_SHARE if ended[i] else NEW_SHARE) * limbs[i].length:
            raise NotWearable("the arms cannot be followed")
        beside = side * (float(limbs[i].joints[2, 0]) - shape.shoulders.middle)
        if not ended[i] and beside < ASIDE * unit:
            raise NotWearable("the arms are crossed")
    return found[0], found[1]


def _end_at_wrist(limbs: tuple[Limb, Limb], unit: float) -> tuple[bool, bool]:
    """Whether each old sleeve ends at the wrist.

    Where an arm goes behind the back or into a pocket, a short sleeve looks like one that does; the
    sleeves of a top are equally long, so that the other arm tells.
    """
    found = [
        limb.covered >= WRIST * limb.length
        or (limb.covered >= LONG * limb.length and limb.skin_end - limb.covered <= HAND * unit)
        for limb in limbs
    ]
    shorter, longer = sorted((0, 1), key=lambda i: limbs[i].covered)
    if found[longer] and not found[shorter]:
        found[longer] = limbs[longer].covered > EQUAL * limbs[shorter].covered
    if found[shorter] and not found[longer]:
        found[shorter] = False
    return found[0], found[1]


def _sleeve_length(natural: float, is_long: bool, limb: Limb, unit: float, ended: bool) -> float:
    """Length of a sleeve on an arm.

    Args:
        natural: what the garment's own proportions make it.
        is_long: whether it goes to the wrist.
        limb: the arm.
        unit: U in pixels of the body's maps.
        ended: whether the old sleeve ends at the wrist.

    Raises:
        NotWearable: the new sleeve is much shorter than the old one.
    """
    old, whole = limb.covered, limb.length
    longest = LONGEST_SLEEVE * whole
    # Skin that ends far from the wrist goes on behind the back, or in a pocket.
    if limb.skin_end > max(old, whole - HIDDEN * unit):
        longest = max(min(longest, limb.skin_end - FIST * unit), old)
    if is_long:
        if ended:
            return old
        _check_wide(limb)
        return longest
    if SAME_LENGTH[0] * old <= natural <= SAME_LENGTH[1] * old:
        return old
    if natural > old:
        _check_wide(limb)
        return min(natural, longest)
    raise NotWearable("the sleeves that are worn are longer than the new ones")


def _check_wide(limb: Limb) -> None:
    """Whether a longer sleeve can go over the old one.

    Raises:
        NotWearable: the old sleeve ends much wider than the arm below it.
    """
    below = limb.covered + WIDE_BELOW * limb.length
    ends = np.array([limb.covered, min(below, limb.length)], np.float32)
    end, bare = np.maximum(limb.reach(ends, 1), limb.reach(ends, -1))
    if limb.covered > 0 and end > MAX_FLARE * bare:
        raise NotWearable("the sleeves that are worn are too wide")
