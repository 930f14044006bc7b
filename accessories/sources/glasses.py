"""The glasses: clear, round, sunglasses and wide; rims are solids, lenses are painted.

The origin is the bridge; U is the distance between the pupils, so that lens centers lie near
x = -0.5 and 0.5. A pair is 2.2 to 2.45 U wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from pictures import Drawn
from raymarch import View, march, reflect, shade, speckle, srgb, to_bgra


@dataclass(frozen=True)
class Pair:
    """Shape of a pair of glasses, in U.

    Attributes:
        center: distance of a lens center from the bridge.
        half_wh: half the width and height of a lens.
        corner: exponent of the lens outline: 2 = ellipse, larger = squarer.
        rim: half the thickness of the rim seen from the front.
        depth: half the thickness of the rim from front to back.
        lift: how far the outer upper corner is drawn up.
        bridge_y: height of the bridge above the lens centers.
        bridge: half the thickness of the bridge.
        hinge_x: where the pair ends at the side.
    """

    center: float
    half_wh: tuple[float, float]
    corner: float
    rim: float
    depth: float
    lift: float
    bridge_y: float
    bridge: float
    hinge_x: float


CLEAR = Pair(0.56, (0.46, 0.33), 3.2, 0.045, 0.06, 0.02, 0.1, 0.05, 1.16)
ROUND = Pair(0.56, (0.43, 0.43), 2.0, 0.042, 0.04, 0.0, 0.12, 0.034, 1.12)
SUN = Pair(0.57, (0.48, 0.37), 3.0, 0.062, 0.08, 0.06, 0.14, 0.06, 1.18)
WIDE = Pair(0.61, (0.53, 0.43), 2.7, 0.05, 0.07, 0.1, 0.12, 0.05, 1.24)


def _outline(pair: Pair):  # type: ignore[no-untyped-def]
    cx, (a, b), p, lift = pair.center, pair.half_wh, pair.corner, pair.lift

    @numba.njit(fastmath=True)
    def outline(x, y):  # type: ignore[no-untyped-def]
        """Rough signed distance to the nearer lens, negative inside."""
        dx = abs(x) - cx
        dy = y - lift * (dx / a + 0.4)
        taper = 1.0 - 0.07 * (0.5 - dy / b)  # lenses are narrower below
        k = (abs(dx / (a * taper)) ** p + abs(dy / b) ** p) ** (1.0 / p)
        gx = abs(dx / (a * taper)) ** (p - 1) / a
        gy = abs(dy / b) ** (p - 1) / b
        slope = np.sqrt(gx * gx + gy * gy) / np.maximum(k, 0.2) ** (p - 1)
        return (k - 1.0) / np.maximum(slope, 1.2)

    return outline


def _solid(pair: Pair, outline):  # type: ignore[no-untyped-def]
    rim, depth, bridge_y, thick = pair.rim, pair.depth, pair.bridge_y, pair.bridge
    inner = pair.center - pair.half_wh[0]
    outer, hinge = pair.center + pair.half_wh[0], pair.hinge_x
    hinge_y = pair.half_wh[1] * 0.5 + pair.lift
    arm = max(0.6 * rim, 0.022)

    @numba.njit(fastmath=True)
    def solid(x, y, z):  # type: ignore[no-untyped-def]
        bow = z + 0.06 * x * x  # the front is slightly bent around the face
        ring = outline(x, y) - rim * 0.2
        d = (abs(ring / rim) ** 2.6 + abs(bow / depth) ** 2.6) ** (1 / 2.6) * rim - rim
        arch = y - bridge_y - 0.05 * (1 - (x / inner) ** 2)
        bar = np.sqrt(arch * arch + bow * bow * 0.6) - thick
        d = min(d, max(bar, abs(x) - inner - 0.3 * rim))
        side = np.sqrt((y - hinge_y) ** 2 + bow * bow * 0.3) - arm
        block = max(side, max(outer - abs(x), abs(x) - hinge))
        return min(d, block), 1.0

    return solid


def draw_glasses(size: int) -> Iterator[Drawn]:
    """All glasses, ``size`` pixels wide."""
    shell = (srgb(96, 52, 24), srgb(30, 16, 10))
    yield _draw("clear", CLEAR, _acetate(srgb(24, 24, 28), None), _clear_lens, size, 0.08)
    yield _draw(
        "round", ROUND, _metal(np.asarray([0.95, 0.74, 0.42], np.float32)), _rose_lens, size, 0.14
    )
    yield _draw("sunglasses", SUN, _acetate(srgb(16, 16, 18), None), _dark_lens, size, 0.88)
    yield _draw("wide", WIDE, _acetate(*shell), _brown_lens, size, 0.8)


def _draw(name, pair, paint, lens, size, lens_alpha):  # type: ignore[no-untyped-def]
    view = View((0.0, 0.0), 2.0 * pair.hinge_x + 0.16, (size, size * 7 // 16), 0.0, 0.6)
    outline = _outline(pair)
    hits = march(_solid(pair, outline), view, 0.5)
    rim = (hits[..., 7] > 0).astype(np.float32)
    x, y = _plane(view)
    inside = np.clip(0.5 - outline.py_func(x, y) * (2 * size / view.width), 0, 1).astype(np.float32)
    color, alpha = lens(np.abs(x) - pair.center, y, x, pair)
    alpha = alpha * inside * (1 - rim)
    total = rim + alpha
    mixed = paint(hits) * rim[..., None] + color * alpha[..., None]
    bgra = to_bgra(mixed / np.maximum(total, 1e-4)[..., None], total)
    hinge_y = pair.half_wh[1] * 0.5 + pair.lift
    anchors = {
        "lens_left": view.pixel(-pair.center, 0.0),
        "lens_right": view.pixel(pair.center, 0.0),
        "hinge_left": view.pixel(-pair.hinge_x, hinge_y),
        "hinge_right": view.pixel(pair.hinge_x, hinge_y),
    }
    return Drawn(name, "glasses", bgra, anchors, {"lens_alpha": lens_alpha})


def _plane(view: View) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    width, height = 2 * view.size_wh[0], 2 * view.size_wh[1]
    scale = width / view.width
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / scale
    y = (height / 2 - np.arange(height, dtype=np.float32) - 0.5) / scale
    grid = np.meshgrid(x, y)
    return grid[0], grid[1]


def _acetate(color: NDArray[np.float32], spots: NDArray[np.float32] | None):  # type: ignore[no-untyped-def]
    def paint(hits: NDArray[np.float32]) -> NDArray[np.float32]:
        base = np.broadcast_to(color, (*hits.shape[:2], 3)).astype(np.float32)
        if spots is not None:
            share = np.clip(0.5 + 0.9 * speckle(hits.shape[:2], 22, 7), 0, 1)[..., None]
            base = base * share + spots * (1 - share)
        shine = reflect(hits, np.full(3, 0.22, np.float32))
        return shade(hits, base, gloss=0.25, sharpness=60) + 0.5 * shine * shine

    return paint


def _metal(tint: NDArray[np.float32]):  # type: ignore[no-untyped-def]
    def paint(hits: NDArray[np.float32]) -> NDArray[np.float32]:
        return reflect(hits, tint)

    return paint


def _streak(dx, y, pair, strength):  # type: ignore[no-untyped-def]
    """A soft window reflected in the upper part of the lens."""
    a, b = pair.half_wh
    across = (dx * 0.9 + y * 0.55) / a
    band = np.exp(-(((across + 0.25) / 0.22) ** 2)) + 0.5 * np.exp(-(((across - 0.15) / 0.07) ** 2))
    return (strength * band * np.clip(0.55 + 0.6 * y / b, 0, 1)).astype(np.float32)


def _clear_lens(dx, y, x, pair):  # type: ignore[no-untyped-def]
    shine = _streak(x - np.sign(x) * pair.center, y, pair, 0.13)
    alpha = 0.045 + shine
    return np.ones((*x.shape, 3), np.float32) * srgb(235, 243, 248), alpha


def _rose_lens(dx, y, x, pair):  # type: ignore[no-untyped-def]
    """A pale rose with a clear reflection: thin rims alone are hard to see in a photo."""
    shine = _streak(x - np.sign(x) * pair.center, y, pair, 0.24)
    tint = srgb(190, 140, 128)
    mixed = tint + (srgb(240, 246, 250) - tint) * (shine / (shine + 0.14))[..., None]
    return mixed.astype(np.float32), 0.14 + shine


def _tinted(dark, pale, alphas):  # type: ignore[no-untyped-def]
    def lens(dx, y, x, pair):  # type: ignore[no-untyped-def]
        t = np.clip(0.5 - y / (2 * pair.half_wh[1]), 0, 1)[..., None]
        shine = _streak(x - np.sign(x) * pair.center, y, pair, 0.1)[..., None]
        color = dark * (1 - t) + pale * t + shine
        return color.astype(np.float32), (alphas[0] * (1 - t[..., 0]) + alphas[1] * t[..., 0])

    return lens


_dark_lens = _tinted(srgb(16, 18, 22), srgb(34, 38, 44), (0.93, 0.86))
_brown_lens = _tinted(srgb(36, 22, 14), srgb(112, 76, 52), (0.93, 0.68))
