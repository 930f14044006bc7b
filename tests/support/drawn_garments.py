"""Flat garments and people with arms, drawn so that where everything lies is known."""

from __future__ import annotations

import functools
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.accessory import Accessory
from tests.support.drawn_people import FACE, HAIR, NECK, TOP, DrawnPerson

RIGHT_ARM, LEFT_ARM, PANTS = 15, 14, 9
NECK_AT, SHOULDER_AT, ARMPIT_AT, HEM_AT = (0.4, 0.0), (0.95, 0.2), (1.0, 0.85), (0.98, 2.8)
SIZE, SCALE, CENTER = (560, 640), 140.0, (320.0, 90.0)  # of a garment's picture: A is 140 pixels


def at(x: float, y: float) -> tuple[int, int]:
    """Pixel of a point in A from the middle of the neck."""
    return round(CENTER[0] + SCALE * x), round(CENTER[1] + SCALE * y)


def draw_garment(
    sleeve: float = 0.55, background: int | None = None, back: bool = False
) -> NDArray[np.uint8]:
    """A garment with sleeves of a length in A; left half blue, right half red, green sleeves.

    Args:
        sleeve: from the shoulder to the end.
        background: level of an opaque ground; None for a clear one.
        back: the inside of the back is visible in the neck, black.
    """
    picture = np.zeros((*SIZE, 4), np.uint8)
    down = np.array((0.62, 0.78))
    for side in (-1, 1):
        start, armpit = np.array(SHOULDER_AT), np.array(ARMPIT_AT)
        corners = [start, start + sleeve * down, armpit + 0.9 * sleeve * down - (0.0, 0.1), armpit]
        points = [at(side * float(x), float(y)) for x, y in corners]
        cv2.fillPoly(picture, [np.array(points)], (40, 150, 40, 255), cv2.LINE_AA)
        body = [(0.0, 0.4), (0.2, 0.32), NECK_AT, SHOULDER_AT, ARMPIT_AT, HEM_AT, (0.0, 2.8)]
        color = (190, 60, 40, 255) if side < 0 else (40, 40, 190, 255)
        cv2.fillPoly(picture, [np.array([at(side * x, y) for x, y in body])], color, cv2.LINE_AA)
        if back:
            neck = [(0.0, 0.0), NECK_AT, (0.2, 0.32), (0.0, 0.4)]
            points = [at(side * x, y) for x, y in neck]
            cv2.fillPoly(picture, [np.array(points)], (10, 10, 10, 255), cv2.LINE_AA)
    if background is not None:
        alpha = picture[..., 3:] / 255
        mixed = picture[..., :3] * alpha + background * (1 - alpha)
        picture = np.dstack((np.round(mixed), np.full(SIZE, 255))).astype(np.uint8)
    return picture


def garment_picture(style: str = "", **drawing: object) -> Accessory:
    """What the catalog makes of a drawn garment."""
    picture = draw_garment(**drawing)  # type: ignore[arg-type]
    return Accessory("drawn", "top", picture, {}, {"tile_units": 2.0}, style)


def draw_standing(
    sleeve: float = 2.4, unit: float = 24.0, collar: float = 3.0, hem: float = 9.4
) -> DrawnPerson:
    """Somebody who faces the camera, arms a little away from the body.

    Args:
        sleeve: length of the sleeves, U from the shoulder; the rest of the arm is bare.
        unit: U in pixels.
        collar: row of the neckline, U below the eyes.
        hem: row of the hem.

    Returns:
        the person; its photo may be painted on, its result is shared.
    """
    drawn = _draw_standing(sleeve, unit, collar, hem)
    return replace(drawn, photo_bgr=drawn.photo_bgr.copy())


@functools.cache
def _draw_standing(sleeve: float, unit: float, collar: float, hem: float) -> DrawnPerson:
    size, eyes = (round(15 * unit), round(14 * unit)), (7 * unit, 2.6 * unit)
    photo = np.full((*size, 3), (190, 170, 150), np.uint8)
    labels = np.zeros(size, np.uint8)

    def pixel(x: float, y: float) -> tuple[int, int]:
        return round(eyes[0] + unit * x), round(eyes[1] + unit * y)

    def fill(points: list[tuple[float, float]], color: tuple[int, int, int], label: int) -> None:
        corners = np.array([pixel(x, y) for x, y in points])
        cv2.fillPoly(photo, [corners], color)
        cv2.fillPoly(labels, [corners], (label,))

    def blob(x: float, y: float, rx: float, ry: float, color, label: int | None = None) -> None:
        axes = (round(rx * unit), round(ry * unit))
        cv2.ellipse(photo, pixel(x, y), axes, 0, 0, 360, color, -1, cv2.LINE_AA)
        if label is not None:
            cv2.ellipse(labels, pixel(x, y), axes, 0, 0, 360, (label,), -1)

    skin, cloth = (125, 150, 195), (120, 90, 70)
    fill([(-2.0, hem - 0.3), (2.0, hem - 0.3), (2.1, 13), (-2.1, 13)], (50, 40, 35), PANTS)
    blob(0, 2.6, 0.9, 1.3, skin, NECK)
    for side in (-1, 1):
        shoulder, wrist = np.array((side * 2.75, 4.0)), np.array((side * 3.9, 11.6))
        way = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
        across = np.array((way[1], -way[0]))
        for length, color, label in (
            (float(np.linalg.norm(wrist - shoulder)) + 1, skin, (RIGHT_ARM, LEFT_ARM)[side > 0]),
            (sleeve, cloth, TOP),
        ):
            end = shoulder + way * length
            quad = [shoulder + 0.7 * across, end + 0.6 * across,
                    end - 0.6 * across, shoulder - 0.7 * across]  # fmt: skip
            if length > 0:
                fill([tuple(p) for p in quad], color, label)
    body = [(0.0, collar), (0.9, collar - 0.5), (2.9, 3.3), (2.6, 6.0), (2.3, hem)]
    fill([*body, *[(-x, y) for x, y in body[::-1]]], cloth, TOP)
    blob(0, -0.2, 1.35, 1.6, (35, 40, 50), HAIR)
    blob(0, 0.35, 1.09, 1.5, (140, 170, 215), FACE)
    for side in (-1, 1):
        blob(0.5 * side, -0.38, 0.25, 0.05, (60, 70, 90))
        blob(0.5 * side, 0, 0.2, 0.1, (40, 45, 55))
    blob(0, 0.62, 0.15, 0.06, (105, 130, 180))
    blob(0, 1.05, 0.35, 0.09, (80, 80, 160))
    blurred = np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.02 * unit), np.uint8)
    return DrawnPerson(blurred, result_from_maps(CIHP, labels), eyes, unit)
