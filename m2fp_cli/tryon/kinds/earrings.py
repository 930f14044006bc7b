"""Earrings: hung on the lobes that are seen, straight down.

Lengths are in U, the distance between the pupils, from the middle between the eyes; see ``head``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2fp_cli.arrays import BoolArray, Point
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.compositing import affine_inverse
from m2fp_cli.tryon.figure import HAIR, SKIN, TOPS, Figure
from m2fp_cli.tryon.head import HeadFrame, window_units
from m2fp_cli.tryon.kind import HeadKind, Number
from m2fp_cli.tryon.outlines import GLASSES, WIDE
from m2fp_cli.tryon.records import Check, ItemRecord, check_limits
from m2fp_cli.tryon.wearer import (
    ShadowPart,
    Wearer,
    cast_shadow,
    hide_behind,
    visible_alpha,
    warp_accessory,
)

# Where the lobe is: the outermost pixels of the face, ears included, in the rows of the lobes.
# Medians of 341 earrings of CelebAMask: 1.13 U beside the middle, upper end 0.62 U below the eyes.
LOBE_ROWS = (0.45, 0.95)  # below the eyes, U
LOBE_COLUMNS = (0.5, 1.6)  # beside the middle of a head that is seen from the front, U
EAR_BEHIND_EYES = 0.9  # how far the near ear of a head moves outwards as it turns, U
EDGE_PERCENTILE = 97  # of the distances from the middle in those rows: the edge of the face
INSIDE_EDGE = 0.06  # from the edge of the face to the hook, U
EDGE_HALF = 0.09  # half the width of the strip at the edge in which the lobe's end is looked for, U
END_PERCENTILE = 85  # of the rows of the face in that strip: the hook
LOBE_REACH = (0.78, 1.5)  # distance of the hook from the middle that is an ear's, U
HOOK_ROWS = (0.5, 0.85)  # below the eyes, U
USUAL_HOOK_ROW = 0.65  # where the edge does not tell, U
MIN_PIXELS = 5  # of the face in those rows

# When one is left out. Of 53 earrings on heads of less confidence in 505 COCO photos 22 hang where
# no ear is marked, and 19 of the others more than 0.4 U from the lobe; of 307 on the others 93, 62.
MIN_CONFIDENCE = 0.3  # of the head frame
# Chosen on COCO photos with an even number. On those with an odd one 33 hang where no ear is marked
# and 89 where one is, with 20 degrees 43 and 93 (yaw learned from even ones for that); with the yaw
# and eyes by joints 18 and 86.
MAX_YAW = 10.0  # degrees away from the ear's side
HIDDEN_DISC = 0.17  # radius around the hook that is looked at, U
MAX_HIDDEN = 0.45  # share of that disc under hair, hat, scarf or somebody else
OUTWARD_REACH, OUTWARD_ROWS = 0.3, 0.15  # beyond the hook and above and below it, U
MAX_HIDDEN_OUTWARD = 0.6  # share of that strip
FRONT_EAR = 1.1  # beside the middle, U; what is as far out on a turned head is the ear before hair
MAX_FACE_OUTWARD = 0.6  # where more of it is face, the edge of the face was not found

# How it looks.
SHADOW_REACH = 0.15  # U
SHADOW = (ShadowPart(0.04, 0.03, 0.3),)

# When it is good.
LIMITS = {
    "hook_to_skin_u": (0.0, 0.1),
    "hook_on_hair": (0.0, 0.5),
    "height_difference_u": (0.0, 0.1),
}
"""What is measured, and the range in which it is good."""

HOOK_RADIUS = 0.08  # around a hook, where hair is looked for, U
NO_SKIN = 9.0  # distance where no face is seen, U

# Guessing the hook of a bare picture.
HOOK_SHARE = 50  # the hook is in the middle of the uppermost of so many parts


@dataclass(frozen=True, eq=False)
class EarringPlacement:
    """Where one earring hangs.

    Attributes:
        hook_xy: photo pixels.
        side: -1 at the image's left, 1 at its right.
        pixels_per_pixel: photo pixels per picture pixel.
    """

    hook_xy: Point
    side: int
    pixels_per_pixel: float


def wear_earrings(wearer: Wearer, earring: Accessory) -> ItemRecord:
    """Hang earrings on a head, on each side where a lobe is seen.

    Args:
        wearer: whose photo is painted on, in place.
        earring: an accessory of this kind, drawn as the one at the image's left.

    Returns:
        what was done and how well it went, or why both were left out.
    """
    frame, figure = wearer.frame, wearer.figure
    if frame.confidence < MIN_CONFIDENCE:
        return ItemRecord("earrings", earring.name, "the ears cannot be found")
    found = {side: place_earring(frame, figure, earring, side) for side in (-1, 1)}
    places = [place for place in found.values() if not isinstance(place, str)]
    reasons = {side: text for side, text in found.items() if isinstance(text, str)}
    if not places:
        return ItemRecord("earrings", earring.name, "; ".join(sorted(set(reasons.values()))))
    checks = check_earrings(frame, figure, places)
    for place in places:
        item = earring if place.side < 0 else earring.mirrored
        hook, scale = item.anchors["hook"], place.pixels_per_pixel
        shift = [p - scale * h for p, h in zip(place.hook_xy, hook, strict=True)]
        matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
        layer, _ = warp_accessory(wearer, item, matrix, affine_inverse(matrix), SHADOW_REACH)
        layer = hide_behind(wearer, layer, "Hair")
        onto = visible_alpha(wearer, layer, *SKIN, *TOPS)
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
        earring: an accessory of this kind.
        side: -1 for the image's left, 1 for its right.
    """
    if side * frame.yaw > MAX_YAW:
        return "the ear is on the far side"
    along, below = window_units(frame, figure)
    across, face = side * along, figure.mask("Face")
    turned = EAR_BEHIND_EYES * max(-side * math.sin(math.radians(frame.yaw)), 0.0)
    rows = (below > LOBE_ROWS[0]) & (below < LOBE_ROWS[1])
    rows &= (across > LOBE_COLUMNS[0]) & (across < LOBE_COLUMNS[1] + turned)
    edge = across[face & rows]
    if edge.size < MIN_PIXELS:
        return "the ear is not visible"
    reach = float(np.percentile(edge, EDGE_PERCENTILE)) - INSIDE_EDGE
    if not LOBE_REACH[0] <= reach <= LOBE_REACH[1] + turned:
        return "the ear is not visible"
    at_edge = face & rows & (np.abs(across - reach) < EDGE_HALF)
    end = np.percentile(below[at_edge], END_PERCENTILE) if at_edge.any() else USUAL_HOOK_ROW
    drop = float(np.clip(float(end), *HOOK_ROWS))
    disc = np.hypot(across - reach, below - drop) < HIDDEN_DISC
    hidden = figure.mask(*HAIR, "Scarf") | figure.other_people
    if disc.any() and hidden[disc].mean() > MAX_HIDDEN:
        return "the ear is hidden by hair"
    outward = (across > reach) & (across < reach + OUTWARD_REACH)
    outward &= np.abs(below - drop) < OUTWARD_ROWS
    is_ear = turned > 0 and reach > FRONT_EAR + turned
    if outward.any() and not is_ear and hidden[outward].mean() > MAX_HIDDEN_OUTWARD:
        return "the ear is hidden by hair"
    if outward.any() and face[outward].mean() > MAX_FACE_OUTWARD:
        return "the ear is not visible"
    _, y0, _, y1 = earring.measured_xyxy
    scale = earring.numbers["height_units"] * frame.unit / max(y1 - y0, 1)
    return EarringPlacement(frame.point(side * reach, drop), side, scale)


