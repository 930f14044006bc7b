"""The hats: a fedora, a baseball cap, a beanie and a straw sun hat.

The origin is the middle of the band, where the hat touches the temples; a head is 2.4 U wide there
and about 3 U long.
"""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray
from pictures import Drawn
from raymarch import View, march, shade, speckle, srgb, to_bgra

HALF_BREADTH, HALF_LENGTH = 1.2, 1.5
PITCH = 7.0


@numba.njit(fastmath=True)
def _ellipse(x, z, a, b):  # type: ignore[no-untyped-def]
    """Rough signed distance to an ellipse; positive outside."""
    k = np.sqrt((x / a) ** 2 + (z / b) ** 2)
    return (k - 1.0) * min(a, b)


@numba.njit(fastmath=True)
def _smooth_max(a, b, k):  # type: ignore[no-untyped-def]
    h = max(k - abs(a - b), 0.0) / k
    return max(a, b) + h * h * k * 0.25


@numba.njit(fastmath=True)
def _fedora(x, y, z):  # type: ignore[no-untyped-def]
    t = min(max(y / 1.3, 0.0), 1.2)
    pinch = 0.17 * np.exp(-(((abs(x) - 0.75) / 0.35) ** 2) - ((z - 0.95) / 0.5) ** 2) * t
    side = _ellipse(x, z, 1.23 - 0.16 * t, 1.5 - 0.24 * t) + pinch
    top = 1.32 + 0.07 * z - 0.3 * np.exp(-((x / 0.3) ** 2)) - 0.06 * (x / 0.8) ** 2
    crown = max(_smooth_max(side, y - top, 0.28), -0.06 - y)
    ribbon = max(_ellipse(x, z, 1.262 - 0.16 * t, 1.53 - 0.24 * t), abs(y - 0.21) - 0.17)
    sheet = 0.05 + 0.2 * (x / 1.8) ** 4 - 0.1 * (z / 2.0) * abs(z / 2.0)
    edge = _ellipse(x, z, 1.82, 2.12)
    brim = max(abs(y - sheet) - 0.022, edge)
    d, material = crown, 1.0
    if ribbon < d:
        d, material = ribbon, 2.0
    if brim < d:
        d, material = brim, 3.0
    return d, material


@numba.njit(fastmath=True)
def _cap(x, y, z):  # type: ignore[no-untyped-def]
    t = min(max(y / 1.4, 0.0), 1.3)
    k = np.sqrt((x / 1.24) ** 2 + (z / 1.5) ** 2 + (max(y, 0.0) / 1.16) ** 2.5)
    angle = np.arctan2(x / 1.24, z / 1.5)
    seam = np.abs(np.sin(1.5 * angle))
    groove = 0.014 * np.exp(-((seam / 0.05) ** 2)) * (1 - t * 0.3)
    crown = max((k - 1.0) * 1.1 + groove, -0.08 - y)
    button = np.sqrt(x * x + z * z + ((y - 1.17) * 1.6) ** 2) - 0.09
    droop = 0.14 - 0.3 * (x / 1.1) ** 2 - 0.14 * max(z - 1.0, 0.0)
    reach = _ellipse(x, z - 0.9, 1.2, 1.25)
    visor = max(max(abs(y - droop) - 0.028, reach), 0.3 - z)
    d, material = crown, 1.0
    if button < d:
        d, material = button, 1.0
    if visor < d:
        d, material = visor, 2.0
    return d, material


@numba.njit(fastmath=True)
def _beanie(x, y, z):  # type: ignore[no-untyped-def]
    angle = np.arctan2(x / 1.24, z / 1.5)
    rib = np.abs(np.sin(22 * angle))
    k = np.sqrt((x / 1.27) ** 2 + (z / 1.52) ** 2 + (max(y - 0.15, 0.0) / 1.32) ** 2)
    fade = min(max((1.45 - y) * 1.4, 0.0), 1.0)
    body = max((k - 1.0) * 1.15 - 0.02 * rib * fade, -0.05 - y)
    ring = _ellipse(x, z, 1.27, 1.53)
    cuff = _smooth_max(abs(ring) - 0.055 - 0.03 * rib, abs(y - 0.19) - 0.29, 0.1)
    d, material = body, 1.0
    if cuff < d:
        d, material = cuff, 2.0
    return d, material


@numba.njit(fastmath=True)
def _sun_hat(x, y, z):  # type: ignore[no-untyped-def]
    t = min(max(y / 1.2, 0.0), 1.0)
    side = _ellipse(x, z, 1.23 - 0.1 * t, 1.5 - 0.14 * t)
    crown = max(_smooth_max(side, y - 1.13 + 0.05 * (x * x), 0.7), -0.05 - y)
    ribbon = max(_ellipse(x, z, 1.26 - 0.1 * t, 1.53 - 0.14 * t), abs(y - 0.2) - 0.16)
    r = np.sqrt((x / 2.45) ** 2 + (z / 2.6) ** 2)
    angle = np.arctan2(x, z)
    wave = 0.05 * np.sin(3 * angle + 0.6) * max(r - 0.5, 0.0) * 2
    sheet = 0.04 - 0.22 * max(r - 0.5, 0.0) ** 1.3 + wave
    brim = max(abs(y - sheet) - 0.018, _ellipse(x, z, 2.45, 2.6))
    d, material = crown, 1.0
    if ribbon < d:
        d, material = ribbon, 2.0
    if brim < d:
        d, material = brim, 3.0
    return d, material


