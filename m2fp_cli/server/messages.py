"""What the front and a worker process say to each other, beside ``batch.messages``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from m2fp_cli.errors import M2fpError
from m2fp_cli.server.views import Asked


@dataclass(frozen=True, slots=True)
class Worn:
    """One thing to wear.

    Attributes:
        kind: a member of ``tryon.kinds.KIND_NAMES``.
        item: name of a shipped accessory or a color; or the bytes of an uploaded picture.
        person: who wears it; None for all who are meant.
    """

    kind: str
    item: str | bytes
    person: int | None = None


@dataclass(frozen=True, slots=True)
class WorkRequest:
    """What a worker is asked to do with one photo.

    Attributes:
        photo: its file.
        name: what the files of its answer are called, safe in any file system.
        asked: what the answer shall be.
        document: the photo's result, compressed as in ``WorkAnswer``; empty to parse it.
        min_score: lowest score of a person or part; None for the usual one.
        worn: what to try on; empty for no try-on.
        people: who wears it: ``all``, ``largest`` or ids.
    """

    photo: bytes
    name: str
    asked: Asked
    document: bytes = b""
    min_score: float | None = None
    worn: tuple[Worn, ...] = ()
    people: str | tuple[int, ...] = "all"


@dataclass(frozen=True, slots=True)
class WorkAnswer:
    """What a worker has made.

    Attributes:
        body: the encoded answer.
        filename: what it is called when it is saved.
        document: the result of the photo if it was parsed now, as zlib over JSON; else empty.
        seconds: time per stage: read, preprocess, network, postprocess, tryon, encode.
    """

    body: bytes
    filename: str
    document: bytes
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answered:
    """Worker to front: a request is done."""

    ticket: int
    answer: WorkAnswer
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Worker to front: a request cannot be done; an ``ImageError`` or a ``UsageError`` says why."""

    ticket: int
    error: M2fpError
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Front to worker: are you there? Answered at once, also during work."""

    number: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Worker to front: I am."""

    number: int
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class ShowAccessories:
    """Front to worker: make the thumbnails, once in the life of a service; it takes a second."""


@dataclass(frozen=True, slots=True)
class ShownAccessory:
    """A shipped accessory as clients see it.

    Attributes:
        name: what it is called in a request.
        kind: what it is.
        thumbnail: a small WebP.
        is_fabric: whether it is cloth, which fills its thumbnail.
    """

    name: str
    kind: str
    thumbnail: bytes
    is_fabric: bool = False


@dataclass(frozen=True, slots=True)
class ShownName:
    """What a kind takes by name besides its own accessories.

    Attributes:
        kind: what it is.
        name: what it is called in a request.
        color: ``#rrggbb``; empty for an accessory of another kind, such as a fabric.
    """

    kind: str
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class Wardrobe:
    """Worker to front: everything that is shipped to be tried on."""

    accessories: tuple[ShownAccessory, ...]
    names: tuple[ShownName, ...] = ()


@dataclass(frozen=True, slots=True)
class Introduced:
    """Worker to front: the model is loaded and has parsed once; and what the front must know.

    Attributes:
        labels: names by id.
        human_id: id of the whole-person class; None if there is none.
        label_colors: (red, green, blue) by id.
        people_colors: (red, green, blue) by person id; 0 is nobody.
        resident_bytes: memory of the process.
    """

    labels: tuple[str, ...]
    human_id: int | None
    label_colors: tuple[tuple[int, ...], ...]
    people_colors: tuple[tuple[int, ...], ...]
    resident_bytes: int = field(default=0)
