"""Tops: another garment in place of the one that is worn, or another color or fabric on it."""

from __future__ import annotations

import numpy as np

from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import read_color
from m2fp_cli.terminal import counted
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.catalog import find_accessory, load_accessory
from m2fp_cli.tryon.cloth_checks import check_cloth, notes_of
from m2fp_cli.tryon.fabric import (
    FABRIC_STYLE,
    GARMENT_STYLES,
    SEVERAL,
    TILE,
    find_fabric_faults,
    is_product,
    is_several,
    refuse_product,
    refuse_several,
)
from m2fp_cli.tryon.figure import TOPS, build_figure, person_window
from m2fp_cli.tryon.flat_garment import FlatGarment, flat_garment
from m2fp_cli.tryon.garment import (
    MIN_AREA,
    Cloth,
    lit_cloth,
    picture_cloth,
    plain_cloth,
    recolor,
)
from m2fp_cli.tryon.garment_outline import NotFlat
from m2fp_cli.tryon.kind import BodyKind, PictureSort
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.one_garment import join_mislabeled
from m2fp_cli.tryon.outlines import TROUSERS
from m2fp_cli.tryon.records import ItemRecord, check_limits
from m2fp_cli.tryon.several_things import count_garments
from m2fp_cli.tryon.skin_in_front import find_skin_in_front
from m2fp_cli.tryon.strap_in_front import find_straps
from m2fp_cli.tryon.stray import near_person
from m2fp_cli.tryon.wearer import Body
from m2fp_cli.tryon.worn_garment import MIN_SEEN_BELOW, dress
from m2fp_cli.tryon.worn_top import find_top

GARMENT_LIMITS = {
    "color_miss_de": (0.0, 8.0),  # of chroma; lightness follows the light of the photo
    "changed_outside_px": (0.0, 0.0),
    "body_seen": (0.6, 1.0),  # share of the garment's body
    "stretch": (1.0, 1.25),
}
"""What is measured of a garment, and the range in which it is good."""


def load_top(reference: str, sort: PictureSort = PictureSort.AUTO) -> Cloth | FlatGarment:
    """Read a garment, or a cloth for the one that is worn.

    Args:
        reference: ``#rrggbb``, a picture file, or the name of one that comes with the tool.
        sort: what a picture is.

    Raises:
        UsageError: it is none of them, or does not show what it must.
    """
    color = read_color(reference)
    if color is not None:
        return plain_cloth(reference, color)
    path = find_accessory(reference, "top", also=", or a color such as #7a1f3d")
    return top_of(load_accessory(str(path), "top"), sort)


def top_of(picture: Accessory, sort: PictureSort = PictureSort.AUTO) -> Cloth | FlatGarment:
    """The garment that a picture shows, or cloth with its pattern.

    Without being told, a picture that is cut out or on a near-white ground and has the outline of
    a top is a garment; another thing on a plain ground is nothing to wear.

    Args:
        picture: of either.
        sort: what it is.

    Raises:
        UsageError: it is said to be a garment, or shows one thing as products do, and does not
            show a garment that can be worn; or it shows several.
    """
    if sort is PictureSort.AUTO and picture.style == FABRIC_STYLE:
        sort = PictureSort.FABRIC
    if sort is not PictureSort.FABRIC:
        if count_garments(picture.bgra) > 1:  # the largest would be worn, whichever it is
            raise refuse_several(picture)
        try:
            return flat_garment(picture)
        except NotFlat as error:
            if sort is PictureSort.GARMENT or picture.style in GARMENT_STYLES:
                raise UsageError(
                    f"{picture.title}: cannot be worn as a garment: {error}"
                ) from error
            if is_several(picture):
                raise refuse_several(picture) from error
            if is_product(picture):
                why = f"which cannot be worn as a garment: {error}"
                raise refuse_product(picture, why, TROUSERS) from error
    return picture_cloth(picture.name, picture.bgra, picture.numbers["tile_units"])


