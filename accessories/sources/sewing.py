"""How a garment is cut and sewn: its outline, folds, seams, ribs, cuffs and hem.

Shapes are in units of A, the distance of an armpit from the middle; see ``cloth_sheet``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from cloth_sheet import SOFT, Mask, Outline, Plane, Sheet
from raymarch import srgb


def curve(points: Outline, steps: int = 16) -> Outline:
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


def mirror(outline: Outline) -> Outline:
    """The same outline on the left side."""
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
        return curve([(1.0, self.armpit_y), (self.waist, middle), self.hem])

    def body(self) -> Outline:
        """Outline of the body without sleeves."""
        right = [self.neckline()[-1], self.shoulder]
        right += curve([self.shoulder, (0.88, 0.55), (1.0, self.armpit_y)])
        right += self.side()
        hem = curve([self.hem, (0.0, self.hem[1] + 0.05), (-self.hem[0], self.hem[1])])
        left = mirror(right)[::-1]
        return self.neckline() + right + hem + left

    def sleeve(self, side: int) -> Outline:
        """Outline of a sleeve."""
        outer, inner = self.cuff
        bulge = (
            0.5 * (self.shoulder[0] + outer[0]) + 0.06,
            0.5 * (self.shoulder[1] + outer[1]) - 0.04,
        )
        under = 0.5 * (1.0 + inner[0]) - 0.02, 0.5 * (self.armpit_y + inner[1]) + 0.03
        out = [*curve([self.shoulder, bulge, outer]), outer, inner]
        out += curve([inner, under, (1.0, self.armpit_y)])
        out += curve([(1.0, self.armpit_y), (0.88, 0.55), self.shoulder])
        return [(side * x, y) for x, y in out]

    def armhole(self, side: int) -> Outline:
        """The seam between body and sleeve."""
        out = curve([self.shoulder, (0.88, 0.55), (1.0, self.armpit_y)])
        return [(side * x, y) for x, y in out]


TEE = Cut((0.40, 0.30), (0.93, 0.17), ((1.60, 0.80), (1.30, 1.08)))
LONG = Cut((0.38, 0.24), (0.94, 0.18), ((1.86, 2.42), (1.55, 2.55)), waist=1.0, hem=(0.98, 2.72))


def noise(shape: tuple[int, ...], cell: float, seed: int, stretch: float = 1.0) -> Plane:
    """Smooth noise of unit deviation; ``stretch`` makes it longer from above to below."""
    raw = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(raw, (0, 0), sigmaX=cell, sigmaY=cell * stretch)
    out: Plane = (smooth / smooth.std()).astype(np.float32)
    return out


def fold_cloth(sheet: Sheet, seed: int, strength: float = 1.0) -> None:
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
    soft = 0.6 * noise(folds.shape, 0.11 * sheet.scale, seed + 1, 1.8)
    sheet.height += strength * (0.009 * folds + 0.006 * soft) * (sheet.alpha > 0)


def plain_cloth(sheet: Sheet, rgb: tuple[int, int, int], nap: float, seed: int) -> Plane:
    """Plain cloth with a little irregularity."""
    fine = 1 + nap * noise(sheet.alpha.shape, 0.9 * SOFT, seed)
    out: Plane = (srgb(*rgb) * fine[..., None]).astype(np.float32)
    return out


def rib(sheet: Sheet, part: Mask, toward: Plane, count: float, depth: float = 0.3) -> None:
    """Ribs across a band; ``toward`` grows across them, A."""
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * count * toward)
    sheet.dark *= np.where(part, 1 - depth * (1 - wave), 1)


def band_mask(sheet: Sheet, upper: Outline, lower: Outline) -> Mask:
    """What lies between two lines that run in the same direction."""
    return sheet.mask([*upper, *lower[::-1]])


def assemble(sheet: Sheet, cut: Cut, color: Plane, cushion: float = 0.1) -> None:
    """Body and sleeves with their seams."""
    for side in (-1, 1):
        sheet.lay(sheet.mask(cut.sleeve(side)), color, 0.8 * cushion, 0.05)
    sheet.lay(sheet.mask(cut.body()), color, cushion, 0.02)
    for side in (-1, 1):
        sheet.seam(cut.armhole(side))


def cuff_lines(cut: Cut, side: int, width: float) -> tuple[Outline, Outline]:
    """End of a sleeve, and a line so far above it."""
    outer, inner = np.asarray(cut.cuff[0]), np.asarray(cut.cuff[1])
    up = np.asarray(cut.shoulder) - outer
    up = up / np.linalg.norm(up) * width
    grow = (outer - inner) * 0.04
    end = [tuple(outer), tuple(inner)]
    upper = [tuple(outer + up + grow), tuple(inner + up - grow)]
    return [(side * x, y) for x, y in upper], [(side * x, y) for x, y in end]


def hem_line(cut: Cut, above: float) -> Outline:
    """A line so far above the hem."""
    x, y = cut.hem
    return curve([(-x, y - above), (0.0, y + 0.05 - above), (x, y - above)])
