"""Cuffs: what is labelled as an arm beyond the end of a sleeve, and is still cloth by its color.

Where a label changes from sleeve to arm the network is some centimetres off at times. A cuff that
is taken for skin would stay on the wrist below the sleeve of a new garment.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.figure import ARMS, Figure
from m2fp_cli.tryon.morphology import dilate
from m2fp_cli.tryon.one_garment import bhattacharyya

REACH = 1.6  # of a cuff beyond the labelled sleeve, U; a shirt's cuff is 7 to 9 cm long
NEAR_CLOTH = 1.2  # of the sleeve whose color counts, U
MIN_PIXELS = 30  # of cloth and of skin that are compared
MOST_PIXELS = 4000  # of them that are looked at
ALIKE = 0.35  # Bhattacharyya coefficient above which cloth and skin cannot be told apart
SPREAD = 5.0  # deviation of L, a and b that is added: light differs between face and hand
VOTE_SIGMA = 0.1  # of the blur over which pixels vote, U
MIN_AREA = 0.08  # of a cuff, U^2


def find_cuffs(bgr: Picture, figure: Figure, top: BoolArray, unit: float) -> BoolArray:
    """Pixels labelled as arms that show the cloth of the sleeve above them.

    Args:
        bgr: (h, w, 3) uint8, the photo in the figure's window.
        figure: the person.
        top: (h, w) bool, the top that is worn.
        unit: U in pixels.

    Returns:
        (h, w) bool; nothing where the colors of cloth and skin are too much alike.
    """
    found = np.zeros_like(top)
    for label in ARMS:
        arm = figure.mask(label)
        near = arm & dilate(top, REACH * unit)
        if np.count_nonzero(near) < MIN_PIXELS:
            continue
        rows, columns = (np.flatnonzero(near.any(axis=axis)) for axis in (1, 0))
        margin = int((NEAR_CLOTH + VOTE_SIGMA) * unit) + 2
        part = tuple(
            slice(max(int(at[0]) - margin, 0), int(at[-1]) + margin + 1) for at in (rows, columns)
        )
        lab = to_lab(bgr[part])
        cloth = lab[top[part] & dilate(near[part], NEAR_CLOTH * unit)]
        skin = skin_colors(bgr, figure, arm & ~near)
        if min(len(cloth), len(skin)) < MIN_PIXELS:
            continue
        cloth, skin = _some(cloth), _some(skin)
        if bhattacharyya(cloth, skin) > ALIKE:
            continue
        here = near[part]
        likely = [log_likelihood(lab[here], colors) for colors in (cloth, skin)]
        votes = np.zeros(here.shape, np.float32)
        votes[here] = np.clip(likely[0] - likely[1], -4, 4)
        soft = cv2.GaussianBlur(votes, (0, 0), max(VOTE_SIGMA * unit, 0.8))
        found[part] |= here & (soft > 0)
    return _attached(found, top, unit)


def skin_colors(bgr: Picture, figure: Figure, bare: BoolArray) -> NDArray[np.float32]:
    """Some colors of a person's skin, (N, 3) float32 Lab.

    Args:
        bgr: (h, w, 3) uint8, the photo in the figure's window.
        figure: the person, whose face counts where it is seen.
        bare: (h, w) bool, other skin of theirs.
    """
    parts = [mask for mask in (figure.mask("Face"), bare) if np.count_nonzero(mask) >= MIN_PIXELS]
    if not parts:
        return np.zeros((0, 3), np.float32)
    colors = [_some(to_lab(bgr[mask][:, None])[:, 0]) for mask in parts]
    return np.asarray(np.concatenate(colors), np.float32)


def _some(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evenly chosen rows of an array."""
    return values[:: 1 + len(values) // MOST_PIXELS]


def log_likelihood(lab: FloatArray, colors: NDArray[np.float32]) -> FloatArray:
    """Logarithm of the normal density of each pixel, without its constant.

    Args:
        lab: (..., 3) float32, CIE Lab.
        colors: (N, 3) float32 Lab, of which the distribution is.
    """
    covariance = np.cov(colors.T) + SPREAD**2 * np.eye(3)
    apart = lab - colors.mean(axis=0)
    inverse = np.linalg.inv(covariance).astype(np.float32)
    square = ((apart @ inverse) * apart).sum(axis=-1)
    return np.asarray(-0.5 * (square + np.log(np.linalg.det(covariance))), np.float32)


def _attached(found: BoolArray, top: BoolArray, unit: float) -> BoolArray:
    """Those pieces that are large enough, and go on from the top."""
    if not found.any():
        return found
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    beside = np.unique(pieces[dilate(top, 2.0) & found])
    large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= MIN_AREA * unit * unit)
    return np.isin(pieces, [i for i in beside if i > 0 and i in large])