def wear_top(body: Body, top: Cloth | FlatGarment) -> ItemRecord:
    """Give a person another top.

    Args:
        body: whose photo is painted on, in place.
        top: a garment, or a cloth for the top that is worn.

    Returns:
        what was done and how well it went, or why nothing was.
    """
    return wear_garment(body, top) if isinstance(top, FlatGarment) else wear_cloth(body, top)


def wear_garment(body: Body, garment: FlatGarment) -> ItemRecord:
    """Put a garment on a person in place of their top; see ``wear_top``."""
    try:
        done = dress(body, garment)
    except NotWearable as reason:
        return ItemRecord("top", garment.name, str(reason))
    numbers = {
        "collar_xy": done.collar_xy,
        "sleeves_px": done.sleeves_px,
        "length_ratio": done.fit.tucked,
        "stretch": done.fit.stretch,
    }
    changed = (done.window_bgr != done.before_bgr).any(axis=2) & ~done.touched
    measured = {
        "color_miss_de": float(np.linalg.norm((done.lab - done.target_lab)[1:])),
        "changed_outside_px": float(np.count_nonzero(changed)),
        "body_seen": done.seen,
        "stretch": done.fit.stretch,
    }
    notes: tuple[str, ...] = ()
    if done.patterned:
        notes = ("the old cloth is patterned, its detail was left out",)
    if done.uncovered > 0:
        notes += (f"{done.uncovered:.2f} U^2 of the neck were filled with skin",)
    # A coat in front hides most of it by right.
    below = {"body_seen": (MIN_SEEN_BELOW, 1.0)} if done.below_coat else {}
    checks = tuple(check_limits(measured, {**GARMENT_LIMITS, **below}))
    return ItemRecord("top", garment.name, "", numbers, checks, notes)


def wear_cloth(body: Body, cloth: Cloth) -> ItemRecord:
    """Give a person's top another cloth; see ``wear_top``."""
    figure = build_figure(body.result, body.person, person_window(body.person))
    instances = {name: mask[figure.window] for name, mask in body.garment_instances.items()}
    label = find_top(figure, body.frame, body.unit, body.layer)
    if label is None or np.count_nonzero(figure.mask(label)) < MIN_AREA:
        return ItemRecord("top", cloth.name, "no top is visible")
    labelled, joined = figure.mask(label), figure.mask(label)
    window = body.photo_bgr[figure.window]
    if body.garment_instances:
        masks = {name: figure.mask(name) for name in TOPS}
        joined = join_mislabeled(window, masks, instances, label, body.unit)
    joined, stray = near_person(body, figure, joined)
    joined &= ~find_skin_in_front(window, figure, joined, body.unit)
    joined &= ~find_straps(window, joined, body.unit)
    lit = lit_cloth(cloth, body.light)
    done = recolor(body.photo_bgr, figure, joined, lit, body.unit)
    notes = stray + notes_of(done)
    others = int(np.count_nonzero(joined & ~labelled))
    if others:
        one, more = "pixel labelled as another top is", "pixels labelled as another top are"
        notes += (f"{counted(others, one, more)} the same garment",)
    checks = tuple(check_cloth(done))
    return ItemRecord("top", cloth.name, "", {"garment": label}, checks, notes)


def find_faults(picture: Accessory) -> list[str]:
    """What is wrong with a picture as a garment or a fabric, in sentences.

    Args:
        picture: of either.
    """
    if picture.style != FABRIC_STYLE and count_garments(picture.bgra) > 1:
        return [SEVERAL]
    if picture.style in GARMENT_STYLES or is_product(picture) or is_several(picture):
        try:
            flat_garment(picture)
        except NotFlat as error:
            return [SEVERAL if is_several(picture) else f"it cannot be worn as a garment: {error}"]
        return []
    return find_fabric_faults(picture)


KIND = BodyKind(
    name="top",
    numbers={"tile_units": TILE},
    load=load_top,
    from_picture=top_of,
    find_faults=find_faults,
    wear=wear_top,
    labels=TOPS,
    needs_instances=True,
)
