"""Hair: another color, with its strands, shine and roots."""

from __future__ import annotations

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.dye import Dyed, dye, lit_color, measure, paint
from m2fp_cli.tryon.figure import Figure, build_figure, parts_window
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.kind import BodyKind, PictureSort
from m2fp_cli.tryon.matte import HAIR_BAND, Matte, find_matte
from m2fp_cli.tryon.plain_color import PlainColor, load_plain_color, mean_color
from m2fp_cli.tryon.records import ItemRecord, check_limits
from m2fp_cli.tryon.wearer import Body

COLORS = {
    "black": "#1b1716",
    "brown": "#4a3222",
    "chestnut": "#6b3a22",
    "auburn": "#70311f",
    "copper": "#a0522e",
    "blond": "#c4a273",
    "platinum": "#ded0b6",
    "silver": "#b4b5b8",
    "pink": "#cf8aa2",
    "blue": "#365a8c",
    "green": "#3f7a4f",
    "violet": "#6a4a8f",
}
"""Colors by name, of the middle of hair in daylight."""

LIMITS = {
    "strands_kept_r": (0.8, 1.0),  # correlation of fine lightness
    "color_miss": (0.0, 0.05),  # OKLab, of the middle
    "changed_outside_px": (0.0, 0.0),
    "on_face_u2": (0.0, 0.6),  # of the face that took color
    "area_u2": (0.1, 1e9),
}
"""What is measured, and the range in which it is good."""

MIN_AREA = 150  # of hair, pixels
MIN_AREA_UNITS = 0.1  # of hair, U^2; a fringe below a hat has more
FACE_FROM, BEARD = -0.4, 0.6  # rows of the face: from below the eyes to below the chin, U
MARGIN = 0.8  # around the hair, U
SURE = 0.97  # alpha of pixels that are nothing but hair
# Where hair grows from the skin the color has not come to yet, U and share.
ROOT_REACH, ROOT_SHARE, ROOT_LIFT = 0.14, 0.3, 0.08
# How light hair can become: black hair (0.2) shows too few strands in a photo to become blond;
# brown hair (0.4) can.
LIFT = (0.08, 1.6)
# Underexposed hair holds no strands, only the squares of JPEG, which lightening would show.
# Of 883 heads of hair on COCO and street photos four have more of it, all with such squares.
BLACK_LEVEL, FLAT_RANGE = 8, 1  # highest gray level, and range among neighbors, of 255
MOST_FLAT_BLACK = 0.27  # share of the hair


def load_hair(reference: str, sort: PictureSort = PictureSort.AUTO) -> PlainColor:
    """Read a color for hair.

    Args:
        reference: ``#rrggbb``, a name of ``COLORS``, or a picture of hair of this color.
        sort: of no use here.

    Raises:
        UsageError: it is none of them.
    """
    return load_plain_color(reference, "hair", COLORS)


def wear_hair(body: Body, color: PlainColor) -> ItemRecord:
    """Give a person's hair another color.

    Args:
        body: whose photo is painted on, in place.
        color: of the hair's middle, in daylight.

    Returns:
        what was done and how well it went, or why nothing was.
    """
    unit = body.unit
    reach = round(MARGIN * unit) + 4
    around = parts_window(body.result, body.person, ("Hair",), reach)
    if around is None:
        return ItemRecord("hair", color.name, "no hair is visible")
    figure = build_figure(body.result, body.person, around)
    hair = _scalp_hair(figure, body.frame)
    if np.count_nonzero(hair) < MIN_AREA or figure.area(hair, unit) < MIN_AREA_UNITS:
        return ItemRecord("hair", color.name, "too little of the hair is visible")
    window = body.photo_bgr[figure.window]
    before = window.copy()
    matte = find_matte(to_linear(window), figure, hair, unit, HAIR_BAND)
    sure = (matte.alpha > SURE) & hair
    sure = sure if sure.any() else hair
    done = dye(matte.own, sure, lit_color(color.light_bgr, body.light), unit, LIFT)
    if done.limited and _flat_black_share(window, hair) > MOST_FLAT_BLACK:
        return ItemRecord("hair", color.name, "the hair is too dark to show strands")
    weight = _colored_share(matte, figure, done, unit)
    touched = paint(window, matte, done, weight)
    notes: tuple[str, ...] = ()
    if done.limited:
        notes = ("the hair is too dark for this color; it became as light as looks real",)
    changed = (window != before).any(axis=2)
    measured = {
        **measure(done, sure, unit),
        "changed_outside_px": float(np.count_nonzero(changed & ~touched)),
        "on_face_u2": float((weight * figure.mask("Face")).sum() / unit**2),
        "area_u2": figure.area(hair, unit),
    }
    numbers = {"lightness_before": float(np.median(done.before[sure][:, 0])),
               "lightness_after": float(np.median(done.after[sure][:, 0]))}  # fmt: skip
    checks = tuple(check_limits(measured, LIMITS))
    return ItemRecord("hair", color.name, "", numbers, checks, notes)


def _scalp_hair(figure: Figure, frame: HeadFrame | None) -> BoolArray:
    """The hair without pieces within the face: a beard, or what is seen in a lens."""
    hair = figure.mask("Hair")
    if frame is None:
        return hair
    _, pieces, stats, centers = cv2.connectedComponentsWithStats(hair.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas > 0
    along, below = frame.units(*(centers + figure.origin_xy).T)
    in_face = np.abs(along) < 0.42 * frame.face_width / frame.unit
    in_face &= (below > FACE_FROM) & (below < frame.chin + BEARD)
    kept &= ~in_face | (areas == areas.max())
    return np.asarray(kept[pieces], np.bool_)


def _flat_black_share(window_bgr: Picture, hair: BoolArray) -> float:
    """Share of the hair, (h, w) bool, that is nearly black and looks like its neighbors."""
    gray = to_gray(window_bgr)
    square = np.ones((3, 3), np.uint8)
    high, low = cv2.dilate(gray, square), cv2.erode(gray, square)
    flat = (cv2.subtract(high, low) <= FLAT_RANGE) & (high <= BLACK_LEVEL)
    return float(flat[hair].mean())


def _colored_share(matte: Matte, figure: Figure, done: Dyed, unit: float) -> FloatArray:
    """How much of each pixel takes the color, (h, w): less at the roots of lightened hair."""
    lifted = float(np.median(done.after[..., 0] - done.before[..., 0]))
    face = figure.mask("Face")
    if lifted < ROOT_LIFT or not face.any():
        return matte.alpha
    away = cv2.distanceTransform((~face).astype(np.uint8), cv2.DIST_L2, 5) / unit
    roots = ROOT_SHARE * np.exp(-np.asarray(away, np.float32) / ROOT_REACH)
    return np.asarray(matte.alpha * (1 - roots), np.float32)


KIND = BodyKind(
    name="hair",
    numbers={},
    load=load_hair,
    from_picture=mean_color,
    wear=wear_hair,
    labels=("Hair",),
    names=tuple(COLORS),
    colors=COLORS,
)
