"""What a kind of accessory is made of; ``tryon.kinds`` holds the kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from m2fp_cli.arrays import BoolArray, Box, Point
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.outlines import Outline
from m2fp_cli.tryon.records import ItemRecord
from m2fp_cli.tryon.wearer import Body, Wearer


class Item(Protocol):
    """Something to wear, loaded."""

    @property
    def kind(self) -> str:
        """Name of its kind."""

    @property
    def name(self) -> str:
        """Its own name, for records."""


class PictureSort(str, Enum):
    """What the picture of something for the body shows: the thing itself, or its fabric."""

    AUTO = "auto"
    GARMENT = "garment"
    FABRIC = "fabric"


@dataclass(frozen=True)
class Number:
    """A number that the JSON beside a picture may state.

    Attributes:
        default: taken where it states none.
        low: lowest value that makes sense.
        high: highest.
        meaning: what it is, with its unit, as ``accessories/README.md`` says it.
    """

    default: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of accessory; either a ``HeadKind`` or a ``BodyKind``.

    Its ``wear`` paints on the photo in place and returns a record; it never raises for a person
    who cannot wear the thing.

    Attributes:
        name: as in ``kinds.KIND_NAMES``.
        numbers: what the JSON beside a picture may state, by name.
    """

    name: str
    numbers: Mapping[str, Number]


@dataclass(frozen=True, eq=False)
class HeadKind(Kind):
    """A kind that is placed on a head: pictures with anchors.

    Attributes:
        anchors: the points that fix a picture to a person, by name, and where each of them is, as
            ``accessories/README.md`` says it; left and right as one looks at the picture.
        guess_anchors: anchors of a bare picture from its visible content (h, w) bool, in pixels of
            that.
        min_side: longer side of the visible content from which it is sharp in most photos, pixels.
        wear: puts an accessory on a head.
        guess_numbers: numbers that the JSON does not state, by name, from the anchors and the
            half-open box of the visible content; those that the picture does not tell are missing.
        has_lenses: paper may show through products of this kind.
        in_pairs: products of this kind are often photographed as a pair, of which one is worn.
        unlike: outlines that nothing of this kind has; a picture with one of them is refused,
            unless its JSON states what it is.
    """

    anchors: Mapping[str, str]
    guess_anchors: Callable[[BoolArray], dict[str, Point]]
    min_side: int
    wear: Callable[[Wearer, Any], ItemRecord]
    guess_numbers: Callable[[Mapping[str, Point], Box], dict[str, float]] | None = None
    has_lenses: bool = False
    in_pairs: bool = False
    unlike: tuple[Outline, ...] = ()


@dataclass(frozen=True, eq=False)
class BodyKind(Kind):
    """A kind that needs no face: it changes what is worn already.

    Attributes:
        load: reads an item from a file, a name or a color; its second argument says what a
            picture shows.
        from_picture: makes an item of a picture.
        wear: puts an item on a person.
        find_faults: what is wrong with a picture as this kind, in sentences; None if nothing can
            be, since only its mean color counts.
        labels: of what it changes; a model must have one of them.
        needs_instances: whether wearing looks at the network's own instances.
        names: what ``load`` knows by name besides the pictures of this kind.
        colors: of the names that are colors, ``#rrggbb``.
    """

    load: Callable[[str, PictureSort], Item]
    from_picture: Callable[[Accessory], Item]
    wear: Callable[[Body, Any], ItemRecord]
    labels: tuple[str, ...]
    find_faults: Callable[[Accessory], list[str]] | None = None
    needs_instances: bool = False
    names: tuple[str, ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict)
