"""Hands, which most label sets have no name for: the far end of an arm."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.agnostic.limbs import (
    DETAIL,
    Ends,
    enlarged,
    face_height,
    find_ends,
    shrunk,
    touch,
)
from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.figure import SKIN, TOPS, Figure

# Lengths in faces, hairline to chin. A face is as high as a hand is long from the wrist to the
# fingertip (Vitruvius; 0.105 and 0.108 of the stature in Drillis and Contini's tables of 1966).
_HAND = 1.1  # from the fingertip, with some of the wrist
_ONLY_A_HAND = 1.3  # a piece of arm no longer than this is a hand that a sleeve leaves free
_HANDS = 2
_TWO_HANDS = 0.35  # area, in faces squared, from which on pieces that touch are two hands
_SHOULDER_DOWN, _SHOULDER_OUT = 0.95, 1.05  # from the middle of a face to the shoulders
_SHOULDER_REACH = 2.0  # farther from a shoulder than this, an end of an arm is not the upper one
_TIP = 0.4  # how much of an arm's end is looked at
# Where a sleeve or a shoulder begins, clothes are a part of what surrounds the end of an arm; in
# the air they are nothing, and a hand that lies on the clothes has nothing else around it.
_SLEEVE_SHARE = (0.15, 0.85)
_UNSURE = 0.1  # by less than this, two ends cannot be told apart
_SMALLEST = 0.04  # pieces with less than this area, in faces squared, are noise


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
    step = max(1, int(face / DETAIL))
    body = _Body.of(figure, face, step)
    small = [shrunk(arm, step) for arm in arms]
    found = body.hands_of(small, shrunk(gloves, step))
    for arm, few, hand in zip(arms, small, found, strict=True):
        hands |= enlarged(hand, few, arm, step)
    return hands


@dataclass(frozen=True, eq=False)
class _Piece:
    """What is seen of an arm or, of hands that are folded, of two.

    Attributes:
        pieces: 0 for the left arm or 1 for the right one, and (h, w) bool.
        hands: how many these are, 1 or 2.
        reach: how far from the nearer shoulder they go, in pixels.
    """

    pieces: tuple[tuple[int, BoolArray], ...]
    hands: int
    reach: float


@dataclass(frozen=True, eq=False)
class _Body:
    """What tells the two ends of an arm apart, at the size limbs are measured at."""

    face: float
    shoulders_xy: NDArray[np.float64]
    clothes: BoolArray

    @classmethod
    def of(cls, figure: Figure, face: float, step: int) -> _Body:
        clothes = shrunk(figure.mask(*TOPS, "Torso-skin", "Scarf"), step)
        unit = face / step
        return cls(unit, _shoulders(figure, unit, step), clothes)

    def hands_of(self, arms: list[BoolArray], gloves: BoolArray) -> list[BoolArray]:
        """The hands among the pieces of both arms, one array for each arm.

        There are two at most: folded ones, or else those of the pieces that reach farthest from
        the shoulders. Another piece is skin between a sleeve and a watch, or a patch on a shoulder
        or an elbow that is taken for skin. Pieces of either arm count together, since networks mix
        up sides.
        """
        found = [np.zeros(arm.shape, np.bool_) for arm in arms]
        ends = self._ends_of_arms(arms)
        ends.sort(key=lambda each: (each.hands, each.reach), reverse=True)
        free = _HANDS
        for end in ends:
            for i, piece in end.pieces if free > 0 else ():
                if not touch(piece, gloves, 0.3 * self.face):
                    found[i] |= self._hand_of(piece)
            free -= end.hands
        return found

    def _ends_of_arms(self, arms: list[BoolArray]) -> list[_Piece]:
        """Pieces of arms; one of each side that touch are one, of one hand or of two."""
        left, right = ([(i, piece) for piece in self._large_pieces(arms[i])] for i in (0, 1))
        found: list[_Piece] = []
        for one in left:
            touched = [touch(one[1], each[1], 1) for each in right]
            met = tuple(each for each, is_met in zip(right, touched, strict=True) if is_met)
            right = [each for each, is_met in zip(right, touched, strict=True) if not is_met]
            found.append(self._joined((one, *met)))
        return found + [self._joined((each,)) for each in right]

    def _joined(self, pieces: tuple[tuple[int, BoolArray], ...]) -> _Piece:
        reach = max(self._reach(piece) for _, piece in pieces)
        return _Piece(pieces, 1 + self._are_two(pieces), reach)

    def _are_two(self, pieces: tuple[tuple[int, BoolArray], ...]) -> bool:
        """Whether pieces that touch are two hands, not one nor an arm whose sides are mixed up."""
        area = sum(int(np.count_nonzero(piece)) for _, piece in pieces)
        if len(pieces) == 1 or area <= _TWO_HANDS * self.face**2:
            return False
        longest = max(find_ends(piece).length for _, piece in pieces)
        return longest <= _ONLY_A_HAND * self.face

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


def _shoulders(figure: Figure, face: float, step: int) -> NDArray[np.float64]:
    """Where the shoulders of somebody upright are, (2, 2) column and row."""
    seen = shrunk(figure.mask(*SKIN[:1], "Sunglasses"), step)
    if seen.any():
        rows, columns = np.nonzero(seen)
        x, y = float(np.median(columns)), float(np.median(rows))
        y += _SHOULDER_DOWN * face
    else:
        body = shrunk(figure.mask(*TOPS, "Torso-skin"), step)
        rows, columns = np.nonzero(body if body.any() else shrunk(figure.label_map > 0, step))
        x, y = float(np.median(columns)), float(rows.min()) + 0.3 * face
    out = _SHOULDER_OUT * face
    return np.asarray([[x - out, y], [x + out, y]])
