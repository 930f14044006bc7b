"""Labelled photos in memory: ``photos/ID.jpg`` beside ``labels/ID.png``.

A label PNG holds one label id per pixel; 255 is left out of every loss and metric.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

IGNORE = 255
HELD_OUT = 100

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """One photo and what is in it.

    Attributes:
        name: file name without its ending.
        rgb: (H, W, 3) uint8.
        labels: (H, W) uint8 label ids, 255 = unknown.
    """

    name: str
    rgb: Bytes
    labels: Bytes


def find_names(folder: Path) -> list[str]:
    """Names of the photos that have labels, sorted."""
    with_labels = {path.stem for path in (folder / "labels").glob("*.png")}
    return sorted(
        path.stem for path in (folder / "photos").glob("*.jpg") if path.stem in with_labels
    )


def split_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split into (training, held out).

    Held out is every photo whose number is a multiple of 8, up to the hundredth of them. Names
    without a number are numbered by their place in the sorted list.
    """
    numbers = [int(n) if n.isdigit() else i for i, n in enumerate(sorted(names))]
    multiples = [n for n, number in zip(sorted(names), numbers, strict=True) if number % 8 == 0]
    held_out = set(multiples[:HELD_OUT])
    return [n for n in sorted(names) if n not in held_out], sorted(held_out)


def read_photo(folder: Path, name: str, max_height: int | None = None) -> LabelledPhoto:
    """Read one photo, scaled down to ``max_height`` rows if it is higher."""
    rgb = np.asarray(Image.open(folder / "photos" / f"{name}.jpg").convert("RGB"))
    labels = np.asarray(Image.open(folder / "labels" / f"{name}.png"))
    height, width = labels.shape
    if max_height is not None and height > max_height:
        size = (round(width * max_height / height), max_height)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    return LabelledPhoto(name, np.ascontiguousarray(rgb), np.ascontiguousarray(labels))


def read_photos(folder: Path, names: Sequence[str], max_height: int) -> list[LabelledPhoto]:
    """Read many photos with two threads."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda name: read_photo(folder, name, max_height), names))


def label_frequencies(photos: Sequence[LabelledPhoto], num_labels: int) -> NDArray[np.float64]:
    """Share of every label among the known pixels, (num_labels,) summing to 1."""
    counts = np.zeros(num_labels)
    for photo in photos:
        counts += np.bincount(photo.labels.ravel(), minlength=256)[:num_labels]
    return np.asarray(counts / counts.sum())


def sampling_weights(photos: Sequence[LabelledPhoto], num_labels: int) -> NDArray[np.float64]:
    """How often to draw each photo so that rare labels are seen; sums to 1.

    Repeat-factor sampling (Gupta et al., https://arxiv.org/abs/1908.03195, section 4.1) over the
    share of photos that hold a label, with threshold 0.3 and at most threefold.
    """
    present = np.zeros((len(photos), num_labels), bool)
    for row, photo in zip(present, photos, strict=True):
        row[:] = np.bincount(photo.labels.ravel(), minlength=256)[:num_labels] > 0
    share = np.maximum(present.mean(0), 1e-6)
    repeat = np.clip(np.sqrt(0.3 / share), 1.0, 3.0)
    weights: NDArray[np.float64] = (present * repeat).max(1)
    return np.asarray(weights / weights.sum())


def hash_files(folder: Path, names: Sequence[str]) -> str:
    """SHA-256 over the bytes of photos and labels, in the order of ``names``."""
    digest = hashlib.sha256()
    for name in names:
        digest.update((folder / "photos" / f"{name}.jpg").read_bytes())
        digest.update((folder / "labels" / f"{name}.png").read_bytes())
    return digest.hexdigest()
