"""Results on disk: what goes into which file, and back.

The JSON document of a photo holds everything; the PNG maps repeat it in a form other tools read.
``schemas/result.schema.json`` describes the document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m2fp_cli.errors import M2fpError
from m2fp_cli.imaging.encoding import encode_palette_png, encode_png
from m2fp_cli.labels import LabelSet
from m2fp_cli.masks import Mask, decode_rle, encode_rle
from m2fp_cli.palette import Palette
from m2fp_cli.results import Instance, ParsingResult, Part, Person

FORMAT_VERSION = "1.0"
KINDS = ("labels", "people", "json", "masks", "cutouts")
DEFAULT_KINDS = ("labels", "people", "json")
SCORE_DIGITS = 6


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from; part of the document, and the same on every run.

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


def result_path(output: Path, key: str) -> Path:
    """Path of the JSON document of a photo."""
    return output / "results" / f"{key}.json"


def encode_result(
    result: ParsingResult,
    provenance: Provenance,
    output: Path,
    key: str,
    kinds: Sequence[str] = DEFAULT_KINDS,
    image_bgr: np.ndarray[Any, np.dtype[np.uint8]] | None = None,
) -> list[tuple[Path, bytes]]:
    """All files of one result, the JSON document last.

    Args:
        result: what the parser says.
        provenance: what it was made from.
        output: root of the output.
        key: output name of the photo below every kind's folder, ``/`` between folders.
        kinds: members of ``KINDS``.
        image_bgr: the photo, (H, W, 3) uint8; only ``cutouts`` needs it.

    Returns:
        (path, content) pairs, deterministic to the byte.
    """
    files: list[tuple[Path, bytes]] = []
    if "labels" in kinds:
        palette = Palette.for_labels(result.labels).colors_rgb
        files.append(
            (_png(output, "labels", key), encode_palette_png(result.semantic_map, palette))
        )
    if "people" in kinds:
        palette = Palette.for_people().colors_rgb
        files.append((_png(output, "people", key), encode_palette_png(result.person_map, palette)))
    if "masks" in kinds:
        files += _encode_masks(result, output, key)
    if "cutouts" in kinds and image_bgr is not None:
        files += _encode_cutouts(result, image_bgr, output, key)
    if "json" in kinds:
        text = json.dumps(to_document(result, provenance), separators=(",", ":"), sort_keys=True)
        files.append((result_path(output, key), text.encode("ascii") + b"\n"))
    return files


def _png(output: Path, kind: str, key: str) -> Path:
    return output / kind / f"{key}.png"


def _encode_masks(result: ParsingResult, output: Path, key: str) -> list[tuple[Path, bytes]]:
    """One binary PNG (0 and 255) per person and label; ``person-0`` holds what is on nobody."""
    parts = [(0, part) for part in result.unassigned]
    parts += [(person.person_id, part) for person in result.people for part in person.parts]
    return [
        (
            output / "masks" / key / f"person-{person}_{_file_name(result.labels, part)}.png",
            encode_png(part.mask.full().astype(np.uint8) * 255),
        )
        for person, part in parts
    ]


def _file_name(labels: LabelSet, part: Part) -> str:
    """Label name as a file name: a checkpoint's names may hold anything."""
    name = labels.names[part.label_id]
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name)
    return f"{part.label_id:02d}-{safe}"


def _encode_cutouts(
    result: ParsingResult,
    image_bgr: np.ndarray[Any, np.dtype[np.uint8]],
    output: Path,
    key: str,
) -> list[tuple[Path, bytes]]:
    """One BGRA picture per person, cropped to their box, transparent outside their mask."""
    files = []
    for person in result.people:
        alpha = person.mask.inside.astype(np.uint8) * 255
        bgra = np.dstack((image_bgr[person.mask.slices], alpha))
        name = f"person-{person.person_id}.png"
        files.append((output / "cutouts" / key / name, encode_png(bgra)))
    return files


def to_document(result: ParsingResult, provenance: Provenance) -> dict[str, Any]:
    """The JSON document of a result; see ``schemas/result.schema.json``."""
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
        instances: read the network's own instances too; without them it takes half the time.

    Raises:
        M2fpError: the file cannot be read, is no result, or is of a newer format.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_bytes())
        version = str(document["format_version"])
        if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
            raise M2fpError(
                f"{path}: has format version {version}, this m2fp reads {FORMAT_VERSION}; "
                "update m2fp or parse the photo again"
            )
        return from_document(document if instances else {**document, "instances": []})
    except OSError as error:
        raise M2fpError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise M2fpError(f"{path}: is no result of m2fp parse ({error!r}); parse again") from error


def from_document(document: Mapping[str, Any]) -> ParsingResult:
    """Result of a parsed JSON document.

    Raises:
        KeyError, TypeError, ValueError, IndexError: the document is not of the format.
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
