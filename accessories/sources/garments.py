"""Garments for tops, lying flat: a T-shirt, a striped shirt, a hoodie, a blazer and a knit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from cloth_sheet import SOFT, Plane, Sheet
from pictures import Drawn
from raymarch import srgb
from sewing import (
    LONG,
    TEE,
    Cut,
    assemble,
    band_mask,
    cuff_lines,
    curve,
    fold_cloth,
    hem_line,
    mirror,
    noise,
    plain_cloth,
    rib,
)


def draw_tshirt(size: int) -> Drawn:
    """An off-white T-shirt with a printed sun over hills."""
    sheet, cut = Sheet(size), TEE
    color = plain_cloth(sheet, (233, 229, 219), 0.02, 1)
    x, y = sheet.axes()
    color = _print_sun(color, x, y - 1.12, sheet)
    assemble(sheet, cut, color)
    collar = band_mask(sheet, cut.neckline(), cut.neckline(0.085))
    sheet.lay(collar, plain_cloth(sheet, (226, 221, 210), 0.02, 2), 0.02, 0.012)
    rib(sheet, collar, np.arctan2(y + 0.1, x) * 0.45, 42, 0.16)
    fold_cloth(sheet, 3)
    for side in (-1, 1):
        sheet.stitches(cuff_lines(cut, side, 0.09)[0])
    sheet.stitches(hem_line(cut, 0.09))
    sheet.stitches(cut.neckline(0.105))
    return sheet.finish("tshirt", "garment")


def _print_sun(color: Plane, x: Plane, y: Plane, sheet: Sheet) -> Plane:
    """A round print: a sun in stripes behind two lines of hills."""
    radius = np.hypot(x, y)
    inks = [srgb(232, 152, 66), srgb(217, 96, 66), srgb(43, 74, 92), srgb(26, 47, 64)]
    worn = 0.93 + 0.05 * noise(x.shape, 1.2 * SOFT, 11)
    edge = 0.5 / sheet.scale

    def ink(where: Plane, rgb: Plane) -> None:
        share = np.clip(where / edge + 0.5, 0, 1) * worn
        color[...] = color * (1 - share[..., None]) + rgb * share[..., None]

    gap = np.where(y > -0.12, 0.02 + 0.05 * (y + 0.12), 0.0)
    stripe = np.abs(((y + 0.12) / 0.105) % 1 - 0.5) * 0.105 - gap
    sun = np.minimum(0.44 - radius, np.where(y > -0.12, stripe, 1.0))
    warm = inks[0] + (inks[1] - inks[0]) * np.clip(0.5 + y / 0.8, 0, 1)[..., None]
    share = np.clip(sun / edge + 0.5, 0, 1) * worn
    color = color * (1 - share[..., None]) + warm * share[..., None]
    disc = 0.52 - radius
    far = y - (0.16 + 0.07 * np.sin(5.2 * x + 1) + 0.03 * np.sin(13 * x))
    near = y - (0.29 + 0.06 * np.sin(4.1 * x - 1.4) + 0.02 * np.sin(17 * x + 1))
    ink(np.minimum(disc, far), inks[2])
    ink(np.minimum(disc, near), inks[3])
    return color


def draw_striped(size: int) -> Drawn:
    """A shirt with blue stripes, a collar and a row of buttons."""
    sheet = Sheet(size)
    cut = Cut((0.33, 0.34), (0.93, 0.18), ((1.80, 2.40), (1.50, 2.52)),
              hem=(0.97, 2.85), round_neck=0.0)  # fmt: skip
    x, y = sheet.axes()
    white, blue = srgb(240, 241, 242), srgb(74, 112, 172)
    thread = 1 + 0.02 * noise(x.shape, 0.8 * SOFT, 21)

    def stripes(across: Plane) -> Plane:
        wave = np.abs((across * 15) % 1 - 0.5)
        share = np.clip((0.21 - wave) * sheet.scale / 15 * 0.5 + 0.5, 0, 1)[..., None]
        out: Plane = ((white * (1 - share) + blue * share) * thread[..., None]).astype(np.float32)
        return out

    upright = stripes(x)
    for side in (-1, 1):
        outer, inner = (np.asarray(p) * (side, 1) for p in cut.cuff)
        axis = (outer + inner) / 2 - np.asarray((side * 0.95, 0.5))
        axis /= np.linalg.norm(axis)
        across = x * axis[1] - y * axis[0]
        sheet.lay(sheet.mask(cut.sleeve(side)), stripes(across), 0.08, 0.05)
        upper, end = cuff_lines(cut, side, 0.24)
        sheet.lay(band_mask(sheet, upper, end), stripes(x * axis[0] + y * axis[1]), 0.03, 0.02)
        sheet.stitches(cuff_lines(cut, side, 0.21)[0])
    sheet.lay(sheet.mask(cut.body()), upright, 0.1, 0.02)
    for side in (-1, 1):
        sheet.seam(cut.armhole(side))
    placket = sheet.mask([(-0.075, 0.3), (0.075, 0.3), (0.075, 2.91), (-0.075, 2.91)])
    sheet.lay(placket & (sheet.alpha > 0), upright, 0.012, 0.02)
    for edge in (-0.062, 0.062):
        sheet.stitches([(edge, 0.36), (edge, 2.86)], 0.008, 0.14)
    fold_cloth(sheet, 22, 1.1)
    for side in (-1, 1):
        leaf = [(0.0, 0.36), (0.30, -0.09), (0.37, 0.02), (0.40, 0.14), (0.235, 0.52)]
        sheet.lay(sheet.mask([(side * a, b) for a, b in leaf]), stripes(x * 0.8 - side * y * 0.6),
                  0.035, 0.03)  # fmt: skip
        inner = [(0.02, 0.36), (0.235, 0.495), (0.385, 0.14)]
        sheet.stitches([(side * a, b) for a, b in inner], 0.008, 0.14)
    pocket = [(0.28, 0.98), (0.66, 0.98), (0.66, 1.34), (0.47, 1.42), (0.28, 1.34)]
    sheet.lay(sheet.mask(pocket), stripes(x), 0.008, 0.015)
    sheet.stitches([*pocket[1:], pocket[0]], 0.008, 0.16)
    for row in (0.50, 0.86, 1.22, 1.58, 1.94, 2.30, 2.62):
        _button(sheet, 0.0, row, 0.034, (236, 232, 222))
    sheet.stitches(hem_line(cut, 0.06), 0.008, 0.16)
    return sheet.finish("striped_shirt", "garment")


def _button(sheet: Sheet, at: float, row: float, radius: float, rgb: tuple[int, int, int]) -> None:
    x, y = sheet.axes()
    distance = np.hypot(x - at, y - row)
    inside = distance < radius
    sheet.lay(inside, np.broadcast_to(srgb(*rgb), sheet.color.shape), 0.01, 0.012)
    sheet.dark *= np.where(inside, 0.86 + 0.14 * (np.abs(distance / radius - 0.75) < 0.2), 1)
    for dx, dy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        hole = np.hypot(x - at - 0.26 * radius * dx, y - row - 0.26 * radius * dy) < 0.13 * radius
        sheet.dark *= np.where(hole, 0.35, 1)


def draw_hoodie(size: int) -> Drawn:
    """A gray hoodie with a pocket and strings."""
    sheet = Sheet(size)
    cut = Cut((0.40, 0.28), (0.95, 0.20), ((1.90, 2.36), (1.58, 2.50)), armpit_y=0.92,
              waist=1.02, hem=(0.94, 2.70))  # fmt: skip
    x, y = sheet.axes()
    fleck = 1 + 0.06 * noise(x.shape, 0.9 * SOFT, 31) + 0.05 * noise(x.shape, 0.8 * SOFT, 32, 5)
    gray: Plane = (srgb(122, 126, 132) * fleck[..., None]).astype(np.float32)
    assemble(sheet, cut, gray, 0.13)
    for side in (-1, 1):
        upper, end = cuff_lines(cut, side, 0.26)
        cuff = band_mask(sheet, upper, end)
        sheet.lay(cuff, 0.94 * gray, 0.03, 0.02)
        rib(sheet, cuff, x - side * 0.3 * y, 24, 0.3)
    low = band_mask(sheet, hem_line(cut, 0.25), hem_line(cut, 0.0))
    sheet.lay(low & (sheet.alpha > 0), 0.94 * gray, 0.03, 0.02)
    rib(sheet, low & (sheet.alpha > 0), x, 20, 0.3)
    pocket = curve([(-0.40, 1.62), (-0.66, 2.05), (-0.68, 2.44)], 8)
    pocket += [(0.68, 2.44), *mirror(pocket)[::-1]]
    sheet.lay(sheet.mask(pocket), gray, 0.02, 0.02)
    for one in (pocket[:17], mirror(pocket[:17])):
        sheet.stitches([(0.96 * a, b) for a, b in one])
    fold_cloth(sheet, 33, 1.2)
    hood = curve([(-0.58, 0.06), (-0.50, -0.20), (-0.36, -0.28)], 8)
    ring = [*hood, *[(a, b) for a, b in cut.neckline(-0.06)], *mirror(hood)[::-1]]
    ring += curve([(0.58, 0.06), (0.34, 0.40), (0.0, 0.56), (-0.34, 0.40), (-0.58, 0.06)], 12)
    hole = sheet.mask([(-0.36, -0.28), *cut.neckline(-0.06), (0.36, -0.28)])
    part = sheet.mask(ring) & ~hole
    sheet.lay(part, gray, 0.09, 0.05)
    fold = curve([(-0.40, -0.20), (-0.42, 0.10), (-0.22, 0.36), (0.0, 0.46)], 12)
    for one in (fold, mirror(fold)):
        sheet.seam(one, 0.03, 0.3)
    for side in (-1, 1):
        _button(sheet, side * 0.17, 0.42, 0.022, (170, 172, 174))
        string = curve([(side * 0.17, 0.43), (side * 0.19, 0.8), (side * 0.165, 1.24)], 14)
        line = sheet.line(string, 0.034)
        sheet.lay(line > 0.5, plain_cloth(sheet, (214, 213, 208), 0.05, 34), 0.02, 0.015)
    return sheet.finish("hoodie", "garment")


def draw_blazer(size: int) -> Drawn:
    """A navy blazer, closed with two buttons over whatever is worn."""
    sheet = Sheet(size)
    cut = Cut((0.40, 1.42), (0.97, 0.16), ((1.80, 2.44), (1.46, 2.56)), armpit_y=0.92,
              waist=0.90, hem=(1.02, 2.86), round_neck=0.0)  # fmt: skip
    x, y = sheet.axes()
    twill = 1 + 0.05 * np.sin(2 * np.pi * (x + y) * 75) + 0.05 * noise(x.shape, 0.8 * SOFT, 41)
    navy: Plane = (srgb(36, 44, 66) * twill[..., None]).astype(np.float32)
    assemble(sheet, cut, navy, 0.11)
    for side in (-1, 1):
        outer = cut.cuff[0]
        sheet.seam([(side * (outer[0] - 0.08), outer[1] - 0.3), (side * outer[0] - 0.02, outer[1])],
                   0.012)  # fmt: skip
        dart = curve([(side * 0.52, 0.95), (side * 0.47, 1.6), (side * 0.52, 2.1)], 10)
        sheet.seam(dart, 0.012, 0.2)
        flap = [(side * a, b) for a, b in ((0.34, 2.02), (0.82, 1.98), (0.83, 2.17), (0.35, 2.2))]
        sheet.lay(sheet.mask(flap), navy, 0.012, 0.02)
    fold_cloth(sheet, 42, 0.7)
    chest = [(0.42, 1.02), (0.74, 0.96), (0.745, 1.05), (0.425, 1.11)]
    sheet.lay(sheet.mask(chest), navy, 0.008, 0.012)
    front = curve([(0.02, 1.40), (0.06, 2.2), (0.20, 2.72), (0.42, 2.90)], 12)
    sheet.seam(front, 0.02, 0.55)
    satin: Plane = (srgb(30, 37, 57) * twill[..., None]).astype(np.float32)
    for side in (-1, 1):
        lapel = [(0.39, -0.06), (0.44, 0.10), (0.66, 0.44), (0.52, 0.52), (0.60, 0.62),
                 (0.42, 1.0), (0.0, 1.44), (0.20, 0.72), (0.36, 0.02)]  # fmt: skip
        sheet.lay(sheet.mask([(side * a, b) for a, b in lapel]), satin, 0.03, 0.03)
        notch = [(0.36, 0.30), (0.52, 0.52), (0.60, 0.62)]
        sheet.seam([(side * a, b) for a, b in notch], 0.014, 0.4)
    for row in (1.52, 1.86):
        _button(sheet, 0.035, row, 0.042, (48, 44, 46))
    return sheet.finish("blazer", "jacket", gloss=0.01)


def draw_knit(size: int) -> Drawn:
    """A green sweater with cables."""
    sheet, cut = Sheet(size), LONG
    x, y = sheet.axes()
    wool = 1 + 0.07 * noise(x.shape, 1.0 * SOFT, 51)
    green: Plane = (srgb(62, 96, 78) * wool[..., None]).astype(np.float32)
    assemble(sheet, cut, green, 0.13)
    sleeves = [sheet.mask(cut.sleeve(side)) & ~sheet.mask(cut.body()) for side in (-1, 1)]
    across, along = x.copy(), y.copy()
    for side, part in zip((-1, 1), sleeves, strict=True):
        axis = np.asarray((side * 0.62, 1.9)) / np.hypot(0.62, 1.9)
        local = (x - side * 0.98) * axis[1] - (y - 0.5) * axis[0]
        across = np.where(part, local, across)
        along = np.where(part, (x - side * 0.98) * axis[0] + (y - 0.5) * axis[1], along)
    stitch = np.abs(np.sin(np.pi * (along * 30 + 0.5 * np.abs(((across * 22) % 1) - 0.5) * 2)))
    column = np.abs(np.sin(np.pi * across * 22))
    sheet.dark *= 0.74 + 0.16 * column + 0.10 * stitch
    centers = np.array([-0.62, -0.31, 0.0, 0.31, 0.62])
    lanes = np.abs(across[..., None] - centers)
    lane = centers[np.argmin(lanes, axis=2)]
    off, is_sleeve = across - lane, sleeves[0] | sleeves[1]
    used = (np.abs(off) < 0.10) & (~is_sleeve | (lane == 0))
    swing = 0.048 * np.sin(2 * np.pi * along / 0.34)
    for sign in (-1, 1):
        over = 0.5 + 0.5 * sign * np.cos(2 * np.pi * along / 0.34)
        strand = np.exp(-(((off - sign * swing) / 0.03) ** 2)) * (0.6 + 0.4 * over)
        sheet.height += np.where(used, 0.022 * strand, 0)
    groove = np.exp(-(((np.abs(off) - 0.105) / 0.012) ** 2))
    sheet.dark *= np.where(~is_sleeve | (lane == 0), 1 - 0.3 * groove, 1)
    collar = band_mask(sheet, cut.neckline(-0.03), cut.neckline(0.10))
    hem = band_mask(sheet, hem_line(cut, 0.26), hem_line(cut, 0.0)) & (sheet.alpha > 0)
    bands = [(collar, np.arctan2(y + 0.1, x) * 0.4), (hem, x)]
    bands += [
        (band_mask(sheet, *cuff_lines(cut, side, 0.27)), x - side * 0.3 * y) for side in (-1, 1)
    ]
    for part, toward in bands:
        sheet.lay(part, 0.96 * green, 0.035, 0.025)
        rib(sheet, part, toward, 17, 0.42)
    fold_cloth(sheet, 52, 1.0)
    return sheet.finish("knit", "garment")


DRAWERS: tuple[Callable[[int], Drawn], ...] = (
    draw_tshirt,
    draw_striped,
    draw_hoodie,
    draw_blazer,
    draw_knit,
)


def draw_garments(size: int) -> Iterator[Drawn]:
    """All garments.

    Args:
        size: width of each picture, pixels.
    """
    for draw in DRAWERS:
        yield draw(size)
