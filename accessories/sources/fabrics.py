"""Fabrics for tops: seamless tiles, seen flat and evenly lit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pictures import Drawn
from raymarch import srgb


def draw_fabrics(size: int) -> Iterator[Drawn]:
    """All fabrics, ``size`` pixels square; a tile is ``tile_units`` U wide on the person."""
    drawers = {"denim": (_denim, 1.6), "tartan": (_tartan, 2.2), "breton": (_breton, 2.4),
               "dotted": (_dotted, 2.0)}  # fmt: skip
    for name, (draw, units) in drawers.items():
        linear = np.clip(draw(size), 0, 1)
        encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        rgb = np.round(encoded * 255).astype(np.uint8)
        bgra = np.dstack((rgb[..., ::-1], np.full((size, size), 255, np.uint8)))
        yield Drawn(name, "top", bgra, {}, {"tile_units": units})


def _axes(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    t = ((np.arange(size) + 0.5) / size).astype(np.float32)
    grid = np.meshgrid(t, t)
    return grid[0], grid[1]


def _noise(size: int, cell: float, seed: int) -> NDArray[np.float32]:
    """Smooth noise that repeats at the edges, unit deviation."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    smooth = np.fft.irfft2(
        spectrum * np.exp(-2 * (np.pi * cell) ** 2 * (fx**2 + fy**2)), (size, size)
    )
    out: NDArray[np.float32] = (smooth / smooth.std()).astype(np.float32)
    return out


def _thread(size: int, across: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """Brightness of round threads, each a little different."""
    rng = np.random.default_rng(seed)
    each = 1 + 0.07 * rng.standard_normal(count).astype(np.float32)
    index = np.floor(across * count).astype(int) % count
    round_ = 0.72 + 0.28 * np.abs(np.sin(np.pi * across * count))
    out: NDArray[np.float32] = (each[index] * round_).astype(np.float32)
    return out


def _denim(size: int) -> NDArray[np.float32]:
    x, y = _axes(size)
    twill = ((x + y) * 96) % 1.0
    warp = np.clip(np.sin(np.pi * twill) * 1.3, 0, 1)
    worn = 1 + 0.06 * _noise(size, 30, 1) + 0.07 * _noise(size, 1.2, 2)
    indigo, pale = srgb(42, 66, 112), srgb(118, 136, 166)
    share = (0.24 + 0.3 * (1 - warp))[..., None]
    color = indigo * (1 - share) + pale * share
    return color * (worn * _thread(size, x, 192, 3))[..., None]


def _tartan(size: int) -> NDArray[np.float32]:
    x, y = _axes(size)
    sett = np.zeros((12, 3), np.float32)
    red, green, navy, yellow = (
        srgb(168, 30, 36),
        srgb(26, 66, 48),
        srgb(22, 30, 62),
        srgb(214, 178, 70),
    )
    for i, color in enumerate(
        (red, red, red, navy, green, green, yellow, green, green, navy, red, red)
    ):
        sett[i] = color
    bands = np.asarray([0, 0.15, 0.3, 0.4, 0.46, 0.52, 0.6, 0.62, 0.68, 0.76, 0.82, 0.9, 1.0])
    warp = sett[np.clip(np.searchsorted(bands, x, side="right") - 1, 0, 11)]
    weft = sett[np.clip(np.searchsorted(bands, y, side="right") - 1, 0, 11)]
    over = (((x + y) * 128) % 1.0 < 0.5)[..., None]
    cloth = np.where(over, warp, weft)
    nap = 1 + 0.06 * _noise(size, 1.5, 4) + 0.03 * _noise(size, 20, 5)
    return cloth * (nap * _thread(size, x, 256, 6))[..., None]


def _breton(size: int) -> NDArray[np.float32]:
    x, y = _axes(size)
    cream, navy = srgb(236, 230, 216), srgb(28, 38, 70)
    edge = ((y * 10) % 1.0 - 0.62) * 10
    share = (1 / (1 + np.exp(-edge * 12)) * (1 / (1 + np.exp((edge - 3.3) * 12))))[..., None]
    rib = 0.86 + 0.14 * np.abs(np.sin(np.pi * x * 160)) * (0.7 + 0.3 * np.cos(2 * np.pi * y * 220))
    nap = 1 + 0.035 * _noise(size, 1.2, 7)
    return (cream * (1 - share) + navy * share) * (rib * nap)[..., None]


def _dotted(size: int) -> NDArray[np.float32]:
    x, y = _axes(size)
    cloth, dot = srgb(118, 40, 62), srgb(240, 226, 214)
    u, v = (x * 6) % 1 - 0.5, (y * 6) % 1 - 0.5
    shifted = (x * 6 + 0.5) % 1 - 0.5, (y * 6 + 0.5) % 1 - 0.5
    distance = np.minimum(np.hypot(u, v), np.hypot(*shifted)) + 0.006 * _noise(size, 3, 8)
    share = (1 / (1 + np.exp((distance - 0.13) * 160)))[..., None]
    linen = _thread(size, x, 150, 9) * _thread(size, y, 150, 10) * (1 + 0.05 * _noise(size, 1, 11))
    return (cloth * (1 - share) + dot * share) * (linen * 1.35)[..., None]
