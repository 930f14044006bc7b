"""Another color for hair or leather: shine, shadows and strands stay, as dye leaves them.

Lightness follows a curve through black, the thing's middle and white: shadows stay dark, shine
stays bright, and the middle becomes that of the color. The contrast of fine strands grows less
than that, as the noise of dark hair would grow with it. All in OKLab.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear, to_srgb
from m2fp_cli.tryon.correlation import correlation
from m2fp_cli.tryon.lighting import Light
from m2fp_cli.tryon.matte import Matte
from m2fp_cli.tryon.oklab import of_oklab, to_oklab
from m2fp_cli.tryon.relighting import dim_gain

# Lightness, OKLab.
UNDERTONE, YELLOW = 58.0, 115.0  # hues of brown hair, and of the greenest blond, degrees
TURN = 2.2  # how soon yellow turns to that as less of its lightness is reached
LIGHTNESS_RANGE = (0.02, 0.97)  # of the middle, before and after
STRAND_SIGMA = 0.06  # of the blur that is taken off to see strands, U
BASE_SIGMA, MIN_BASE_SIGMA = 0.06, 0.8  # of the blur that leaves strands as detail, U, pixels
GAIN_RANGE = (0.55, 1.7)  # of the detail's contrast
CONTRAST_POWER = 0.6  # of new over old lightness: the contrast of the whole hair
CONTRAST_RANGE = (0.6, 1.9)
# What leather mirrors is as bright on pale leather as on black. On 46 pairs of shoes half of that
# looks like leather; nothing of it like foil, and all of it dull.
MIRRORED_FROM = 1.15  # of the middle's lightness: what is above it is mirrored
MIRRORED_SHARE = 0.5

# Chroma.
OWN_CHROMA = 0.45  # share of the hair's own changes of hue and chroma that are kept
SHINE_CHROMA = 0.65  # share of chroma that white shine loses: light on hair is the lamp's color
SHADOW_CHROMA = 0.7  # power of lightness by which shadows lose theirs


@dataclass(frozen=True, eq=False)
class Dyed:
    """Something of another color.

    Attributes:
        light: (h, w, 3) float32 linear BGR.
        before: (h, w, 3) float32 OKLab.
        after: (h, w, 3) float32 OKLab.
        aim: (3,) float32 OKLab, what the middle was to become.
        limited: it would have had to become lighter than something so dark can.
    """

    light: FloatArray
    before: FloatArray
    after: FloatArray
    aim: FloatArray
    limited: bool


def dye(
    own: FloatArray,
    sure: BoolArray,
    color: FloatArray,
    unit: float,
    lift: tuple[float, float],
    *,
    mirrors: bool = False,
) -> Dyed:
    """Give something another color.

    Args:
        own: (h, w, 3) float32 linear BGR, its own color.
        sure: (h, w) bool, pixels that are nothing else; not empty.
        color: (3,) float32 linear BGR, of its middle, in the photo's light.
        unit: U in pixels.
        lift: how light it can become from lightness L: a + b L.
        mirrors: its shine is light on its surface, which no dye makes brighter.
    """
    lab = to_oklab(own)
    middle = np.median(lab[sure], axis=0)
    low, high = LIGHTNESS_RANGE
    old = float(np.clip(middle[0], low, high))
    wanted = to_oklab(color.reshape(1, 1, 3))[0, 0]
    new = float(np.clip(wanted[0], low, high))
    reached = min(new, max(lift[0] + lift[1] * old, old))
    aim = np.array((reached, *wanted[1:]), np.float32)
    aim[1:] = _darker(wanted[1:], reached / new)
    sigma = max(BASE_SIGMA * unit, MIN_BASE_SIGMA)
    base = np.asarray(cv2.GaussianBlur(lab[..., 0], (0, 0), sigma), np.float32)
    detail = lab[..., 0] - base
    lightness, slope = _curve(base, old, reached)
    lightness = lightness + detail * np.clip(slope, *GAIN_RANGE)
    if mirrors and reached > old:
        lightness = _mirror(lightness, lab[..., 0], old, reached)
    chroma = aim[1:] * _chroma_share(lightness, reached)[..., None]
    chroma = chroma + OWN_CHROMA * (lab[..., 1:] - middle[1:]) * min(1.0, reached / old)
    after = np.dstack((np.clip(lightness, 0, 1), chroma)).astype(np.float32)
    light = of_oklab(after)
    return Dyed(light, lab, to_oklab(light), aim, reached < new - 0.02)


def _darker(chroma: FloatArray, share: float) -> FloatArray:
    """A color's a and b where only a share of its lightness is reached.

    A dark yellow is olive, which no hair is: what is below a blond that is not reached is orange.
    """
    hue = float(np.degrees(np.arctan2(chroma[1], chroma[0])))
    out = chroma * share
    if not UNDERTONE < hue < YELLOW:
        return np.asarray(out, np.float32)
    turn = np.radians((hue - UNDERTONE) * min(1.0, TURN * (1 - share)))
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    return np.array((out[0] * cos + out[1] * sin, out[1] * cos - out[0] * sin), np.float32)


def _curve(lightness: FloatArray, old: float, new: float) -> tuple[FloatArray, FloatArray]:
    """A curve through (0, 0), (old, new) and (1, 1), and its slope.

    It is the bias function of C. Schlick, "Fast Alternatives to Perlin's Bias and Gain Functions",
    Graphics Gems IV, 1994, with another fixed point, mixed with a line through the middle. What is
    scattered in hair grows with its color, what its surface reflects does not: the line's slope
    lies between both.
    """
    k = (old / new - 1) / (1 - old)
    below = k * (1 - lightness) + 1
    bent, slope = lightness / below, (k + 1) / (below * below)
    steep = float(np.clip((new / old) ** CONTRAST_POWER, *CONTRAST_RANGE))
    line = np.maximum(new + (lightness - old) * steep, 0.3 * bent)
    return (
        np.asarray(0.5 * (bent + np.minimum(line, 1)), np.float32),
        np.asarray(0.5 * (slope + steep), np.float32),
    )


def _mirror(lightness: FloatArray, own: FloatArray, old: float, new: float) -> FloatArray:
    """Lightness of what became lighter, with shine that did not.

    OKLab's lightness is the cube root of light: mirrored light is added to that of the color.

    Args:
        lightness: (h, w) float32, after the curve.
        own: (h, w) float32, before.
        old: of the middle before.
        new: of the middle afterwards.
    """
    start = MIRRORED_FROM * old
    most = _curve(np.array(start, np.float32), old, new)[0]
    mirrored = np.maximum(own**3 - start**3, 0)
    real = np.minimum(np.cbrt(np.minimum(lightness, most) ** 3 + mirrored), lightness)
    return np.asarray(lightness + MIRRORED_SHARE * (real - lightness), np.float32)


def _chroma_share(lightness: FloatArray, middle: float) -> FloatArray:
    """Share of the color's chroma at each lightness: less in shadows, and in shine."""
    dark = np.clip(lightness / middle, 0, 1) ** SHADOW_CHROMA
    shine = np.clip((lightness - middle) / max(1 - middle, 0.05), 0, 1)
    return np.asarray(dark * (1 - SHINE_CHROMA * shine), np.float32)


