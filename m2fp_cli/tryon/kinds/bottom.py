"""Trousers and skirts: another color or fabric on what is worn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from m2fp_cli.arrays import BoolArray
from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import read_color
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.bottom_doubts import doubt_bottom
from m2fp_cli.tryon.catalog import load_accessory, names_file, stated_kind
from m2fp_cli.tryon.cloth_checks import check_cloth, notes_of
from m2fp_cli.tryon.fabric import (
    GARMENT_STYLES,
    TILE,
    find_fabric_faults,
    is_product,
    is_several,
    refuse_product,
    refuse_several,
)
from m2fp_cli.tryon.figure import BOTTOMS, Figure, build_figure, person_window
from m2fp_cli.tryon.garment import (
    MIN_AREA,
    Cloth,
    lit_cloth,
    picture_cloth,
    plain_cloth,
    recolor,
)
from m2fp_cli.tryon.kind import BodyKind, PictureSort
from m2fp_cli.tryon.one_garment import join_mislabeled
from m2fp_cli.tryon.records import ItemRecord, check_limits
from m2fp_cli.tryon.stray import near_person, share_off_legs
from m2fp_cli.tryon.wearer import Body
from m2fp_cli.tryon.worn_top import TopLayer, find_top

FABRICS = ("breton", "denim", "dotted", "tartan")  # that come with the tool, stated as tops
WHOLE = ("Dress", "Jumpsuits")  # what covers chest and legs
LEAST_SHARE = 0.12  # of a skirt or dress, from which trousers show below it; less are mistakes
LIMITS = {"off_legs": (0.0, 0.05)}  # share in pieces that hang together with neither hips nor legs


def load_bottom(reference: str, sort: PictureSort = PictureSort.AUTO) -> Cloth:
    """Read a cloth for trousers and skirts.

    Args:
        reference: ``#rrggbb``, a picture file, or the name of a fabric that comes with the tool.
        sort: ``fabric`` takes any picture for one.

    Raises:
        UsageError: it is none of them.
    """
    color = read_color(reference)
    if color is not None:
        return _for_bottom(plain_cloth(reference, color))
    is_file = names_file(reference)
    if not is_file and reference not in FABRICS:
        raise UsageError(
            f"{displayable(reference)}: is not a file, and no fabric has this name; "
            f"use {', '.join(FABRICS)}, or a color such as #20304a"
        )
    # A fabric that is stated as that of a top is as good for trousers.
    is_top = not is_file or stated_kind(Path(reference)) == "top"
    picture = load_accessory(reference, "top" if is_top else "bottom")
    if is_top and picture.style in GARMENT_STYLES:
        raise UsageError(f"{picture.title} is a garment for the upper body, not a fabric")
    return bottom_of(picture, sort)


def bottom_of(picture: Accessory, sort: PictureSort = PictureSort.AUTO) -> Cloth:
    """A picture as cloth.

    Args:
        picture: of a fabric.
        sort: ``fabric`` takes any picture for one.

    Raises:
        UsageError: it shows products.
    """
    if is_several(picture, sort):
        raise refuse_several(picture)
    if is_product(picture, sort):
        raise refuse_product(picture, "and only fabrics go onto trousers and skirts")
    tile = picture.numbers.get("tile_units", TILE.default)
    return _for_bottom(picture_cloth(picture.name, picture.bgra, tile))


def _for_bottom(cloth: Cloth) -> Cloth:
    return Cloth(cloth.name, cloth.tile_bgr, cloth.tile_units, "bottom")


def wear_bottom(body: Body, cloth: Cloth) -> ItemRecord:
    """Give a person's trousers or skirt another cloth.

    Args:
        body: whose photo is painted on, in place.
        cloth: the new one.

    Returns:
        what was done and how well it went, or why nothing was.
    """
    figure = build_figure(body.result, body.person, person_window(body.person))
    label, part = _find_bottom(body, figure)
    part, notes = near_person(body, figure, part)
    whole = max(int(np.count_nonzero(figure.mask(name))) for name in WHOLE)
    if np.count_nonzero(part) < max(MIN_AREA, LEAST_SHARE * whole):
        reason = "a dress is worn" if whole >= MIN_AREA else "no trousers or skirt are visible"
        return ItemRecord("bottom", cloth.name, reason)
    doubt = doubt_bottom(body, figure, part)
    if doubt:
        return ItemRecord("bottom", cloth.name, doubt)
    done = recolor(body.photo_bgr, figure, part, lit_cloth(cloth, body.light), body.unit)
    checks = tuple(check_cloth(done))
    if body.person.joints is not None:
        off = share_off_legs(part, figure.origin_xy, body.person.joints)
        checks += tuple(check_limits({"off_legs": off}, LIMITS))
    return ItemRecord("bottom", cloth.name, "", {"garment": label}, checks, notes + notes_of(done))


def _find_bottom(body: Body, figure: Figure) -> tuple[str, BoolArray]:
    """Name of the label of trousers or a skirt, and where they are."""
    masks = {name: figure.mask(name) for name in BOTTOMS}
    # What the network calls a dress and begins at the waist, below another top, is a skirt. An open
    # coat is no such top: what is seen of a dress at the chest says that it begins there.
    top = find_top(figure, body.frame, body.unit, TopLayer.INNER)
    if top is not None and top not in WHOLE:
        masks["Dress"] = figure.mask("Dress")
    label = max(masks, key=lambda name: int(np.count_nonzero(masks[name])))
    if not masks[label].any() or not body.garment_instances:
        return label, masks[label]
    instances = {name: mask[figure.window] for name, mask in body.garment_instances.items()}
    window = body.photo_bgr[figure.window]
    joined = join_mislabeled(window, masks, instances, label, body.unit)
    # Slivers of the other label are mistakes; a large part is another garment.
    others = np.any([mask for name, mask in masks.items() if name != label], axis=0) & ~joined
    if np.count_nonzero(others) < LEAST_SHARE * np.count_nonzero(joined):
        joined |= others
    return label, joined


KIND = BodyKind(
    name="bottom",
    numbers={"tile_units": TILE},
    load=load_bottom,
    from_picture=bottom_of,
    find_faults=find_fabric_faults,
    wear=wear_bottom,
    labels=BOTTOMS,
    needs_instances=True,
    names=FABRICS,
)
