"""Earrings: hung on the lobes that are seen, straight down.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray, Point
from m2fp_cli.tryon.accessory import Accessory, content_box
from m2fp_cli.tryon.compositing import affine_inverse
from m2fp_cli.tryon.figure import Figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.records import Check, ItemRecord
from m2fp_cli.tryon.wearer import (
    Wearer,
    cast_shadow,
    hide_behind,
    visible_alpha,
    warp_accessory,
)

# Where the lobe is: the outermost pixels of the face, ears included, in the rows of the lobes.
LOBE_ROWS = (0.45, 0.95)  # below the eyes, U
LOBE_COLUMNS = (0.5, 1.6)  # beside the middle, U
INSIDE_EDGE = 0.06  # from the edge of the face to the hook, U
LOBE_REACH = (0.78, 1.5)  # distance of the hook from the middle that is an ear's, U
HOOK_ROWS = (0.5, 0.85)  # below the eyes, U
USUAL_HOOK_ROW = 0.65  # where the edge does not tell, U
LEAST_PIXELS = 5  # of the face in those rows

# When one is left out.
MOST_YAW = 20.0  # degrees away from the ear's side
HIDDEN_DISC = 0.17  # radius around the hook that is looked at, U
MOST_HIDDEN = 0.45  # share of that disc under hair, hat, scarf or somebody else
OUTWARD_REACH, OUTWARD_ROWS = 0.3, 0.15  # beyond the hook and above and below it, U
MOST_HIDDEN_OUTWARD = 0.6  # share of that strip

# How it looks.
SHADOW_REACH = 0.15  # U
SHADOW = ((0.04, 0.03, 0.3),)  # down in U, blur in U, darkness


@dataclass(frozen=True, eq=False)
class EarringPlacement:
    """Where one earring hangs.

    Attributes:
        hook_xy: photo pixels.
        side: -1 at the image's left, 1 at its right.
        pixels_per_pixel: photo pixels per picture pixel.
    """

    hook_xy: tuple[float, float]
    side: int
    pixels_per_pixel: float


def wear_earrings(wearer: Wearer, earring: Accessory) -> ItemRecord:
    """Hang earrings on a head, in place."""
    frame, figure = wearer.frame, wearer.figure
    found = {side: place_earring(frame, figure, earring, side) for side in (-1, 1)}
    places = [place for place in found.values() if not isinstance(place, str)]
    reasons = {side: text for side, text in found.items() if isinstance(text, str)}
    if not places:
        return ItemRecord("earrings", earring.name, "; ".join(sorted(set(reasons.values()))))
    checks = check_earrings(frame, figure, places)
    for place in places:
        item = earring if place.side < 0 else earring.mirrored()
        hook, scale = item.anchors["hook"], place.pixels_per_pixel
        shift = [p - scale * h for p, h in zip(place.hook_xy, hook, strict=True)]
        matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
        layer, _ = warp_accessory(wearer, item, matrix, affine_inverse(matrix), SHADOW_REACH)
        layer = hide_behind(wearer, layer, "Hair")
        onto = visible_alpha(wearer, layer, "Face", "Torso-skin", "UpperClothes", "Coat", "Dress")
        checks += wearer.blend(layer, item.name, cast_shadow(wearer, layer, onto, SHADOW))
    names = {-1: "image left", 1: "image right"}
    notes = [f"{names[side]}: {text}" for side, text in reasons.items()]
    numbers = {"hooks_px": [place.hook_xy for place in places]}
    return ItemRecord(
        "earrings", earring.name, "", numbers, tuple(checks), (*earring.notes, *notes)
    )


def place_earring(
    frame: HeadFrame, figure: Figure, earring: Accessory, side: int
) -> EarringPlacement | str:
    """Find the lobe on one side, or say why nothing hangs there.

    Args:
        frame: the head.
        figure: the person in a window around it.
        earring: an accessory of the kind.
        side: -1 for the image's left, 1 for its right.
    """
    if side * frame.yaw > MOST_YAW:
        return "the ear is on the far side"
    along, below = window_units(frame, figure)
    across, face = side * along, figure.mask("Face")
    rows = (below > LOBE_ROWS[0]) & (below < LOBE_ROWS[1])
    rows &= (across > LOBE_COLUMNS[0]) & (across < LOBE_COLUMNS[1])
    edge = across[face & rows]
    if edge.size < LEAST_PIXELS:
        return "the ear is not visible"
    reach = float(np.percentile(edge, 97)) - INSIDE_EDGE
    if not LOBE_REACH[0] <= reach <= LOBE_REACH[1]:
        return "the ear is not visible"
    at_edge = face & rows & (np.abs(across - reach) < 0.09)
    drop = float(np.percentile(below[at_edge], 85)) if at_edge.any() else USUAL_HOOK_ROW
    drop = float(np.clip(drop, *HOOK_ROWS))
    disc = np.hypot(across - reach, below - drop) < HIDDEN_DISC
    hidden = figure.mask("Hair", "Hat", "Scarf") | figure.others
    if disc.any() and hidden[disc].mean() > MOST_HIDDEN:
        return "the ear is hidden by hair"
    outward = (across > reach) & (across < reach + OUTWARD_REACH)
    outward &= np.abs(below - drop) < OUTWARD_ROWS
    if outward.any() and hidden[outward].mean() > MOST_HIDDEN_OUTWARD:
        return "the ear is hidden by hair"
    _, y0, _, y1 = content_box(earring.bgra)
    scale = earring.numbers["height_units"] * frame.unit / max(y1 - y0, 1)
    return EarringPlacement(frame.point(side * reach, drop), side, scale)


def check_earrings(
    frame: HeadFrame, figure: Figure, places: Sequence[EarringPlacement]
) -> list[Check]:
    """Whether hooks are on the skin, not on hair, and level."""
    along, below = window_units(frame, figure)
    skin, hair = figure.mask("Face"), figure.mask("Hair")
    far, on_hair, drops = [], [], []
    for place in places:
        u, v = frame.units(np.array([place.hook_xy[0]]), np.array([place.hook_xy[1]]))
        distance = np.hypot(along - u[0], below - v[0])
        far.append(float(distance[skin].min()) if skin.any() else 9.0)
        spot = distance < 0.08
        on_hair.append(float(hair[spot].mean()) if spot.any() else 0.0)
        drops.append(float(v[0]))
    return [
        Check("hook_to_skin_u", max(far), 0.0, 0.1),
        Check("hook_on_hair", max(on_hair), 0.0, 0.5),
        Check("height_difference_u", max(drops) - min(drops), 0.0, 0.1),
    ]


def guess_hook(seen: BoolArray) -> dict[str, Point]:
    """Hook of a bare picture: the middle of its uppermost fiftieth.

    Args:
        seen: (h, w) bool, the visible content.
    """
    top = np.flatnonzero(seen[: max(1, len(seen) // 50)].any(axis=0))
    return {"hook": (float(top.mean()) + 0.5, 0.0)}


KIND = HeadKind(
    name="earrings",
    anchors=("hook",),
    numbers={"height_units": Number(0.58, 0.05, 2.0)},  # height of one earring, U
    guess_anchors=guess_hook,
    least_side=100,
    wear=wear_earrings,
)