def paint(window_bgr: Picture, matte: Matte, done: Dyed, weight: FloatArray) -> BoolArray:
    """Paint what was dyed, as the photo mixes it with what is behind it.

    Args:
        window_bgr: (h, w, 3) uint8, changed in place.
        matte: what was dyed.
        done: its new color.
        weight: (h, w) float32, how much of each pixel takes it.

    Returns:
        (h, w) bool, pixels that may have changed.
    """
    light = to_linear(window_bgr) + weight[..., None] * (done.light - matte.own)
    touched: BoolArray = weight > 0
    mixed = np.asarray(np.clip(light, 0, 1), np.float32)
    cv2.copyTo(to_srgb(mixed), touched.astype(np.uint8), window_bgr)
    return touched


def measure(done: Dyed, sure: BoolArray, unit: float) -> dict[str, float]:
    """Whether strands are kept and the color is met.

    Args:
        done: what was dyed.
        sure: (h, w) bool, pixels that are nothing else.
        unit: U in pixels.

    Returns:
        ``strands_kept_r``: correlation of fine lightness before and after; ``color_miss``: distance
        of the middle from the color, OKLab.
    """
    fine = []
    for lab in (done.before, done.after):
        lightness = np.ascontiguousarray(lab[..., 0])
        smooth = cv2.GaussianBlur(lightness, (0, 0), max(STRAND_SIGMA * unit, 0.8))
        fine.append((lightness - smooth)[sure])
    miss = float(np.linalg.norm(np.median(done.after[sure], axis=0) - done.aim))
    return {"strands_kept_r": correlation(fine[0], fine[1]), "color_miss": miss}


def lit_color(color: FloatArray, light: Light | None) -> FloatArray:
    """A color in daylight as a photo's light shows it.

    Args:
        color: (3,) float32 linear BGR.
        light: what is measured on the person; None leaves it as it is.
    """
    if light is None:
        return color
    lit = color * np.asarray(light.balance_bgr, np.float32) * dim_gain(light)
    return np.asarray(lit, np.float32)
