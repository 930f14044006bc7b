"""Hands and bare feet, which most label sets have no name for: the far end of an arm or a leg."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.figure import SKIN, TOPS, Figure

# Lengths in faces, hairline to chin. A face is as high as a hand is long from the wrist to the
# fingertip (Vitruvius; 0.105 and 0.108 of the stature in Drillis and Contini's tables of 1966).
_HAND = 1.1  # from the fingertip, with some of the wrist
_FOOT = 0.75  # from the toes of a foot without a shoe up to the ankle
_HANDS = 2
_BOOT = 1.6  # a shoe that goes higher has a shaft; a low one that is seen from above does not
_SHOE = 0.9  # from the sole up to the ankle, with a low heel
_ONLY_A_HAND = 1.3  # a piece of arm no longer than this is a hand that a sleeve leaves free
_SHOULDER_DOWN, _SHOULDER_OUT = 0.95, 1.05  # from the middle of a face to the shoulders
_SHOULDER_REACH = 2.0  # farther from a shoulder than this, an end of an arm is not the upper one
_TIP = 0.4  # how much of an arm's end is looked at
# Where a sleeve or a shoulder begins, clothes are a part of what surrounds the end of an arm; in
# the air they are nothing, and a hand that lies on the clothes has nothing else around it.
_SLEEVE_SHARE = (0.15, 0.85)
_UNSURE = 0.1  # by less than this, two ends cannot be told apart
_DETAIL = 20.0  # pixels per face that are enough to measure a limb
_SMALLEST = 0.04  # pieces with less than this area, in faces squared, are noise
_FACE_OF_BODY = 0.105  # height of a face in a stature
_ELLIPSE = 0.59  # area of a face seen from the front, over the square of its height


@dataclass(frozen=True, eq=False)
class Ends:
    """Two ends of a piece of a limb, and how far each of its pixels is from them.

    Attributes:
        xy: (2, 2) float, column and row of both.
        away: (2, h, w) float32 distance inside the piece, infinite outside.
    """

    xy: NDArray[np.float64]
    away: NDArray[np.float32]

    @property
    def length(self) -> float:
        """From one end to the other, inside the piece."""
        return float(self.away[0][np.isfinite(self.away[0])].max())


def face_height(figure: Figure) -> float:
    """Height of a person's face from the hairline to the chin, in pixels of the figure's maps.

    Without a face it follows from the size of what is seen of the person.
    """
    rows, columns = (np.flatnonzero(figure.label_map.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return 1.0
    size = max(np.ptp(rows), np.ptp(columns)) + 1
    face = figure.mask("Face", "Sunglasses")
    area = int(np.count_nonzero(face))
    by_area = np.sqrt(area / _ELLIPSE)
    if by_area < 0.3 * _FACE_OF_BODY * size:
        return _FACE_OF_BODY * float(size)
    high = float(np.count_nonzero(face.any(axis=1)))
    return float(np.clip(high, by_area, 1.5 * by_area))


def find_hands(figure: Figure) -> BoolArray:
    """Gloves and the far end of each arm, (h, w) bool.

    An arm that a glove ends loses nothing else. Where the two ends of an arm cannot be told apart,
    both are taken: a stretch of arm that is kept harms less than a hand that is painted anew.
    """
    gloves = figure.mask("Glove")
    arms = [figure.mask(side) for side in ("Left-arm", "Right-arm")]
    hands = gloves.copy()
    if not any(arm.any() for arm in arms):
        return hands
    face = face_height(figure)
    step = max(1, int(face / _DETAIL))
    body = _Body.of(figure, face, step)
    small = [_shrunk(arm, step) for arm in arms]
    found = body.hands_of(small, _shrunk(gloves, step))
    for arm, shrunk, hand in zip(arms, small, found, strict=True):
        hands |= _enlarged(hand, shrunk, arm, step)
    return hands


def find_bare_feet(figure: Figure) -> BoolArray:
    """The far end of each leg that no shoe and no sock ends, (h, w) bool.

    A shoe of either side counts: networks mix up sides where feet are close together.
    """
    feet = np.zeros(figure.label_map.shape, np.bool_)
    face = face_height(figure)
    step = max(1, int(face / _DETAIL))
    unit = face / step
    near = _shrunk(figure.mask("Left-shoe", "Right-shoe", "Socks"), step)
    for side in ("Left", "Right"):
        leg = figure.mask(f"{side}-leg")
        small = _shrunk(leg, step)
        if not small.any() or _touch(small, near, 0.5 * unit):
            continue
        rows = np.flatnonzero(small.any(axis=1))
        lowest = int(rows[-1])
        if lowest >= small.shape[0] - 2:
            continue  # the photo ends first
        start = small & (np.arange(small.shape[0])[:, None] >= lowest - 1)
        away = distance_inside(small, start)
        feet |= _enlarged(away <= _FOOT * unit, small, leg, step)
    return feet


def find_shod_feet(figure: Figure) -> BoolArray:
    """Shoes up to the ankle, (h, w) bool: what is higher is the shaft of a boot.

    Stockings and tight trousers are easily taken for such a shaft, and new trousers cover it.
    """
    shoes, face = figure.mask("Left-shoe", "Right-shoe"), face_height(figure)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(shoes.astype(np.uint8))
    top, height = stats[:, cv2.CC_STAT_TOP], stats[:, cv2.CC_STAT_HEIGHT]
    ankle = top + np.where(height > _BOOT * face, height - _SHOE * face, 0)
    return np.asarray(shoes & (np.arange(shoes.shape[0])[:, None] >= ankle[pieces]))


@dataclass(frozen=True, eq=False)
class _Body:
    """What tells the two ends of an arm apart, at the size limbs are measured at."""

    face: float
    shoulders_xy: NDArray[np.float64]
    clothes: BoolArray

    @classmethod
    def of(cls, figure: Figure, face: float, step: int) -> _Body:
        clothes = _shrunk(figure.mask(*TOPS, "Torso-skin", "Scarf"), step)
        unit = face / step
        return cls(unit, _shoulders(figure, unit, step), clothes)

    def hands_of(self, arms: list[BoolArray], gloves: BoolArray) -> list[BoolArray]:
        """The hands among the pieces of both arms, one array for each arm.

        There are two at most, at the pieces that reach farthest from the shoulders: another piece
        is skin between a sleeve and a watch, or a patch on a shoulder that is taken for skin.
        Pieces of either arm count together, since networks mix up sides.
        """
        pieces = [(i, piece) for i, arm in enumerate(arms) for piece in self._large_pieces(arm)]
        pieces.sort(key=lambda each: self._reach(each[1]), reverse=True)
        found = [np.zeros(arm.shape, np.bool_) for arm in arms]
        for i, piece in pieces[:_HANDS]:
            if not _touch(piece, gloves, 0.3 * self.face):
                found[i] |= self._hand_of(piece)
        return found

    def _large_pieces(self, arm: BoolArray) -> list[BoolArray]:
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(
            arm.astype(np.uint8), connectivity=8
        )
        least = _SMALLEST * self.face * self.face
        return [pieces == i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= least]

    def _reach(self, piece: BoolArray) -> float:
        """How far from the nearer shoulder a piece goes."""
        xy = np.argwhere(piece)[:, None, ::-1]
        apart = np.linalg.norm(xy - self.shoulders_xy, axis=2).min(axis=1)
        return float(apart.max())

    def _hand_of(self, piece: BoolArray) -> BoolArray:
        ends = find_ends(piece)
        reach = _HAND * self.face
        if ends.length <= _ONLY_A_HAND * self.face:
            return piece
        upper = [self._likeness(ends, i) for i in (0, 1)]
        far = [i for i in (0, 1) if upper[i] < upper[1 - i] + _UNSURE]
        return np.asarray((ends.away[far] <= reach).any(axis=0))

    def _likeness(self, ends: Ends, end: int) -> float:
        """How much an end of an arm looks like the upper one, 0 to 2."""
        low, high = _SLEEVE_SHARE
        at_sleeve = low < self._cloth_at(ends, end) < high
        apart = np.linalg.norm(self.shoulders_xy - ends.xy[end], axis=1).min()
        return at_sleeve + max(0.0, 1 - float(apart) / (_SHOULDER_REACH * self.face))

    def _cloth_at(self, ends: Ends, end: int) -> float:
        """How much of what surrounds an end of an arm is a top."""
        tip = ends.away[end] <= _TIP * self.face
        arm = np.isfinite(ends.away[end])
        ring = cv2.dilate(tip.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~arm
        return float(self.clothes[ring].mean()) if ring.any() else 0.0


def find_ends(piece: BoolArray) -> Ends:
    """The two pixels of a piece that are farthest apart inside it."""
    rows, columns = np.nonzero(piece)
    any_pixel = np.zeros_like(piece)
    any_pixel[rows[0], columns[0]] = True
    first = _farthest(distance_inside(piece, any_pixel))
    from_first = distance_inside(piece, _only(piece, first))
    second = _farthest(from_first)
    from_second = distance_inside(piece, _only(piece, second))
    xy = np.asarray([first[::-1], second[::-1]], dtype=np.float64)
    return Ends(xy, np.stack([from_first, from_second]))


def distance_inside(region: BoolArray, start: BoolArray) -> NDArray[np.float32]:
    """Length of the shortest way inside a region from ``start``, (h, w) float32.

    The way goes a pixel at a time, by turns to 4 and to 8 neighbours, so that what is as far away
    lies on an octagon. Infinite outside the region and where no way leads.
    """
    away = np.full(region.shape, np.inf, np.float32)
    front = (start & region).astype(np.uint8)
    inside = region.astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    square = np.ones((3, 3), np.uint8)
    away[front > 0] = 0
    for number in range(1, int(region.size) + 1):
        brush = cross if number % 2 else square
        wider = np.asarray(cv2.dilate(front, brush), np.uint8) & inside
        new = (wider > 0) & (front == 0)
        if not new.any():
            if number % 2 == 0:
                return away
            continue
        # A pair of steps, one of each kind, goes 2 straight on and 1.5 of 1.41 across.
        away[new] = number
        front = wider
    return away


def _shoulders(figure: Figure, face: float, step: int) -> NDArray[np.float64]:
    """Where the shoulders of somebody upright are, (2, 2) column and row."""
    seen = _shrunk(figure.mask(*SKIN[:1], "Sunglasses"), step)
    if seen.any():
        rows, columns = np.nonzero(seen)
        x, y = float(np.median(columns)), float(np.median(rows))
        y += _SHOULDER_DOWN * face
    else:
        body = _shrunk(figure.mask(*TOPS, "Torso-skin"), step)
        rows, columns = np.nonzero(body if body.any() else _shrunk(figure.label_map > 0, step))
        x, y = float(np.median(columns)), float(rows.min()) + 0.3 * face
    out = _SHOULDER_OUT * face
    return np.asarray([[x - out, y], [x + out, y]])


def _touch(a: BoolArray, b: BoolArray, reach: float) -> bool:
    """Whether two masks come as near as ``reach`` pixels."""
    size = 2 * max(1, round(reach)) + 1
    wide = cv2.dilate(b.astype(np.uint8), np.ones((size, size), np.uint8))
    return bool((a & (wide > 0)).any())


def _farthest(away: NDArray[np.float32]) -> tuple[int, int]:
    flat = int(np.argmax(np.where(np.isfinite(away), away, -1)))
    row, column = np.unravel_index(flat, away.shape)
    return int(row), int(column)


def _only(like: BoolArray, place: tuple[int, int]) -> BoolArray:
    out = np.zeros_like(like)
    out[place] = True
    return out


def _shrunk(mask: BoolArray, step: int) -> BoolArray:
    """Every ``step``-th pixel, from the middle of the first block on."""
    return mask[step // 2 :: step, step // 2 :: step]


def _enlarged(found: BoolArray, small: BoolArray, limb: BoolArray, step: int) -> BoolArray:
    """What was found in a shrunk limb, in the limb itself.

    Args:
        found: (h, w) bool, a part of ``small``.
        small: (h, w) bool, every ``step``-th pixel of the limb.
        limb: (H, W) bool.
        step: pixels of the limb per pixel of ``small``.
    """
    square = np.ones((3, 3), np.uint8)
    # Pixels along the outline lie in blocks that the limb misses at the looked-at pixel.
    wide = (cv2.dilate(found.astype(np.uint8), square) > 0) & ~(small & ~found)
    rows = np.minimum(np.arange(limb.shape[0]) // step, small.shape[0] - 1)
    columns = np.minimum(np.arange(limb.shape[1]) // step, small.shape[1] - 1)
    return np.asarray(wide[np.ix_(rows, columns)] & limb)
