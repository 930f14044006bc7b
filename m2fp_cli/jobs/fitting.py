"""What both jobs of ``m2fp tryon`` share: settings, reading a parsed photo, outfits, encoding."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError, UsageError
from m2fp_cli.jobs.imports import PICTURE_MODULES
from m2fp_cli.layout import result_name, result_path
from m2fp_cli.numerals import read_whole
from m2fp_cli.records.document import read_document
from m2fp_cli.records.stored_people import MAX_PEOPLE
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.tryon.look import Look, Wish

if TYPE_CHECKING:
    from m2fp_cli.arrays import Picture
    from m2fp_cli.imaging.codec import DecodedImage
    from m2fp_cli.records.results import ParsingResult
    from m2fp_cli.tryon.outfit import Outfit
    from m2fp_cli.tryon.wardrobe import Wardrobe

FITTING_VERSION = "25"  # part of the signature: raise it when the same settings look different
_JPEG_QUALITY = 95
PRELOAD = (*PICTURE_MODULES, "m2fp_cli.tryon.fitting", "m2fp_cli.tryon.wardrobe")
"""What workers of both need; a run itself, which only plans, does without."""


@dataclass(frozen=True)
class FittingSettings:
    """What is worn, and by whom.

    Attributes:
        look: who wears what.
        people: ``all``, ``largest`` or ids.
        match_light: light accessories like the photo.
        shadow: let accessories throw shadows.
        layer: ``outer`` or ``inner``: which of two tops over each other is meant.
        picture: ``auto``, ``garment`` or ``fabric``: what the picture of a top or bottom
            shows.
        picture_format: png, jpg or webp.
    """

    look: Look
    people: str | tuple[int, ...] = "all"
    match_light: bool = True
    shadow: bool = True
    layer: str = "outer"
    picture: str = "auto"
    picture_format: str = "png"

    def wardrobe(self) -> Wardrobe:
        """An empty one for what is worn."""
        from m2fp_cli.tryon.wardrobe import Wardrobe

        return Wardrobe(self.match_light, self.shadow, self.layer, self.picture)

    def signature(self) -> dict[str, str]:
        """What decides the bytes of the pictures."""
        look, people = self.look, self.people
        plain = {kind: wish for kind, wish in look.everyone.items() if not wish.is_list}
        worn = {kind: _fingerprint(kind, wish.items[0]) for kind, wish in plain.items()}
        rest = {
            name: {kind: _describe(kind, wish) for kind, wish in table.items()}
            for name, table in look.tables()
        }
        rest["everyone"] = {k: one for k, one in rest["everyone"].items() if k not in plain}
        if any(rest.values()):
            text = json.dumps([look.seed, rest], sort_keys=True)
            worn["look"] = hashlib.sha256(text.encode("ascii")).hexdigest()
        return {
            "fitting": FITTING_VERSION,
            **worn,
            "people": people if isinstance(people, str) else ",".join(map(str, people)),
            "light": str(self.match_light),
            "shadow": str(self.shadow),
            "layer": self.layer,
            "picture": self.picture,
            "format": self.picture_format,
        }


def _describe(kind: str, wish: Wish) -> list[Any]:
    """A wish as its outcome depends on it."""
    return [wish.is_list, sorted(_fingerprint(kind, item) for item in wish.items)]


def _fingerprint(kind_name: str, reference: str) -> str:
    """Name and content of an accessory, so that a redrawn one is worn anew; a color as it is."""
    from m2fp_cli.tryon.catalog import find_accessory
    from m2fp_cli.tryon.kind import BodyKind
    from m2fp_cli.tryon.kinds import kind_of
    from m2fp_cli.tryon.look import NOTHING

    kind = kind_of(kind_name)
    is_color = isinstance(kind, BodyKind) and reference.lower() in kind.names
    if reference == NOTHING or reference.startswith("#") or is_color:
        return reference

    path = find_accessory(reference)
    content = hashlib.sha256(path.read_bytes())
    anchors = path.with_suffix(".json")
    if anchors.is_file():
        content.update(anchors.read_bytes())
    return f"{path.stem} {content.hexdigest()[:16]}"


@dataclass(frozen=True, eq=False)
class ReadPhoto:
    """A photo and its result.

    Attributes:
        photo: upright, with its original colors.
        result: of its parse.
        seconds: time that reading took.
    """

    photo: DecodedImage
    result: ParsingResult
    seconds: float


class Fitter:
    """Reads parsed photos, finds out what their people wear, encodes pictures."""

    def __init__(self, results: Path, settings: FittingSettings) -> None:
        """Take settings.

        Args:
            results: root of the results, absolute.
            settings: what is worn.
        """
        from m2fp_cli.tryon.kind import BodyKind
        from m2fp_cli.tryon.kinds import kind_of

        self._results, self._settings = results, settings
        self._tree, self._wardrobe = OutputTree(results), settings.wardrobe()
        kinds = [kind_of(name) for name, _ in settings.look.items()]
        self._instances = any(isinstance(k, BodyKind) and k.needs_instances for k in kinds)

    def read(self, task: ImageTask) -> ReadPhoto:
        """Read a photo and its result.

        Raises:
            ImageError: one of them cannot be read, or they do not belong together.
        """
        from m2fp_cli.jobs.photos import read_parsed_photo

        started = time.perf_counter()
        name = result_name(task.key)
        try:
            stored = read_document(self._tree.read(name), instances=self._instances)
        except ValueError as error:
            raise ImageError("corrupt", f"{name} {error}") from error
        is_known = task.source != result_path(self._results, task.key)
        path, sha256 = task.source if is_known else None, stored.provenance.sha256
        photo = read_parsed_photo(path, stored.result.image_hw, sha256, keep_original=True)
        return ReadPhoto(photo, stored.result, time.perf_counter() - started)

    def outfits(self, look: Look, key: str, result: ParsingResult) -> Mapping[int, Outfit]:
        """What the people of a photo wear, by their ids.

        Args:
            look: who wears what.
            key: of the photo.
            result: of its parse.

        Raises:
            ImageError: an item cannot be worn any more.
        """
        from m2fp_cli.tryon.fitting import choose_people

        asked = {person.person_id for person in choose_people(result, self._settings.people)}
        chosen = look.choose(key, result.people)
        try:
            return {
                person_id: self._wardrobe.outfit(worn)
                for person_id, worn in chosen.items()
                if person_id in asked
            }
        except UsageError as error:  # it was fine when the command began
            raise ImageError("unreadable", str(error)) from error

    def encode(self, photo: DecodedImage, image_bgr: Picture) -> bytes:
        """A picture as a file, in the photo's own colors as far as they did not change."""
        from m2fp_cli.imaging.encoding import encode_as

        pixels, profile = image_bgr, None
        if photo.original is not None:
            pixels = photo.original.take_changes(photo.image_bgr, pixels)
            profile = photo.original.profile.data
        fmt = self._settings.picture_format
        return encode_as(fmt, pixels, jpeg_quality=_JPEG_QUALITY, profile=profile)


def encode_record(document: Mapping[str, Any]) -> bytes:
    """A record as a file."""
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    return text.encode("ascii") + b"\n"


def parse_people(text: str, option: str = "--people") -> str | tuple[int, ...]:
    """``all``, ``largest`` or ids from a comma-separated list.

    Args:
        text: what the user gave.
        option: name of the option, for the message.

    Raises:
        UsageError: the text is none of them.
    """
    if text in ("all", "largest"):
        return text
    ids = [read_whole(part.strip(), MAX_PEOPLE) for part in text.split(",")]
    if not all(ids):  # 0 is nobody
        raise UsageError(f"{option} takes all, largest or ids such as 1,3, got {text[:40]!r}")
    return tuple(one for one in ids if one is not None)
