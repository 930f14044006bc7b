"""Eyes behind glasses that are worn: a labelled pair says better where they are than any fit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.tryon.eye_steps import EyeFit
from m2fp_cli.tryon.eyes import Prior

# What a pair of glasses looks like.
WIDTH = 2.3  # U; median of CelebAMask 2.35
LENS_DROP = 0.09  # center of glasses below the pupils, U; median of CelebAMask
MIN_PIXELS = 20
MIN_SHARE = 0.04  # of the bare face; of 118 labelled pairs 99 % have 0.08 or more
MIN_RATIO = 1.9  # of the spread along a pair to that across
MAX_TILT = 0.6  # radians
MAX_ABOVE_FACE = 0.15  # that glasses before the eyes may lie above bare skin, U

# How far it is believed.
PRIOR_SIGMA = 0.12  # of the eyes behind glasses, U
PRIOR_SIGMA_SCALE, PRIOR_SIGMA_TILT = 0.1, 0.1  # logarithm of U, radians
MAX_MISS = 0.3  # from the eyes that glasses state to those that are found, U
UNIT_RATIO = (0.75, 1.33)  # of the U that is found to the one that glasses state
MAX_TILT_MISS = 0.25  # radians
SCORE = 0.8  # of a pair of glasses


def eyes_from_glasses(mask: BoolArray) -> EyeFit | None:
    """Eyes behind a pair of glasses, by their principal axis.

    Args:
        mask: (H, W) bool.

    Returns:
        the eyes, None where the mask is not a whole pair.
    """
    y, x = np.nonzero(mask)
    if x.size < MIN_PIXELS:
        return None
    points = np.stack((x + 0.5, y + 0.5), axis=1)
    center = points.mean(axis=0)
    _, spread, axes = np.linalg.svd(points - center, full_matrices=False)
    axis = axes[0] * np.sign(axes[0, 0])
    left, right = np.percentile((points - center) @ axis, (0.5, 99.5))
    unit, tilt = float(right - left) / WIDTH, float(np.arctan2(axis[1], axis[0]))
    if spread[0] < MIN_RATIO * spread[1] or abs(tilt) > MAX_TILT:
        return None
    x0, y0 = center + 0.5 * (left + right) * axis - LENS_DROP * unit * axis[::-1] * (-1, 1)
    return EyeFit((float(x0), float(y0)), unit, tilt, SCORE, dark_lenses=True)


def find_eyes_behind(glasses: BoolArray, face: BoolArray) -> EyeFit | None:
    """Eyes behind glasses on a face; None for specks, and for glasses pushed up into the hair.

    Args:
        glasses: (H, W) bool.
        face: (H, W) bool, bare skin.
    """
    if np.count_nonzero(glasses) < MIN_SHARE * np.count_nonzero(face):
        return None
    eyes = eyes_from_glasses(glasses)
    rows = np.flatnonzero(face.any(axis=1))
    if eyes is None or not rows.size:
        return None
    return eyes if eyes.center_xy[1] > rows[0] - MAX_ABOVE_FACE * eyes.unit else None


def prior_behind(prior: Prior, eyes: EyeFit) -> Prior:
    """The prior of a face with glasses: around them, and narrower.

    Args:
        prior: what the masks of face and hair say.
        eyes: what the glasses say.
    """
    return replace(
        prior,
        center_xy=eyes.center_xy,
        unit=eyes.unit,
        tilt=eyes.tilt,
        sigma_xy=(PRIOR_SIGMA, PRIOR_SIGMA),
        sigma_scale=PRIOR_SIGMA_SCALE,
        sigma_tilt=PRIOR_SIGMA_TILT,
        ends_y=None,
    )


def choose_fit(fit: EyeFit, behind_glasses: EyeFit) -> EyeFit:
    """The eyes that were found; or what the glasses say, where the two are far apart.

    Args:
        fit: what was found in the photo.
        behind_glasses: what the glasses say.

    Returns:
        one of the two, with a score of at least ``SCORE``.
    """
    miss = math.dist(fit.center_xy, behind_glasses.center_xy)
    alike = (
        UNIT_RATIO[0] < fit.unit / behind_glasses.unit < UNIT_RATIO[1]
        and abs(fit.tilt - behind_glasses.tilt) < MAX_TILT_MISS
        and miss < MAX_MISS * behind_glasses.unit
    )
    found = fit if alike else behind_glasses
    return replace(found, score=max(found.score, SCORE))
