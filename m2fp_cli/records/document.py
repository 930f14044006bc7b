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
    number_of,
    parse_object,
    read_each,
    read_inside,
    text_of,
    whole_of,
)
from m2fp_cli.numerals import read_whole
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance, ParsingResult, Part
from m2fp_cli.records.run_lengths import encode_rle
from m2fp_cli.records.stored_people import MAX_PEOPLE, PeopleReader
from m2fp_cli.terminal import displayable

FORMAT_VERSION = "1.3"  # 1.1: size and digest of the photo; 1.2: joints; 1.3: faces
_WITHOUT_JOINTS = ("1.0", "1.1")
SCORE_DIGITS = 6  # after the point
_MAX_INSTANCES = 65535


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
        max_pixels: a result of a photo with more pixels is refused.

    Returns:
        the result as it was written; without ``instances`` there are none in it.

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
    try:
        document = parse_object(data)
    except ValueError as error:
        raise ValueError(f"{error}; parse again") from error
    try:
        version = text_of(document, "format_version", most=32)
    except ValueError as error:
        raise _no_result(error) from error
    _check_version(version)
    try:
        return StoredResult(
            _read_result(document, instances=instances, max_pixels=max_pixels),
            _read_provenance(document),
            version not in _WITHOUT_JOINTS,
        )
    except ValueError as error:
        raise _no_result(error) from error


def _no_result(error: ValueError) -> ValueError:
    return ValueError(f"is not a result of m2fp parse ({error}); parse again")


def labels_of(document: Mapping[str, Any]) -> LabelSet:
    """Label set of a parsed document.

    Raises:
        ValueError: it has none.
    """
    names = read_each(document, "labels", _read_label, most=256)
    human_id = document.get("human_id")
    if human_id is not None:
        human_id = whole_of(document, "human_id", 0, 255)
    return LabelSet(tuple(names), human_id)


def _read_label(name: Any) -> str:
    return text_of({"label": name}, "label", most=200)


def _check_version(version: str) -> None:
    known, found = int(FORMAT_VERSION.split(".")[0]), read_whole(version.split(".")[0], 10**6)
    if found == known:
        return
    advice = "update m2fp, or parse again" if found and found > known else "parse again"
    raise ValueError(
        f"has format version {displayable(version)} and this m2fp reads {known}.x; {advice}"
    )


def _read_provenance(document: Mapping[str, Any]) -> Provenance:
    photo = document if document.get("photo") is not None else {"photo": {}}
    return Provenance(
        source=text_of(document, "source"),
        orientation=read_inside(document, "image", lambda one: whole_of(one, "orientation", 1, 8)),
        **read_inside(photo, "photo", _read_photo),
        **read_inside(document, "model", _read_model),
    )


def _read_photo(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says of the photo's file, by the names of ``Provenance``."""
    photo = {"bytes": 0, "sha256": "", "notes": [], **document}
    notes = read_each(photo, "notes", lambda note: text_of({"note": note}, "note"), most=100)
    return {
        "bytes": whole_of(photo, "bytes", 0, 2**62),
        "sha256": text_of(photo, "sha256", most=64),
        "notes": tuple(notes),
    }


def _read_model(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says of the model, by the names of ``Provenance``."""
    return {
        "model": text_of(document, "name"),
        "weights": text_of(document, "weights_sha256", most=64),
        "engine": text_of(document, "engine", most=32),
        "flip": bool(document.get("flip")),
        "tiles": text_of({"tiles": "off", **document}, "tiles", most=8),
        "min_score": number_of(document, "min_score", 0, 1),
    }


def _read_result(document: Mapping[str, Any], *, instances: bool, max_pixels: int) -> ParsingResult:
    labels = labels_of(document)
    height, width = read_inside(
        document,
        "image",
        lambda image: [whole_of(image, side, 1, max_pixels) for side in ("height", "width")],
    )
    if height * width > max_pixels:
        raise ValueError(f"is of a photo of {height * width / 1e6:.0f} megapixels")
    reader = PeopleReader((height, width), len(labels.names))
    semantic_map = np.zeros((height, width), dtype=np.uint8)
    person_map = np.zeros((height, width), dtype=np.uint16)
    people = tuple(read_each(document, "people", reader.person, most=MAX_PEOPLE))
    for person in people:
        person_map[person.mask.slices][person.mask.inside] = person.person_id
    unassigned = tuple(read_each(document, "unassigned", reader.part, most=256))
    for part in (*unassigned, *(part for person in people for part in person.parts)):
        semantic_map[part.mask.slices][part.mask.inside] = part.label_id
    found: list[Instance] = []
    if instances:
        found = read_each(document, "instances", reader.instance, most=_MAX_INSTANCES)
    return ParsingResult(
        (height, width), labels, semantic_map, person_map, people, unassigned, tuple(found)
    )
