"""Try things on: the functions for callers, from the command line to a web service.

>>> result = load_result("m2fp-out/results/portrait.json")        # doctest: +SKIP
>>> done = virtual_hat_tryon(photo_bgr, "fedora", result)         # doctest: +SKIP
>>> done.image_bgr, done.people[0].items[0].as_json()             # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from m2fp_cli.results import ParsingResult, Person
from m2fp_cli.tryon.accessory import Accessory, Kind, load_accessory
from m2fp_cli.tryon.compositing import Picture
from m2fp_cli.tryon.figure import BoolArray, build_figure, head_step, head_window, whole_window
from m2fp_cli.tryon.garment import (
    Cloth,
    Recolored,
    color_of,
    picture_cloth,
    plain_cloth,
    recolor,
)
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head
from m2fp_cli.tryon.lighting import measure_light
from m2fp_cli.tryon.one_garment import find_claims
from m2fp_cli.tryon.quality import check_top
from m2fp_cli.tryon.records import ItemRecord, PersonRecord
from m2fp_cli.tryon.wear import WEAR
from m2fp_cli.tryon.wearer import Wearer

ORDER = (Kind.NECKLACE, Kind.EARRINGS, Kind.GLASSES, Kind.HAT)


@dataclass(frozen=True, eq=False)
class Outfit:
    """What is to be worn; at most one of each kind.

    Attributes:
        items: hat, glasses, earrings and necklace.
        top: cloth for the top.
        match_light: light the accessories like the photo.
        shadow: let accessories throw shadows.
    """

    items: tuple[Accessory, ...] = ()
    top: Cloth | None = None
    match_light: bool = True
    shadow: bool = True


@dataclass(frozen=True, eq=False)
class TryOn:
    """A photo after the fitting.

    Attributes:
        image_bgr: (H, W, 3) uint8; equal to the photo outside accessories and their shadows.
        people: a record per person that was asked for, by id.
    """

    image_bgr: Picture
    people: tuple[PersonRecord, ...]


def try_on(
    photo_bgr: Picture,
    result: ParsingResult,
    outfit: Outfit,
    people: str | Sequence[int] = "all",
) -> TryOn:
    """Let people wear an outfit.

    Args:
        photo_bgr: (H, W, 3) uint8, upright; left as it is.
        result: the photo's parsing result.
        outfit: what to wear.
        people: ``all``, ``largest``, or ids of people (``Person.person_id``).

    Returns:
        the picture and a record for every person, skipped or not.

    Raises:
        ValueError: photo and result are of different sizes.
    """
    if photo_bgr.shape[:2] != result.image_hw:
        raise ValueError(
            f"the photo is {photo_bgr.shape[:2]}, its result {result.image_hw} (height, width)"
        )
    claims = find_claims(result) if outfit.top is not None else {}
    room = _FittingRoom(photo_bgr, photo_bgr.copy(), result, outfit, claims)
    records = [room.dress(person) for person in choose_people(result, people)]
    return TryOn(room.image, tuple(sorted(records, key=lambda record: record.person_id)))


def choose_people(result: ParsingResult, people: str | Sequence[int]) -> list[Person]:
    """The people who are meant, the farthest (who end highest in the photo) first."""
    chosen = list(result.people)
    if people == "largest":
        chosen = sorted(chosen, key=lambda person: -person.mask.area)[:1]
    elif people != "all":
        chosen = [person for person in chosen if person.person_id in set(people)]
    return sorted(chosen, key=lambda person: (person.box_xyxy[3], person.mask.area))


@dataclass(frozen=True, eq=False)
class _FittingRoom:
    """One photo while its people are dressed, one after another.

    Attributes:
        photo: (H, W, 3) uint8, as it was given.
        image: (H, W, 3) uint8, the same with what is worn so far; painted on.
        result: the photo's parsing result.
        outfit: what to wear.
        claims: where the network sees each top, by label; empty where none is to be worn.
    """

    photo: Picture
    image: Picture
    result: ParsingResult
    outfit: Outfit
    claims: Mapping[str, BoolArray]

    def dress(self, person: Person) -> PersonRecord:
        """Paint the outfit on one person."""
        window = head_window(self.result, person)
        frame: HeadFrame | SkipReason = SkipReason.NO_FACE
        figure = None
        if window is not None:
            figure = build_figure(self.result, person, window, head_step(window))
            frame = fit_head(self.photo[figure.window], figure)
        outfit, records = self.outfit, []
        if outfit.top is not None:
            records.append(self._wear_top(person, frame, outfit.top))
        if figure is None or isinstance(frame, SkipReason):
            reason = frame.value if isinstance(frame, SkipReason) else ""
            records += [ItemRecord(item.kind.value, item.name, reason) for item in outfit.items]
            return PersonRecord(person.person_id, frame, tuple(records))
        lit = outfit.match_light and outfit.items
        light = measure_light(self.photo, figure, frame) if lit else None
        wearer = Wearer(self.image, self.result, person, figure, frame, light, outfit.shadow)
        for kind in ORDER:
            worn = [item for item in outfit.items if item.kind is kind]
            records += [WEAR[kind.value](wearer, item) for item in worn]
        return PersonRecord(person.person_id, frame, tuple(records))

    def _wear_top(self, person: Person, frame: HeadFrame | SkipReason, cloth: Cloth) -> ItemRecord:
        """A top needs no face: without one, U is guessed from the size of the person."""
        figure = build_figure(self.result, person, whole_window(person))
        x0, _, x1, _ = person.box_xyxy
        guess = max(np.sqrt(person.mask.area) / 12, 4.0)
        unit = frame.unit if isinstance(frame, HeadFrame) else guess
        unit = min(float(unit), 0.5 * (x1 - x0))
        here = {name: claim[figure.window] for name, claim in self.claims.items()}
        done = recolor(self.image, figure, cloth, unit, here)
        if done is None:
            return ItemRecord("top", cloth.name, "no top is visible")
        checks = tuple(check_top(done))
        return ItemRecord("top", cloth.name, "", {"garment": done.label}, checks, _notes(done))


def _notes(done: Recolored) -> tuple[str, ...]:
    """What a reader of the record should know about a dressed top."""
    notes: tuple[str, ...] = ()
    if done.patterned:
        notes = ("the old cloth is patterned, its detail was left out",)
    if done.beyond:
        notes += (f"{done.beyond} pixels beside the label were taken for the garment",)
    if done.joined:
        notes += (f"{done.joined} pixels labelled as another top are the same garment",)
    return notes


def load_cloth(reference: str) -> Cloth:
    """Cloth of ``#rrggbb``, of a picture file, or of a fabric that comes with the tool.

    Raises:
        UsageError: it is none of them.
    """
    color = color_of(reference)
    if color is not None:
        return plain_cloth(reference, color)
    fabric = load_accessory(reference, Kind.TOP)
    return picture_cloth(fabric.name, fabric.bgra, fabric.numbers["tile_units"])


def virtual_hat_tryon(
    photo_bgr: Picture,
    hat: str | Accessory,
    result: ParsingResult,
    people: str | Sequence[int] = "all",
) -> TryOn:
    """Put a hat (file, name or loaded accessory) on people; see ``try_on``."""
    return try_on(photo_bgr, result, Outfit((_loaded(hat, Kind.HAT),)), people)


def virtual_glasses_tryon(
    photo_bgr: Picture,
    glasses: str | Accessory,
    result: ParsingResult,
    people: str | Sequence[int] = "all",
) -> TryOn:
    """Put glasses (file, name or loaded accessory) on people; see ``try_on``."""
    return try_on(photo_bgr, result, Outfit((_loaded(glasses, Kind.GLASSES),)), people)


def virtual_earrings_tryon(
    photo_bgr: Picture,
    earrings: str | Accessory,
    result: ParsingResult,
    people: str | Sequence[int] = "all",
) -> TryOn:
    """Hang earrings (file, name or loaded accessory) on people; see ``try_on``."""
    return try_on(photo_bgr, result, Outfit((_loaded(earrings, Kind.EARRINGS),)), people)


def virtual_necklace_tryon(
    photo_bgr: Picture,
    necklace: str | Accessory,
    result: ParsingResult,
    people: str | Sequence[int] = "all",
) -> TryOn:
    """Lay a necklace (file, name or loaded accessory) on people; see ``try_on``."""
    return try_on(photo_bgr, result, Outfit((_loaded(necklace, Kind.NECKLACE),)), people)


def virtual_top_tryon(
    photo_bgr: Picture,
    top: str | Cloth,
    result: ParsingResult,
    people: str | Sequence[int] = "all",
) -> TryOn:
    """Give tops another cloth (``#rrggbb``, file, name or cloth); see ``try_on``."""
    cloth = load_cloth(top) if isinstance(top, str) else top
    return try_on(photo_bgr, result, Outfit((), cloth), people)


def _loaded(item: str | Accessory, kind: Kind) -> Accessory:
    return load_accessory(item, kind) if isinstance(item, str) else item
