"""The maps of one photo, read back from an earlier parse or from another tool's label map."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2fp_cli.errors import ImageError, M2fpError
from m2fp_cli.imaging.codec import decode_map
from m2fp_cli.imaging.inspect import MAX_PIXELS
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.layout import map_path, result_path
from m2fp_cli.records.document import load_result
from m2fp_cli.records.labels import IGNORED_ID, LabelSet
from m2fp_cli.records.results import LabelMap, PersonMap

_MAX_OWN_PIXELS = 2**30  # of maps that m2fp wrote, whatever limit photos had then


@dataclass(frozen=True, eq=False)
class PhotoMaps:
    """What is needed to paint one photo.

    Attributes:
        labels: names of the label ids.
        semantic_map: (H, W) uint8, 0 = background.
        person_map: (H, W) uint16, 0 = nobody; None where it is not needed or there is none.
        people: number of people.
    """

    labels: LabelSet
    semantic_map: LabelMap
    person_map: PersonMap | None = None
    people: int = 0

    def __post_init__(self) -> None:
        """Check that the maps fit the labels and each other.

        Raises:
            ImageError: they do not; its reason is ``corrupt``.
        """
        highest = int(self.semantic_map.max())
        if highest >= len(self.labels.names):
            raise ImageError(
                "corrupt",
                f"holds id {highest}, but its label set ends at {len(self.labels.names) - 1}; name "
                "the right one with --label-set",
            )
        if self.person_map is not None and self.person_map.shape != self.semantic_map.shape:
            raise ImageError("corrupt", "label map and person map differ in size; parse it again")

    @property
    def image_hw(self) -> tuple[int, int]:
        """Height and width of the maps."""
        return self.semantic_map.shape[0], self.semantic_map.shape[1]


def read_result_maps(output: Path, key: str, *, people: bool = True) -> PhotoMaps:
    """Maps of a photo that was parsed into ``output``.

    The PNG maps are read where they exist: that is faster, and they may have been edited by hand.
    The rest comes from the JSON document.

    Args:
        output: root of the results.
        key: of the photo in it.
        people: whether the person map is needed.

    Raises:
        ImageError: the result is missing, damaged or contradicts itself.
    """
    path = result_path(output, key)
    document = _read_document(path)
    labels = _labels_of(document)
    semantic = _read_own_map(map_path(output, "labels", key))
    person = _read_own_map(map_path(output, "people", key)) if people else None
    if semantic is None or (people and person is None):
        try:
            result = load_result(path)
        except M2fpError as error:
            raise ImageError("corrupt", str(error)) from error
        semantic = result.semantic_map if semantic is None else semantic
        person = result.person_map if people and person is None else person
    return PhotoMaps(
        labels,
        semantic.astype(np.uint8, copy=False),
        person.astype(np.uint16, copy=False) if person is not None else None,
        len(document["people"]) if isinstance(document.get("people"), list) else 0,
    )


def read_labels(output: Path, key: str) -> LabelSet:
    """Read the label set that a photo was parsed with.

    Args:
        output: root of the results.
        key: of the photo in it.

    Raises:
        ImageError: the result is missing or damaged.
    """
    return _labels_of(_read_document(result_path(output, key)))


def read_label_map(path: Path, labels: LabelSet) -> PhotoMaps:
    """Read the label map of another tool; pixels that its annotator ignored count as background.

    Args:
        path: a palette or grey PNG whose pixels are ids.
        labels: what the ids mean.

    Raises:
        ImageError: it cannot be read, or holds ids that the label set does not have.
    """
    ids = decode_map(read_bytes(path))
    known = np.where(ids == IGNORED_ID, 0, ids)
    if int(known.max()) >= len(labels.names):
        raise ImageError(
            "unsupported",
            f"holds id {int(known.max())}, but its label set ends at {len(labels.names) - 1}; name "
            "the right one with --label-set",
        )
    return PhotoMaps(labels, known.astype(np.uint8))


def _read_own_map(path: Path) -> npt.NDArray[np.integer[Any]] | None:
    try:
        return decode_map(read_bytes(path), max_pixels=max(_MAX_OWN_PIXELS, MAX_PIXELS))
    except ImageError as error:
        if error.reason == "vanished":
            return None
        raise


def _read_document(path: Path) -> dict[str, Any]:
    data = read_bytes(path)
    try:
        document = json.loads(data)
    except ValueError as error:
        raise ImageError(
            "corrupt", f"its result {path.name} is not valid JSON; parse it again"
        ) from error
    if not isinstance(document, dict):
        raise ImageError("corrupt", f"{path.name} is not a result of m2fp parse; parse it again")
    return document


def _labels_of(document: dict[str, Any]) -> LabelSet:
    try:
        return LabelSet(tuple(str(name) for name in document["labels"]), document["human_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise ImageError("corrupt", "its result has no list of labels; parse it again") from error
