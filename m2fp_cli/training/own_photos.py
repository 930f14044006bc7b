"""Somebody's labelled photos, written as a run reads them, and which of them are held out.

They may be labelled in CVAT or LabelMe, or lie in CIHP's folders; see ``evaluation.dataset``. A
photo gets its number as its name here, since names of files may hold anything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.errors import ImageError, UsageError, lacks_memory
from m2fp_cli.evaluation.dataset import LabelledPhoto, read_truth
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.imaging.encoding import encode_jpeg, encode_png
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.imaging.unchanged import read_unchanged
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.terminal import displayable
from m2fp_cli.training.dataset import IGNORE
from m2fp_cli.training.plan import FEWEST

HELD_OUT = "held_out.txt"
_EVERY_FIFTH, _MOST_HELD_OUT = 5, 40
_LARGEST_PERSON_ID = 254
_PREPARED = re.compile(r"\d{5,}\.(jpg|png)")


@dataclass(frozen=True)
class OwnPhotos:
    """What was prepared.

    Attributes:
        learned: numbers of the photos to learn from.
        held_out: numbers of the photos to judge on.
        failed: how many photos could not be used.
    """

    learned: tuple[str, ...]
    held_out: tuple[str, ...]
    failed: int


def digest_photos(photos: Sequence[LabelledPhoto]) -> str:
    """SHA-256 of the photos, their labels and their order; it changes when one of them does."""
    digest = hashlib.sha256()
    for photo in photos:
        for path in (photo.photo, photo.labels, photo.people, photo.colors):
            digest.update(b"-" if path is None else _digest_file(path))
    return digest.hexdigest()


def _digest_file(path: Path) -> bytes:
    try:
        return hashlib.sha256(read_bytes(path)).digest()
    except ImageError:
        return b"unreadable"


def prepare_photos(
    photos: Sequence[LabelledPhoto],
    parser: HumanParser,
    target: Path,
    fail: Callable[[str], None],
    stop: Callable[[], bool],
) -> OwnPhotos | None:
    """Write photos, labels and people as a run reads them, and the list of those held out.

    Every fifth is held out, of more than 200 photos fewer, so that judging stays short.

    Args:
        photos: of ``find_labelled``.
        parser: the model; its labels give the ids, and where nobody has told people apart, a pixel
            with a label belongs to the nearest person that it finds.
        target: folder for them; what an earlier attempt left there is removed.
        fail: gets a line about each photo that cannot be used.
        stop: whether to end early; asked before each photo.

    Returns:
        what was prepared; None if it was stopped.

    Raises:
        UsageError: fewer than 5 photos can be used, or none of them shows any label.
    """
    for kind in ("photos", "labels", "people"):
        (target / kind).mkdir(parents=True, exist_ok=True)
        for path in (target / kind).iterdir():
            if _PREPARED.fullmatch(path.name):  # of an attempt that came to nothing
                path.unlink()
    names, shows_labels = [], False
    for number, photo in enumerate(photos, 1):
        if stop():
            return None
        try:
            shows_labels |= _prepare(photo, parser, target, name := f"{number:05d}")
            names.append(name)
        except Exception as error:
            fail(f"failed {displayable(photo.photo)}: {_reason(error)}")
    if len(names) < FEWEST:
        raise UsageError(
            f"only {len(names)} of {len(photos)} labelled photos can be used; fine-tuning needs at "
            f"least {FEWEST}"
        )
    if not shows_labels:
        raise UsageError(
            f"none of {len(names)} photos shows a label: all of their pixels are background (0) or "
            f"unknown ({IGNORE}); is {displayable(photos[0].labels)} the right file?"
        )
    held_out = choose_held_out(names)
    (target / HELD_OUT).write_text("".join(f"{name}\n" for name in held_out), encoding="utf-8")
    learned = tuple(name for name in names if name not in set(held_out))
    return OwnPhotos(learned, held_out, len(photos) - len(names))


def _reason(error: Exception) -> str:
    """Why a photo cannot be used; an error that is not about a photo goes on."""
    if lacks_memory(error):
        return "does not fit into memory"
    if not isinstance(error, ImageError):
        raise error
    return str(error)


def are_there(target: Path, prepared: OwnPhotos) -> bool:
    """Whether all that was prepared still is in its folder."""
    kinds = (("photos", "jpg"), ("labels", "png"), ("people", "png"))
    names = (*prepared.learned, *prepared.held_out)
    files = (f"{kind}/{name}.{suffix}" for name in names for kind, suffix in kinds)
    return all((target / file).is_file() for file in (HELD_OUT, *files))


def choose_held_out(names: Sequence[str]) -> tuple[str, ...]:
    """Every fifth of the names from the first on, of more than 200 every n-th: at most 40."""
    return tuple(names[:: max(_EVERY_FIFTH, -(-len(names) // _MOST_HELD_OUT))])


def _prepare(photo: LabelledPhoto, parser: HumanParser, target: Path, name: str) -> bool:
    """Write one photo; whether a pixel of it has a label that is not the background's."""
    decoded, truth = read_image(photo.photo), read_truth(photo, parser.labels)
    image, (suffix, data) = decoded.image_bgr, read_unchanged(photo.photo, decoded) or ("", b"")
    if truth.labels.shape != image.shape[:2]:
        sizes = [f"{wide}x{high}" for high, wide in (image.shape[:2], truth.labels.shape)]
        raise ImageError(
            "corrupt", f"is {sizes[0]} upright, but its labels are {sizes[1]}; export them again"
        )
    known = truth.labels[truth.labels != IGNORE]
    if not known.size:
        raise ImageError(
            "unsupported", f"has no labels: its map is unknown ({IGNORE}) everywhere; label it"
        )
    people = truth.people
    if people is None:
        people = nearest_people(truth.labels, parser.parse(image))
    people = np.where(people > IGNORE, _LARGEST_PERSON_ID, people).astype(np.uint8)
    files = {
        f"photos/{name}.jpg": data if suffix == ".jpg" else encode_jpeg(image, quality=95),
        f"labels/{name}.png": encode_png(truth.labels),
        f"people/{name}.png": encode_png(people),
    }
    for file, content in files.items():
        (target / file).write_bytes(content)
    return bool(known.any())


def nearest_people(labels: NDArray[np.uint8], found: ParsingResult) -> NDArray[np.uint16]:
    """Whose each labelled pixel is: the nearest person's that was found.

    Args:
        labels: (H, W) ids, 0 = background, 255 = unknown.
        found: the photo's parse.

    Returns:
        (H, W) person ids, 0 = nobody, 255 = unknown.
    """
    whose = np.ones(labels.shape, np.uint16)
    if len(found.people) > 1:
        nearest = np.full(labels.shape, np.inf, np.float32)
        for person in found.people:  # one after another: a map of distances takes 4 bytes a pixel
            others = (found.person_map != person.person_id).view(np.uint8)
            away = cv2.distanceTransform(others, cv2.DIST_L2, 5)
            closer = away < nearest
            whose[closer], nearest[closer] = person.person_id, away[closer]
    return np.where(labels == 0, 0, np.where(labels == IGNORE, IGNORE, whose)).astype(np.uint16)
