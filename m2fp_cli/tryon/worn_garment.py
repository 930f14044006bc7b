"""Put a garment on a person in place of their top, with the old one's folds and light.

Hair, face, hands, bags and everything else that is not the old top or bare skin stays in front.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.blur_and_grain import SPRITE_BLUR
from m2fp_cli.tryon.body_shape import BodyShape
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.figure import ARMS, BOTTOMS, LEGS, Figure
from m2fp_cli.tryon.flat_garment import FlatGarment
from m2fp_cli.tryon.garment_border import blend_border, widen
from m2fp_cli.tryon.garment_fit import Fit, fit_garment
from m2fp_cli.tryon.garment_shading import deepen, shade_like
from m2fp_cli.tryon.garment_warp import Warp, sample, warp_garment
from m2fp_cli.tryon.lighting import linear_luminance
from m2fp_cli.tryon.masked_mean import masked_mean
from m2fp_cli.tryon.morphology import bounding_slices, dilate
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.relighting import exposure_gain
from m2fp_cli.tryon.skin_in_front import find_skin_in_front
from m2fp_cli.tryon.strap_in_front import find_straps
from m2fp_cli.tryon.wearer import Body
from m2fp_cli.tryon.worn_shape import find_worn_shape

# What is below the old top.
MAX_UNCOVERED = 1.1  # of the neck that the old collar hid, U^2
MIN_SKIN = 0.12  # of the neck whose skin is seen, U^2
NECK_MARGIN = 6  # around what is filled, pixels
SHOULDER_SKIN = 1.5  # around a shoulder's corner, where the body of a garment covers an arm, U
MIN_SEEN = 0.55  # of the body of the new garment that is not hidden
MIN_SEEN_BELOW = 0.15  # ... below an open coat
LOOSE_FROM, MAX_LOOSE = 0.4, 4.0  # old cloth so far from body and arms, U, and its area, U^2

# Long sleeves.
MAX_BARE = 4.0  # of an arm that may stay bare: a hand has 3.2, U^2

# Shadow on skin beside new cloth.
SHADOW_SIGMA, SHADOW = 0.09, 0.4  # U, share of the light


@dataclass(frozen=True, eq=False)
class Dressed:
    """A person in a new garment.

    Attributes:
        figure: the person in the window that was looked at.
        window_bgr: (h, w, 3) uint8, the photo in this window afterwards.
        before_bgr: the same before.
        alpha: (h, w) float32 of the garment.
        touched: (h, w) bool, all that may have changed.
        warp: where each pixel lies in the garment's picture.
        fit: of the garment.
        collar_xy: lowest point of the neckline, pixels of the photo.
        sleeves_px: length of each sleeve, pixels of the photo.
        seen: share of the garment's body that is not hidden.
        below_coat: a coat is worn over it.
        uncovered: area of the neck that was filled, U^2.
        patterned: the old cloth has a pattern.
        lab: (3,) mean color of what is seen of the garment.
        target_lab: (3,) mean color of the same places in its picture.
    """

    figure: Figure
    window_bgr: Picture
    before_bgr: Picture
    alpha: FloatArray
    touched: BoolArray
    warp: Warp
    fit: Fit
    collar_xy: tuple[float, float]
    sleeves_px: tuple[float, float]
    seen: float
    below_coat: bool
    uncovered: float
    patterned: bool
    lab: FloatArray
    target_lab: FloatArray


def dress(body: Body, garment: FlatGarment) -> Dressed:
    """Put a garment on a person.

    Args:
        body: whose photo is painted on, in place.
        garment: what is worn.

    Raises:
        NotWearable: it would not look right; nothing is painted.
    """
    old = find_worn_shape(body)
    unit, stride, shape = body.unit, old.stride, old.shape
    if old.below_coat and garment.is_jacket:
        raise NotWearable("a coat is worn")
    sleeves = not old.below_coat
    fit = fit_garment(garment, shape, old.collar_y, unit / stride, sleeves)
    window = body.photo_bgr[old.figure.window]
    if find_skin_in_front(window, old.figure, old.worn, unit).any():
        raise NotWearable("something in the color of skin is in front of the top")
    size = old.worn.shape[0], old.worn.shape[1]
    warp = warp_garment(garment, shape, fit, size, stride, unit, sleeves)
    worn = old.worn & ~find_straps(window, old.worn, unit)
    painting = _Painting(
        body, garment, old.figure, worn, shape, fit, warp, unit, stride, old.below_coat
    )
    return painting.paint(window)


@dataclass(frozen=True, eq=False)
class _Painting:
    """All that painting a garment looks at; maps are (h, w) in the person's window."""

    body: Body
    garment: FlatGarment
    figure: Figure
    worn: BoolArray
    shape: BodyShape
    fit: Fit
    warp: Warp
    unit: float
    stride: int
    below_coat: bool

    def paint(self, window: Picture) -> Dressed:
        """Paint on the photo in the person's window."""
        unit, figure = self.unit, self.figure
        before = window.copy()
        light = to_linear(window)
        background = (figure.label_map == 0) & ~figure.other_people
        beside = background | figure.mask(*BOTTOMS, *LEGS)
        worn = widen(light, self.worn, beside, unit)
        sampled = sample(self.garment, self.warp)
        opening = self._opening(sampled[..., 3])
        forced = worn & ~opening
        filled = np.zeros_like(worn) if self.garment.is_jacket else worn & opening
        seen = self._check_hidden(forced)
        uncovered = figure.area(filled, unit)
        under = self._fill_neck(light, filled, uncovered)
        free = self._free_alpha(sampled[..., 3], background, forced, opening)
        self._check_bare(forced | (free > 0.5))
        shading, patterned = shade_like(before, light, worn, figure, unit)
        color = self._lit(sampled[..., :3], forced)
        middle = float(np.median(linear_luminance(color[forced])))
        color = np.asarray(color * deepen(shading, middle)[..., None], np.float32)
        # Old cloth that goes on as new cloth over skin has no edge any more.
        whole = forced | (free > 0.98)
        color = np.asarray(np.clip(color, 0, 1), np.float32)
        target, rim = blend_border(light, color, whole, background & (free == 0), unit)
        shadow = self._shadow(free)
        mixed = np.asarray(under * (1 - shadow[..., None]), np.float32)
        mixed = np.asarray(mixed * (1 - free[..., None]) + color * free[..., None], np.float32)
        mixed[forced | rim] = target[forced | rim]
        touched: BoolArray = forced | rim | filled | (free > 0) | (shadow > 0)
        cv2.copyTo(to_srgb(mixed), touched.astype(np.uint8), window)
        alpha = np.where(forced, 1, free).astype(np.float32)
        solid = alpha > 0.5
        # The garment's own colors where it is seen, as they would look in its picture.
        own, now = (
            np.asarray(cv2.mean(part, solid.astype(np.uint8))[:3], np.float32)
            for part in (np.ascontiguousarray(sampled[..., :3]), to_linear(window))
        )
        lab, target_lab = (to_lab(to_srgb(each[None, None]))[0, 0] for each in (now, own))
        first, stride = figure.origin_xy, self.stride
        collar = tuple(float(o + stride * v) for o, v in zip(first, self.fit.collar, strict=True))
        sleeves = tuple(stride * length for length in self.fit.sleeve_length)
        return Dressed(
            figure, window, before, alpha, touched, self.warp, self.fit, (collar[0], collar[1]),
            (sleeves[0], sleeves[1]), seen, self.below_coat, uncovered, patterned, lab, target_lab,
        )  # fmt: skip

    def _opening(self, alpha: FloatArray) -> BoolArray:
        """What lies in the opening of the neck."""
        marks, warp = self.garment.landmarks, self.warp
        left, right = marks.neck
        out: BoolArray = (warp.x > left[0]) & (warp.x < right[0]) & (alpha < 0.5)
        out &= (warp.y < marks.collar[1] + 1) & ~(warp.sleeve & (warp.along > 0.2))
        return out

    def _check_hidden(self, forced: BoolArray) -> float:
        """Share of the garment's body that is seen."""
        outline = np.concatenate(
            (
                self.fit.body[:2],
                self.shape.sides[1],
                self.shape.hem[::-1],
                self.shape.sides[0][::-1],
            )
        )
        region = np.zeros(self.worn.shape, np.uint8)
        cv2.fillPoly(region, [np.round(outline * self.stride).astype(np.int32)], (1,))
        inside = region.astype(np.bool_)
        seen = float(np.count_nonzero(forced & inside) / max(np.count_nonzero(inside), 1))
        if seen < (MIN_SEEN_BELOW if self.below_coat else MIN_SEEN):
            raise NotWearable("too much of the top is hidden")
        if self.below_coat:
            return seen
        loose = forced & ~dilate(inside, LOOSE_FROM * self.unit) & ~self.warp.sleeve
        if self.figure.area(loose, self.unit) > MAX_LOOSE:
            raise NotWearable("the sleeves that are worn are too wide")
        return seen

    def _check_bare(self, covered: BoolArray) -> None:
        """Whether no more than the hands is seen of arms in long sleeves.

        Raises:
            NotWearable: a sleeve does not lie on its arm.
        """
        for label in ARMS if self.fit.is_long and not self.below_coat else ():
            bare = self.figure.mask(label) & ~covered
            if self.figure.area(bare, self.unit) > MAX_BARE:
                raise NotWearable("the arms cannot be followed")

    def _fill_neck(self, light: FloatArray, filled: BoolArray, area: float) -> FloatArray:
        """The photo with skin where the old collar was and the new garment is open."""
        if not filled.any():
            return light
        skin = self.figure.mask("Torso-skin")
        if area > MAX_UNCOVERED or self.figure.area(skin, self.unit) < MIN_SKIN:
            raise NotWearable("the collar that is worn is higher than the new one")
        box = bounding_slices(skin | filled, NECK_MARGIN)
        if box is None:
            return light
        part, bare, out = filled[box], skin[box], light.copy()
        known = bare & ~cv2.dilate(part.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        smooth = masked_mean(light[box], known, [s * self.unit for s in (0.12, 0.4, 1.5)])
        soft = cv2.GaussianBlur(part.astype(np.float32), (0, 0), max(0.03 * self.unit, 0.7))
        weight = np.where(part, 1, np.where(bare, np.clip(2 * soft, 0, 1), 0))[..., None]
        out[box] = light[box] * (1 - weight) + smooth * weight
        return out

    def _free_alpha(
        self, alpha: FloatArray, background: BoolArray, forced: BoolArray, opening: BoolArray
    ) -> FloatArray:
        """How much of the garment is over what was bare, (h, w) 0..1."""
        figure, warp, unit = self.figure, self.warp, self.unit
        arms, skin = figure.mask(*ARMS), figure.mask("Torso-skin")
        out = np.where(skin & ~opening, alpha, 0)
        # A bare shoulder is wider than the garment's: all of it goes below the sleeve.
        if self.below_coat:
            return np.where(forced, 0, out).astype(np.float32)
        out = np.where(arms & self._near_shoulders() & ~opening, 1, out)
        length = np.mean(self.fit.sleeve_length) * self.stride
        end = np.clip((1 - warp.along) * length + 0.5, 0, 1)
        edge = np.clip((1 - np.abs(warp.across)) * 0.7 * unit, 0, 1)
        beside = background & self._beside(arms)
        strip = np.where(arms | skin, end, np.where(beside, end * edge, 0))
        out = np.where(warp.sleeve, np.nan_to_num(strip), out)
        return np.where(forced, 0, out).astype(np.float32)

    def _near_shoulders(self) -> BoolArray:
        """Discs around the corners of the shoulders."""
        out = np.zeros(self.worn.shape, np.uint8)
        for x, y in self.shape.corner * self.stride:
            center = round(float(x)), round(float(y))
            cv2.circle(out, center, round(SHOULDER_SKIN * self.unit), (1,), -1)
        return out.astype(np.bool_)

    def _beside(self, arms: BoolArray) -> BoolArray:
        """Background beside a bare arm, as far as a sleeve is wider than it."""
        return dilate(arms, 0.7 * self.unit)

    def _lit(self, color: FloatArray, forced: BoolArray) -> FloatArray:
        """The garment's colors in the photo's light, as sharp as the photo."""
        light = self.body.light
        if light is None:
            return color
        balance = np.asarray(light.balance_bgr, np.float32)
        gain = exposure_gain(linear_luminance(color[forced][None])[0], light)
        extra = float(np.sqrt(max(light.blur**2 - SPRITE_BLUR**2, 0)))
        if extra > 0.3:
            color = np.asarray(cv2.GaussianBlur(color, (0, 0), min(extra, 3.0)), np.float32)
        return np.asarray(color * (gain * balance), np.float32)

    def _shadow(self, free: FloatArray) -> FloatArray:
        """Shadow on skin beside new cloth, (h, w) share of the light."""
        skin = self.figure.mask(*ARMS, "Torso-skin")
        soft = cv2.GaussianBlur(free, (0, 0), SHADOW_SIGMA * self.unit)
        out = np.where(skin & (free < 1), SHADOW * np.minimum(soft, 0.5), 0)
        return np.where(out > 0.004, out, 0).astype(np.float32)
