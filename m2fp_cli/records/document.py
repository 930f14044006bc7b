"""The JSON document of a photo: a result as text, and back.

It holds everything; the PNG maps beside it repeat it in a form other tools read.
``schemas/result.schema.json`` describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m2fp_cli.errors import ImageError, M2fpError
from m2fp_cli.imaging.limits import MAX_PIXELS
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.jsonio import (
    list_of,
    number_of,
    object_of,
    objects_of,
    parse_object,
    text_of,
    whole_of,
)
from m2fp_cli.records.face import read_face
from m2fp_cli.records.joints import read_joints
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask, decode_rle, encode_rle
from m2fp_cli.records.results import Instance, ParsingResult, Part, Person
from m2fp_cli.terminal import displayable

FORMAT_VERSION = "1.3"  # 1.1: size and digest of the photo; 1.2: joints; 1.3: faces
_WITHOUT_JOINTS = ("1.0", "1.1")
SCORE_DIGITS = 6  # after the point
MAX_PEOPLE = 65535  # ids of a 16-bit person map
_MAX_INSTANCES = 65535
_MAX_MASK_PIXELS = 1 << 32  # of all masks of a photo: 512 MiB as bits


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from; part of the document, and the same for every run.

    Attributes:
        source: path of the photo, as it was found below its input folder.
        bytes: size of its file.
        sha256: of its bytes, in hexadecimal.
        orientation: EXIF orientation that was applied, 1 = none.
        model: name of the model.
        weights: SHA-256 of its weights.
        engine: ``fast`` or ``reference``.
        flip: test-time augmentation was on.
        min_score: lowest score of a reported instance.
        tiles: ``off``, ``auto`` or a number: which parts of the photo were parsed again.
        notes: what was changed or left out when the photo was decoded, a clause each.
    """

    source: str
    bytes: int
    sha256: str
    orientation: int
    model: str
    weights: str
    engine: str
    flip: bool
    min_score: float
    tiles: str = "off"
    notes: tuple[str, ...] = ()


def to_document(result: ParsingResult, provenance: Provenance) -> dict[str, Any]:
    """The JSON document of a result; see ``schemas/result.schema.json``.

    Args:
        result: what the parser says.
        provenance: where that comes from.
    """
    height, width = result.image_hw
    labels = result.labels
    people = [
        {
            "id": person.person_id,
            **_scored_mask(person.score, person.mask),
            "parts": [_labelled(labels, part) for part in person.parts],
            **({} if person.joints is None else {"joints": person.joints.as_json()}),
            **({} if person.face is None else {"face": person.face.as_json()}),
        }
        for person in result.people
    ]
    return {
        "format_version": FORMAT_VERSION,
        "source": provenance.source,
        "photo": {
            "bytes": provenance.bytes,
            "sha256": provenance.sha256,
            "notes": list(provenance.notes),
        },
        "image": {"height": height, "width": width, "orientation": provenance.orientation},
        "model": {
            "name": provenance.model,
            "weights_sha256": provenance.weights,
            "engine": provenance.engine,
            "flip": provenance.flip,
            "tiles": provenance.tiles,
            "min_score": provenance.min_score,
        },
        "labels": list(labels.names),
        "human_id": labels.human_id,
        "people": people,
        "unassigned": [_labelled(labels, part) for part in result.unassigned],
        "instances": [_labelled(labels, instance) for instance in result.instances],
    }


def _scored_mask(score: float, mask: Mask) -> dict[str, Any]:
    return {
        "score": round(score, SCORE_DIGITS),
        "area": mask.area,
        "box": list(mask.box_xyxy),
        "rle": encode_rle(mask),
    }


def _labelled(labels: LabelSet, item: Part | Instance) -> dict[str, Any]:
    name = labels.names[item.label_id]
    return {"label_id": item.label_id, "label": name, **_scored_mask(item.score, item.mask)}


@dataclass(frozen=True, eq=False)
class StoredResult:
    """A result and what it was made from.

    Attributes:
        result: the result.
        provenance: what it was made from; of a document of version 1.0 without the photo's size
            and digest.
        has_joints: whether joints were looked for, which documents before version 1.2 do not hold.
    """

    result: ParsingResult
    provenance: Provenance
    has_joints: bool


def load_result(
    path: Path | str, *, instances: bool = True, max_pixels: int = MAX_PIXELS
) -> ParsingResult:
    """Read a result back from its JSON document; the maps are rebuilt from the masks in it.

    Args:
        path: a ``results/*.json`` file.
        instances: read the network's own instances too; without them it takes half the time.
        max_pixels: a result of a larger photo is refused.

    Raises:
        M2fpError: the file cannot be read, is not a result, or is of a newer format.
    """
    path = Path(path)
    try:
        data = read_bytes(path)
        return read_document(data, instances=instances, max_pixels=max_pixels).result
    except (ImageError, ValueError) as error:
        raise M2fpError(f"{displayable(path)}: {error}") from error