def draw_hats(size: int) -> Iterator[Drawn]:
    """All hats, ``size`` pixels wide."""
    yield _draw("fedora", _fedora, _felt, View((0, 0.55), 3.9, (size, size * 9 // 16), PITCH), size)
    yield _draw("cap", _cap, _cotton, View((0, 0.45), 2.7, (size, size * 13 // 20), 5.0), size)
    yield _draw("beanie", _beanie, _knit, View((0, 0.67), 2.8, (size, size * 3 // 4), PITCH), size)
    yield _draw(
        "sun_hat", _sun_hat, _straw, View((0, 0.4), 5.1, (size, size * 7 // 16), PITCH), size
    )


def _draw(name, solid, paint, view, size):  # type: ignore[no-untyped-def]
    hits = march(solid, view, 0.55)
    bgra = to_bgra(paint(hits), (hits[..., 7] > 0).astype(np.float32))
    height = {"fedora": 0.75, "cap": 0.72, "beanie": 0.6, "sun_hat": 0.75}[name]
    anchors = {
        "band_left": view.pixel(-HALF_BREADTH, 0.0),
        "band_right": view.pixel(HALF_BREADTH, 0.0),
        "front_low": view.pixel(0.0, 0.0, HALF_LENGTH),
    }
    style = {"fedora": "brim", "sun_hat": "brim"}.get(name, name)
    return Drawn(name, "hat", bgra, anchors, {"style": style, "band_above_eyes": height})


def _materials(hits: NDArray[np.float32], *colors: NDArray[np.float32]) -> NDArray[np.float32]:
    table = np.stack((np.zeros(3, np.float32), *colors))
    return table[hits[..., 7].astype(int)]


def _felt(hits: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = hits.shape[:2]
    color = _materials(hits, srgb(122, 98, 74), srgb(38, 30, 26), srgb(122, 98, 74))
    ribbed = 1 + 0.16 * np.sin(hits[..., 1] * 260) * (hits[..., 7] == 2)
    nap = 1 + 0.035 * speckle(shape, 1.2, 1) + 0.05 * speckle(shape, 40, 2)
    edge = np.exp(
        -((((hits[..., 0] / 1.82) ** 2 + (hits[..., 2] / 2.12) ** 2 - 0.975) / 0.02) ** 2)
    )
    trim = 1 - 0.25 * edge * (hits[..., 7] == 3)
    return shade(
        hits, color * (nap * ribbed * trim)[..., None], sheen=0.28, gloss=0.012, sharpness=12
    )


def _cotton(hits: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = hits.shape[:2]
    color = _materials(hits, srgb(38, 58, 92), srgb(34, 52, 84))
    x, y, z = hits[..., 0], hits[..., 1], hits[..., 2]
    weave = 1 + 0.05 * np.sin((x + y) * 240) * np.sin((y - x) * 90) + 0.03 * speckle(shape, 1, 3)
    angle = np.arctan2(x / 1.24, z / 1.5)
    beside = np.abs(np.abs(np.sin(1.5 * angle)) - 0.1)
    stitch = np.exp(-((beside / 0.014) ** 2)) * (np.sin(y * 150) > 0) * (hits[..., 7] == 1)
    reach = np.sqrt((x / 1.2) ** 2 + ((z - 0.9) / 1.25) ** 2)
    rows = np.exp(-(((((reach * 9) % 1) - 0.5) / 0.09) ** 2)) * (hits[..., 7] == 2)
    pale = (0.35 * stitch + 0.2 * rows)[..., None] * srgb(140, 155, 180)
    return shade(hits, color * weave[..., None] + pale, sheen=0.1, gloss=0.01, sharpness=8)


def _knit(hits: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = hits.shape[:2]
    color = _materials(hits, srgb(128, 42, 48), srgb(128, 42, 48))
    angle = np.arctan2(hits[..., 0] / 1.24, hits[..., 2] / 1.5)
    across = (angle * 22 / np.pi) % 1 - 0.5
    stitch = 0.5 + 0.5 * np.cos(2 * np.pi * (hits[..., 1] * 17 + np.abs(across) * 1.3))
    wool = 1 + 0.06 * speckle(shape, 0.9, 4)
    yarn = (0.68 + 0.42 * stitch) * (0.75 + 0.35 * np.cos(across * np.pi)) * wool
    return shade(hits, color * yarn[..., None], sheen=0.3)


def _straw(hits: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = hits.shape[:2]
    color = _materials(hits, srgb(222, 192, 138), srgb(44, 48, 62), srgb(222, 192, 138))
    x, y, z = hits[..., 0], hits[..., 1], hits[..., 2]
    around = np.arctan2(x, z)
    out = np.where(hits[..., 7] == 3, np.sqrt(x * x + z * z), y * 1.1)
    braid = np.abs(np.sin(out * 38)) ** 0.5
    plait = 0.5 + 0.5 * np.sin(
        around * 130 + np.where((out * 38 / np.pi) % 2 < 1, 1, -1) * out * 60
    )
    straw = (0.62 + 0.3 * braid) * (0.82 + 0.25 * plait) * (1 + 0.05 * speckle(shape, 1.5, 5))
    straw = np.where(hits[..., 7] == 2, 1 + 0.1 * np.sin(y * 220), straw)
    return shade(hits, color * straw[..., None], sheen=0.06, gloss=0.02, sharpness=20)
