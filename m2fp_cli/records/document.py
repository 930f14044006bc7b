"""The JSON document of a photo: a result as text, and back.

It holds everything; the PNG maps beside it repeat it in a form other tools read.
``schemas/result.schema.json`` describes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m2fp_cli.errors import M2fpError
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask, decode_rle, encode_rle
from m2fp_cli.records.results import Instance, ParsingResult, Part, Person

FORMAT_VERSION = "1.0"
SCORE_DIGITS = 6  # after the point


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from; part of the document, and the same for every run.

    Attributes:
        source: path of the photo, as it was found below its input folder.
        orientation: EXIF orientation that was applied, 1 = none.
        model: name of the model.
        weights: SHA-256 of its weights.
        engine: ``fast`` or ``reference``.
        flip: test-time augmentation was on.
        min_score: lowest score of a reported instance.
    """

    source: str
    orientation: int
    model: str
    weights: str
    engine: str
    flip: bool
    min_score: float


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
        }
        for person in result.people
    ]
    return {
        "format_version": FORMAT_VERSION,
        "source": provenance.source,
        "image": {"height": height, "width": width, "orientation": provenance.orientation},
        "model": {
            "name": provenance.model,
            "weights_sha256": provenance.weights,
            "engine": provenance.engine,
            "flip": provenance.flip,
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


def load_result(path: Path | str, *, instances: bool = True) -> ParsingResult:
    """Read a result back from its JSON document; the maps are rebuilt from the masks in it.

    Args:
        path: a ``results/*.json`` file.
        instances: read the network's own instances too; without them reading takes half the time.

    Raises:
        M2fpError: the file cannot be read, is not a result, or has a newer format.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_bytes())
        version = str(document["format_version"])
        if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
            raise M2fpError(
                f"{path}: has format version {version}, but this m2fp reads {FORMAT_VERSION}; "
                "update m2fp or parse the photo again"
            )
        return from_document(document if instances else {**document, "instances": []})
    except OSError as error:
        raise M2fpError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError, IndexError) as error:
        text = f"{path}: is not a result of m2fp parse ({error!r}); parse again"
        raise M2fpError(text) from error


def from_document(document: Mapping[str, Any]) -> ParsingResult:
    """Build a result from its JSON document.

    Args:
        document: as ``to_document`` gives it.

    Raises:
        KeyError, TypeError, ValueError, IndexError: the document does not have
            this format.
    """
    labels = LabelSet(tuple(document["labels"]), document["human_id"])
    image_hw = (int(document["image"]["height"]), int(document["image"]["width"]))
    semantic_map = np.zeros(image_hw, dtype=np.uint8)
    person_map = np.zeros(image_hw, dtype=np.uint16)
    people = []
    for item in document["people"]:
        parts = tuple(_read_part(part) for part in item["parts"])
        person = Person(int(item["id"]), float(item["score"]), decode_rle(item["rle"]), parts)
        person_map[person.mask.slices][person.mask.inside] = person.person_id
        people.append(person)
    unassigned = tuple(_read_part(part) for part in document["unassigned"])
    for part in (*unassigned, *(part for person in people for part in person.parts)):
        semantic_map[part.mask.slices][part.mask.inside] = part.label_id
    instances = tuple(
        Instance(int(i["label_id"]), float(i["score"]), decode_rle(i["rle"]))
        for i in document["instances"]
    )
    return ParsingResult(
        image_hw, labels, semantic_map, person_map, tuple(people), unassigned, instances
    )


def _read_part(item: Mapping[str, Any]) -> Part:
    return Part(int(item["label_id"]), float(item["score"]), decode_rle(item["rle"]))
