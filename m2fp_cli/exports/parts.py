"""People and their parts as data sets hold them, in the labels of the parse or of another set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2fp_cli.exports.format import JPEG_QUALITY, ExportedPhoto, ExportSettings
from m2fp_cli.imaging.encoding import encode_jpeg
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.mapping import map_labels
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import LabelMap, Person


@dataclass(frozen=True, eq=False)
class LabelledPart:
    """One label on one person.

    Attributes:
        label_id: id in the data set's labels.
        score: 0 to 1.
        mask: where it is.
    """

    label_id: int
    score: float
    mask: Mask


@dataclass(frozen=True, eq=False)
class LabelledPerson:
    """One person; what lies on nobody has ``person_id`` 0 and no mask.

    Attributes:
        person_id: in the photo's result.
        score: 0 to 1.
        mask: visible pixels.
        parts: by label id.
    """

    person_id: int
    score: float
    mask: Mask | None
    parts: tuple[LabelledPart, ...]


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """Everything that is labelled in a photo.

    Attributes:
        labels: names of the ids; 0 is the background.
        semantic_map: (H, W) uint8 with these ids, of the chosen people and of what lies on nobody.
        people: the chosen ones, then what lies on nobody if anything does.
    """

    labels: LabelSet
    semantic_map: LabelMap
    people: tuple[LabelledPerson, ...]


def label_photo(photo: ExportedPhoto, settings: ExportSettings) -> LabelledPhoto:
    """People and parts of a photo in the labels that are asked for."""
    result, mapping = photo.result, settings.mapping
    labels = result.labels if mapping is None else mapping.labels
    ids = result.semantic_map
    if mapping is not None:
        ids = map_labels(ids, result.labels, mapping, result.person_map)
    chosen = [person for _, person in photo.named_people(settings.people)]
    people = [_label_person(person, ids, same=mapping is None) for person in chosen]
    everybody = settings.people == "all"
    loose = np.where(result.person_map == 0, ids, 0).astype(np.uint8) if everybody else None
    if loose is not None and loose.any():
        people.append(LabelledPerson(0, 0.0, None, _cut(loose, (0, 0), result.image_hw, 0.0)))
    shown = np.zeros_like(ids)
    for one in people:
        for part in one.parts:
            shown[part.mask.slices][part.mask.inside] = part.label_id
    return LabelledPhoto(labels, shown, tuple(people))


def _label_person(person: Person, ids: LabelMap, *, same: bool) -> LabelledPerson:
    if same:
        parts = tuple(LabelledPart(p.label_id, p.score, p.mask) for p in person.parts)
    else:
        mask = person.mask
        own = np.where(mask.inside, ids[mask.slices], 0).astype(np.uint8)
        hw = (ids.shape[0], ids.shape[1])
        parts = _cut(own, mask.box_xyxy[:2], hw, person.score)
    return LabelledPerson(person.person_id, person.score, person.mask, parts)


def _cut(
    own: LabelMap, origin_xy: tuple[int, int], image_hw: tuple[int, int], score: float
) -> tuple[LabelledPart, ...]:
    ids = [int(i) for i in np.unique(own) if i]
    return tuple(LabelledPart(i, score, Mask.from_crop(own == i, origin_xy, image_hw)) for i in ids)


def photo_file(photo: ExportedPhoto) -> tuple[str, bytes]:
    """Suffix and bytes of the photo's file in a data set, upright for every reader.

    What cannot be taken as it is becomes a JPEG.
    """
    return photo.file or (".jpg", encode_jpeg(photo.image_bgr, quality=JPEG_QUALITY))
