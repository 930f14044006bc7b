"""Try-on for the service: each person may wear something else; in worker processes only."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from m2fp_cli.arrays import Box, Picture
from m2fp_cli.errors import UsageError
from m2fp_cli.numerals import read_color
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.render.previews import fit_within, picture_uri
from m2fp_cli.server.encode import PREVIEW_SIDE, encode_photo
from m2fp_cli.server.messages import ShownAccessory, ShownName, WorkRequest, Worn
from m2fp_cli.tryon.catalog import (
    accessories_folder,
    list_accessories,
    load_accessory,
    load_item,
    read_item,
)
from m2fp_cli.tryon.fabric import GARMENT_STYLES
from m2fp_cli.tryon.fitting import changed_box, choose_people, try_on
from m2fp_cli.tryon.kind import BodyKind, Item
from m2fp_cli.tryon.kinds import KIND_NAMES, kind_of
from m2fp_cli.tryon.outfit import Outfit, load_outfit
from m2fp_cli.tryon.records import PersonRecord, to_document

_THUMBNAIL_SIDE = 160  # pixels, twice what the page shows, for dense screens
_FABRIC_CUT = 480  # pixels of a fabric's picture that its thumbnail shows


@dataclass(frozen=True, eq=False)
class Fitted:
    """A photo after the fitting.

    Attributes:
        image_bgr: (H, W, 3) uint8.
        people: a record for each person who wears or was to wear something, by id.
        changed: half-open box of the pixels that differ from the photo; None if none does.
    """

    image_bgr: Picture
    people: tuple[PersonRecord, ...]
    changed: Box | None


LoadedItems = Mapping[Worn, Item]
"""Things to wear, loaded."""


def load_items(request: WorkRequest) -> LoadedItems:
    """Everything that a request wants to be worn.

    Raises:
        UsageError: something cannot be worn.
    """
    return {worn: _load(worn) for worn in request.worn}


def fit_people(
    photo_bgr: Picture, result: ParsingResult, request: WorkRequest, items: LoadedItems
) -> Fitted:
    """Let everybody wear what the request says.

    Raises:
        UsageError: a person is not there.
    """
    image, records = photo_bgr, list[PersonRecord]()
    for outfit, ids in _groups(result, request, items):
        done = try_on(image, result, outfit, ids)
        image, records = done.image_bgr, [*records, *done.people]
    people = sorted(records, key=lambda record: record.person_id)
    return Fitted(image, tuple(people), changed_box(photo_bgr, image))


def _groups(
    result: ParsingResult, request: WorkRequest, items: LoadedItems
) -> list[tuple[Outfit, tuple[int, ...]]]:
    """Outfits with the ids of those who wear them."""
    known = {person.person_id for person in result.people}
    named = {one.person for one in request.worn if one.person is not None}
    if isinstance(request.people, tuple):
        named |= set(request.people)
    if named - known:
        ids = f"ids are {', '.join(map(str, sorted(known)))}" if known else "it shows nobody"
        raise UsageError(f"people: the photo has no person {min(named - known)}; {ids}")
    chosen = {person.person_id for person in choose_people(result, request.people)}
    wearers: dict[tuple[Worn, ...], list[int]] = {}
    for person in sorted(known):
        by_kind = {one.kind: one for one in request.worn if one.person is None and person in chosen}
        by_kind |= {one.kind: one for one in request.worn if one.person == person}
        if by_kind:
            wearers.setdefault(tuple(by_kind.values()), []).append(person)
    return [
        (load_outfit({one.kind: items[one] for one in worn}), tuple(ids))
        for worn, ids in wearers.items()
    ]


def _load(worn: Worn) -> Item:
    """A thing to wear. A name is looked up in the list, so that it can never be a file's path."""
    if isinstance(worn.item, bytes):
        return read_item(worn.item, worn.kind)
    kind = kind_of(worn.kind)
    known = kind.names if isinstance(kind, BodyKind) else ()
    if isinstance(kind, BodyKind) and (worn.item in known or read_color(worn.item) is not None):
        return load_item(worn.item, worn.kind)
    names = [name for name, its in list_accessories().items() if its == worn.kind]
    if worn.item not in names:
        listed = ", ".join((*names, *known))
        color = "a color such as #7a1f3d" if isinstance(kind, BodyKind) else ""
        choices = " or ".join(filter(None, (listed, color)))  # of shoes, none has a name
        raise UsageError(
            f"{worn.kind}: there is no {worn.item[:40]!r}; take {choices}, or upload a picture"
        )
    return _shipped(worn.item, worn.kind)


@functools.lru_cache(maxsize=32)
def _shipped(name: str, kind: str) -> Item:
    return load_item(str(accessories_folder() / f"{name}.png"), kind)


def encode_fitted(fitted: Fitted, request: WorkRequest) -> tuple[bytes, str]:
    """The answer to a try-on, and what it is called when it is saved."""
    name, asked = request.name, request.asked
    if asked.view == "picture":
        body, suffix = encode_photo(fitted.image_bgr, asked.media_type)
        return body, f"{name}-tryon.{suffix}"
    document: dict[str, Any] = to_document(name, fitted.people, fitted.changed)
    if asked.view == "preview":
        height, width = fitted.image_bgr.shape[:2]
        hw = fit_within((height, width), PREVIEW_SIDE)
        document["picture"] = picture_uri(fitted.image_bgr, hw)
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    return text.encode("ascii") + b"\n", f"{name}-tryon.json"


def shown_accessories() -> tuple[ShownAccessory, ...]:
    """The shipped accessories with their thumbnails."""
    found = []
    for name, kind in list_accessories().items():
        is_fabric = kind == "top" and load_accessory(name, kind).style not in GARMENT_STYLES
        found.append(ShownAccessory(name, kind, _thumbnail(name, is_fabric), is_fabric))
    return tuple(found)


def shown_names() -> tuple[ShownName, ...]:
    """What kinds take by name besides their own accessories, such as colors of hair."""
    return tuple(
        ShownName(kind.name, name, kind.colors.get(name, ""))
        for kind in map(kind_of, KIND_NAMES)
        if isinstance(kind, BodyKind)
        for name in kind.names
    )


def _thumbnail(name: str, is_fabric: bool) -> bytes:
    """A WebP with transparency; of a fabric the middle, since its whole is a smear at this size."""
    with Image.open(accessories_folder() / f"{name}.png", formats=("PNG",)) as picture:
        rgba = picture.convert("RGBA")
    if is_fabric:
        x, y = rgba.width // 2, rgba.height // 2
        half = min(_FABRIC_CUT, *rgba.size) // 2
        rgba = rgba.crop((x - half, y - half, x + half, y + half))
    elif (box := rgba.getchannel("A").getbbox()) is not None:
        rgba = rgba.crop(box)
    rgba.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    rgba.save(buffer, "WEBP", quality=80)
    return buffer.getvalue()
