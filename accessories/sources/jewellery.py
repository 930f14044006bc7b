"""Earrings (stud, drop, hoop) and necklaces (chain, pendant, pearls)."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray
from pictures import Drawn
from raymarch import View, march, reflect, shade, srgb, to_bgra

GOLD = np.asarray([1.0, 0.73, 0.34], dtype=np.float32)
SILVER = np.asarray([0.9, 0.92, 0.95], dtype=np.float32)


@numba.njit(fastmath=True)
def _ball(x, y, z, r):  # type: ignore[no-untyped-def]
    return np.sqrt(x * x + y * y + z * z) - r


@numba.njit(fastmath=True)
def _stud(x, y, z):  # type: ignore[no-untyped-def]
    pearl = _ball(x, y, z, 0.085)
    ring = np.sqrt((np.sqrt(x * x + y * y) - 0.082) ** 2 + (z + 0.01) ** 2) - 0.012
    return (pearl, 2.0) if pearl < ring else (ring, 1.0)


@numba.njit(fastmath=True)
def _drop(x, y, z):  # type: ignore[no-untyped-def]
    hook = np.sqrt((np.sqrt(x * x + (y + 0.05) ** 2) - 0.05) ** 2 + z * z) - 0.012
    stem = max(np.sqrt(x * x + z * z) - 0.011, abs(y + 0.15) - 0.06)
    cap = _ball(x, y + 0.215, z, 0.03)
    t = min(max((y + 0.58) / 0.36, 0.0), 1.0)
    width = 0.125 * np.sqrt(max(np.sin(np.pi * t**0.62), 0.0)) * (1 - 0.42 * t) + 0.004
    gem = max((np.sqrt(x * x + z * z) - width) * 0.6, abs(y + 0.4) - 0.18)
    metal = min(min(hook, stem), cap)
    return (gem, 3.0) if gem < metal else (metal, 1.0)


@numba.njit(fastmath=True)
def _hoop(x, y, z):  # type: ignore[no-untyped-def]
    turned = 0.8 * x + 0.6 * z
    depth = 0.8 * z - 0.6 * x
    ring = np.sqrt((np.sqrt(turned * turned + (y + 0.3) ** 2) - 0.28) ** 2 + depth * depth) - 0.032
    return ring, 1.0


def draw_earrings(size: int) -> Iterator[Drawn]:
    """Earrings for one ear, hanging from the hook point; ``size`` pixels high or wide."""
    tall = (size * 5 // 8, size)
    views = (
        ("pearl_stud", _stud, View((0, 0), 0.2, (size, size), 0, 0.3), "stud", 0.2),
        ("drop", _drop, View((0, -0.29), 0.39, tall, 0, 0.3), "drop", 0.6),
        ("hoop", _hoop, View((0, -0.29), 0.66, (size, size), 0, 0.6), "hoop", 0.64),
    )
    for name, solid, view, style, height in views:
        hits = march(solid, view, 0.7)
        bgra = to_bgra(_precious(hits), (hits[..., 7] > 0).astype(np.float32))
        hook = {"hook": view.pixel(0.0, 0.0)}
        yield Drawn(name, "earrings", bgra, hook, {"style": style, "height_units": height})


def _precious(hits: NDArray[np.float32], metal: NDArray[np.float32] = GOLD) -> NDArray[np.float32]:
    material = hits[..., 7:8]
    pearl = shade(hits, np.ones(3, np.float32) * srgb(236, 228, 218), gloss=0.5, sharpness=90)
    pearl = 0.8 * pearl + 0.12 * reflect(hits, srgb(255, 240, 236))
    deep = reflect(hits, srgb(20, 110, 92)) * 1.2
    glow = np.clip(-hits[..., 4:5], 0, 1) ** 2 * srgb(60, 220, 180) * 0.7
    facets = 1 + 0.35 * np.sign(np.sin(np.arctan2(hits[..., 0:1], hits[..., 2:3]) * 9))
    gem = (deep * facets + glow) * (material == 3)
    return gem + pearl * (material == 2) + reflect(hits, metal) * (material == 1)


@numba.njit(fastmath=True)
def _curve(x):  # type: ignore[no-untyped-def]
    """Height of the necklace's line at x, both in half widths: a catenary-like arc."""
    return 0.9 * (0.72 * x * x + 0.28 * x**6) - 0.9


