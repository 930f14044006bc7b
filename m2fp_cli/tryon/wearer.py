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
from m2fp_cli.tryon.blending import blend_checked
from m2fp_cli.tryon.compositing import (
    Inverse,
    Layer,
    covered_box,
    shifted,
    shrink_sprite,
    warp_sprite,
)
from m2fp_cli.tryon.figure import HANDS, Figure, build_figure
from m2fp_cli.tryon.head import HeadFrame, shrink_window
from m2fp_cli.tryon.lighting import Light, match_light
from m2fp_cli.tryon.occlusion import enlarged, hands_in_front, nearer_people, people_mask, to_layer
from m2fp_cli.tryon.records import Check

Matrix = NDArray[np.float64]
MARGIN_BLUR = 9.0  # how far the widest blur of an accessory reaches, pixels


@dataclass(frozen=True, eq=False)
class Body:
    """A person about to wear something that needs no face.

    Attributes:
        photo_bgr: (H, W, 3) uint8, changed in place.
        result: the photo's parsing result.
        person: one of its people.
        unit: U in pixels, from the head or guessed from the person's size.
        claims: (H, W) bool by label: where the network's own instances see each top.
    """

    photo_bgr: Picture
    result: ParsingResult
    person: Person
    unit: float
    claims: Mapping[str, BoolArray]


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
    def look_bgr(self) -> Picture:
        """The window at the size of the figure's maps, before anything is changed."""
        return shrink_window(self.photo_bgr[self.figure.window], self.figure)

    def detail(self, box_xyxy: Box) -> Figure:
        """Every pixel of the person in a box of the photo."""
        return build_figure(self.result, self.person, box_xyxy)

    def lit(self, layer: Layer, name: str) -> Layer:
        """The layer in the light of the photo."""
        if self.light is None:
            return layer
        seed = zlib.crc32(f"{name}/{self.person.person_id}".encode())
        return match_light(layer, self.light, self.frame, seed)

    def blend(self, layer: Layer, name: str, shadow: FloatArray | None) -> list[Check]:
        """Light a layer, blend it into the photo, and measure how that went."""
        return blend_checked(self.photo_bgr, self.lit(layer, name), shadow, self.light)

    @property
    def soft(self) -> float:
        """Width of the edges where something of the photo is in front, pixels."""
        return float(np.clip(0.02 * self.frame.unit, 0.4, 1.5))


def warp_accessory(
    wearer: Wearer, item: Accessory, matrix: Matrix, inverse: Inverse, reach: float = 0.3
) -> tuple[Layer, float]:
    """The accessory in the photo's frame, and the share of it that the frame cuts off.

    Args:
        wearer: who wears it.
        item: what is worn.
        matrix: (2, 3) PNG to photo.
        inverse: photo to PNG.
        reach: how far a shadow falls, U; there is room for it.
    """
    unit = wearer.frame.unit
    x0, y0, x1, y1 = item.content_xyxy
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.array([x0, y0])
    image_hw = wearer.result.image_hw
    blur = MARGIN_BLUR + 0.06 * unit
    falls = [reach * unit * part for part in wearer.frame.down_xy]
    margin = (
        blur + max(-falls[0], 0),
        blur + max(-falls[1], 0),
        blur + max(falls[0], 0),
        blur + max(falls[1], 0),
    )
    box, _ = covered_box(moved, (x1 - x0, y1 - y0), image_hw, margin)
    _, cut = covered_box(moved, (x1 - x0, y1 - y0), image_hw)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    sprite = shrink_sprite(item.premultiplied, scale)

    def within(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        u, v = inverse(x, y)
        return u - x0, v - y0

    return warp_sprite(sprite, within, box), cut


def hide_behind(wearer: Wearer, layer: Layer, *labels: str) -> Layer:
    """Take away what hands, nearer people and what carries some labels hide."""
    hands = hands_in_front(wearer.figure, wearer.frame.unit)
    nearer = nearer_people(wearer.result, wearer.person)
    if not nearer and not labels and not hands.any():
        return layer
    detail = wearer.detail(layer.box_xyxy)
    front = detail.mask(*labels)
    if hands.any():
        front = front | (detail.mask(*HANDS) & enlarged(hands, wearer.figure, layer.box_xyxy))
    if not nearer and not front.any():
        return layer
    keep = 1 - to_layer(front, detail, layer, wearer.soft)
    if nearer:
        keep *= 1 - people_mask(wearer.result, layer, nearer, wearer.soft)
    return layer.masked(np.maximum(keep, 0))


def cast_shadow(
    wearer: Wearer, layer: Layer, onto: FloatArray, parts: tuple[tuple[float, float, float], ...]
) -> FloatArray | None:
    """Shadow of a layer on the person: parts of (shift down in U, blur in U, darkness).

    ``onto`` says how far each pixel of the layer's box takes it.
    """
    if not wearer.shadow:
        return None
    unit, down = wearer.frame.unit, wearer.frame.down_xy
    light = wearer.light
    side = 0.0 if light is None else -0.5 * float(np.clip(light.slope_xy[0], -0.5, 0.5))
    right = wearer.frame.right_xy
    total = np.ones_like(layer.alpha)
    for drop, blur, darkness in parts:
        dx = unit * drop * (down[0] + side * right[0])
        dy = unit * drop * (down[1] + side * right[1])
        part = shifted(layer.alpha, dx, dy, unit * blur)
        part *= -darkness
        part += 1
        total *= part
    np.subtract(1, total, out=total)
    total *= onto
    out = cv2.threshold(total, 0.004, 0, cv2.THRESH_TOZERO)[1]
    return np.asarray(out, dtype=np.float32)


def visible_alpha(wearer: Wearer, layer: Layer, *labels: str) -> FloatArray:
    """Where the person carries one of the labels, in the layer's box, with a soft edge."""
    detail = wearer.detail(layer.box_xyxy)
    return to_layer(detail.mask(*labels), detail, layer, wearer.soft)
