"""How much of each pixel is hair, or a shoe: soft where strands are finer than network masks.

A label's edge is that of the network's masks, four pixels or more wide; hair ends in strands.
Colors tell more: hair a little farther in and ground a little farther out say how much of a pixel
between them is hair. Where the two are alike, the label's own edge is blurred.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.figure import ARMS, BOTTOMS, LEGS, SKIN, TOPS, Figure
from m2fp_cli.tryon.garment_edge import local_mean
from m2fp_cli.tryon.morphology import dilate, erode
from m2fp_cli.tryon.oklab import to_oklab

HAIR_BAND, SHOE_BAND = 0.16, 0.07  # to both sides of the label's edge, U
BAND_RANGE = (1.5, 14.0)  # pixels
ON_SKIN = 0.5  # share of the band in which hair may lie over skin and clothes of the same person
SOFT_SIGMA = 0.3  # of the blur of the label's own edge, bands
NOISE_WEIGHT = 3.0  # variances of hair by which its distance from the ground must count
MIN_NOISE = 2e-4  # variance of linear light that hair and ground show at least
CLEAR, SOLID = 0.06, 0.94  # less is not hair, more is nothing else
PURE_FROM = 0.9  # alpha from which a pixel's own color counts as hair's
# A pixel whose color is so many deviations from that of the hair is something else.
UNLIKE = (3.5, 5.5)
OWN_SPREAD = (0.08, 0.015, 0.015)  # deviations of L, a and b that any hair may show, OKLab
CORE_SPREAD = 4.0  # variance of all the hair over that of its nearer half, about
MIN_SURE = 60  # pixels from which the hair's colors are known
STRAY_SIGMA = 0.5  # of the blur by which lone pixels fade, bands


@dataclass(frozen=True, eq=False)
class Matte:
    """Something soft, without what is behind it.

    Attributes:
        alpha: (h, w) float32, share of it in each pixel.
        own: (h, w, 3) float32 linear BGR, its own color there.
    """

    alpha: FloatArray
    own: FloatArray


def find_matte(
    light: FloatArray, figure: Figure, hair: BoolArray, unit: float, width: float
) -> Matte:
    """Find how much of each pixel is hair, or whatever else a mask holds.

    Args:
        light: (h, w, 3) float32 linear BGR, the photo in the figure's window.
        figure: the person.
        hair: (h, w) bool, what is taken for it; not empty.
        unit: U in pixels.
        width: of the band to both sides of the mask's edge that is looked at, U.
    """
    band = float(np.clip(width * unit, *BAND_RANGE))
    inner = erode(hair, band)
    if np.count_nonzero(inner) < 0.1 * np.count_nonzero(hair):
        inner = erode(hair, 0.4 * band)
    inner = inner if inner.any() else hair
    label = hair.astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(label, (0, 0), max(SOFT_SIGMA * band, 0.6)), np.float32)
    near = _where_hair_may_be(figure, hair, band) & ~inner
    outer = ~dilate(hair, 0.7 * band)
    own = local_mean(light, inner, band / 1.5)
    alpha = np.where(inner, 1, np.where(near, soft, 0)).astype(np.float32)
    if outer.any() and near.any():
        alpha[near] = _by_color(light, soft, (inner, outer), own, near, band)
    alpha = np.clip((alpha - CLEAR) / (SOLID - CLEAR), 0, 1)
    # A lone pixel of the color of hair beside it is something else.
    company = cv2.GaussianBlur(alpha, (0, 0), max(STRAY_SIGMA * band, 0.7))
    alpha = np.where(inner, 1, alpha * np.clip(4 * company, 0, 1)).astype(np.float32)
    alpha *= _likeness(light, hair & ~near)
    # What is mixed with a bright ground would become too bright as hair.
    share = np.clip((alpha - PURE_FROM) / (1 - PURE_FROM), 0, 1)[..., None]
    return Matte(alpha, np.asarray(light * share + own * (1 - share), np.float32))


def _likeness(light: FloatArray, sure: BoolArray) -> FloatArray:
    """1 where a pixel has a color that the hair has, 0 where it has another, (h, w)."""
    if np.count_nonzero(sure) < MIN_SURE:
        return np.ones(sure.shape, np.float32)
    lab = to_oklab(light)
    colors = lab[sure]
    middle = np.median(colors, axis=0)
    apart = colors - middle
    # Half of the pixels decide: what is labelled as hair by mistake must not widen the hair's own.
    near = (np.abs(apart) / OWN_SPREAD).sum(axis=1)
    core = apart[near <= np.median(near)]
    spread = CORE_SPREAD * core.T @ core / len(core) + np.diag(np.square(OWN_SPREAD))
    away = lab - middle
    square = ((away @ np.linalg.inv(spread).astype(np.float32)) * away).sum(axis=2)
    out = (UNLIKE[1] - np.sqrt(square)) / (UNLIKE[1] - UNLIKE[0])
    return np.asarray(np.clip(out, 0, 1), np.float32)


def _where_hair_may_be(figure: Figure, hair: BoolArray, band: float) -> BoolArray:
    """The label, background beside it, and a little of the skin and clothes that it touches."""
    free = (figure.label_map == 0) & ~figure.other_people
    own = figure.mask(*SKIN, *TOPS, *ARMS, *BOTTOMS, *LEGS)
    out: BoolArray = hair | (free & dilate(hair, band)) | (own & dilate(hair, ON_SKIN * band))
    return out


def _by_color(
    light: FloatArray,
    soft: FloatArray,
    parts: tuple[BoolArray, BoolArray],
    own: FloatArray,
    near: BoolArray,
    band: float,
) -> FloatArray:
    """Share of hair in the pixels of ``near``, by hair and ground around them, (N,)."""
    inner, outer = parts
    hair, ground = own[near], local_mean(light, outer, band / 1.5)[near]
    squares = light * light
    noise = MIN_NOISE + sum(
        np.maximum(local_mean(squares, part, band / 1.5)[near] - mean * mean, 0).sum(axis=1)
        for part, mean in ((inner, hair), (outer, ground))
    )
    apart = hair - ground
    contrast = (apart * apart).sum(axis=1)
    share = ((light[near] - ground) * apart).sum(axis=1) / np.maximum(contrast, 1e-6)
    trust = contrast / (contrast + NOISE_WEIGHT * noise)
    out = trust * np.clip(share, 0, 1) + (1 - trust) * soft[near]
    return np.asarray(out, np.float32)
