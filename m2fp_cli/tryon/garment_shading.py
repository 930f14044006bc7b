"""Light and folds for new cloth, from the old top and from the skin of the arms."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.cloth_shading import split_shading
from m2fp_cli.tryon.figure import ARMS, Figure
from m2fp_cli.tryon.garment import MIN_AREA
from m2fp_cli.tryon.lighting import linear_luminance
from m2fp_cli.tryon.masked_mean import masked_mean
from m2fp_cli.tryon.morphology import bounding_slices, dilate, erode, open_mask
from m2fp_cli.tryon.two_cloths import level_cloths

DETAIL = 0.75  # power of the old cloth's fine folds
PRINT_CHROMA, PRINT_LOG = 14.0, 0.8  # what is farther from the old cloth's color is a print
SEAM = 0.04  # of the blur that hides seams, pockets and buttons of the old cloth, U
PATTERN_POWER = 0.55  # of patterned cloth's shading, some of which is its pattern
PRINT_EDGE = 0.05  # beside a print that still shows it, U
LINE_LOG, LINE_HALF = 1.3, 0.15  # of a line on cloth of many shades: brighter; half its width, U
LINE_BLUR = 2.0  # by which a lens has spread it, pixels
LEAST_PLAIN, MOST_PRINTED = 0.45, 0.93  # shares of the old cloth that are not print
# From the darkest to the brightest 2 % of cloth: 16 tops of street photos have 1.6 to 3.1, one with
# stripes below a scarf that the parse takes for cloth 7.3.
MOST_LIGHT, LEVELED = 4.0, 1.3
MANY_COLORS = 0.1  # share of cloth of another color than its usual one; that top .13
# Dark cloth reflects little but its sheen, which changes more from fold to fold than what cloth
# scatters: folds of black velvet are seen as well as those of linen.
DARK, DARK_POWER = 0.12, 1.7  # luminance from which cloth is dark, power of the folds of black
SKIN_SIGMA = 0.22  # of the shading of skin below a new sleeve, U
SKIN_RANGE = (0.55, 1.5)
SPREAD_SIGMAS = (0.25, 1.0, 3.0)  # by which shading goes on where none is known, U


def shade_like(
    bgr: Picture, light: FloatArray, worn: BoolArray, figure: Figure, unit: float
) -> tuple[FloatArray, bool]:
    """Light and folds for the cloth of a new garment.

    What is printed on the old one is left out; beyond it the light on the arms goes on.

    Args:
        bgr: (h, w, 3) uint8, the photo.
        light: (h, w, 3) float32 linear, the same.
        worn: (h, w) bool, the old top.
        figure: the person in the same window.
        unit: U in pixels.

    Returns:
        (h, w) float32 around 1, and whether the old cloth has a pattern.
    """
    lab = to_lab(bgr)
    luminance = level_cloths(lab, linear_luminance(light), worn, unit)
    chroma = lab[..., 1:]
    apart = np.linalg.norm(chroma - np.median(chroma[worn], axis=0), axis=2)
    reference = max(float(np.median(luminance[worn])), 1e-3)
    log = np.log((luminance + 0.1 * reference) / (1.1 * reference))
    plain = worn & (apart < PRINT_CHROMA) & (np.abs(log) < PRINT_LOG)
    colors = float(np.median(apart[worn]))
    share = np.count_nonzero(plain) / max(np.count_nonzero(worn), 1)
    used = plain if share > LEAST_PLAIN else _beside_lines(worn, log, unit)
    shading, detail, patterned = split_shading(luminance, used, unit, colors)
    # Folds beside a print, or between buttons, are folds still: only the print's own detail goes.
    clean = erode(open_mask(used, PRINT_EDGE * unit), 1.0)
    soft = cv2.GaussianBlur(clean.astype(np.float32), (0, 0), max(PRINT_EDGE * unit, 0.8))
    plain_here = np.clip(2 * soft - 1, 0, 1)
    fine = np.asarray(np.log(detail) * plain_here, np.float32)
    wide = cv2.GaussianBlur(fine, (0, 0), max(SEAM * unit, 0.5))
    power = PATTERN_POWER if patterned else 1.0
    folds = np.where(used, shading**power * np.exp(DETAIL * wide), 0)
    if used is not plain and np.mean(apart[worn] > PRINT_CHROMA) > MANY_COLORS:
        folds = flatten_pattern(folds, used)
    patterned |= share < MOST_PRINTED
    known = used.copy()
    for label in ARMS:
        arm = figure.mask(label) & ~worn
        if np.count_nonzero(arm) < MIN_AREA / 4:
            continue
        middle = max(float(np.median(luminance[arm])), 1e-3)
        box = bounding_slices(arm, 1)
        inside = arm[box]
        smooth = masked_mean(luminance[box][..., None], inside, [SKIN_SIGMA * unit])[..., 0]
        folds[box][inside] = np.clip(smooth[inside] / middle, *SKIN_RANGE)
        known |= arm
    spread_out = masked_mean(folds[..., None].astype(np.float32), known,
                         [s * unit for s in SPREAD_SIGMAS])[..., 0]  # fmt: skip
    return np.where(known, folds, spread_out).astype(np.float32), patterned


def _beside_lines(worn: BoolArray, log: FloatArray, unit: float) -> BoolArray:
    """Cloth of many shades without thin bright lines, such as the stripes of a dark sailor's top.

    A broad patch that is as bright may be lit by the sun.

    Args:
        worn: (h, w) bool, the old top.
        log: (h, w) float32, of its luminance, 0 at its usual one.
        unit: U in pixels.
    """
    bright = worn & (log > LINE_LOG)
    lines = bright & ~open_mask(bright, LINE_HALF * unit)
    beside = worn & ~dilate(lines, LINE_BLUR)
    enough = np.count_nonzero(beside) > LEAST_PLAIN * np.count_nonzero(worn)
    return np.asarray(beside if enough else worn)


def flatten_pattern(folds: FloatArray, used: BoolArray) -> FloatArray:
    """Folds of cloth of many colors, evened out where they differ by more than light does.

    Args:
        folds: (h, w) float32, what the light does, above 0 on the cloth and 0 outside.
        used: (h, w) bool, the cloth; not empty.

    Returns:
        (h, w) float32; as given if the darkest and brightest 2 % differ by a factor of at most
        ``MOST_LIGHT``, else around 1, and they differ by ``LEVELED``.
    """
    low, middle, high = np.percentile(folds[used], (2, 50, 98))
    if high <= MOST_LIGHT * low:
        return folds
    power = np.log(LEVELED) / np.log(high / low)
    return np.where(used, (folds / middle) ** power, 0).astype(np.float32)


def deepen(shading: FloatArray, luminance: float) -> FloatArray:
    """The folds of cloth as dark as this.

    Args:
        shading: (h, w) float32 around 1.
        luminance: of the cloth, linear 0..1.
    """
    share = float(np.clip(1 - luminance / DARK, 0, 1))
    return np.asarray(shading ** (1 + (DARK_POWER - 1) * share), np.float32)
