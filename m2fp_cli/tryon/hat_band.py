"""The band of a hat on a head, and how well the hat sits there.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray
from m2fp_cli.tryon.compositing import Layer, alpha_in_window
from m2fp_cli.tryon.figure import ARMS, FACE, HEAD, Figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.records import Check, check_limits

LIMITS = {
    "gap_median_u": (0.0, 0.05),
    "gap_p95_u": (0.0, 0.12),
    "band_above_eyes_u": (0.45, 1.15),
    "band_width_u": (2.1, 2.9),
    "roll_difference_deg": (0.0, 6.0),
    "center_offset_u": (0.0, 0.25),
    "eyes_covered": (0.0, 0.0),
    "hair_outside": (0.0, 0.03),
    "cut_by_frame": (0.0, 0.25),
    "old_hat_covered": (0.98, 1.0),
}
"""What is measured, and the range in which it is good."""

EYE_RADIUS = 0.18  # U
BRIM_OVER_EYES = 0.2  # share of the eyes that a brim may cover in a good picture
ABOVE_BAND = 0.1  # from where hair must be under the hat, U
COVERED_ALPHA = 0.5  # of a hat, above which it covers what is under it
GAP_SHARE = 0.6  # of the half width of the band: the columns between hat and head that are measured
GAP_STEP, GAP_HALF = 0.1, 0.06  # between those columns in half widths, half the width of one in U
GAP_TOLERANCE = 0.02  # that is no gap, U
NO_HEAD_GAP = 1.0  # where no head is below the hat, U


@dataclass(frozen=True)
class HatBand:
    """The band of a hat on a head.

    Attributes:
        height: above the eyes, U.
        half: half its width, U.
        offset: of its middle from the eyes along the eye line, to the image's right, U.
        roll: degrees, positive = clockwise in the image.
        head_offset: of the middle of the head there, like ``offset``.
    """

    height: float
    half: float
    offset: float
    roll: float
    head_offset: float


def gap_to_face(frame: HeadFrame, figure: Figure, band: HatBand, layer: Layer) -> float:
    """Median distance from a hat's lower edge to face or hair below it; an old hat will go.

    Args:
        frame: the head.
        figure: the person.
        band: where the hat sits.
        layer: the hat.

    Returns:
        the distance in U, ``NO_HEAD_GAP`` where there is no head below.
    """
    along, below = window_units(frame, figure)
    head = figure.mask(*FACE, "Hair", *ARMS)
    return _measure_gap(alpha_in_window(layer, figure), head, along, below, band)[0]


def check_hat(
    frame: HeadFrame,
    figure: Figure,
    band: HatBand,
    layer: Layer,
    cut: float,
    cleared: BoolArray,
    style: str,
) -> list[Check]:
    """Whether a hat sits on the head: no gap, right height and width, eyes free, hair inside.

    Args:
        frame: the head.
        figure: the person.
        band: where the hat is.
        layer: what is drawn of it.
        cut: share of it outside the photo.
        cleared: (h, w) bool in the figure's window: what was inpainted.
        style: of the hat; a brim may come down before the eyes a little.
    """
    alpha = alpha_in_window(layer, figure)
    along, below = window_units(frame, figure)
    head = figure.mask(*HEAD, *ARMS)
    gap_median, gap_high = _measure_gap(alpha, head, along, below, band)
    eyes = (np.abs(along) - 0.5) ** 2 + below**2 < EYE_RADIUS**2
    hair = figure.mask("Hair") & ~cleared
    above = hair & (below < -band.height - ABOVE_BAND)
    old_hat = figure.mask("Hat") & ~cleared & frame.has_hat
    measured = {
        "gap_median_u": gap_median,
        "gap_p95_u": gap_high,
        "band_above_eyes_u": band.height,
        "band_width_u": 2 * band.half,
        "roll_difference_deg": abs(band.roll - frame.roll),
        "center_offset_u": abs(band.offset - band.head_offset),
        "eyes_covered": _covered_share(alpha, eyes),
        "hair_outside": 1 - _covered_share(alpha, above) if above.any() else 0.0,
        "cut_by_frame": cut,
        "old_hat_covered": _covered_share(alpha, old_hat) if old_hat.any() else 1.0,
    }
    brim = {"eyes_covered": (0.0, BRIM_OVER_EYES)} if style == "brim" else {}
    return check_limits(measured, {**LIMITS, **brim})


def _measure_gap(
    alpha: FloatArray, head: BoolArray, along: FloatArray, below: FloatArray, band: HatBand
) -> tuple[float, float]:
    """Distance from the hat's lower edge to the head below it over its middle columns, U.

    Returns:
        the median and the 95th percentile.
    """
    middle = (np.abs(along - band.offset) < GAP_SHARE * band.half + GAP_HALF) & (below < 2)
    worn = middle & (alpha > COVERED_ALPHA)
    head = middle & head
    hat_x, hat_y, head_x, head_y = along[worn], below[worn], along[head], below[head]
    gaps = []
    columns = np.arange(-GAP_SHARE, GAP_SHARE + 0.1 * GAP_STEP, GAP_STEP)
    for x in columns * band.half + band.offset:
        hat = hat_y[np.abs(hat_x - x) < GAP_HALF]
        skin = head_y[np.abs(head_x - x) < GAP_HALF]
        if not hat.size or not skin.size:
            gaps.append(NO_HEAD_GAP)
            continue
        beneath = skin[skin >= hat.max() - GAP_TOLERANCE]
        gaps.append(float(beneath.min() - hat.max()) if beneath.size else NO_HEAD_GAP)
    values = np.maximum(np.asarray(gaps) - GAP_TOLERANCE, 0)
    return float(np.median(values)), float(np.percentile(values, 95))


def _covered_share(alpha: FloatArray, where: BoolArray) -> float:
    return float((alpha[where] > COVERED_ALPHA).mean()) if where.any() else 0.0
