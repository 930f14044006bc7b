"""Put each kind of accessory on one person: place, warp, hide what is hidden, light, shade, blend.

Every function changes the photo in place and returns a record; none raises for a person who cannot
wear the thing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.clearing import clear_above
from m2fp_cli.tryon.compositing import Layer, affine_inverse
from m2fp_cli.tryon.figure import SKIN, TOPS, FloatArray
from m2fp_cli.tryon.hat_placement import HatPlacement, hat_over_eyes, place_hat
from m2fp_cli.tryon.head import window_units
from m2fp_cli.tryon.occlusion import enlarged, to_layer
from m2fp_cli.tryon.placement import (
    ON_CLOTHES_MM,
    place_earring,
    place_glasses,
    place_necklace,
)
from m2fp_cli.tryon.quality import (
    alpha_in_window,
    check_earrings,
    check_glasses,
    check_hat,
    check_necklace,
    gap_to_face,
)
from m2fp_cli.tryon.records import ItemRecord
from m2fp_cli.tryon.wearer import Wearer, cast, hide_behind, seen_of, warp_accessory

LOW_CONFIDENCE = 0.2
LEAST_GLASSES = 0.02  # area labelled glasses that is some, U^2; a pair of lenses has 0.3 or more
LIFTS = (0.0, 0.1, 0.2, 0.3, 0.4)  # tried in turn where a hat comes down over the eyes, U
MOST_GAP = 0.2  # between a hat and what is seen of the head, U
EYES_COVERED = 0.02  # share of the eyes that may be
LEAST_SEEN = 0.5  # share of a hat that hands and people in front must leave; less is a scrap
FREE_END = 0.6  # how far from the neck's edge a chain may begin, U


def wear_hat(wearer: Wearer, hat: Accessory) -> ItemRecord:
    """Put a hat on: band around the head, hair below stays, hands in front."""
    frame, figure = wearer.frame, wearer.figure
    if hat.style == "cap" and frame.yaw < -12:
        hat = hat.mirrored()
    found = _free_of_eyes(wearer, hat)
    if found is None:
        return ItemRecord("hat", hat.name, "the hat would cover the eyes")
    place, lift = found
    layer, cut = warp_accessory(wearer, hat, place.matrix, affine_inverse(place.matrix), 0.6)
    notes = list(hat.notes)
    if lift:
        notes.append("the hat was pushed up to free the eyes")
    if cut > 0.6:
        return ItemRecord("hat", hat.name, "the hat would lie outside the photo")
    if gap_to_face(frame, figure, place, layer) > MOST_GAP:
        return ItemRecord("hat", hat.name, "the hat would float above the face")
    shown = hide_behind(wearer, layer)
    if shown.alpha.sum() < LEAST_SEEN * layer.alpha.sum():
        return ItemRecord("hat", hat.name, "the head is hidden by somebody in front")
    cleared = clear_above(wearer, layer, place, notes)
    if isinstance(cleared, str):
        return ItemRecord("hat", hat.name, cleared)
    layer = shown
    onto = seen_of(wearer, layer, "Face", "Hair", "Sunglasses")
    shadow = cast(wearer, layer, onto, ((0.05, 0.05, 0.42), (0.2, 0.18, 0.3)))
    checks = check_hat(frame, figure, place, layer, cut, cleared, hat.style)
    checks += wearer.put(layer, hat.name, shadow)
    numbers = {
        "band_center_px": place.center_xy,
        "band_width_px": 2 * place.half * frame.unit,
        "band_above_eyes_u": place.height,
        "roll_deg": place.roll,
        "cut_by_frame": cut,
    }
    return ItemRecord("hat", hat.name, "", numbers, tuple(checks), tuple(notes))


def _free_of_eyes(wearer: Wearer, hat: Accessory) -> tuple[HatPlacement, float] | None:
    """Where a hat goes, and how far it had to be lifted off the eyes; None where it covers them."""
    for lift in LIFTS:
        place = place_hat(wearer.frame, wearer.figure, hat, lift)
        if hat_over_eyes(wearer.frame, hat, place) <= EYES_COVERED:
            return place, lift
    return None


def wear_glasses(wearer: Wearer, glasses: Accessory) -> ItemRecord:
    """Put glasses on: lenses before the eyes, the sides fading under hair and at the edge."""
    frame, figure = wearer.frame, wearer.figure
    if frame.confidence < LOW_CONFIDENCE:
        return ItemRecord("glasses", glasses.name, "the eyes cannot be found")
    place = place_glasses(frame, glasses)
    layer, _ = warp_accessory(wearer, glasses, place.matrix, place.inverse)
    # A mask that joins two people may hold the glasses of the other one.
    along, below = window_units(frame, figure)
    worn = figure.mask("Sunglasses") & (np.abs(along) < 1.5) & (np.abs(below) < 1.0)
    if figure.area(worn, frame.unit) > LEAST_GLASSES:
        covered = alpha_in_window(layer, figure) > 0.3
        rest = np.count_nonzero(worn & ~figure.grown(covered, 0.06 * frame.unit))
        if rest > 0.12 * np.count_nonzero(worn) or glasses.numbers["lens_alpha"] < 0.6:
            return ItemRecord("glasses", glasses.name, "glasses are worn already")
    layer = hide_behind(wearer, layer.masked(_temples(wearer, layer)))
    skin = seen_of(wearer, layer, "Face")
    shadow = cast(wearer, layer, skin, ((0.06, 0.045, 0.22),))
    checks = check_glasses(frame, figure, place, layer)
    checks += wearer.put(layer, glasses.name, shadow)
    numbers = {
        "center_px": place.center_xy,
        "lenses_px": place.lenses_xy,
        "width_u": place.width,
        "roll_deg": place.roll,
    }
    return ItemRecord("glasses", glasses.name, "", numbers, tuple(checks), glasses.notes)


def _temples(wearer: Wearer, layer: Layer) -> FloatArray:
    """What is seen of the frame: all of it on the face, outside of the lenses not over hair."""
    frame, figure = wearer.frame, wearer.figure
    along, _ = window_units(frame, figure)
    face = figure.grown(figure.mask("Face", "Sunglasses"), 0.06 * frame.unit)
    side = np.abs(along) > 0.95
    hidden = side & (figure.mask("Hair", "Hat") | ~face)
    # A head's own edge: frames reach a little over it, but never float beside it.
    head = figure.grown(figure.mask("Face", "Hair", "Hat", "Sunglasses"), 0.08 * frame.unit)
    keep = ~(hidden | ~(head | (np.abs(along) < 0.95)))
    out: FloatArray = to_layer(keep, figure, layer, max(0.05 * frame.unit, 0.5))
    return out


def wear_earrings(wearer: Wearer, earring: Accessory) -> ItemRecord:
    """Hang earrings on the lobes that are seen, straight down."""
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
        layer, _ = warp_accessory(wearer, item, matrix, affine_inverse(matrix), 0.15)
        layer = hide_behind(wearer, layer, "Hair")
        onto = seen_of(wearer, layer, "Face", "Torso-skin", "UpperClothes", "Coat", "Dress")
        shadow = cast(wearer, layer, onto, ((0.04, 0.03, 0.3),))
        checks += wearer.put(layer, item.name, shadow)
    names = {-1: "image left", 1: "image right"}
    notes = [f"{names[side]}: {text}" for side, text in reasons.items()]
    numbers = {"hooks_px": [place.hook_xy for place in places]}
    return ItemRecord(
        "earrings", earring.name, "", numbers, tuple(checks), (*earring.notes, *notes)
    )


def wear_necklace(wearer: Wearer, necklace: Accessory) -> ItemRecord:
    """Lay a chain on neck and chest, under hair and collar."""
    frame, figure = wearer.frame, wearer.figure
    place = place_necklace(frame, figure, necklace)
    if isinstance(place, str):
        return ItemRecord("necklace", necklace.name, place)
    layer, _ = warp_accessory(wearer, necklace, place.matrix, place.inverse, 0.15)
    whole = float(layer.alpha.sum()) / frame.unit**2
    detail = wearer.detail(layer.box_xyxy)
    clothes = TOPS if necklace.numbers["length_mm"] >= ON_CLOTHES_MM else ()
    region = detail.mask(*SKIN, *clothes) & enlarged(place.region, figure, layer.box_xyxy)
    keep = to_layer(region, detail, layer, wearer.soft)
    layer = hide_behind(wearer, layer.masked(keep))
    checks = check_necklace(frame, figure, place, layer, whole)
    by_name = {check.name: check.value for check in checks}
    # A chain that begins on cloth, away from the neck, hangs in the air.
    if by_name["seen"] < 0.3 or by_name["ends_to_edge_u"] > FREE_END:
        return ItemRecord("necklace", necklace.name, "the neck is covered")
    shadow = cast(wearer, layer, keep, ((0.035, 0.025, 0.35),))
    checks += wearer.put(layer, necklace.name, shadow)
    numbers = {"ends_px": place.ends_xy, "lowest_px": place.lowest_xy}
    return ItemRecord("necklace", necklace.name, "", numbers, tuple(checks), necklace.notes)


WEAR: dict[str, Callable[[Wearer, Accessory], ItemRecord]] = {
    "necklace": wear_necklace,
    "earrings": wear_earrings,
    "glasses": wear_glasses,
    "hat": wear_hat,
}
