"""People, parts and instances from the JSON document of a photo, which may come from a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from m2fp_cli.jsonio import number_of, object_of, read_each, read_inside, whole_of
from m2fp_cli.records.face import read_face
from m2fp_cli.records.joints import read_joints
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance, Part, Person
from m2fp_cli.records.run_lengths import decode_rle

MAX_PEOPLE = 65535  # ids of a 16-bit person map
_MAX_MASK_PIXELS = 1 << 32  # of all masks of a photo: 512 MiB as bits


class PeopleReader:
    """Reads what has masks in one photo, and stops where these take too much memory together."""

    def __init__(self, image_hw: tuple[int, int], labels: int) -> None:
        """Read what is in a photo of a size, with so many labels."""
        self._image_hw, self._labels = image_hw, labels
        self._pixels_left = _MAX_MASK_PIXELS

    def person(self, item: Any) -> Person:
        """A person with their parts.

        Raises:
            ValueError: it is none; so do the others.
        """
        item = _object(item)
        return Person(
            whole_of(item, "id", 1, MAX_PEOPLE),
            number_of(item, "score", 0, 1),
            self._mask(item),
            tuple(read_each(item, "parts", self.part, most=256)),
            None if item.get("joints") is None else read_inside(item, "joints", read_joints),
            None if item.get("face") is None else read_inside(item, "face", read_face),
        )

    def part(self, item: Any) -> Part:
        """A part of somebody or of nobody."""
        return Part(*self._labelled(_object(item)))

    def instance(self, item: Any) -> Instance:
        """One of the network's own instances."""
        return Instance(*self._labelled(_object(item)))

    def _labelled(self, item: Mapping[str, Any]) -> tuple[int, float, Mask]:
        """Label id, score and mask."""
        label_id = whole_of(item, "label_id", 0, self._labels - 1)
        return label_id, number_of(item, "score", 0, 1), self._mask(item)

    def _mask(self, item: Mapping[str, Any]) -> Mask:
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


def _object(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError("must be an object")
    return item