def check_earrings(
    frame: HeadFrame, figure: Figure, places: Sequence[EarringPlacement]
) -> list[Check]:
    """Whether hooks are on the skin, not on hair, and level.

    Args:
        frame: the head.
        figure: the person.
        places: where the earrings hang, at least one.
    """
    along, below = window_units(frame, figure)
    skin, hair = figure.mask("Face"), figure.mask("Hair")
    to_skin, on_hair, drops = [], [], []
    for place in places:
        u, v = frame.units(np.array([place.hook_xy[0]]), np.array([place.hook_xy[1]]))
        distance = np.hypot(along - u[0], below - v[0])
        to_skin.append(float(distance[skin].min()) if skin.any() else NO_SKIN)
        spot = distance < HOOK_RADIUS
        on_hair.append(float(hair[spot].mean()) if spot.any() else 0.0)
        drops.append(float(v[0]))
    measured = {
        "hook_to_skin_u": max(to_skin),
        "hook_on_hair": max(on_hair),
        "height_difference_u": max(drops) - min(drops),
    }
    return check_limits(measured, LIMITS)


def guess_hook(seen: BoolArray) -> dict[str, Point]:
    """Hook of a bare picture: the middle of its uppermost rows.

    Args:
        seen: (h, w) bool, the visible content.

    Returns:
        the anchor by its name, pixels of the content.
    """
    columns = np.flatnonzero(seen[: max(1, len(seen) // HOOK_SHARE)].any(axis=0))
    return {"hook": (float(columns.mean()) + 0.5, 0.0)}


KIND = HeadKind(
    name="earrings",
    anchors={"hook": "the hole in the lobe"},
    numbers={"height_units": Number(0.58, 0.05, 2.0, "height of one earring, U")},
    guess_anchors=guess_hook,
    min_side=100,
    wear=wear_earrings,
    in_pairs=True,
    unlike=(GLASSES, WIDE),
)
