"""A sheet of cloth lying flat: a height field, laid piece by piece, lit from the upper left.

Shapes are in units of A, the distance of an armpit from the middle; x to the right, y down from the
neck. Each piece is a cushion with folds, and is shaded by its normals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from pictures import Drawn

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
