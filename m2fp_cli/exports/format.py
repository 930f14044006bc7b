"""What a format is, and what it is given: small records that all formats share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from m2fp_cli.agnostic.mask import MaskSettings
from m2fp_cli.arrays import Picture, Rgb
from m2fp_cli.errors import UsageError
from m2fp_cli.records.mapping import LabelMapping
from m2fp_cli.records.results import ParsingResult, Person

NamedFiles = dict[str, bytes]
JPEG_QUALITY = 95  # of pictures in data sets


@dataclass(frozen=True)
class ExportSettings:
    """How photos are exported.

    Attributes:
        people: ``largest``, ``all`` or ids.
        mask: of agnostic masks.
        fill_rgb: what lies behind a mask in an agnostic picture; None for the format's own gray.
        size_wh: width and height of pictures, where a format scales them.
        fit: ``pad`` shows the whole photo on white, ``crop`` the person's surroundings.
        split: part of the data set, such as ``test``.
        splits: all of its parts that hold photos, for formats that name them.
        mapping: label set of label maps; None for the format's own.
    """

    people: str | tuple[int, ...] = "all"
    mask: MaskSettings = field(default_factory=MaskSettings)
    fill_rgb: Rgb | None = None
    size_wh: tuple[int, int] = (768, 1024)
    fit: str = "pad"
    split: str = "test"
    splits: tuple[str, ...] = ()
    mapping: LabelMapping | None = None


@dataclass(frozen=True, eq=False)
class ExportedPhoto:
    """A photo and its result on their way into a data set.

    Attributes:
        name: in the data set; no folder, no suffix, unique, without white space.
        image_bgr: (H, W, 3) uint8 sRGB, upright.
        result: what the parser says of it.
        file: suffix and bytes of the photo's file, where every reader sees ``image_bgr`` in it: an
            upright JPEG or PNG in sRGB, at its full size; else None.
        has_joints: whether joints were looked for; older versions of m2fp did not.
    """

    name: str
    image_bgr: Picture
    result: ParsingResult
    file: tuple[str, bytes] | None = None
    has_joints: bool = True

    def named_people(self, people: str | tuple[int, ...]) -> list[tuple[str, Person]]:
        """Each chosen person with a name in the data set.

        Args:
            people: as in ``ExportSettings``. Where only one can be meant, the photo's own name
                is used; else ``NAME_p1`` and so on.
        """
        found = self.result.people
        if people == "largest":
            return [(self.name, max(found, key=lambda one: one.mask.area))] if found else []
        if isinstance(people, tuple):
            found = tuple(one for one in found if one.person_id in people)
            if len(people) == 1:
                return [(self.name, one) for one in found]
        return [(f"{self.name}_p{one.person_id}", one) for one in found]


@dataclass(frozen=True)
class Encoded:
    """What a format makes of a photo.

    Attributes:
        files: contents by name, below the format's folder.
        record: what the files of the whole data set are made from; goes through JSON.
    """

    files: NamedFiles
    record: dict[str, Any]


@dataclass(frozen=True)
class Item:
    """A photo that is in a data set.

    Attributes:
        name: as in ``ExportedPhoto``.
        source: path of the photo, as it was found below its input folder.
        record: what ``Format.encode`` gave.
        without_joints: how many of its people have no joints, by the reason.
        without_place: labels of the parse that the data set's labels have no place for.
    """

    name: str
    source: str
    record: dict[str, Any]
    without_joints: Mapping[str, int] = field(default_factory=dict)
    without_place: tuple[str, ...] = ()


def no_files(_items: Sequence[Item], _settings: ExportSettings) -> NamedFiles:
    """For formats without files of the whole data set."""
    return {}


@dataclass(frozen=True)
class Format:
    """A form in which another program takes a parse.

    Attributes:
        name: as ``--to`` takes it, and the name of its folder in the output.
        summary: what it is for, in a few words.
        encode: the files of one photo.
        finish: the files of the whole data set, by name below the format's folder.
        people: whom ``--person`` means by default.
        split: part of the data set, unless another is asked for; empty where it has no parts.
        names_splits: whether a file of the whole data set names all of its parts.
        names_labels: what the records call the labels, where one file of the whole data set names
            them for all of its parts; else empty.
        masks: whether it has agnostic masks.
        joints: whether it holds people's joints.
        scales: whether it scales pictures to ``ExportSettings.size_wh``.
        mirrors: whether its files lie in folders like the photos'; else all lie side by side.
        hyphens: whether names hold no underscores, which its readers take apart.
        endings: what it appends to a photo's name for files of one folder and suffix.
        reserved: names that the files of the whole data set have where the photos' are.
        fill: gray behind a mask.
        takes_labels: whether it has labels, which another set may replace.
        label_set: the set that its labels are of, one of ``mapping.MAPPINGS``, unless another is
            asked for; empty where they are those of the parse.
        not_made: what belongs to the format and a parser cannot make, by name: how to get it.
    """

    name: str
    summary: str
    encode: Callable[[ExportedPhoto, ExportSettings], Encoded]
    finish: Callable[[Sequence[Item], ExportSettings], NamedFiles] = no_files
    people: str = "all"
    split: str = ""
    names_splits: bool = False
    names_labels: str = ""
    masks: bool = False
    joints: bool = False
    scales: bool = False
    mirrors: bool = False
    hyphens: bool = False
    endings: tuple[str, ...] = ("",)
    reserved: tuple[str, ...] = ()
    fill: int = 128
    takes_labels: bool = False
    label_set: str = ""
    not_made: Mapping[str, str] = field(default_factory=dict)


def labels_of_all(items: Sequence[Item], key: str, *, empty: list[Any]) -> list[Any]:
    """What the records of all photos say of their labels, for files that say it once.

    Args:
        items: the photos of a data set.
        key: of the records.
        empty: what is said where there is no photo.

    Raises:
        UsageError: two photos were parsed with different labels, so one number means two things.
    """
    first = items[0].record[key] if items else empty
    other = next((item for item in items if item.record[key] != first), None)
    if other is not None:
        raise UsageError(
            f"{other.source} has other labels than {items[0].source}; parse both with models of "
            "the same labels, or give --label-set"
        )
    return list(first)


def to_json(document: Any) -> bytes:
    """A document as the files of a data set hold it, the same bytes on every run."""
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"
