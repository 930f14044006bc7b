"""Garments for tops, lying flat: an outline, cloth, seams and ribs, lit from the upper left.

Shapes are in units of A, the distance of an armpit from the middle; x to the right, y down from the
neck. Cloth is a height field: each piece is a cushion with folds, and is shaded by its normals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from pictures import Drawn
from raymarch import srgb

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Outline = list[tuple[float, float]]

WIDTH_UNITS, HEIGHT_UNITS, TOP = 4.3, 3.7, 0.55  # of a picture, and where the neck is in it
LIGHT = np.array([-0.42, -0.55, 0.72])
SOFT = 2  # samples per pixel and direction


@dataclass
class Sheet:
    """A picture being drawn at ``SOFT`` times its size.

    Attributes:
        size: of the picture, pixels of its width.
        color: (h, w, 3) linear RGB.
        alpha: (h, w).
        height: (h, w) of the cloth above the table, A.
        dark: (h, w) factor of the light, for seams and what lies in between.
    """

    size: int
    color: Plane = field(init=False)
    alpha: Plane = field(init=False)
    height: Plane = field(init=False)
    dark: Plane = field(init=False)

    def __post_init__(self) -> None:
        """Make the planes."""
        shape = round(self.size * HEIGHT_UNITS / WIDTH_UNITS) * SOFT, self.size * SOFT
        self.color = np.zeros((*shape, 3), np.float32)
        self.alpha, self.height = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.dark = np.ones(shape, np.float32)

    @property
    def scale(self) -> float:
        """Pixels per A."""
        return self.color.shape[1] / WIDTH_UNITS

    def axes(self) -> tuple[Plane, Plane]:
        """Columns and rows of every pixel, A."""
        rows, columns = self.alpha.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5) / self.scale - WIDTH_UNITS / 2
        y = (np.arange(rows, dtype=np.float32) + 0.5) / self.scale - TOP
        grid = np.meshgrid(x, y)
        return grid[0], grid[1]

    def pixels(self, outline: Outline) -> NDArray[np.int32]:
        """Points in pixels, with 4 bits of fraction for OpenCV."""
        points = np.asarray(outline, np.float64) + np.array((WIDTH_UNITS / 2, TOP))
        return np.round(points * self.scale * 16).astype(np.int32)

    def mask(self, outline: Outline) -> Mask:
        """Inside of a closed outline."""
        canvas = np.zeros(self.alpha.shape, np.uint8)
        cv2.fillPoly(canvas, [self.pixels(outline)], 1, cv2.LINE_8, 4)
        return canvas.astype(bool)

    def line(self, outline: Outline, width: float) -> Plane:
        """A soft line along points, 0..1."""
        canvas = np.zeros(self.alpha.shape, np.uint8)
        thick = max(1, round(width * self.scale))
        cv2.polylines(canvas, [self.pixels(outline)], False, 255, thick, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(canvas, (0, 0), max(0.6, 0.3 * thick))
        out: Plane = soft.astype(np.float32) / 255
        return out

    def lay(self, part: Mask, color: Plane, cushion: float = 0.09, edge: float = 0.03) -> None:
        """Lay a piece of cloth over what is there: it is higher, and darkens it at its edge."""
        distance = cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) / self.scale
        raised = cushion * (1 - np.exp(-distance / 0.22)) + 0.012 * (1 - np.exp(-distance / 0.012))
        around = cv2.GaussianBlur(part.astype(np.float32), (0, 0), edge * self.scale)
        self.dark *= np.where(part, 1, 1 - 0.5 * around)
        self.dark[part] = 1
        below = float(self.height[part].mean()) if part.any() else 0.0
        self.height = np.where(part, 0.5 * self.height + 0.5 * below + raised, self.height)
        self.color = np.where(part[..., None], color, self.color).astype(np.float32)
        self.alpha = np.where(part, 1, self.alpha).astype(np.float32)

    def seam(self, outline: Outline, width: float = 0.016, depth: float = 0.35) -> None:
        """A line where pieces are sewn together."""
        line = self.line(outline, width)
        self.dark *= 1 - depth * line
        self.height -= 0.006 * line

    def stitches(self, outline: Outline, width: float = 0.01, depth: float = 0.22) -> None:
        """A dashed line of stitches, along and beside a seam."""
        points = np.asarray(outline, np.float64)
        steps = np.concatenate(([0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
        for start in np.arange(0, steps[-1] - 0.02, 0.034):
            at = np.linspace(start, start + 0.022, 3)
            xy = np.stack([np.interp(at, steps, points[:, i]) for i in (0, 1)], axis=1)
            self.dark *= 1 - depth * self.line([tuple(p) for p in xy], width)

    def finish(self, name: str, style: str, gloss: float = 0.0) -> Drawn:
        """Shade everything by its height, and make the picture smaller."""
        smooth = cv2.GaussianBlur(self.height, (0, 0), 1.0 * SOFT)
        dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) / 8 * self.scale
        dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) / 8 * self.scale
        light = LIGHT / np.linalg.norm(LIGHT)
        normal = np.stack((-dx, -dy, np.ones_like(dx)), axis=2)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True)
        lambert = np.clip(normal @ light, 0, 1) / light[2]
        shade = (0.45 + 0.55 * lambert) * self.dark
        half = light + np.array((0, 0, 1))
        shine = gloss * np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 18
        lit = self.color * shade[..., None] + shine[..., None] * self.dark[..., None]
        alpha = self.alpha
        both = np.dstack((np.clip(lit, 0, 1) * alpha[..., None], alpha))
        size = both.shape[1] // SOFT, both.shape[0] // SOFT
        small = cv2.resize(both, size, interpolation=cv2.INTER_AREA)
        straight = small[..., :3] / np.maximum(small[..., 3:], 1e-4)
        encoded = np.where(
            straight <= 0.0031308, 12.92 * straight, 1.055 * straight ** (1 / 2.4) - 0.055
        )
        rgba = np.dstack((np.clip(encoded, 0, 1), small[..., 3]))
        bgra = np.round(rgba[..., [2, 1, 0, 3]] * 255).astype(np.uint8)
        bgra[bgra[..., 3] == 0] = 0
        return Drawn(name, "top", bgra, {}, {"style": style})


def _curve(points: Outline, steps: int = 16) -> Outline:
    """A Catmull-Rom spline through points."""
    p = np.asarray([points[0], *points, points[-1]], np.float64)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    out = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        out.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                   + (3 * b - a - 3 * c + d) * t**3)
        )  # fmt: skip
    return [tuple(q) for q in np.concatenate([*out, p[-1:]])]


def _mirror(outline: Outline) -> Outline:
    return [(-x, y) for x, y in outline]


@dataclass(frozen=True)
class Cut:
    """Sizes of a garment, A; its right half.

    Attributes:
        neck: half the width of the neck, and depth of the neckline in front.
        shoulder: end of the shoulder's line.
        cuff: outer and inner corner of the sleeve's end.
        armpit_y: row of the armpit.
        waist: half the width between armpit and hem.
        hem: corner of the hem.
        round_neck: how round the neckline is; 0 is a V.
    """

    neck: tuple[float, float]
    shoulder: tuple[float, float]
    cuff: tuple[tuple[float, float], tuple[float, float]]
    armpit_y: float = 0.86
    waist: float = 0.96
    hem: tuple[float, float] = (0.98, 2.75)
    round_neck: float = 1.0

    def neckline(self, inner: float = 0.0) -> Outline:
        """The neckline in front from left to right, or a line so far below it."""
        half, depth = self.neck[0] + inner, self.neck[1] + inner
        if self.round_neck:
            turn = np.linspace(-np.pi / 2, np.pi / 2, 40)
            x, y = np.sin(turn), np.cos(turn) ** 0.8
        else:
            x = np.linspace(-1, 1, 41)
            y = 1 - np.abs(x)
        return [(half * a, depth * b - 0.02 * inner) for a, b in zip(x, y, strict=True)]

    def side(self) -> Outline:
        """The side from the armpit to the hem."""
        middle = (self.armpit_y + self.hem[1]) / 2
        return _curve([(1.0, self.armpit_y), (self.waist, middle), self.hem])

    def body(self) -> Outline:
        """Outline of the body without sleeves."""
        right = [self.neckline()[-1], self.shoulder]
        right += _curve([self.shoulder, (0.88, 0.55), (1.0, self.armpit_y)])
        right += self.side()
        hem = _curve([self.hem, (0.0, self.hem[1] + 0.05), (-self.hem[0], self.hem[1])])
        left = _mirror(right)[::-1]
        return self.neckline() + right + hem + left

    def sleeve(self, side: int) -> Outline:
        """Outline of a sleeve."""
        outer, inner = self.cuff
        bulge = (
            0.5 * (self.shoulder[0] + outer[0]) + 0.06,
            0.5 * (self.shoulder[1] + outer[1]) - 0.04,
        )
        under = 0.5 * (1.0 + inner[0]) - 0.02, 0.5 * (self.armpit_y + inner[1]) + 0.03
        out = [*_curve([self.shoulder, bulge, outer]), outer, inner]
        out += _curve([inner, under, (1.0, self.armpit_y)])
        out += _curve([(1.0, self.armpit_y), (0.88, 0.55), self.shoulder])
        return [(side * x, y) for x, y in out]

    def armhole(self, side: int) -> Outline:
        """The seam between body and sleeve."""
        out = _curve([self.shoulder, (0.88, 0.55), (1.0, self.armpit_y)])
        return [(side * x, y) for x, y in out]


TEE = Cut((0.40, 0.30), (0.93, 0.17), ((1.60, 0.80), (1.30, 1.08)))
LONG = Cut((0.38, 0.24), (0.94, 0.18), ((1.86, 2.42), (1.55, 2.55)), waist=1.0, hem=(0.98, 2.72))


def _noise(shape: tuple[int, ...], cell: float, seed: int, stretch: float = 1.0) -> Plane:
    """Smooth noise of unit deviation; ``stretch`` makes it longer from above to below."""
    raw = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(raw, (0, 0), sigmaX=cell, sigmaY=cell * stretch)
    out: Plane = (smooth / smooth.std()).astype(np.float32)
    return out


def _folds(sheet: Sheet, seed: int, strength: float = 1.0) -> None:
    """Soft folds: from the armpits inwards, and down towards the hem."""
    rng = np.random.default_rng(seed)
    x, y = sheet.axes()
    folds = np.zeros_like(x)
    for side in (-1, 1):
        for _ in range(6):
            start = side * rng.uniform(0.75, 1.0), rng.uniform(0.7, 1.2)
            angle = np.deg2rad(rng.uniform(15, 75))
            along = -side * (x - start[0]) * np.cos(angle) * -1 * -1 + (y - start[1]) * np.sin(
                angle
            )
            across = side * (x - start[0]) * np.sin(angle) + (y - start[1]) * np.cos(angle)
            across -= 0.10 * along**2
            length, width = rng.uniform(0.3, 0.7), rng.uniform(0.025, 0.06)
            ridge = np.exp(-(((along - 0.35) / length) ** 2) - (across / width) ** 2)
            folds += rng.choice((-1, 1)) * rng.uniform(0.5, 1.0) * ridge
        for _ in range(5):
            at = side * rng.uniform(1.1, 1.75)
            row = 0.5 + 1.35 * (abs(at) - 0.95) + rng.uniform(-0.1, 0.4)
            across = (y - row) * 0.8 + side * (x - at) * 0.6
            along = (y - row) * -0.6 + side * (x - at) * 0.8
            ridge = np.exp(-((along / 0.18) ** 2) - (across / 0.045) ** 2)
            folds += rng.choice((-1, 1)) * rng.uniform(0.3, 0.8) * ridge
    for _ in range(9):
        at, low = rng.uniform(-0.85, 0.85), rng.uniform(1.7, 2.6)
        across = x - at - 0.12 * np.sin(1.7 * y + at * 5)
        ridge = np.exp(-((across / rng.uniform(0.03, 0.08)) ** 2) - ((y - low) / 0.6) ** 2)
        folds += rng.choice((-1, 1)) * rng.uniform(0.3, 0.7) * ridge
    soft = 0.6 * _noise(folds.shape, 0.11 * sheet.scale, seed + 1, 1.8)
    sheet.height += strength * (0.009 * folds + 0.006 * soft) * (sheet.alpha > 0)


def _cloth(sheet: Sheet, rgb: tuple[int, int, int], nap: float, seed: int) -> Plane:
    """Plain cloth with a little irregularity."""
    fine = 1 + nap * _noise(sheet.alpha.shape, 0.9 * SOFT, seed)
    out: Plane = (srgb(*rgb) * fine[..., None]).astype(np.float32)
    return out


def _ribs(sheet: Sheet, part: Mask, toward: Plane, count: float, depth: float = 0.3) -> None:
    """Ribs across a band; ``toward`` grows across them, A."""
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * count * toward)
    sheet.dark *= np.where(part, 1 - depth * (1 - wave), 1)


def _band(sheet: Sheet, upper: Outline, lower: Outline) -> Mask:
    """What lies between two lines that run in the same direction."""
    return sheet.mask([*upper, *lower[::-1]])


def _assemble(sheet: Sheet, cut: Cut, color: Plane, cushion: float = 0.1) -> None:
    """Body and sleeves with their seams."""
    for side in (-1, 1):
        sheet.lay(sheet.mask(cut.sleeve(side)), color, 0.8 * cushion, 0.05)
    sheet.lay(sheet.mask(cut.body()), color, cushion, 0.02)
    for side in (-1, 1):
        sheet.seam(cut.armhole(side))


def _cuff(cut: Cut, side: int, width: float) -> tuple[Outline, Outline]:
    """End of a sleeve, and a line so far above it."""
    outer, inner = np.asarray(cut.cuff[0]), np.asarray(cut.cuff[1])
    up = np.asarray(cut.shoulder) - outer
    up = up / np.linalg.norm(up) * width
    grow = (outer - inner) * 0.04
    end = [tuple(outer), tuple(inner)]
    upper = [tuple(outer + up + grow), tuple(inner + up - grow)]
    return [(side * x, y) for x, y in upper], [(side * x, y) for x, y in end]


def _hem(cut: Cut, above: float) -> Outline:
    """A line so far above the hem."""
    x, y = cut.hem
    return _curve([(-x, y - above), (0.0, y + 0.05 - above), (x, y - above)])


def draw_tshirt(size: int) -> Drawn:
    """An off-white T-shirt with a printed sun over hills."""
    sheet, cut = Sheet(size), TEE
    color = _cloth(sheet, (233, 229, 219), 0.02, 1)
    x, y = sheet.axes()
    color = _print_sun(color, x, y - 1.12, sheet)
    _assemble(sheet, cut, color)
    collar = _band(sheet, cut.neckline(), cut.neckline(0.085))
    sheet.lay(collar, _cloth(sheet, (226, 221, 210), 0.02, 2), 0.02, 0.012)
    _ribs(sheet, collar, np.arctan2(y + 0.1, x) * 0.45, 42, 0.16)
    _folds(sheet, 3)
    for side in (-1, 1):
        sheet.stitches(_cuff(cut, side, 0.09)[0])
    sheet.stitches(_hem(cut, 0.09))
    sheet.stitches(cut.neckline(0.105))
    return sheet.finish("tshirt", "garment")


def _print_sun(color: Plane, x: Plane, y: Plane, sheet: Sheet) -> Plane:
    """A round print: a sun in stripes behind two lines of hills."""
    radius = np.hypot(x, y)
    inks = [srgb(232, 152, 66), srgb(217, 96, 66), srgb(43, 74, 92), srgb(26, 47, 64)]
    worn = 0.93 + 0.05 * _noise(x.shape, 1.2 * SOFT, 11)
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
    thread = 1 + 0.02 * _noise(x.shape, 0.8 * SOFT, 21)

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
        upper, end = _cuff(cut, side, 0.24)
        sheet.lay(_band(sheet, upper, end), stripes(x * axis[0] + y * axis[1]), 0.03, 0.02)
        sheet.stitches(_cuff(cut, side, 0.21)[0])
    sheet.lay(sheet.mask(cut.body()), upright, 0.1, 0.02)
    for side in (-1, 1):
        sheet.seam(cut.armhole(side))
    placket = sheet.mask([(-0.075, 0.3), (0.075, 0.3), (0.075, 2.91), (-0.075, 2.91)])
    sheet.lay(placket & (sheet.alpha > 0), upright, 0.012, 0.02)
    for edge in (-0.062, 0.062):
        sheet.stitches([(edge, 0.36), (edge, 2.86)], 0.008, 0.14)
    _folds(sheet, 22, 1.1)
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
    sheet.stitches(_hem(cut, 0.06), 0.008, 0.16)
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
    fleck = 1 + 0.06 * _noise(x.shape, 0.9 * SOFT, 31) + 0.05 * _noise(x.shape, 0.8 * SOFT, 32, 5)
    gray: Plane = (srgb(122, 126, 132) * fleck[..., None]).astype(np.float32)
    _assemble(sheet, cut, gray, 0.13)
    for side in (-1, 1):
        upper, end = _cuff(cut, side, 0.26)
        cuff = _band(sheet, upper, end)
        sheet.lay(cuff, 0.94 * gray, 0.03, 0.02)
        _ribs(sheet, cuff, x - side * 0.3 * y, 24, 0.3)
    low = _band(sheet, _hem(cut, 0.25), _hem(cut, 0.0))
    sheet.lay(low & (sheet.alpha > 0), 0.94 * gray, 0.03, 0.02)
    _ribs(sheet, low & (sheet.alpha > 0), x, 20, 0.3)
    pocket = _curve([(-0.40, 1.62), (-0.66, 2.05), (-0.68, 2.44)], 8)
    pocket += [(0.68, 2.44), *_mirror(pocket)[::-1]]
    sheet.lay(sheet.mask(pocket), gray, 0.02, 0.02)
    for one in (pocket[:17], _mirror(pocket[:17])):
        sheet.stitches([(0.96 * a, b) for a, b in one])
    _folds(sheet, 33, 1.2)
    hood = _curve([(-0.58, 0.06), (-0.50, -0.20), (-0.36, -0.28)], 8)
    ring = [*hood, *[(a, b) for a, b in cut.neckline(-0.06)], *_mirror(hood)[::-1]]
    ring += _curve([(0.58, 0.06), (0.34, 0.40), (0.0, 0.56), (-0.34, 0.40), (-0.58, 0.06)], 12)
    hole = sheet.mask([(-0.36, -0.28), *cut.neckline(-0.06), (0.36, -0.28)])
    part = sheet.mask(ring) & ~hole
    sheet.lay(part, gray, 0.09, 0.05)
    fold = _curve([(-0.40, -0.20), (-0.42, 0.10), (-0.22, 0.36), (0.0, 0.46)], 12)
    for one in (fold, _mirror(fold)):
        sheet.seam(one, 0.03, 0.3)
    for side in (-1, 1):
        _button(sheet, side * 0.17, 0.42, 0.022, (170, 172, 174))
        string = _curve([(side * 0.17, 0.43), (side * 0.19, 0.8), (side * 0.165, 1.24)], 14)
        line = sheet.line(string, 0.034)
        sheet.lay(line > 0.5, _cloth(sheet, (214, 213, 208), 0.05, 34), 0.02, 0.015)
    return sheet.finish("hoodie", "garment")


def draw_blazer(size: int) -> Drawn:
    """A navy blazer, closed with two buttons over whatever is worn."""
    sheet = Sheet(size)
    cut = Cut((0.40, 1.42), (0.97, 0.16), ((1.80, 2.44), (1.46, 2.56)), armpit_y=0.92,
              waist=0.90, hem=(1.02, 2.86), round_neck=0.0)  # fmt: skip
    x, y = sheet.axes()
    twill = 1 + 0.05 * np.sin(2 * np.pi * (x + y) * 75) + 0.05 * _noise(x.shape, 0.8 * SOFT, 41)
    navy: Plane = (srgb(36, 44, 66) * twill[..., None]).astype(np.float32)
    _assemble(sheet, cut, navy, 0.11)
    for side in (-1, 1):
        outer = cut.cuff[0]
        sheet.seam([(side * (outer[0] - 0.08), outer[1] - 0.3), (side * outer[0] - 0.02, outer[1])],
                   0.012)  # fmt: skip
        dart = _curve([(side * 0.52, 0.95), (side * 0.47, 1.6), (side * 0.52, 2.1)], 10)
        sheet.seam(dart, 0.012, 0.2)
        flap = [(side * a, b) for a, b in ((0.34, 2.02), (0.82, 1.98), (0.83, 2.17), (0.35, 2.2))]
        sheet.lay(sheet.mask(flap), navy, 0.012, 0.02)
    _folds(sheet, 42, 0.7)
    chest = [(0.42, 1.02), (0.74, 0.96), (0.745, 1.05), (0.425, 1.11)]
    sheet.lay(sheet.mask(chest), navy, 0.008, 0.012)
    front = _curve([(0.02, 1.40), (0.06, 2.2), (0.20, 2.72), (0.42, 2.90)], 12)
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
    wool = 1 + 0.07 * _noise(x.shape, 1.0 * SOFT, 51)
    green: Plane = (srgb(62, 96, 78) * wool[..., None]).astype(np.float32)
    _assemble(sheet, cut, green, 0.13)
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
    collar = _band(sheet, cut.neckline(-0.03), cut.neckline(0.10))
    hem = _band(sheet, _hem(cut, 0.26), _hem(cut, 0.0)) & (sheet.alpha > 0)
    bands = [(collar, np.arctan2(y + 0.1, x) * 0.4), (hem, x)]
    bands += [(_band(sheet, *_cuff(cut, side, 0.27)), x - side * 0.3 * y) for side in (-1, 1)]
    for part, toward in bands:
        sheet.lay(part, 0.96 * green, 0.035, 0.025)
        _ribs(sheet, part, toward, 17, 0.42)
    _folds(sheet, 52, 1.0)
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
