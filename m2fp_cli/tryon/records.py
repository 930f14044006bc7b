"""What try-on says of each person, and of each thing that they were to wear."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from m2fp_cli.arrays import Box
from m2fp_cli.jsonio import objects_of
from m2fp_cli.tryon.head import HeadFrame, SkipReason

FORMAT_VERSION = "1.0"


@dataclass(frozen=True)
class Check:
    """A number that was measured, and its limits.

    Attributes:
        name: what was measured.
        value: the number.
        low: lowest good value.
        high: highest good value.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def ok(self) -> bool:
        """Whether the value lies within the limits; a value that is not a number does not."""
        return self.low <= self.value <= self.high

    def as_json(self) -> dict[str, Any]:
        """The check as it goes into the document."""
        value = round(self.value, 4) if math.isfinite(self.value) else None
        return {"name": self.name, "value": value, "limits": [self.low, self.high], "ok": self.ok}


def check_limits(
    measured: Mapping[str, float], limits: Mapping[str, tuple[float, float]]
) -> list[Check]:
    """What was measured as checks, in its order.

    Args:
        measured: by name.
        limits: lowest and highest good value of each of those names.
    """
    return [Check(name, value, *limits[name]) for name, value in measured.items()]


@dataclass(frozen=True)
class ItemRecord:
    """One thing on one person.

    Attributes:
        kind: name of its kind, as in ``kinds.KIND_NAMES``.
        name: of the accessory.
        reason: why it was left out; empty if it was placed.
        numbers: where it is, by name; the end of a name says the unit.
        checks: what was measured afterwards.
        notes: what a person should know, in words.
    """

    kind: str
    name: str
    reason: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def placed(self) -> bool:
        """Whether it is in the picture."""
        return not self.reason

    @property
    def passed(self) -> bool:
        """Whether it is in the picture and all checks are good."""
        return self.placed and all(check.ok for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The record as it goes into the document."""
        return {
            "kind": self.kind,
            "name": self.name,
            "placed": self.placed,
            "reason": self.reason or None,
            "placement": {key: _rounded(value) for key, value in self.numbers.items()},
            "checks": [check.as_json() for check in self.checks],
            "passed": self.passed,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class PersonRecord:
    """One person.

    Attributes:
        person_id: id in the person map.
        frame: their head frame, or why there is none.
        items: one record per thing that they were to wear.
    """

    person_id: int
    frame: HeadFrame | SkipReason
    items: tuple[ItemRecord, ...]

    def as_json(self) -> dict[str, Any]:
        """The record as it goes into the document."""
        frame = self.frame
        head = None if isinstance(frame, SkipReason) else _frame_json(frame)
        skipped = frame.value if isinstance(frame, SkipReason) else None
        items = [item.as_json() for item in self.items]
        return {"id": self.person_id, "head": head, "no_head": skipped, "items": items}


def _frame_json(frame: HeadFrame) -> dict[str, Any]:
    return {
        "eyes": _rounded(frame.eyes_xy),
        "unit_px": _rounded(frame.unit),
        "face_width_px": _rounded(frame.face_width),
        "chin_u": _rounded(frame.chin),
        "crown_u": _rounded(frame.crown),
        "roll_deg": _rounded(frame.roll),
        "yaw_deg": _rounded(frame.yaw),
        "confidence": frame.confidence,
        "reasons": list(frame.reasons),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_rounded(item) for item in value]
    return round(float(value), 3) if isinstance(value, float) else value


def to_document(
    source: str, people: Sequence[PersonRecord], changed: Box | None = None
) -> dict[str, Any]:
    """The JSON document of one photo.

    Args:
        source: path of the photo, as it was found below its input folder.
        people: a record for each person.
        changed: half-open box of the pixels that differ from the photo; None if none does.
    """
    return {
        "format_version": FORMAT_VERSION,
        "source": source,
        "changed": None if changed is None else list(changed),
        "people": [person.as_json() for person in people],
    }


def to_variant_document(
    source: str,
    kind: str,
    item: str,
    picture: str,
    people: Sequence[PersonRecord],
    changed: Box | None,
) -> dict[str, Any]:
    """The JSON document of one picture among several of the same photo.

    Args:
        source: path of the photo, as it was found below its input folder.
        kind: of the item that it shows.
        item: its name.
        picture: name of the file, beside the document.
        people: a record for each person who wears something.
        changed: half-open box of the pixels that differ from the photo; None if none does.
    """
    shown = {"kind": kind, "item": item, "picture": picture}
    return {**to_document(source, people, changed), **shown}


MOST_RECORDS = 100_000
"""Of people or items in a document, so that one from outside is bounded."""


def items_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items of all people of a document.

    Args:
        document: read from outside.

    Raises:
        ValueError: it has another form.
    """
    people = objects_of(document, "people", most=MOST_RECORDS)
    return [item for one in people for item in objects_of(one, "items", most=MOST_RECORDS)]
