"""The maps of one photo, read back from an earlier parse or from another tool's label map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.codec import decode_map
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.jsonio import object_of, parse_object, whole_of
from m2fp_cli.layout import map_name, result_name
from m2fp_cli.records.document import labels_of, read_document
from m2fp_cli.records.labels import IGNORED_ID, LabelSet
from m2fp_cli.records.results import LabelMap, PersonMap, count_sure
from m2fp_cli.storage.tree import OutputTree

MAX_SIDE = 1 << 20  # pixels, of a photo whose result is read


@dataclass(frozen=True, eq=False)
class PhotoMaps:
    """What is needed to paint one photo.

    Attributes:
        labels: names of the label ids.
        semantic_map: (H, W) uint8, 0 = background.
        person_map: (H, W) uint16, 0 = nobody; None where it is not needed or there is none.
        people: number of people; None where there is only a label map.
        photo_sha256: digest of the photo that was parsed; empty if it is not known.
        sure_people: those of the people whose score is at least ``SURE_SCORE``; None if that is not
            known.
    """

    labels: LabelSet
    semantic_map: LabelMap
    person_map: PersonMap | None = None
    people: int | None = None
    photo_sha256: str = ""
    sure_people: int | None = None

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


def read_result_maps(tree: OutputTree, key: str, *, people: bool = True) -> PhotoMaps:
    """Maps of a photo that was parsed into an output.

    The PNG maps are read where they exist: that is faster, and they may have been edited by hand.
    The rest comes from the JSON document.

    Args:
        tree: the output.
        key: of the photo in it.
        people: whether the person map is wanted.

    Raises:
        ImageError: the result is missing, damaged or contradicts itself.
    """
    data = tree.read(result_name(key))
    document = _parse_document(data)
    hw = _size_of(document)
    semantic = _read_own_map(tree, "labels", key, hw)
    person = _read_own_map(tree, "people", key, hw) if people else None
    if semantic is None or (people and person is None):
        try:
            result = read_document(data, instances=False).result
        except ValueError as error:
            raise ImageError("corrupt", f"its result {error}") from error
        semantic = result.semantic_map if semantic is None else semantic
        person = result.person_map if people and person is None else person
    photo, scores = document.get("photo"), _scores_of(document)
    return PhotoMaps(
        _labels_of(document),
        semantic.astype(np.uint8, copy=False),
        person.astype(np.uint16, copy=False) if person is not None else None,
        len(scores),
        str(photo.get("sha256", "")) if isinstance(photo, dict) else "",
        count_sure(scores),
    )


def read_labels(tree: OutputTree, key: str) -> LabelSet:
    """Read the label set that a photo was parsed with.

    Raises:
        ImageError: the result is missing or damaged.
    """
    return _labels_of(_parse_document(tree.read(result_name(key))))


def read_label_map(path: Path, labels: LabelSet) -> PhotoMaps:
    """Read the label map of another tool; pixels that its annotator ignored count as background.

    Args:
        path: a palette or gray PNG whose pixels are ids.
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


def _read_own_map(
    tree: OutputTree, kind: str, key: str, hw: tuple[int, int]
) -> npt.NDArray[np.integer[Any]] | None:
    """A map beside its document, of that size; None if there is none."""
    name = map_name(kind, key)
    try:
        ids = decode_map(tree.read(name), max_pixels=hw[0] * hw[1])
    except ImageError as error:
        if error.reason == "vanished":
            return None
        raise
    if ids.shape != hw:
        raise ImageError("corrupt", f"its {kind} map is of another size than its result")
    return ids


def _parse_document(data: bytes) -> dict[str, Any]:
    try:
        return parse_object(data)
    except ValueError as error:
        raise ImageError("corrupt", f"its result {error}; parse it again") from error


def _scores_of(document: dict[str, Any]) -> list[float]:
    """Scores of the people of a document; what is not a number counts as 0."""
    people = document.get("people")
    if not isinstance(people, list):
        return []
    given = [one.get("score") if isinstance(one, dict) else None for one in people]
    return [score if isinstance(score, int | float) else 0.0 for score in given]


def _size_of(document: dict[str, Any]) -> tuple[int, int]:
    try:
        image = object_of(document, "image")
        return whole_of(image, "height", 1, MAX_SIDE), whole_of(image, "width", 1, MAX_SIDE)
    except ValueError as error:
        raise ImageError("corrupt", f"its result has no size ({error}); parse it again") from error


def _labels_of(document: dict[str, Any]) -> LabelSet:
    try:
        return labels_of(document)
    except ValueError as error:
        raise ImageError("corrupt", "its result names no labels; parse it again") from error
