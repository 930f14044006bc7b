"""Eyes behind glasses that are worn: a labelled pair says better where they are than any fit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.eye_steps import EyeFit
from m2fp_cli.tryon.eyes import Prior

WIDTH = 2.3  # of a pair of glasses, U
LENS_DROP = 0.09  # centre of glasses below the pupils
LEAST_PIXELS = 20
LEAST_SHARE = 0.04  # of the bare face; of 118 labelled pairs 99 % have 0.08 or more
LEAST_RATIO = 1.9  # of the spread along a pair to that across
MOST_TILT = 0.6  # radians
ABOVE_FACE = 0.15  # how far above bare skin glasses that are before the eyes may lie, U
NEAR = 0.3  # from the eyes that glasses state to those that are found, U
SCORE = 0.8  # of a pair of glasses


def eyes_behind(mask: BoolArray) -> EyeFit | None:
    """Eyes behind the mask of a pair of glasses, (H, W) bool; None where it is no whole pair."""
    y, x = np.nonzero(mask)
    if x.size < LEAST_PIXELS:
        return None
    points = np.stack((x + 0.5, y + 0.5), axis=1)
    center = points.mean(axis=0)
    _, spread, axes = np.linalg.svd(points - center, full_matrices=False)
    axis = axes[0] * np.sign(axes[0, 0])
    left, right = np.percentile((points - center) @ axis, (0.5, 99.5))
    unit, tilt = float(right - left) / WIDTH, float(np.arctan2(axis[1], axis[0]))
    if spread[0] < LEAST_RATIO * spread[1] or abs(tilt) > MOST_TILT:
        return None
    x0, y0 = center + 0.5 * (left + right) * axis - LENS_DROP * unit * axis[::-1] * (-1, 1)
    return EyeFit((float(x0), float(y0)), unit, tilt, SCORE, dark_lenses=True)


def eyes_of_wearer(glasses: BoolArray, face: BoolArray) -> EyeFit | None:
    """Eyes behind glasses on a face; None for specks, and for glasses pushed up into the hair.

    Args:
        glasses: (H, W) bool.
        face: (H, W) bool, bare skin.
    """
    if np.count_nonzero(glasses) < LEAST_SHARE * np.count_nonzero(face):
        return None
    eyes = eyes_behind(glasses)
    rows = np.flatnonzero(face.any(axis=1))
    if eyes is None or not rows.size:
        return None
    return eyes if eyes.center_xy[1] > rows[0] - ABOVE_FACE * eyes.unit else None


def prior_of_wearer(prior: Prior, eyes: EyeFit) -> Prior:
    """The prior of a face with glasses: narrower, and around them."""
    return replace(
        prior,
        center_xy=eyes.center_xy,
        unit=eyes.unit,
        tilt=eyes.tilt,
        sigma_xy=(0.12, 0.12),
        sigma_scale=0.1,
        sigma_tilt=0.1,
        ends_y=None,
    )


def surer(fit: EyeFit, eyes: EyeFit) -> EyeFit:
    """What was found, or where that is far from the glasses, what these say."""
    miss = math.dist(fit.center_xy, eyes.center_xy)
    alike = 0.75 < fit.unit / eyes.unit < 1.33 and abs(fit.tilt - eyes.tilt) < 0.25
    found = fit if alike and miss < NEAR * eyes.unit else eyes
    return replace(found, score=max(found.score, SCORE))