def read_document(
    data: bytes, *, instances: bool = True, max_pixels: int = MAX_PIXELS
) -> StoredResult:
    """A result of the bytes of its document.

    A document may come from a stranger: every value is checked before it is used, and the memory
    it takes is bounded by the size of the photo.

    Args:
        data: the document.
        instances: read the network's own instances too.
        max_pixels: a result of a larger photo is refused.

    Raises:
        ValueError: it is not a result, or not one that this version reads; the message fits behind
            the file's name.
    """
    document = parse_object(data)
    try:
        version = text_of(document, "format_version", most=32)
        _check_version(version)
        return StoredResult(
            _read_result(document, instances=instances, max_pixels=max_pixels),
            _read_provenance(document),
            version not in _WITHOUT_JOINTS,
        )
    except ValueError as error:
        raise ValueError(f"is not a result of m2fp parse ({error}); parse again") from error


def labels_of(document: Mapping[str, Any]) -> LabelSet:
    """Label set of a parsed document.

    Raises:
        ValueError: it has none.
    """
    names = list_of(document, "labels", most=256)
    human_id = document.get("human_id")
    if human_id is not None:
        human_id = whole_of(document, "human_id", 0, 255)
    return LabelSet(tuple(text_of({"label": n}, "label", most=200) for n in names), human_id)


def _check_version(version: str) -> None:
    if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise ValueError(
            f"has format version {displayable(version)}, this m2fp reads {FORMAT_VERSION}; update "
            "m2fp"
        )


def _read_provenance(document: Mapping[str, Any]) -> Provenance:
    photo = {"bytes": 0, "sha256": "", "notes": [], **_optional_object(document, "photo")}
    image, model = object_of(document, "image"), object_of(document, "model")
    return Provenance(
        source=text_of(document, "source"),
        bytes=whole_of(photo, "bytes", 0, 2**62),
        sha256=text_of(photo, "sha256", most=64),
        notes=tuple(text_of({"note": n}, "note") for n in list_of(photo, "notes", most=100)),
        orientation=whole_of(image, "orientation", 1, 8),
        model=text_of(model, "name"),
        weights=text_of(model, "weights_sha256", most=64),
        engine=text_of(model, "engine", most=32),
        flip=bool(model.get("flip")),
        tiles=text_of({"tiles": "off", **model}, "tiles", most=8),
        min_score=number_of(model, "min_score", 0, 1),
    )


def _optional_object(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    return object_of(document, key) if document.get(key) is not None else {}


def _read_result(document: Mapping[str, Any], *, instances: bool, max_pixels: int) -> ParsingResult:
    labels, image = labels_of(document), object_of(document, "image")
    height, width = (whole_of(image, side, 1, max_pixels) for side in ("height", "width"))
    if height * width > max_pixels:
        raise ValueError(f"is of a photo of {height * width / 1e6:.0f} megapixels")
    reader = _MaskReader((height, width), len(labels.names))
    semantic_map = np.zeros((height, width), dtype=np.uint8)
    person_map = np.zeros((height, width), dtype=np.uint16)
    people = []
    for item in objects_of(document, "people", most=MAX_PEOPLE):
        parts = tuple(Part(*reader.labelled(part)) for part in objects_of(item, "parts", most=256))
        person_id = whole_of(item, "id", 1, MAX_PEOPLE)
        joints = read_joints(object_of(item, "joints")) if item.get("joints") is not None else None
        face = read_face(object_of(item, "face")) if item.get("face") is not None else None
        score = number_of(item, "score", 0, 1)
        person = Person(person_id, score, reader.mask(item), parts, joints, face)
        person_map[person.mask.slices][person.mask.inside] = person.person_id
        people.append(person)
    others = objects_of(document, "unassigned", most=256)
    unassigned = tuple(Part(*reader.labelled(part)) for part in others)
    for part in (*unassigned, *(part for person in people for part in person.parts)):
        semantic_map[part.mask.slices][part.mask.inside] = part.label_id
    listed = objects_of(document, "instances", most=_MAX_INSTANCES) if instances else []
    found = tuple(Instance(*reader.labelled(one)) for one in listed)
    return ParsingResult(
        (height, width), labels, semantic_map, person_map, tuple(people), unassigned, found
    )


class _MaskReader:
    """Reads masks of one photo, and stops where they take too much memory together."""

    def __init__(self, image_hw: tuple[int, int], labels: int) -> None:
        self._image_hw, self._labels = image_hw, labels
        self._pixels_left = _MAX_MASK_PIXELS

    def labelled(self, item: Mapping[str, Any]) -> tuple[int, float, Mask]:
        """Label id, score and mask."""
        label_id = whole_of(item, "label_id", 0, self._labels - 1)
        return label_id, number_of(item, "score", 0, 1), self.mask(item)

    def mask(self, item: Mapping[str, Any]) -> Mask:
        """The mask alone."""
        rle = object_of(item, "rle")
        if rle.get("size") != list(self._image_hw):
            raise ValueError('"rle" is of another size than the photo')
        mask = decode_rle(rle)
        x0, y0, x1, y1 = mask.box_xyxy
        self._pixels_left -= (x1 - x0) * (y1 - y0)
        if self._pixels_left < 0:
            raise ValueError("holds more masks than a photo can have")
        return mask
