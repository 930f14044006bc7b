"""Previews: what the report shows of one photo, made small.

A preview is a JSON file below ``.m2fp/report``: the photo and a thumbnail as WebP, the ids of
labels and people as one PNG (red = label, green and blue = low and high byte of the person id), and
the scores.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from m2fp_cli.arrays import Picture
from m2fp_cli.errors import ImageError, OutputError
from m2fp_cli.imaging.codec import decode_image
from m2fp_cli.imaging.encoding import encode_png, encode_webp
from m2fp_cli.jsonio import list_of, number_of, objects_of, parse_object, text_of, whole_of
from m2fp_cli.layout import composite_names, preview_name, result_name
from m2fp_cli.records.document import labels_of
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.palette import Palette
from m2fp_cli.records.stored_people import MAX_PEOPLE
from m2fp_cli.render.maps import PhotoMaps
from m2fp_cli.render.paint import paint_map, paint_over
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable

PREVIEW_VERSION = "1"  # raise it when the same photo and result give another preview
THUMBNAIL_SIDE = 256  # pixels along the longer side
_PHOTO_QUALITY, _THUMBNAIL_QUALITY = 78, 70  # of WebP, 0 to 100
_PICTURES = ("thumbnail", "photo", "ids", "tryon")
_MAX_SIDE = 4096  # of --preview
_MAX_URI = 1 << 27
_OPACITY = 0.5  # of the labels on a thumbnail
_MAX_COMPOSITE_PIXELS = 2**30  # of a composite, which no limit stopped when it was written


@dataclass(frozen=True)
class ShownPerson:
    """A person in the report.

    Attributes:
        id: value in the person map.
        score: of the person.
        parts: label id and score of each part.
    """

    id: int
    score: float
    parts: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Preview:
    """One photo in the report; the fields are those of the page's JSON.

    Attributes:
        labels: names of the label ids.
        label_ids: labels that are in the label map, ascending, without the background.
        people: by id; 0 holds the parts that lie on nobody.
        hw: height and width of the pictures.
        thumbnail: data URI.
        photo: data URI; empty if the photo does not exist any more.
        ids: data URI.
        tryon: data URI of the try-on composite; empty if there is none.
    """

    labels: tuple[str, ...]
    label_ids: tuple[int, ...]
    people: tuple[ShownPerson, ...]
    hw: tuple[int, int]
    thumbnail: str
    photo: str
    ids: str
    tryon: str


def read_preview(tree: OutputTree, key: str) -> Preview:
    """Read the preview of a photo, as it was written.

    Raises:
        OutputError: it was removed or damaged after it was written.
    """
    name = preview_name(key)
    try:
        return _checked(parse_object(tree.read(name)))
    except (ImageError, ValueError) as error:
        shown = displayable(tree.path / name)
        raise OutputError(
            f"cannot read {shown}: {displayable(str(error))}; run it again"
        ) from error


def _checked(document: Mapping[str, Any]) -> Preview:
    """A preview of its JSON.

    Raises:
        ValueError: a value is missing or wrong.
    """
    labels = labels_of(document)
    label_ids = list_of(document, "label_ids", most=256)
    people = objects_of(document, "people", most=MAX_PEOPLE + 1)
    sides = dict(zip(("height", "width"), list_of(document, "hw", most=2), strict=False))
    pictures = {name: text_of(document, name, most=_MAX_URI) for name in _PICTURES}
    for name, uri in pictures.items():
        if uri and not uri.startswith("data:image/"):  # the page would fetch it
            raise ValueError(f'"{name}" must be a picture')
    most = len(labels.names) - 1
    return Preview(
        labels=labels.names,
        label_ids=tuple(whole_of({"label": one}, "label", 0, most) for one in label_ids),
        people=tuple(_checked_person(one, most) for one in people),
        hw=(whole_of(sides, "height", 1, _MAX_SIDE), whole_of(sides, "width", 1, _MAX_SIDE)),
        **pictures,
    )


def _checked_person(document: Mapping[str, Any], most: int) -> ShownPerson:
    pairs = list_of(document, "parts", most=256)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError('"parts" must hold pairs of label and score')
    parts = [{"label": label, "score": score} for label, score in pairs]
    return ShownPerson(
        id=whole_of(document, "id", 0, MAX_PEOPLE),
        score=number_of(document, "score", 0, 1),
        parts=tuple((whole_of(p, "label", 0, most), number_of(p, "score", 0, 1)) for p in parts),
    )


def encode_preview(preview: Preview) -> bytes:
    """The file of a preview; ``read_preview`` reads it."""
    return json.dumps(asdict(preview), separators=(",", ":")).encode("ascii")


def make_preview(
    tree: OutputTree, key: str, photo: Picture | None, maps: PhotoMaps, *, side: int
) -> Preview:
    """Make the preview of one photo.

    Args:
        tree: the output; the scores and the composite are read from it.
        key: of the photo in it.
        photo: the photo, (H, W, 3) uint8 BGR; None if it is not there any more.
        maps: of the photo, with people.
        side: longer side of the pictures, in pixels; smaller photos stay as they are.

    Raises:
        ImageError: the result is damaged.
    """
    preview = build_preview(photo, maps, _shown_people(tree, key, maps.labels), side=side)
    return replace(preview, tryon=_composite_uri(tree, key, preview.hw))


def build_preview(
    photo: Picture | None, maps: PhotoMaps, people: tuple[ShownPerson, ...], *, side: int
) -> Preview:
    """The preview of a photo in memory, without a composite.

    Args:
        photo: (H, W, 3) uint8 BGR, upright; None if it is not there any more.
        maps: of the photo, with people.
        people: as in ``Preview``.
        side: longer side of the pictures, in pixels; smaller photos stay as they are.
    """
    hw = fit_within(maps.image_hw, side)
    thumbnail_hw = fit_within(maps.image_hw, THUMBNAIL_SIDE)
    person_map = maps.person_map
    assert person_map is not None  # read_result_maps was asked for it
    return Preview(
        labels=maps.labels.names,
        label_ids=tuple(
            int(i) for i in np.flatnonzero(np.bincount(maps.semantic_map.ravel())) if i
        ),
        people=people,
        hw=hw,
        thumbnail=_webp_uri(_thumbnail(photo, maps, thumbnail_hw), _THUMBNAIL_QUALITY),
        photo="" if photo is None else picture_uri(photo, hw),
        ids=_ids_uri(_sample_ids(maps.semantic_map, hw), _sample_ids(person_map, hw)),
        tryon="",
    )


def picture_uri(picture: Picture, hw: tuple[int, int]) -> str:
    """A picture in the size of a preview, as a data URI."""
    return _webp_uri(_resize(picture, hw), _PHOTO_QUALITY)


def _shown_people(tree: OutputTree, key: str, labels: LabelSet) -> tuple[ShownPerson, ...]:
    """People and scores of a result's document; the masks are left alone."""
    try:
        document = parse_object(tree.read(result_name(key)))
        people = [
            ShownPerson(
                whole_of(person, "id", 1, MAX_PEOPLE),
                number_of(person, "score", 0, 1),
                _shown_parts(person, "parts", labels),
            )
            for person in objects_of(document, "people", most=MAX_PEOPLE)
        ]
        nobody = _shown_parts(document, "unassigned", labels)
    except ValueError as error:
        raise ImageError("corrupt", "has a damaged result; parse it again") from error
    return (*people, ShownPerson(0, 0.0, nobody)) if nobody else tuple(people)


