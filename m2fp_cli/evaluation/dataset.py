"""Labelled photos on disk: ``photos/ID.jpg``, ``labels/ID.png`` and, if known, ``people/ID.png``.

CIHP's own folders are understood as well: ``Images``, ``Category_ids``, ``Human_ids``. Its
``Instance_ids`` say nothing more: an instance there is one label on one person. So are what CVAT
exports as Segmentation mask 1.1, with the photos in ``images`` or ``JPEGImages`` beside it, and a
folder of photos with LabelMe's files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.batch.keys import FoundImage, has_image_suffix
from m2fp_cli.batch.scan import name_photos
from m2fp_cli.errors import ImageError, NoImagesError, NoInputError, UsageError
from m2fp_cli.evaluation.annotations import (
    photo_of_shapes,
    read_colored_map,
    read_label_colors,
    read_shapes,
)
from m2fp_cli.imaging.codec import decode_map
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.jsonio import read_bounded
from m2fp_cli.records.labels import CIHP_NAMES, IGNORED_ID, LabelSet, folded
from m2fp_cli.storage.inputs import require_folder
from m2fp_cli.terminal import displayable

_CIHP_MAPS = "Category_ids"
_LAYOUTS = (("photos", "labels", "people"), ("Images", _CIHP_MAPS, "Human_ids"))
_CVAT_PHOTOS, _CVAT_MAPS, _CVAT_COLORS = (
    ("images", "JPEGImages"),
    "SegmentationClass",
    "labelmap.txt",
)


@dataclass(frozen=True)
class LabelledPhoto:
    """One photo of a data set and its files.

    Attributes:
        name: file name without its ending.
        photo: the photo.
        labels: PNG of label ids, CVAT's of colors, or LabelMe's JSON.
        people: PNG of person ids; None where nobody has told people apart, or LabelMe's file does.
        colors: CVAT's list of colors; None where the map holds ids.
    """

    name: str
    photo: Path
    labels: Path
    people: Path | None
    colors: Path | None = None


@dataclass(frozen=True, eq=False)
class Truth:
    """What is in a photo.

    Attributes:
        labels: (H, W) uint8 label ids, 255 = unknown.
        people: (H, W) uint16 person ids, 0 = nobody; None where that is not known.
    """

    labels: NDArray[np.uint8]
    people: NDArray[np.uint16] | None


def find_labelled(folder: Path) -> list[LabelledPhoto]:
    """Photos that have a label map, by name.

    Raises:
        NoInputError: the folder is not there, or one in it cannot be read.
        UsageError: it has not the layout of a data set.
        NoImagesError: no photo has a label map.
    """
    require_folder(folder, "name a folder of labelled photos")
    try:
        return _find_labelled(folder)
    except OSError as error:
        where = displayable(error.filename or folder)
        raise NoInputError(
            f"{where} cannot be read ({error.strerror}); check its permissions"
        ) from error


def _find_labelled(folder: Path) -> list[LabelledPhoto]:
    for names in _LAYOUTS:
        photos, labels, people = (folder / name for name in names)
        if photos.is_dir() and labels.is_dir():
            found = list(_pairs(photos, labels, people))
            if not found:
                raise NoImagesError(f"no photo in {displayable(photos)} has a map in {labels.name}")
            return found
    found = [*_annotated_in_cvat(folder), *_annotated_in_labelme(folder)]
    if found:
        return found
    raise UsageError(
        f"{displayable(folder)} is not a data set: it needs photos/ID.jpg and labels/ID.png, or "
        "CIHP's Images and Category_ids, or CVAT's images, SegmentationClass and labelmap.txt, or "
        "photos with LabelMe's files"
    )


def _annotated_in_cvat(folder: Path) -> Iterator[LabelledPhoto]:
    maps, colors = folder / _CVAT_MAPS, folder / _CVAT_COLORS
    for photos in (folder / name for name in _CVAT_PHOTOS):
        if photos.is_dir() and maps.is_dir() and colors.is_file():
            for found in _pairs(photos, maps, maps):
                yield replace(found, people=None, colors=colors)
            return


def _annotated_in_labelme(folder: Path) -> Iterator[LabelledPhoto]:
    """Photos with their files; of those that share one, such as a.jpg and a.png, the one it names.

    Where it names none of them, which one is meant cannot be known, and all are left out.
    """
    photos = find_photos(folder) if folder.is_dir() else []
    uses = Counter(photo.stem for photo in photos)
    for photo in photos:
        shapes = photo.with_suffix(".json")
        if not shapes.is_file() or (uses[photo.stem] > 1 and photo_of_shapes(shapes) != photo.name):
            continue
        yield LabelledPhoto(photo.stem, photo, shapes, None)


def _pairs(photos: Path, labels: Path, people: Path) -> Iterator[LabelledPhoto]:
    """Photos with their maps; where two photos share a name, each with the map that a parse names.

    Keys differ from plain names for other reasons as well, such as their length.
    """
    keys = find_keys(photos)
    taken = set(keys.values())
    for photo in find_photos(photos):
        name = keys.get(str(photo), photo.stem)
        if photo.stem not in taken and not (labels / f"{name}.png").is_file():
            name = photo.stem
        label_map, person_map = (kind / f"{name}.png" for kind in (labels, people))
        if label_map.is_file():
            known = person_map if person_map.is_file() else None
            yield LabelledPhoto(photo.stem, photo, label_map, known)


def find_photos(folder: Path) -> list[Path]:
    """The photos of a folder by name, those that a parse of it takes.

    Hidden ones are left out: beside each file, macOS puts a ``._`` one of the same name on disks
    and in archives.
    """
    named = sorted(folder.iterdir(), key=lambda path: path.name)
    return [one for one in named if has_image_suffix(one.name) and not one.name.startswith(".")]


def find_keys(folder: Path) -> dict[str, str]:
    """What a parse of a folder calls the results of each photo in it, by the photo's path.

    ``a.jpg`` is ``a``, and beside it ``a.png`` is ``a.png``.
    """
    found = (FoundImage(path.name, str(path)) for path in find_photos(folder))
    return {task.path: task.key for task in name_photos(found, output=None).tasks}


def choose_photos(
    photos: Sequence[LabelledPhoto],
    *,
    names: Path | None = None,
    every: int = 1,
    limit: int | None = None,
) -> list[LabelledPhoto]:
    """A part of a data set.

    Args:
        photos: all of them.
        names: text file with one name a line; only these are taken.
        every: then every n-th.
        limit: then the first so many.

    Raises:
        NoInputError: the list cannot be read.
        NoImagesError: it is empty.
        UsageError: it names a photo that is not there.
    """
    if names is not None:
        wanted = _read_names(names)
        if not wanted:
            raise NoImagesError(f"{displayable(names)} lists no photo; give one id a line")
        if missing := sorted(wanted - {photo.name for photo in photos}):
            raise UsageError(f"{displayable(names)}: the data set has no labelled {missing[0]!r}")
        photos = [photo for photo in photos if photo.name in wanted]
    return list(photos[::every][:limit])


def _read_names(path: Path) -> set[str]:
    try:
        lines = read_bounded(path, pipes=True).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise NoInputError(
            f"{displayable(path)} cannot be read ({error.strerror}); name a list of ids"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{displayable(path)} is not a list of ids ({error}); give one id a line"
        ) from error
    return {line.strip() for line in lines if line.strip()}


def read_truth(photo: LabelledPhoto, names: LabelSet) -> Truth:
    """Read what is in a photo.

    Args:
        photo: one of ``find_labelled``.
        names: labels of the model; annotators' labels get their ids by name.

    Raises:
        ImageError: a map cannot be read, or they differ in size; the message names the file.
        UsageError: CVAT's list of colors is wrong.
    """
    if photo.colors is not None:
        return Truth(read_colored_map(photo.labels, read_label_colors(photo.colors, names)), None)
    if photo.labels.suffix == ".json":
        return Truth(*read_shapes(photo.labels, names))
    labels = _read_ids(photo.labels)
    if labels.max() > IGNORED_ID:
        raise ImageError("unsupported", f"{_shown(photo.labels)} holds label ids above 255")
    people = None if photo.people is None else _read_ids(photo.people).astype(np.uint16)
    if people is not None and people.shape != labels.shape:
        raise ImageError("corrupt", f"{_shown(photo.labels)} and its person map differ in size")
    return Truth(labels.astype(np.uint8), people)


def check_label_ids(photos: Iterable[LabelledPhoto], labels: LabelSet) -> None:
    """See that a model knows every label of a data set, before any time is spent on it.

    Maps that cannot be read, and LabelMe's files, are left for later.

    Raises:
        UsageError: a label map holds an id that the model lacks.
    """
    known = {0, *labels.part_ids, IGNORED_ID}
    for photo in photos:
        if photo.colors is not None:
            read_label_colors(photo.colors, labels)
            continue
        try:
            ids = np.unique(_read_ids(photo.labels))
        except ImageError:
            continue
        if unknown := [int(label) for label in ids if int(label) not in known]:
            raise UsageError(
                f"{displayable(photo.labels)} holds label id {unknown[0]}, which the model lacks "
                f"(its labels are {min(known)} to {max(known - {IGNORED_ID})}); labels are "
                "compared by id"
            )


def find_other_order(photos: Sequence[LabelledPhoto], labels: LabelSet) -> str:
    """Where CIHP's folders are compared with a model that numbers its labels otherwise.

    Their ids are CIHP's, unless somebody put others there.

    Returns:
        a sentence about the first such id; empty if there is none, or the folders are no CIHP's.
    """
    if photos[0].labels.parent.name != _CIHP_MAPS:
        return ""
    for label_id, (own, cihp) in enumerate(zip(labels.names, CIHP_NAMES, strict=False)):
        if label_id in labels.part_ids and folded(own) != folded(cihp):
            return (
                f"labels are compared by id, and {label_id} is {displayable(own)} for the model, "
                f"{cihp} in CIHP: right only if {_CIHP_MAPS} holds the ids of the model"
            )
    return ""


def _read_ids(path: Path) -> NDArray[np.integer[Any]]:
    try:
        return decode_map(read_bytes(path))
    except ImageError as error:
        raise ImageError(error.reason, f"its map {_shown(path)} {error}") from error


def _shown(path: Path) -> str:
    return displayable(f"{path.parent.name}/{path.name}")
