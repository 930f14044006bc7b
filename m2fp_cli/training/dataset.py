"""Labelled photos: ``photos/ID.jpg`` beside ``labels/ID.png`` and, maybe, ``people/ID.png``.

A label PNG holds one label id per pixel, 255 = unknown. A people PNG holds one person id per pixel,
0 = nobody, 255 = leave out. In memory a pixel of a known person whose part is unknown is
``SOMEBODY``, so that it still counts as "not background".
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m2fp_cli.imaging.opening import strict_pillow

IGNORE = 255
SOMEBODY = 254
HELD_OUT = 100

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """One photo and what is in it.

    Attributes:
        name: file name without its ending.
        rgb: (H, W, 3) uint8.
        labels: (H, W) uint8 label ids, 255 = unknown, 254 = a person, part unknown.
        people: (H, W) uint8 person ids, 0 = nobody, 255 = unknown.
    """

    name: str
    rgb: Bytes
    labels: Bytes
    people: Bytes


@dataclass(frozen=True, eq=False)
class StoredPhoto:
    """A photo as the bytes of its files, which take a tenth of the memory of its pixels.

    Attributes:
        name: file name without its ending.
        photo: of the JPEG.
        labels: of the PNG; None = nobody is in the photo.
        people: of the PNG; None = everything that has a label is one person.
    """

    name: str
    photo: bytes
    labels: bytes | None
    people: bytes | None

    def decode(self, max_height: int | None = None) -> LabelledPhoto:
        """Pixels, scaled down to ``max_height`` rows if there are more."""
        with strict_pillow():  # its own limit of pixels is below that of m2fp
            rgb = np.asarray(Image.open(io.BytesIO(self.photo)).convert("RGB"))
        labels, people = self.decode_labels()
        height, width = labels.shape
        if max_height is not None and height > max_height:
            size = (round(width * max_height / height), max_height)
            rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
            labels, people = (
                np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST), np.uint8)
                for plane in (labels, people)
            )
        return LabelledPhoto(self.name, rgb, labels, people)

    def decode_labels(self) -> tuple[Bytes, Bytes]:
        """Labels and people, (H, W) uint8 each, at the photo's own size."""
        if self.labels is None:
            with strict_pillow():
                width, height = Image.open(io.BytesIO(self.photo)).size
            return np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        labels = _decode_plane(self.labels)
        if self.people is None:
            people = np.asarray(labels > 0, np.uint8)
        else:
            people = _decode_plane(self.people)
        return combine(labels, people), people


def combine(labels: Bytes, people: Bytes) -> Bytes:
    """Labels that agree with the people: (H, W) uint8.

    A person's pixel without a label is ``SOMEBODY``; where it is unknown whether there is a person,
    the label is unknown too.
    """
    labels = np.where((labels == IGNORE) & (people > 0), np.uint8(SOMEBODY), labels)
    return np.where(people == IGNORE, np.uint8(IGNORE), labels)


def _decode_plane(code: bytes) -> Bytes:
    with strict_pillow():
        return np.asarray(Image.open(io.BytesIO(code)), np.uint8)


def find_names(folder: Path, labels: str | None = "labels") -> list[str]:
    """Names of the photos that have labels, sorted; of all photos where ``labels`` is None."""
    names = {path.stem for path in (folder / "photos").glob("*.jpg")}
    if labels is not None:
        names &= {path.stem for path in (folder / labels).glob("*.png")}
    return sorted(names)


def split_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split into (training, held out).

    Held out is every photo whose number is a multiple of 8, up to the hundredth of them. Names
    without a number are numbered by their place in the sorted list.
    """
    numbers = [int(n) if n.isdecimal() else i for i, n in enumerate(sorted(names))]
    multiples = [n for n, number in zip(sorted(names), numbers, strict=True) if number % 8 == 0]
    held_out = set(multiples[:HELD_OUT])
    return [n for n in sorted(names) if n not in held_out], sorted(held_out)


def store_photo(folder: Path, name: str, labels: str | None = "labels") -> StoredPhoto:
    """The files of one photo; ``labels`` is the folder of its labels, None = nobody is there."""
    photo = (folder / "photos" / f"{name}.jpg").read_bytes()
    if labels is None:
        return StoredPhoto(name, photo, None, None)
    people = folder / "people" / f"{name}.png"
    return StoredPhoto(
        name,
        photo,
        (folder / labels / f"{name}.png").read_bytes(),
        people.read_bytes() if people.exists() else None,
    )


def read_photo(folder: Path, name: str, max_height: int | None = None) -> LabelledPhoto:
    """Read one photo, scaled down to ``max_height`` rows if it is higher."""
    return store_photo(folder, name).decode(max_height)


def count_labels(photos: Sequence[StoredPhoto], num_labels: int) -> NDArray[np.float64]:
    """Pixels of every label, (len(photos), num_labels); unknown ones are left out."""
    counts = np.zeros((len(photos), num_labels))
    for row, photo in zip(counts, photos, strict=True):
        row[:] = np.bincount(photo.decode_labels()[0].ravel(), minlength=256)[:num_labels]
    return counts


def rarity_weights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often to draw each photo so that rare labels are seen; sums to 1.

    Repeat-factor sampling (Gupta et al., https://arxiv.org/abs/1908.03195, section 4.1) over the
    share of photos that hold a label, with threshold 0.3 and at most threefold.

    Args:
        counts: (photos, labels) pixels, see :func:`count_labels`.
    """
    present = counts > 0
    share = np.maximum(present.mean(0), 1e-6)
    repeat = np.clip(np.sqrt(0.3 / share), 1.0, 3.0)
    weights: NDArray[np.float64] = np.maximum((present * repeat).max(1), 1.0)
    return np.asarray(weights / weights.sum())


def hash_files(folder: Path, names: Sequence[str], labels: str | None = "labels") -> str:
    """SHA-256 over the bytes of photos and labels, in the order of ``names``."""
    digest = hashlib.sha256()
    for name in names:
        stored = store_photo(folder, name, labels)
        for part in (stored.photo, stored.labels or b""):
            digest.update(part)
    return digest.hexdigest()
