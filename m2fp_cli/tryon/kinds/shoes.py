"""Shoes: another color; toes and insteps that a sandal shows stay skin."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.cuffs import log_likelihood, skin_colors
from m2fp_cli.tryon.dye import dye, lit_color, measure, paint
from m2fp_cli.tryon.figure import LEGS, SHOES, Figure, build_figure, parts_window
from m2fp_cli.tryon.kind import BodyKind, PictureSort
from m2fp_cli.tryon.matte import SHOE_BAND, find_matte
from m2fp_cli.tryon.one_garment import bhattacharyya
from m2fp_cli.tryon.plain_color import PlainColor, load_plain_color, mean_color
from m2fp_cli.tryon.records import ItemRecord, check_limits
from m2fp_cli.tryon.wearer import Body

MIN_AREA = 60  # of both shoes, pixels
MARGIN = 0.8  # around them, U
MIN_SKIN = 50  # pixels of skin from which its color is known
ALIKE = 0.3  # Bhattacharyya coefficient of skin and shoe, above which toes cannot be told
SURE_OF_SKIN = 1.0  # by how much more likely skin is, logarithm
RARE_SKIN = 3  # percentile of skin's own likelihood; what is rarer is shine or suede
SPECK = 0.06  # of the opening that removes specks of skin, U

LIMITS = {
    "strands_kept_r": (0.8, 1.0),  # correlation of fine lightness: of seams, laces, folds
    "color_miss": (0.0, 0.05),  # OKLab, of the middle
    "changed_outside_px": (0.0, 0.0),
    "area_px": (float(MIN_AREA), 1e9),
}
"""What is measured, and the range in which it is good."""

SURE = 0.97  # alpha of pixels that are nothing but shoe
LIFT = (0.16, 1.8)  # how light shoes can become; leather shows less texture than hair
MOST_SKIN = 0.75  # share of a shoe's label that may be skin; more is a bare foot


def load_shoes(reference: str, sort: PictureSort = PictureSort.AUTO) -> PlainColor:
    """Read a color for shoes.

    Args:
        reference: ``#rrggbb``, or a picture of this color.
        sort: of no use here.

    Raises:
        UsageError: it is neither.
    """
    return load_plain_color(reference, "shoes", {})


def wear_shoes(body: Body, color: PlainColor) -> ItemRecord:
    """Give a person's shoes another color.

    Args:
        body: whose photo is painted on, in place.
        color: the new one.

    Returns:
        what was done and how well it went, or why nothing was.
    """
    reach = round(MARGIN * body.unit) + 4
    around = parts_window(body.result, body.person, SHOES, reach)
    if around is None:
        return ItemRecord("shoes", color.name, "no shoes are visible")
    figure = build_figure(body.result, body.person, around)
    shoes = figure.mask(*SHOES)
    part = shoes & ~_find_skin(body, figure, shoes)
    if np.count_nonzero(part) < max(MIN_AREA, (1 - MOST_SKIN) * np.count_nonzero(shoes)):
        return ItemRecord("shoes", color.name, "too little of the shoes is visible")
    window = body.photo_bgr[figure.window]
    before = window.copy()
    matte = find_matte(to_linear(window), figure, part, body.unit, SHOE_BAND)
    sure = (matte.alpha > SURE) & part
    sure = sure if sure.any() else part
    aim = lit_color(color.light_bgr, body.light)
    done = dye(matte.own, sure, aim, body.unit, LIFT, mirrors=True)
    touched = paint(window, matte, done, np.where(part | ~shoes, matte.alpha, 0))
    notes: tuple[str, ...] = ()
    if np.count_nonzero(part) < np.count_nonzero(shoes):
        notes += ("skin within the shoes was left as it is",)
    if done.limited:
        notes += (
            "the shoes are too dark for this color; they were lightened as far as looks real",
        )
    changed = (window != before).any(axis=2)
    measured = {
        **measure(done, sure, body.unit),
        "changed_outside_px": float(np.count_nonzero(changed & ~touched)),
        "area_px": float(np.count_nonzero(part)),
    }
    return ItemRecord("shoes", color.name, "", {}, tuple(check_limits(measured, LIMITS)), notes)


def _find_skin(body: Body, figure: Figure, shoes: BoolArray) -> BoolArray:
    """Skin within what is labelled as shoes, by the color of face and legs, (h, w) bool."""
    window = body.photo_bgr[figure.window]
    skin = _known_skin(body, window, figure)
    none = np.zeros_like(shoes)
    lab = to_lab(window)
    if len(skin) < MIN_SKIN or np.count_nonzero(shoes) < MIN_SKIN:
        return none
    # The half of the shoes' pixels that are least like skin are shoes.
    by_skin = log_likelihood(lab, skin)
    sure = shoes & (by_skin <= np.median(by_skin[shoes]))
    if np.count_nonzero(sure) < MIN_SKIN or bhattacharyya(lab[sure], skin) > ALIKE:
        return none
    usual = np.percentile(log_likelihood(skin[None], skin), RARE_SKIN)
    found = shoes & (by_skin > usual) & (by_skin - log_likelihood(lab, lab[sure]) > SURE_OF_SKIN)
    side = max(1, round(SPECK * body.unit))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, disc).astype(np.bool_)


def _known_skin(body: Body, window: Picture, figure: Figure) -> NDArray[np.float32]:
    """Colors of the person's legs where they are bare, else of their face, (N, 3) Lab."""
    legs = figure.mask(*LEGS)
    if np.count_nonzero(legs) >= MIN_SKIN:
        return skin_colors(window, figure, legs)
    names = body.result.labels.names
    for part in body.person.parts:
        if names[part.label_id] == "Face":
            face = build_figure(body.result, body.person, part.box_xyxy)
            return skin_colors(body.photo_bgr[face.window], face, np.zeros_like(face.mask("Face")))
    return np.zeros((0, 3), np.float32)


KIND = BodyKind(
    name="shoes",
    numbers={},
    load=load_shoes,
    from_picture=mean_color,
    wear=wear_shoes,
    labels=SHOES,
)
