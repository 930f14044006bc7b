"""Draw solids given as signed distance functions, with soft light, sheen and reflections.

Units are U, the distance between the pupils; x to the image's right, y up, z to the viewer. The
camera is orthographic and looks along -z after the solid was pitched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Solid = Callable[[float, float, float], Any]
OVERSAMPLING = 2


@dataclass(frozen=True)
class View:
    """What part of the solid is drawn, and from where.

    Attributes:
        center_xy: point in the middle of the picture, U.
        width: width of the picture, U.
        size_wh: size of the picture in pixels.
        pitch: degrees the camera stands above the solid.
        depth: distance from the middle within which the solid lies, U.
    """

    center_xy: tuple[float, float]
    width: float
    size_wh: tuple[int, int]
    pitch: float = 0.0
    depth: float = 3.0

    def pixel(self, x: float, y: float, z: float = 0.0) -> tuple[float, float]:
        """Where a point of the solid is in the picture."""
        angle = np.deg2rad(self.pitch)
        up = y * np.cos(angle) - z * np.sin(angle)
        scale = self.size_wh[0] / self.width
        across = (x - self.center_xy[0]) * scale + self.size_wh[0] / 2
        return float(across), float(self.size_wh[1] / 2 - (up - self.center_xy[1]) * scale)


@numba.njit(fastmath=True, cache=False)
def _march(solid, width, height, scale, cx, cy, cos_p, sin_p, depth, step):  # type: ignore[no-untyped-def]
    """Position, normal, occlusion and material of the first hit of every pixel's ray."""
    out = np.zeros((height, width, 8), dtype=np.float32)
    for row in range(height):
        v = cy - (row + 0.5 - height / 2) / scale
        for column in range(width):
            u = cx + (column + 0.5 - width / 2) / scale
            travelled = 0.0
            for _ in range(400):  # a ray that grazes a surface needs hundreds of short steps
                w = depth - travelled
                x, y, z = u, v * cos_p + w * sin_p, w * cos_p - v * sin_p
                d, material = solid(x, y, z)
                if d < 0.0015:
                    break
                travelled += d * step
                if travelled > 2 * depth:
                    break
            if travelled > 2 * depth or d >= 0.01:
                continue
            e = 0.004
            nx = solid(x + e, y, z)[0] - solid(x - e, y, z)[0]
            ny = solid(x, y + e, z)[0] - solid(x, y - e, z)[0]
            nz = solid(x, y, z + e)[0] - solid(x, y, z - e)[0]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            nx, ny, nz = nx / length, ny / length, nz / length
            open_share = 0.0
            for k in range(1, 6):
                reach = 0.07 * k
                free = solid(x + nx * reach, y + ny * reach, z + nz * reach)[0]
                open_share += min(max(free / reach, 0.0), 1.0) / 5
            out[row, column] = (x, y, z, nx, ny, nz, open_share, material)
    return out


def march(solid: Solid, view: View, step: float = 0.7) -> NDArray[np.float32]:
    """Cast a ray through every pixel, twice as many each way as the picture has.

    Args:
        solid: jitted function of (x, y, z) that gives (distance, material > 0).
        view: the camera.
        step: share of the distance that a ray goes; below 1 for distances that are not exact.

    Returns:
        (2 h, 2 w, 8) float32: x, y, z, normal, openness 0..1, material (0 = nothing there).
    """
    width, height = (OVERSAMPLING * n for n in view.size_wh)
    angle = np.deg2rad(view.pitch)
    scale = width / view.width
    return np.asarray(
        _march(
            solid,
            width,
            height,
            scale,
            view.center_xy[0],
            view.center_xy[1],
            np.cos(angle),
            np.sin(angle),
            view.depth,
            step,
        )
    )


def shade(
    hits: NDArray[np.float32],
    color: NDArray[np.float32],
    *,
    sheen: float = 0.0,
    gloss: float = 0.0,
    sharpness: float = 40.0,
) -> NDArray[np.float32]:
    """Light a matt or half-matt surface: a large soft light above the camera and the sky.

    Args:
        hits: from ``march``.
        color: (H, W, 3) linear RGB of the surface.
        sheen: light at grazing angles, as felt and wool have.
        gloss: strength of the highlight.
        sharpness: exponent of the highlight.

    Returns:
        (H, W, 3) linear RGB.
    """
    normal, openness = hits[..., 3:6], hits[..., 6:7]
    key = np.asarray([-0.25, 0.68, 0.69], dtype=np.float32)
    diffuse = np.clip((normal @ key)[..., None] * 0.8 + 0.2, 0, None)
    sky = 0.5 + 0.5 * normal[..., 1:2]
    light = 0.72 * diffuse * (0.35 + 0.65 * openness) + (0.12 + 0.3 * sky) * openness
    facing = np.clip(normal[..., 2:3], 0, 1)
    half = key + np.asarray([0, 0, 1], dtype=np.float32)
    half /= np.linalg.norm(half)
    spot = gloss * np.clip((normal @ half)[..., None], 0, 1) ** sharpness
    out: NDArray[np.float32] = color * (light + sheen * (1 - facing) ** 3) + spot * openness
    return out


def reflect(hits: NDArray[np.float32], tint: NDArray[np.float32]) -> NDArray[np.float32]:
    """Polished metal or pearl: the color times what a studio looks like in the mirror."""
    n = hits[..., 3:6]
    mirror = 2 * n[..., 2:3] * n - np.asarray([0, 0, 1], dtype=np.float32)
    up, across = mirror[..., 1], mirror[..., 0]
    soft_box = np.exp(-(((across + 0.35) / 0.28) ** 2 + ((up - 0.6) / 0.25) ** 2))
    strip = 0.7 * np.exp(-(((across - 0.6) / 0.12) ** 2 + (up / 0.7) ** 2))
    room = 0.1 + 0.5 * np.clip(0.5 + 0.5 * up, 0, 1) ** 2 + 0.12 * (up < -0.5)
    out: NDArray[np.float32] = tint * (room + 1.5 * soft_box + strip)[..., None]
    return out * (0.35 + 0.65 * hits[..., 6:7])


def to_bgra(linear_rgb: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Average the oversampled picture in premultiplied linear light and encode it as sRGB BGRA."""
    n = OVERSAMPLING
    height, width = alpha.shape[0] // n, alpha.shape[1] // n
    premultiplied = np.dstack((linear_rgb * alpha[..., None], alpha))
    small = premultiplied.reshape(height, n, width, n, 4).mean(axis=(1, 3))
    share = small[..., 3]
    rgb = np.clip(small[..., :3] / np.maximum(share, 1e-4)[..., None], 0, 1)
    encoded = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    levels = np.dstack((encoded[..., ::-1], share))
    out: NDArray[np.uint8] = np.round(levels * 255).astype(np.uint8)
    return out


def speckle(shape_hw: tuple[int, int], cell: float, seed: int) -> NDArray[np.float32]:
    """Smooth noise of unit deviation whose grains are about ``cell`` pixels."""
    import cv2

    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(shape_hw).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), cell)
    out: NDArray[np.float32] = (smooth / smooth.std()).astype(np.float32)
    return out


def srgb(*levels: int) -> NDArray[np.float32]:
    """Linear RGB of 8-bit sRGB levels."""
    value = np.asarray(levels, dtype=np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )
