"""People in the form that try-on pipelines take: picture, label map and mask in one frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from m2fp_cli.agnostic.categories import CATEGORIES
from m2fp_cli.agnostic.mask import build_mask
from m2fp_cli.arrays import BoolArray, ByteArray, Picture
from m2fp_cli.exports.agnostic import note_empty
from m2fp_cli.exports.format import ExportedPhoto, ExportSettings
from m2fp_cli.exports.framing import Frame, frame_person, frame_whole
from m2fp_cli.exports.poses import Pose, find_pose
from m2fp_cli.exports.seen_joints import SEEN, SeenJoints, see_joints
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.mapping import LabelMapping, map_labels
from m2fp_cli.records.results import LabelMap, Person


@dataclass(frozen=True, eq=False)
class Subject:
    """One person in a frame of a fixed size.

    Attributes:
        name: in the data set.
        person_id: in the photo's result.
        frame: where the picture lies in the photo.
        picture_bgr: (h, w, 3) uint8.
        own: (h, w) uint8, label ids of this person as they were parsed, 0 elsewhere.
        labels: what they mean.
        mask: (h, w) uint8, 255 where a pipeline paints.
        kept: (h, w) bool, hands and bare feet, which stay although their label does not.
        category: what the mask was made for.
        joints: in pixels of the photo; None where they are not known.
    """

    name: str
    person_id: int
    frame: Frame
    picture_bgr: Picture
    own: LabelMap
    labels: LabelSet
    mask: ByteArray
    kept: BoolArray
    category: str
    joints: SeenJoints | None

    def mapped(self, mapping: LabelMapping) -> LabelMap:
        """The person's label map with the ids of another set, (h, w) uint8."""
        return map_labels(self.own, self.labels, mapping)

    def agnostic_map(self, mapping: LabelMapping) -> LabelMap:
        """The same without what is painted anew: old clothes, neck, and arms but for the hands.

        This is the rule of the parse-agnostic maps of VITON-HD and HR-VITON (ids 5, 6, 7 and 10 go,
        14 and 15 up to the wrist); for other garments the labels of their category go.
        """
        category = CATEGORIES[self.category]
        names = (*category.clothes, *category.skin)
        gone = np.isin(self.own, [i for i, name in enumerate(self.labels.names) if name in names])
        ids = self.mapped(mapping)
        ids[gone & ~self.kept] = 0
        return ids

    def agnostic_picture(self, fill_rgb: tuple[int, int, int]) -> Picture:
        """The picture with one color over the mask, (h, w, 3) uint8."""
        weight = self.mask[..., None].astype(np.float32) / 255
        color = np.asarray(fill_rgb[::-1], np.float32)
        mixed = self.picture_bgr * (1 - weight) + color * weight
        return np.asarray(np.rint(mixed), np.uint8)

    def pose(self, order: Sequence[str]) -> Pose:
        """The joints that are seen in the picture, in its pixels; see ``poses.find_pose``."""
        return find_pose(self.joints, order).framed(self.frame)

    def record(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "name": self.name,
            "person_id": self.person_id,
            "category": self.category,
            "joints": 0 if self.joints is None else int((self.joints.seen == SEEN).sum()),
            "painted": round(float(np.count_nonzero(self.mask)) / self.mask.size, 4),
            **note_empty(self.mask),
            **self.frame.record(),
        }


def find_subjects(photo: ExportedPhoto, settings: ExportSettings) -> Iterator[Subject]:
    """The chosen people of a photo, each in a frame of ``settings.size_wh``."""
    for name, person in photo.named_people(settings.people):
        yield _subject(photo, name, person, settings)


def _subject(photo: ExportedPhoto, name: str, person: Person, settings: ExportSettings) -> Subject:
    result = photo.result
    if settings.fit == "crop":
        frame = frame_person(person.box_xyxy, result.image_hw, settings.size_wh)
    else:
        frame = frame_whole(result.image_hw, settings.size_wh)
    made = build_mask(result, person, settings.mask)
    own = result.semantic_map * (result.person_map == person.person_id)
    return Subject(
        name=name,
        person_id=person.person_id,
        frame=frame,
        picture_bgr=frame.picture(photo.image_bgr),
        own=frame.map(own).astype(np.uint8),
        labels=result.labels,
        mask=_framed_mask(frame, made.mask),
        kept=frame.map(made.hands.astype(np.uint8)) > 0,
        category=made.category,
        joints=see_joints(result, person),
    )


def _framed_mask(frame: Frame, mask: ByteArray) -> ByteArray:
    """A mask in the frame: exact where it is 0 and 255, smooth where it is feathered."""
    if np.isin(mask, (0, 255)).all():
        return frame.map(mask).astype(np.uint8)
    scaled = frame.resized(mask, 0, cv2.INTER_AREA)
    scaled[frame.map(mask) == 0] = 0  # averaging must not reach into what is kept
    return scaled
