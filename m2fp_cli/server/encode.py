"""The views of a parsed photo as bytes; in worker processes only.

A new view is its line in ``views.PARSE_VIEWS`` and its function in ``ENCODERS`` here.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from m2fp_cli.arrays import Picture
from m2fp_cli.errors import UsageError
from m2fp_cli.imaging.encoding import encode_as, encode_palette_png
from m2fp_cli.records.document import to_document
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.palette import SCHEMES, Palette
from m2fp_cli.render.maps import PhotoMaps
from m2fp_cli.render.outputs import ParsedPhoto, encode_outputs
from m2fp_cli.render.pictures import PaintSettings, encode_picture, paint_pictures
from m2fp_cli.render.previews import ShownPerson, build_preview
from m2fp_cli.server.views import JPEG, PNG, WEBP, Asked

PREVIEW_SIDE = 1280  # pixels; the report's pictures have as many
_SUFFIXES = {PNG: "png", JPEG: "jpg", WEBP: "webp"}
# A file's time of writing in a zip; a fixed one gives the same bytes for the same photo.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class ShownPhoto:
    """A parsed photo, and what of it is asked for.

    Attributes:
        photo: the photo and its result.
        name: what its files are called.
        asked: the view.
    """

    photo: ParsedPhoto
    name: str
    asked: Asked

    @cached_property
    def document(self) -> bytes:
        """The whole result as ``m2fp parse`` writes it."""
        return _dump(to_document(self.photo.result, self.photo.provenance))

    @cached_property
    def kept_ids(self) -> frozenset[int] | None:
        """Labels that are shown, see ``ids_of``."""
        return ids_of(self.photo.result.labels, self.asked.labels)

    @cached_property
    def maps(self) -> PhotoMaps:
        """Label map and person map, with nothing but the labels that are shown."""
        result = self.photo.result
        labels, people = result.semantic_map, result.person_map
        if self.kept_ids is not None:
            shown = np.isin(np.arange(256), sorted(self.kept_ids))[labels]
            labels = np.where(shown, labels, 0).astype(np.uint8)
            people = np.where(shown, people, 0).astype(np.uint16)
        return PhotoMaps(result.labels, labels, people, len(result.people))


def ids_of(labels: LabelSet, names: tuple[str, ...] | None) -> frozenset[int] | None:
    """Ids of the labels that are shown; None for all.

    Raises:
        UsageError: there is no such label.
    """
    if names is None:
        return None
    try:
        return frozenset(labels.all_ids_of(names))
    except KeyError as error:
        raise UsageError(f"labels: {error.args[0]}") from error


def encode_view(shown: ShownPhoto) -> tuple[bytes, str]:
    """The answer, and what it is called when it is saved.

    Raises:
        UsageError: a label is asked for that there is not.
        ImageError: the photo is too large for the format.
    """
    return ENCODERS[shown.asked.view](shown)


def _json(shown: ShownPhoto) -> tuple[bytes, str]:
    kept, name = shown.kept_ids, f"{shown.name}.json"
    if kept is None:
        return shown.document, name
    document = to_document(shown.photo.result, shown.photo.provenance)
    for person in document["people"]:
        person["parts"] = _only(person["parts"], kept)
    for key in ("unassigned", "instances"):
        document[key] = _only(document[key], kept)
    return _dump(document), name


def _dump(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    return text.encode("ascii") + b"\n"


def _only(items: list[dict[str, Any]], kept: frozenset[int]) -> list[dict[str, Any]]:
    return [item for item in items if item["label_id"] in kept]


def _labels(shown: ShownPhoto) -> tuple[bytes, str]:
    palette = Palette.for_labels(shown.maps.labels).colors_rgb
    return encode_palette_png(shown.maps.semantic_map, palette), f"{shown.name}-labels.png"


def _people(shown: ShownPhoto) -> tuple[bytes, str]:
    people = shown.maps.person_map
    assert people is not None
    return encode_palette_png(people, Palette.for_people().colors_rgb), f"{shown.name}-people.png"


def _colors(shown: ShownPhoto) -> tuple[bytes, str]:
    pictures = paint_pictures(shown.maps, None, _settings(shown, overlay=False))
    assert pictures.color_map is not None
    suffix = _SUFFIXES[shown.asked.media_type]
    return encode_picture(pictures.color_map, suffix), f"{shown.name}-colors.{suffix}"


def _overlay(shown: ShownPhoto) -> tuple[bytes, str]:
    settings = _settings(shown, overlay=True)
    pictures = paint_pictures(shown.maps, shown.photo.image_bgr, settings)
    assert pictures.overlay is not None
    suffix = _SUFFIXES[shown.asked.media_type]
    return encode_as(suffix, pictures.overlay), f"{shown.name}-overlay.{suffix}"


def _settings(shown: ShownPhoto, *, overlay: bool) -> PaintSettings:
    scheme = SCHEMES["m2fp"]
    return PaintSettings(scheme, by=shown.asked.by, color_map=not overlay, overlay=overlay)


def _cutout(shown: ShownPhoto) -> tuple[bytes, str]:
    maps = shown.maps
    assert maps.person_map is not None
    seen = maps.semantic_map > 0
    if shown.kept_ids is None:
        seen |= maps.person_map > 0
    # Nothing of the background stays below the transparency, where other tools would show it.
    bgr = shown.photo.image_bgr * seen[..., None].astype(np.uint8)
    bgra = np.dstack((bgr, seen.astype(np.uint8) * np.uint8(255)))
    suffix = _SUFFIXES[shown.asked.media_type]
    return encode_as(suffix, bgra), f"{shown.name}-cutout.{suffix}"


def _preview(shown: ShownPhoto) -> tuple[bytes, str]:
    result = shown.photo.result
    people = [
        ShownPerson(p.person_id, p.score, tuple((part.label_id, part.score) for part in p.parts))
        for p in result.people
    ]
    if result.unassigned:
        nobody = tuple((part.label_id, part.score) for part in result.unassigned)
        people.append(ShownPerson(0, 0.0, nobody))
    maps = PhotoMaps(result.labels, result.semantic_map, result.person_map, len(result.people))
    preview = build_preview(shown.photo.image_bgr, maps, tuple(people), side=PREVIEW_SIDE)
    body = json.dumps(asdict(preview), separators=(",", ":")).encode("ascii")
    return body, f"{shown.name}-preview.json"


def _zip(shown: ShownPhoto) -> tuple[bytes, str]:
    """All of it, as the folders of an output."""
    name = shown.name
    files = [
        (f"{folder}/{name}.{suffix}", ENCODERS[view](_asking(shown, view, media_type))[0])
        for folder, view, suffix, media_type in (
            ("labels", "labels", "png", PNG),
            ("people", "people", "png", PNG),
            ("results", "json", "json", ""),
            ("colors", "colors", "png", PNG),
            ("overlays", "overlay", "jpg", JPEG),
        )
    ]
    files += encode_outputs(_only_shown(shown), name, ("masks", "cutouts"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in sorted(files):
            entry = zipfile.ZipInfo(path, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            # Pictures are packed already; text shrinks to a third.
            kind = zipfile.ZIP_DEFLATED if path.endswith(".json") else zipfile.ZIP_STORED
            archive.writestr(entry, data, kind)
    return buffer.getvalue(), f"{name}.zip"


def _only_shown(shown: ShownPhoto) -> ParsedPhoto:
    """The photo with nothing of its people but the labels that are shown."""
    kept, result = shown.kept_ids, shown.photo.result
    if kept is None:
        return shown.photo
    person_map, people = shown.maps.person_map, []
    assert person_map is not None
    for person in result.people:
        mask = Mask.from_full(person_map == person.person_id)
        if mask.area:
            parts = tuple(part for part in person.parts if part.label_id in kept)
            people.append(replace(person, mask=mask, parts=parts))
    unassigned = tuple(part for part in result.unassigned if part.label_id in kept)
    seen = replace(result, people=tuple(people), unassigned=unassigned)
    return replace(shown.photo, result=seen)


def _asking(shown: ShownPhoto, view: str, media_type: str) -> ShownPhoto:
    return replace(shown, asked=replace(shown.asked, view=view, media_type=media_type))


ENCODERS: dict[str, Callable[[ShownPhoto], tuple[bytes, str]]] = {
    "json": _json,
    "labels": _labels,
    "people": _people,
    "colors": _colors,
    "overlay": _overlay,
    "cutout": _cutout,
    "zip": _zip,
    "preview": _preview,
}


def encode_photo(image_bgr: Picture, media_type: str) -> tuple[bytes, str]:
    """A picture in one of the media types of pictures, and the suffix of its file."""
    suffix = _SUFFIXES[media_type]
    return encode_as(suffix, image_bgr), suffix
