"""Which colors a garment has: a few of them, each with a name, a share and its CIE Lab."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture, Rgb

# Words a shopper uses, with the color each stands for. Grays apart, they are those of CSS where
# CSS has the word (w3.org/TR/css-color-4), else what a garment of that name usually has.
_NAMES: dict[str, Rgb] = {
    "black": (22, 22, 24),
    "charcoal": (62, 64, 68),
    "gray": (128, 128, 128),
    "light gray": (190, 190, 190),
    "white": (245, 245, 245),
    "cream": (240, 228, 200),
    "beige": (214, 193, 158),
    "tan": (190, 148, 100),
    "brown": (115, 74, 45),
    "dark brown": (62, 42, 32),
    "red": (205, 30, 40),
    "burgundy": (110, 20, 38),
    "pink": (240, 165, 180),
    "hot pink": (230, 60, 140),
    "coral": (240, 115, 95),
    "orange": (240, 130, 30),
    "rust": (170, 72, 32),
    "yellow": (250, 220, 50),
    "mustard": (200, 155, 40),
    "olive": (100, 100, 50),
    "lime green": (145, 200, 40),
    "light green": (165, 225, 145),
    "bright green": (50, 220, 50),
    "green": (40, 140, 60),
    "dark green": (25, 65, 45),
    "sage": (160, 180, 135),
    "mint": (165, 220, 190),
    "teal": (20, 120, 125),
    "turquoise": (60, 200, 200),
    "light blue": (155, 195, 230),
    "sky blue": (115, 160, 225),
    "blue": (45, 95, 190),
    "royal blue": (35, 60, 160),
    "denim blue": (80, 105, 145),
    "navy": (25, 35, 75),
    "lavender": (185, 165, 215),
    "violet": (150, 85, 195),
    "purple": (105, 50, 130),
    "mauve": (150, 110, 150),
    "plum": (75, 22, 62),
    "orchid": (205, 75, 200),
    "magenta": (180, 30, 120),
}
# In a photo of one tone, black-and-white or sepia, nobody can know more: up to which CIE L*.
_TONES = {"dark": 35.0, "medium": 65.0, "light": 100.0}
NAMES = (*_NAMES, *_TONES)

_MOST_PIXELS = 4000  # that are looked at in a garment
_CENTERS, _ROUNDS = 5, 12  # of k-means
# Colors nearer than this are one: folds and shade of one cloth. Shade counts for less than hue.
_SAME = 16.0
_LIGHTNESS_WEIGHT = 0.6
_LEAST_SHARE = 0.08  # of the garment; what is less is print, shadow or a fault of the mask
_LEAST_PIXELS = 30


@dataclass(frozen=True)
class GarmentColor:
    """One color of a garment.

    Attributes:
        name: one of ``NAMES``.
        share: of the garment's pixels, 0 to 1.
        lab: CIE L*, a*, b* (D65).
        rgb: the same in sRGB levels.
    """

    name: str
    share: float
    lab: tuple[float, float, float]
    rgb: Rgb


def find_colors(
    image_bgr: Picture, mask: BoolArray, *, one_tone: bool = False
) -> list[GarmentColor]:
    """The colors of a garment, largest share first; none where too little of it is seen.

    Args:
        image_bgr: (h, w, 3) uint8.
        mask: (h, w) bool, the garment; its outermost pixels, which mix with others, are left out
            where there are more.
        one_tone: the photo has no colors; names say how light the garment is.
    """
    inner = cv2.erode(np.pad(mask.astype(np.uint8), 1), np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
    chosen = inner if np.count_nonzero(inner) >= _LEAST_PIXELS else mask
    pixels = image_bgr[chosen]
    if len(pixels) < _LEAST_PIXELS:
        return []
    step = -(-len(pixels) // _MOST_PIXELS)
    lab = _to_lab(pixels[::step])
    centers, shares = _merge(*_cluster(lab))
    found = [
        GarmentColor(
            name=_tone_of(center[0]) if one_tone else _name_of(center),
            share=round(float(share), 3),
            lab=(round(center[0], 1), round(center[1], 1), round(center[2], 1)),
            rgb=_to_rgb(center),
        )
        for center, share in zip(centers.tolist(), shares.tolist(), strict=True)
        if share >= _LEAST_SHARE
    ]
    return sorted(_join_names(found), key=lambda one: -one.share)


def _join_names(colors: list[GarmentColor]) -> list[GarmentColor]:
    """Colors of one name as one: that with the larger share, and both shares."""
    joined: dict[str, GarmentColor] = {}
    for color in sorted(colors, key=lambda one: -one.share):
        first = joined.get(color.name, color)
        share = first.share + color.share if color.name in joined else color.share
        joined[color.name] = replace(first, share=round(share, 3))
    return list(joined.values())


def _to_lab(pixels_bgr: NDArray[np.uint8]) -> FloatArray:
    """(N, 3) levels as CIE Lab, (N, 3) float32."""
    scaled = pixels_bgr[None].astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2Lab)[0], np.float32)


def _to_rgb(lab: list[float]) -> Rgb:
    bgr = cv2.cvtColor(np.asarray([[lab]], np.float32), cv2.COLOR_Lab2BGR)[0, 0]
    blue, green, red = (int(v) for v in np.rint(np.clip(np.asarray(bgr), 0, 1) * 255))
    return red, green, blue


def _weighted(lab: FloatArray) -> FloatArray:
    return lab * np.asarray([_LIGHTNESS_WEIGHT, 1, 1], np.float32)


def _cluster(lab: FloatArray) -> tuple[FloatArray, FloatArray]:
    """k-means that begins at the median and goes on with what is farthest: always the same."""
    points = _weighted(lab)
    chosen = [np.median(points, axis=0)]
    apart = np.linalg.norm(points - chosen[0], axis=1)
    while len(chosen) < _CENTERS and apart.max() > _SAME / 2:
        chosen.append(points[int(np.argmax(apart))])
        apart = np.minimum(apart, np.linalg.norm(points - chosen[-1], axis=1))
    centers = np.stack(chosen)
    for _ in range(_ROUNDS):
        nearest = np.argmin(((points[:, None] - centers[None]) ** 2).sum(axis=2), axis=1)
        kept = np.unique(nearest)
        centers = np.stack([points[nearest == i].mean(axis=0) for i in kept])
    nearest = np.argmin(((points[:, None] - centers[None]) ** 2).sum(axis=2), axis=1)
    kept = np.unique(nearest)
    shares = np.asarray([np.mean(nearest == i) for i in kept], np.float32)
    # The median, since highlights and seams pull a mean away from what is seen as the color.
    return np.stack([np.median(lab[nearest == i], axis=0) for i in kept]), shares


def _merge(centers: FloatArray, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Join the two nearest colors until all are apart."""
    while len(centers) > 1:
        points = _weighted(centers)
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        a, b = np.unravel_index(int(np.argmin(apart)), apart.shape)
        if apart[a, b] > _SAME:
            break
        weights = shares[[a, b]]
        joined = (centers[[a, b]] * weights[:, None]).sum(axis=0) / weights.sum()
        centers, shares = centers.copy(), shares.copy()
        centers[a], shares[a] = joined, weights.sum()
        centers, shares = np.delete(centers, b, axis=0), np.delete(shares, b)
    return centers, shares


_NAMED_LAB = _to_lab(np.asarray([rgb[::-1] for rgb in _NAMES.values()], np.uint8))


def _name_of(lab: list[float]) -> str:
    """The nearest word by CIE94, which counts differences of strong colors for less."""
    point = np.asarray(lab, np.float32)
    delta = _NAMED_LAB - point
    chroma, own = (np.hypot(one[..., 1], one[..., 2]) for one in (_NAMED_LAB, point))
    mean = np.sqrt(chroma * own)
    across = np.maximum(delta[:, 1] ** 2 + delta[:, 2] ** 2 - (chroma - own) ** 2, 0)
    apart = (
        delta[:, 0] ** 2
        + ((chroma - own) / (1 + 0.045 * mean)) ** 2
        + across / (1 + 0.015 * mean) ** 2
    )
    return NAMES[int(np.argmin(apart))]


def _tone_of(lightness: float) -> str:
    """The word for a CIE L*."""
    return next((name for name, most in _TONES.items() if lightness <= most), "light")
