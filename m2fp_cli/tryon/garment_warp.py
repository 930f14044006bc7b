"""The map from a photo to a garment's picture: a thin plate for the body, strips for sleeves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.body_shape import BodyShape
from m2fp_cli.tryon.flat_garment import FlatGarment
from m2fp_cli.tryon.garment_fit import STIFFNESS, Fit
from m2fp_cli.tryon.garment_outline import STEPS, Sleeve
from m2fp_cli.tryon.sleeves import Limb
from m2fp_cli.tryon.strip import along_chain, point_at
from m2fp_cli.tryon.thin_plate import fit_thin_plate

GRID = 8  # pixels between places where the thin plate is computed
SEAM = 0.45  # along an arm within which body and sleeve are mixed, U
CAP, CAP_WIDTH = 1.8, 1.8  # of a shoulder: along the arm, U; half its width over the sleeve's
EASE = 0.16  # of a sleeve around a bare arm, U
TAPER = 0.2  # by which a sleeve that goes on from the old one becomes narrower, per length


@dataclass(frozen=True, eq=False)
class Warp:
    """Where each pixel of a window lies in the picture.

    Attributes:
        x: (h, w) float32 columns of the picture.
        y: (h, w) float32 rows.
        along: (h, w) float32 distance along the arm whose sleeve is here over the new sleeve's
            length; NaN where there is none.
        across: (h, w) float32 distance beside it over half the sleeve's width.
    """

    x: FloatArray
    y: FloatArray
    along: FloatArray
    across: FloatArray

    @property
    def sleeve(self) -> BoolArray:
        """Where a sleeve is."""
        return np.isfinite(self.along)


def warp_garment(
    garment: FlatGarment, shape: BodyShape, fit: Fit, window_hw: tuple[int, int], stride: int,
    unit: float, sleeves: bool = True,
) -> Warp:  # fmt: skip
    """Find where each pixel of a window lies in a garment's picture.

    Args:
        garment: the garment.
        shape: the body, in pixels of the maps.
        fit: of the garment to it.
        window_hw: size of the window in pixels of the photo.
        stride: pixels of the photo per pixel of the maps.
        unit: U in pixels of the photo.
        sleeves: whether they are seen; those below a coat are not.
    """
    x, y = _body_map(fit, window_hw, stride)
    along = np.full(window_hw, np.nan, np.float32)
    across = np.zeros(window_hw, np.float32)
    for i in (0, 1) if sleeves else ():
        limb, length = shape.limbs[i], fit.sleeve_length[i] * stride
        joints = limb.joints * np.float32(stride)
        reach = 2.2 * unit
        low = np.maximum(np.floor(joints.min(axis=0) - reach), 0).astype(int)
        high = np.ceil(joints.max(axis=0) + reach).astype(int)
        part = slice(low[1], min(high[1], window_hw[0])), slice(low[0], min(high[0], window_hw[1]))
        rows, columns = (np.arange(s.start, s.stop, dtype=np.float32) for s in part)
        far, beside = along_chain(joints, columns[None], rows[:, None])
        inside, half = _in_strip(limb, far / stride, beside / stride, unit / stride)
        # The cap of a shoulder is rounder than a sleeve.
        outer = (-1, 1)[i] * beside / stride
        inside |= (far > 0) & (far < CAP * unit) & (outer > 0) & (outer < CAP_WIDTH * half)
        share, across_here = far / max(length, 1.0), beside / stride / half
        sleeve, side = garment.landmarks.sleeves[i], (-1, 1)[i]
        picture = _sleeve_map(sleeve, side, share[inside], across_here[inside])
        # Near the shoulder the sleeve goes on from the body.
        weight = np.clip(far[inside] / (SEAM * unit), 0, 1)
        weight = weight * weight * (3 - 2 * weight)
        for target, source in zip((x, y), picture, strict=True):
            target[part][inside] += weight * (source - target[part][inside])
        along[part] = np.where(inside, share, along[part])
        across[part] = np.where(inside, across_here, across[part])
    return Warp(x, y, along, across)


def _body_map(fit: Fit, window_hw: tuple[int, int], stride: int) -> tuple[FloatArray, FloatArray]:
    """The thin plate at every pixel, from a grid."""
    plate = fit_thin_plate(fit.body.astype(np.float64) * stride, fit.picture, STIFFNESS)
    height, width = (-(-size // GRID) + 1 for size in window_hw)
    grid = np.meshgrid(
        np.arange(width, dtype=np.float32) * GRID + (GRID - 1) / 2,
        np.arange(height, dtype=np.float32) * GRID + (GRID - 1) / 2,
    )
    found = []
    for coarse in plate(*grid):
        fine = cv2.resize(coarse, (width * GRID, height * GRID), interpolation=cv2.INTER_LINEAR)
        found.append(np.ascontiguousarray(fine[: window_hw[0], : window_hw[1]], np.float32))
    return found[0], found[1]


def _in_strip(
    limb: Limb, along: FloatArray, beside: FloatArray, unit: float
) -> tuple[BoolArray, FloatArray]:
    """Which pixels are on an arm, and half the width of its sleeve there; pixels of the maps."""
    half = np.where(beside > 0, limb.reach(along, 1), limb.reach(along, -1))
    bare = np.clip((along - limb.covered) / (0.5 * unit) + 0.5, 0, 1)
    half = half + EASE * unit * bare
    # A wide old sleeve is not followed by a narrow new one at once.
    for side in (1, -1):
        end = float(limb.reach(np.array([limb.covered], np.float32), side)[0])
        taper = np.minimum(end + EASE * unit, end + TAPER * (limb.covered - along))
        half = np.where((np.sign(beside) == side) & (bare > 0), np.maximum(half, taper), half)
    half = half.astype(np.float32)
    inside: BoolArray = (np.abs(beside) < half) & (along > 0) & (along < limb.length + unit)
    return inside, half


def _sleeve_map(
    sleeve: Sleeve, side: int, along: FloatArray, across: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Where places of a strip lie in the picture; ``along`` is 1 at the sleeve's end."""
    places = np.linspace(0, 1, STEPS)
    outer, inner = (np.interp(along, places, half) for half in (sleeve.outer, sleeve.inner))
    half = np.where(side * across > 0, outer, inner)
    beside = np.clip(across, -0.96, 0.96) * half
    out: tuple[FloatArray, FloatArray] = point_at(
        sleeve.axis, (along * sleeve.length).astype(np.float32), beside.astype(np.float32)
    )
    return out


def sample(garment: FlatGarment, warp: Warp) -> NDArray[np.float32]:
    """The garment at every pixel of a window, (h, w, 4) float32: linear BGR, and alpha.

    One resample; the picture is made smaller first where it would alias.

    Args:
        garment: the garment.
        warp: where the pixels lie in it.
    """
    step = max(float(np.median(np.abs(np.diff(warp.y, axis=0)))), 1e-3)
    both = np.dstack((garment.color, garment.alpha))
    factor = min(1.0, 1.4 / step)
    if factor < 0.9:
        size = max(2, round(both.shape[1] * factor)), max(2, round(both.shape[0] * factor))
        factor_x, factor_y = size[0] / both.shape[1], size[1] / both.shape[0]
        both = np.asarray(cv2.resize(both, size, interpolation=cv2.INTER_AREA), np.float32)
    else:
        factor_x = factor_y = 1.0
    u = (warp.x + 0.5) * np.float32(factor_x) - 0.5
    v = (warp.y + 0.5) * np.float32(factor_y) - 0.5
    out = cv2.remap(both, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32)