@numba.njit(fastmath=True)
def _along(x):  # type: ignore[no-untyped-def]
    """Length of the line from its middle to x."""
    total, n = 0.0, 24
    step = abs(x) / n
    for i in range(n):
        t = (i + 0.5) * step
        slope = 0.9 * (1.44 * t + 1.68 * t**5)
        total += step * np.sqrt(1 + slope * slope)
    return total if x >= 0 else -total


@numba.njit(fastmath=True)
def _to_line(x, y):  # type: ignore[no-untyped-def]
    """Position along the line and distance across it."""
    t = min(max(x, -1.0), 1.0)
    for _ in range(4):
        slope = 0.9 * (1.44 * t + 1.68 * t**5)
        t = t - ((t - x) + (_curve(t) - y) * slope) / (1 + slope * slope) * 0.8
        t = min(max(t, -1.0), 1.0)
    slope = 0.9 * (1.44 * t + 1.68 * t**5)
    k = np.sqrt(1 + slope * slope)
    return t, ((y - _curve(t)) - slope * (x - t)) / k, ((x - t) + slope * (y - _curve(t))) / k


@numba.njit(fastmath=True)
def _link(s, v, z, pitch, r):  # type: ignore[no-untyped-def]
    """Chain of oval links, every other one turned by 90 degrees."""
    best = 9.0
    base = np.floor(s / pitch)
    for k in range(-1, 2):
        n = base + k
        ds = s - (n + 0.5) * pitch
        ds = ds - min(max(ds, -0.35 * pitch), 0.35 * pitch)
        flat, other = (v, z) if int(n) % 2 == 0 else (z, v)
        ring = np.sqrt((np.sqrt(ds * ds + flat * flat) - 1.9 * r) ** 2 + other * other) - r
        best = min(best, ring)
    return best


@numba.njit(fastmath=True)
def _chain(x, y, z):  # type: ignore[no-untyped-def]
    t, v, _ = _to_line(x, y)
    if abs(v) > 0.14:
        return abs(v) - 0.09, 1.0
    return _link(_along(t), v * 0.707 + z * 0.707, z * 0.707 - v * 0.707, 0.084, 0.016), 1.0


@numba.njit(fastmath=True)
def _pendant(x, y, z):  # type: ignore[no-untyped-def]
    t, v, _ = _to_line(x, y)
    d = abs(v) - 0.05
    if abs(v) < 0.08:
        d = _link(_along(t), v * 0.707 + z * 0.707, z * 0.707 - v * 0.707, 0.05, 0.0096)
    away = x * x + (y + 1.12) ** 2
    disc = max(np.sqrt(away) - 0.16, abs(z) - 0.03 + 0.3 * away)
    rim = np.sqrt((np.sqrt(away) - 0.16) ** 2 + z * z) - 0.022
    bail = np.sqrt((np.sqrt(x * x + (y + 0.93) ** 2) - 0.032) ** 2 + z * z) - 0.013
    return min(min(d, disc), min(rim, bail)), 1.0


@numba.njit(fastmath=True)
def _pearls(x, y, z):  # type: ignore[no-untyped-def]
    t, v, _ = _to_line(x, y)
    pitch = 0.132
    s = _along(t)
    ds = s - np.round(s / pitch) * pitch
    return np.sqrt(ds * ds + v * v + z * z) - 0.064, 2.0


def draw_necklaces(size: int) -> Iterator[Drawn]:
    """Necklaces, ``size`` pixels wide; lengths are those of the worn chain in mm."""
    items = (
        ("chain", _chain, SILVER, 508),
        ("pendant", _pendant, GOLD, 457),
        ("pearls", _pearls, GOLD, 430),
    )
    for name, solid, metal, length in items:
        view = View((0.0, -0.62), 2.2, (size, size * 11 // 16), 0.0, 0.2)
        hits = march(solid, view, 0.6)
        bgra = to_bgra(_precious(hits, metal), (hits[..., 7] > 0).astype(np.float32))
        anchors = {
            "left_end": view.pixel(-1.0, 0.0),
            "right_end": view.pixel(1.0, 0.0),
            "lowest": view.pixel(0.0, -0.9),
        }
        yield Drawn(name, "necklace", bgra, anchors, {"length_mm": length})
