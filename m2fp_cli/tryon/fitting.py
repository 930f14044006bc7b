"""Try things on: the function for callers, from the command line to a web service.

>>> result = load_result("m2fp-out/results/portrait.json")        # doctest: +SKIP
>>> done = try_on(photo_bgr, result, {"hat": "fedora"})           # doctest: +SKIP
>>> done.image_bgr, done.people[0].items[0].as_json()             # doctest: +SKIP
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import BoolArray, Box, Given, Picture, require_photo
from m2fp_cli.numerals import require_one_of
from m2fp_cli.records.results import ParsingResult, Person, require_result
from m2fp_cli.tryon.channels import max_of_channels
from m2fp_cli.tryon.face_seen import doubt_face
from m2fp_cli.tryon.figure import Figure, build_figure, head_stride, head_window, label_score
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head
from m2fp_cli.tryon.kind import Item
from m2fp_cli.tryon.lighting import Light, measure_light
from m2fp_cli.tryon.one_garment import find_garment_instances
from m2fp_cli.tryon.one_tone import find_tone, keep_tone
from m2fp_cli.tryon.outfit import Outfit, load_outfit
from m2fp_cli.tryon.recognized import ANIMAL, is_animal, why_left_alone
from m2fp_cli.tryon.records import ItemRecord, PersonRecord
from m2fp_cli.tryon.wearer import Body, Wearer

# U where no face is seen.
_UNITS_PER_BODY = 12.0  # square root of a person's area, U, about
_MIN_UNIT = 4.0  # pixels
_MAX_UNIT_SHARE = 0.5  # of the width of a person's box, with or without a face

_MOST_KEPT = 64  # heads from one outfit to the next; those of larger crowds are fitted anew


@dataclass(frozen=True, eq=False)
class TryOn:
    """A photo on which people wear an outfit.

    Attributes:
        image_bgr: (H, W, 3) uint8; equal to the photo outside accessories, their shadows, and what
            was painted over for them.
        people: a record per person that was asked for, by id.
    """

    image_bgr: Picture
    people: tuple[PersonRecord, ...]

    @property
    def failed_checks(self) -> int:
        """How many things are in the picture and did not pass their checks."""
        items = (item for person in self.people for item in person.items)
        return sum(item.placed and not item.passed for item in items)

    @property
    def dressed(self) -> set[int]:
        """Ids of the people on whom something was put."""
        people = self.people
        return {one.person_id for one in people if any(item.placed for item in one.items)}

    @property
    def left_out(self) -> set[tuple[int, str]]:
        """Ids of the people whom something was not put on, each with the reason."""
        items = ((one.person_id, item) for one in self.people for item in one.items)
        return {(person_id, item.reason) for person_id, item in items if not item.placed}

    @property
    def not_put_on(self) -> Counter[str]:
        """On how many people something was not put, by the reason."""
        return Counter(reason for _, reason in self.left_out)


def try_on(
    photo_bgr: Given,
    result: ParsingResult,
    outfit: Outfit | Mapping[str, str | Item],
    people: str | Sequence[int] = "all",
) -> TryOn:
    """Put an outfit on people.

    Args:
        photo_bgr: (H, W, 3) uint8, upright; not changed.
        result: the photo's parsing result.
        outfit: what to wear; or by kind a file, a name, a color, see ``load_outfit``.
        people: ``all``, ``largest``, or ids of people (``Person.person_id``); ids that nobody has
            are passed over.

    Returns:
        the picture and a record for every person, skipped or not.

    Raises:
        UsageError: something cannot be worn.
        TypeError: the photo, the result or the outfit is something else.
        ValueError: the photo is not (H, W, 3) uint8, the result is of another size, or ``people``
            is another word.
    """
    require_photo(photo_bgr)
    require_result(result)
    worn = outfit if isinstance(outfit, Outfit) else load_outfit(outfit)
    ids = [person.person_id for person in choose_people(result, people)]
    return FittingRoom(photo_bgr, result).dress(dict.fromkeys(ids, worn))


def changed_box(photo_bgr: Picture, image_bgr: Picture) -> Box | None:
    """Half-open box of the pixels that differ between a photo and a picture of it.

    Args:
        photo_bgr: (H, W, 3) uint8.
        image_bgr: of the same shape.

    Returns:
        x0, y0, x1, y1; None if they are equal.
    """
    differs = max_of_channels(np.asarray(cv2.absdiff(photo_bgr, image_bgr), np.uint8)) > 0
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def choose_people(result: ParsingResult, people: str | Sequence[int]) -> list[Person]:
    """Choose people by what ``try_on`` takes.

    Args:
        result: of the photo.
        people: ``all``, ``largest``, or ids of people.

    Returns:
        the people, the farthest (who end highest in the photo) first.

    Raises:
        ValueError: it is another word.
    """
    if isinstance(people, str):
        require_one_of(people, ("all", "largest"), "people")
    chosen = list(result.people)
    if people == "largest":
        chosen = sorted(chosen, key=lambda person: -person.mask.area)[:1]
    elif people != "all":
        chosen = [person for person in chosen if person.person_id in set(people)]
    return sorted(chosen, key=lambda person: (person.box_xyxy[3], person.mask.area))


def _without_colors(record: PersonRecord) -> PersonRecord:
    """A record that says that the photo has no colors."""
    note = "the photo has one tone; what was put on has the same"
    items = tuple(
        replace(item, notes=(*item.notes, note)) if item.placed else item for item in record.items
    )
    return replace(record, items=items)


class FittingRoom:
    """A photo whose people try on one outfit after another.

    What is measured of a person, head and light above all, is measured once.
    """

    def __init__(self, photo_bgr: Picture, result: ParsingResult) -> None:
        """Take a photo.

        Args:
            photo_bgr: (H, W, 3) uint8, upright; not changed.
            result: the photo's parsing result.

        Raises:
            ValueError: photo and result are of different sizes.
        """
        if photo_bgr.shape[:2] != result.image_hw:
            raise ValueError(
                f"the photo is {photo_bgr.shape[:2]}, its result {result.image_hw} (height, width)"
            )
        self._photo, self._result = photo_bgr, result
        self._heads: dict[int, _Head] = {}
        self._lights: dict[int, Light] = {}

    def dress(self, outfits: Mapping[int, Outfit]) -> TryOn:
        """Put outfits on people.

        Args:
            outfits: by id of each person who wears one.

        Returns:
            the picture and a record for each of them, skipped or not; ids that are not in the photo
            have none.
        """
        image = self._photo.copy()
        records = [
            self._dress(image, person, outfits[person.person_id])
            for person in choose_people(self._result, list(outfits))
        ]
        if self._tone is not None:
            keep_tone(image, self._photo, self._tone)
            records = [_without_colors(record) for record in records]
        return TryOn(image, tuple(sorted(records, key=lambda record: record.person_id)))

    @cached_property
    def _tone(self) -> NDArray[np.uint8] | None:
        return find_tone(self._photo)

    @cached_property
    def _garment_instances(self) -> dict[str, BoolArray]:
        """The network's own instances of each garment, (H, W) bool by label."""
        return find_garment_instances(self._result)

    def _head_of(self, person: Person) -> _Head:
        """What is known of a person's head."""
        head = self._heads.get(person.person_id)
        if head is None:
            window = head_window(self._result, person)
            knows_faces = self._has_label("Face")
            frame: HeadFrame | SkipReason = (
                SkipReason.NO_FACE if knows_faces else SkipReason.NO_LABEL
            )
            figure = None
            if window is not None:
                figure = build_figure(self._result, person, window, head_stride(window))
                frame = fit_head(self._photo[figure.window], figure)
                score = label_score(self._result, person, "Face")
                if isinstance(frame, HeadFrame):
                    frame = doubt_face(figure, frame, score) or frame
            head = _Head(figure, frame)
            if len(self._heads) < _MOST_KEPT:
                self._heads[person.person_id] = head
        return head

    def _light_on(self, person: Person) -> Light | None:
        """The light on a person's face; None where no face is known."""
        head = self._head_of(person)
        if head.figure is None or isinstance(head.frame, SkipReason):
            return None
        if person.person_id not in self._lights:
            self._lights[person.person_id] = measure_light(self._photo, head.figure, head.frame)
        return self._lights[person.person_id]

    def _dress(self, image: Picture, person: Person, outfit: Outfit) -> PersonRecord:
        """Paint an outfit on one person, what lies under other things first."""
        head = self._head_of(person)
        if is_animal(self._photo, self._result, person, head.frame):
            items = (ItemRecord(item.kind, item.name, ANIMAL) for item in outfit.items)
            return PersonRecord(person.person_id, head.frame, tuple(items))
        light = self._light_on(person) if outfit.match_light else None
        records = self._dress_body(image, person, outfit, light)
        if head.figure is None or isinstance(head.frame, SkipReason):
            reason = head.frame.value if isinstance(head.frame, SkipReason) else ""
            records += [ItemRecord(item.kind, item.name, reason) for _, item in outfit.on_head]
            return PersonRecord(person.person_id, head.frame, tuple(records))
        wearer = Wearer(image, self._result, person, head.figure, head.frame, light, outfit.shadow)
        records += [kind.wear(wearer, item) for kind, item in outfit.on_head[::-1]]
        return PersonRecord(person.person_id, head.frame, tuple(records))

    def _dress_body(
        self, image: Picture, person: Person, outfit: Outfit, light: Light | None
    ) -> list[ItemRecord]:
        """Paint what needs no face on one person."""
        on_body = outfit.on_body[::-1]
        reason = why_left_alone(person, self._result.labels, self._head_of(person).frame)
        if reason:
            return [ItemRecord(item.kind, item.name, reason) for _, item in on_body]
        body = self._body(image, person, outfit, light)
        return [
            kind.wear(body, item)
            if self._has_label(*kind.labels)
            else ItemRecord(item.kind, item.name, "the model has no label for this")
            for kind, item in on_body
        ]

    def _has_label(self, *names: str) -> bool:
        """Whether the model has one of some labels."""
        return any(name in self._result.labels.names for name in names)

    def _body(self, image: Picture, person: Person, outfit: Outfit, light: Light | None) -> Body:
        """The person for what needs no face; without a face, U is guessed from their size."""
        frame = self._head_of(person).frame
        x0, _, x1, _ = person.box_xyxy
        guess = max(np.sqrt(person.mask.area) / _UNITS_PER_BODY, _MIN_UNIT)
        unit = frame.unit if isinstance(frame, HeadFrame) else guess
        unit = min(float(unit), _MAX_UNIT_SHARE * (x1 - x0))
        known = frame if isinstance(frame, HeadFrame) else None
        instances = self._garment_instances if outfit.needs_instances else {}
        return Body(image, self._result, person, known, unit, outfit.layer, instances, light)


@dataclass(frozen=True, eq=False)
class _Head:
    """A person's head.

    Attributes:
        figure: the window around it; None where none is seen.
        frame: where it is, or why that is not known.
    """

    figure: Figure | None
    frame: HeadFrame | SkipReason
