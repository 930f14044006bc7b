"""A person about to wear something, and what every kind of accessory needs: warp, hide, shade."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box, FloatArray, Picture
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.blending import blend_and_check
from m2fp_cli.tryon.compositing import (
    Inverse,
    Layer,
    covered_box,
    shift_and_blur,
    shrink_sprite,
    warp_sprite,
)
from m2fp_cli.tryon.figure import HANDS, Figure, build_figure
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.lighting import Light
from m2fp_cli.tryon.occlusion import (
    hands_in_front,
    mask_in_layer,
    nearer_people,
    people_mask,
    upsample_mask,
)
from m2fp_cli.tryon.records import Check
from m2fp_cli.tryon.relighting import match_light
from m2fp_cli.tryon.worn_top import TopLayer

Matrix = NDArray[np.float64]  # (2, 3), accessory to photo
EDGE_SIGMA = 0.02  # of the edges where something of the photo is in front, U
EDGE_SIGMA_RANGE = (0.4, 1.5)  # pixels
BLUR_MARGIN = (9.0, 0.06)  # how far the widest blur of an accessory and its shadow reach: pixels, U
SHADOW_REACH = 0.3  # how far a shadow falls unless a kind says otherwise, U
SIDE_SHARE = 0.5  # of the slope of the light along the face, by which shadows fall to the side
MIN_DARKNESS = 0.004  # share of the light; less shadow is left out


@dataclass(frozen=True, eq=False)
class Body:
    """A person about to wear something that needs no face.

    Attributes:
        photo_bgr: (H, W, 3) uint8, changed in place.
        result: the photo's parsing result.
        person: one of its people.
        frame: their head, None where it is not known.
        unit: U in pixels, from the head or guessed from the person's size.
        layer: which of two tops over each other is meant.
        garment_instances: (H, W) bool by label: the network's own instances of each garment, which
            may overlap; empty where nothing asks for them.
        light: what is measured on them; None where it is not known or not to be matched.
    """

    photo_bgr: Picture
    result: ParsingResult
    person: Person
    frame: HeadFrame | None
    unit: float
    layer: TopLayer
    garment_instances: Mapping[str, BoolArray]
    light: Light | None = None


@dataclass(frozen=True, eq=False)
class Wearer:
    """A person about to wear something on or around the head.

    Attributes:
        photo_bgr: (H, W, 3) uint8, changed in place.
        result: the photo's parsing result.
        person: one of its people.
        figure: the person in a window around the head.
        frame: their head.
        light: what is measured on them; None where the light is not to be matched.
        shadow: whether accessories throw a shadow.
    """

    photo_bgr: Picture
    result: ParsingResult
    person: Person
    figure: Figure
    frame: HeadFrame
    light: Light | None
    shadow: bool

    @cached_property
    def window_bgr(self) -> Picture:
        """The photo in the window at the size of the figure's maps, (h, w, 3) uint8.

        A copy from when it was first asked for; where the stride is 1 the photo itself.
        """
        return self.figure.downsample(self.photo_bgr[self.figure.window])

    @property
    def edge_sigma(self) -> float:
        """Blur of the edges where something of the photo is in front, pixels."""
        return float(np.clip(EDGE_SIGMA * self.frame.unit, *EDGE_SIGMA_RANGE))

    def figure_in(self, box_xyxy: Box) -> Figure:
        """Every pixel of the person in a half-open box of the photo."""
        return build_figure(self.result, self.person, box_xyxy)

    def blend(
        self, layer: Layer, name: str, shadow: FloatArray | None, bright: float | None = None
    ) -> list[Check]:
        """Light a layer, blend it into the photo, and measure how that went.

        Args:
            layer: what is worn, warped.
            name: of it; with the person it seeds the grain.
            shadow: (h, w) float32 share of the light that is taken away, in the layer's box.
            bright: luminance of what is bright there; that of the face unless given.
        """
        if self.light is not None:
            text = f"{name}/{self.person.person_id}"
            seed = zlib.crc32(text.encode("utf-8", "surrogateescape"))  # names of files are bytes
            layer = match_light(layer, self.light, self.frame, seed, bright)
        return blend_and_check(self.photo_bgr, layer, shadow, self.light)


@dataclass(frozen=True)
class ShadowPart:
    """One of the shifted and blurred copies of an accessory that make up its shadow.

    Attributes:
        drop: how far it is shifted down the face, U.
        blur: its standard deviation, U.
        darkness: share of the light that it takes away.
    """

    drop: float
    blur: float
    darkness: float


def warp_accessory(
    wearer: Wearer,
    item: Accessory,
    matrix: Matrix,
    inverse: Inverse,
    shadow_reach: float = SHADOW_REACH,
) -> tuple[Layer, float]:
    """Warp an accessory to its place in the photo.

    Args:
        wearer: who wears it.
        item: what is worn.
        matrix: (2, 3) picture to photo, to find the box.
        inverse: photo to picture coordinates.
        shadow_reach: how far a shadow falls, U; the layer has room for it.

    Returns:
        the accessory in pixels of the photo, and the share of it that lies outside the photo.
    """
    unit, image_hw = wearer.frame.unit, wearer.result.image_hw
    x0, y0, x1, y1 = item.content_xyxy
    of_content = matrix.copy()
    of_content[:, 2] += matrix[:, :2] @ np.array([x0, y0])
    blur = BLUR_MARGIN[0] + BLUR_MARGIN[1] * unit
    falls_x, falls_y = (shadow_reach * unit * part for part in wearer.frame.down_xy)
    margin = (
        blur + max(-falls_x, 0),
        blur + max(-falls_y, 0),
        blur + max(falls_x, 0),
        blur + max(falls_y, 0),
    )
    box, _ = covered_box(of_content, (x1 - x0, y1 - y0), image_hw, margin)
    _, cut = covered_box(of_content, (x1 - x0, y1 - y0), image_hw)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    sprite = shrink_sprite(item.premultiplied, scale)

    def to_content(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        u, v = inverse(x, y)
        return u - x0, v - y0

    return warp_sprite(sprite, to_content, box), cut


def hide_behind(wearer: Wearer, layer: Layer, *labels: str) -> Layer:
    """Take away what is hidden by hands at the head, nearer people and some of the person's labels.

    Args:
        wearer: who wears it.
        layer: what is worn.
        labels: names of labels that are in front of it.
    """
    hands = hands_in_front(wearer.figure, wearer.frame.unit)
    nearer = nearer_people(wearer.result, wearer.person)
    if not nearer and not labels and not hands.any():
        return layer
    detail = wearer.figure_in(layer.box_xyxy)
    front = detail.mask(*labels)
    if hands.any():
        near_hands = upsample_mask(hands, wearer.figure, layer.box_xyxy)
        front = front | (detail.mask(*HANDS) & near_hands)
    if not nearer and not front.any():
        return layer
    keep = 1 - mask_in_layer(front, detail, layer, wearer.edge_sigma)
    if nearer:
        keep *= 1 - people_mask(wearer.result, layer, nearer, wearer.edge_sigma)
    return layer.masked(np.maximum(keep, 0))


def visible_alpha(wearer: Wearer, layer: Layer, *labels: str) -> FloatArray:
    """Where the person shows one of some labels, (h, w) float32 0..1 in the layer's box.

    Args:
        wearer: the person.
        layer: its box says where.
        labels: names of the labels.
    """
    detail = wearer.figure_in(layer.box_xyxy)
    return mask_in_layer(detail.mask(*labels), detail, layer, wearer.edge_sigma)


def cast_shadow(
    wearer: Wearer, layer: Layer, onto: FloatArray, parts: tuple[ShadowPart, ...]
) -> FloatArray | None:
    """Shadow of a layer on the person, away from the brighter side of the face.

    Args:
        wearer: who wears it.
        layer: what throws the shadow.
        onto: (h, w) float32, 0..1 in the layer's box: how much of the shadow each pixel takes.
        parts: what the shadow is made of.

    Returns:
        (h, w) float32 share of the light that is taken away; None where there are no shadows.
    """
    if not wearer.shadow:
        return None
    unit, down, right = wearer.frame.unit, wearer.frame.down_xy, wearer.frame.right_xy
    side = 0.0
    if wearer.light is not None:
        side = -SIDE_SHARE * wearer.light.slope_xy[0]
    passes = np.ones_like(layer.alpha)
    for part in parts:
        dx = unit * part.drop * (down[0] + side * right[0])
        dy = unit * part.drop * (down[1] + side * right[1])
        copy = shift_and_blur(layer.alpha, dx, dy, unit * part.blur)
        copy *= -part.darkness
        copy += 1
        passes *= copy
    shadow = np.subtract(1, passes, out=passes)
    shadow *= onto
    out = cv2.threshold(shadow, MIN_DARKNESS, 0, cv2.THRESH_TOZERO)[1]
    return np.asarray(out, dtype=np.float32)