def _shown_parts(
    document: Mapping[str, Any], key: str, labels: LabelSet
) -> tuple[tuple[int, float], ...]:
    most = len(labels.names) - 1
    return tuple(
        (whole_of(part, "label_id", 0, most), number_of(part, "score", 0, 1))
        for part in objects_of(document, key, most=256)
    )


def _thumbnail(photo: Picture | None, maps: PhotoMaps, hw: tuple[int, int]) -> Picture:
    colors = Palette.for_labels(maps.labels).colors_rgb
    ids = _sample_ids(maps.semantic_map, hw)
    if photo is None:
        return paint_map(ids, colors)
    return paint_over(_resize(photo, hw), ids, colors, opacity=_OPACITY)


def _composite_uri(tree: OutputTree, key: str, hw: tuple[int, int]) -> str:
    found = next((name for name in composite_names(key) if tree.has_file(name)), None)
    if found is None:
        return ""
    picture = decode_image(tree.read(found), max_pixels=_MAX_COMPOSITE_PIXELS).image_bgr
    return picture_uri(picture, hw)


def fit_within(hw: tuple[int, int], side: int) -> tuple[int, int]:
    """Size with the longer side at most ``side``, at least 1 x 1."""
    scale = min(1.0, side / max(hw))
    return max(1, round(hw[0] * scale)), max(1, round(hw[1] * scale))


def _resize(picture: Picture, hw: tuple[int, int]) -> Picture:
    resized = cv2.resize(picture, hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


def _sample_ids(ids: npt.NDArray[Any], hw: tuple[int, int]) -> npt.NDArray[Any]:
    """Ids at the centers of the smaller picture's pixels; ids are never mixed."""
    rows = (np.arange(hw[0]) * 2 + 1) * ids.shape[0] // (2 * hw[0])
    columns = (np.arange(hw[1]) * 2 + 1) * ids.shape[1] // (2 * hw[1])
    return np.ascontiguousarray(ids[rows][:, columns])


def _ids_uri(semantic_map: npt.NDArray[np.uint8], person_map: npt.NDArray[np.uint16]) -> str:
    """One picture: red is the label, green and blue the low and the high byte of the person id."""
    bgr = np.dstack((person_map >> 8, person_map & 255, semantic_map)).astype(np.uint8)
    return _uri("image/png", encode_png(bgr))


def _webp_uri(picture: Picture, quality: int) -> str:
    return _uri("image/webp", encode_webp(picture, quality=quality))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
