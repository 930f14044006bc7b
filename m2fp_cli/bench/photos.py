"""Photos to measure with: a folder's, or synthetic ones of asked-for sizes."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.tasks import ImageTask, Scan
from m2fp_cli.errors import ImageError, NoImagesError, UsageError
from m2fp_cli.terminal import displayable

SIZES = {"480p": (480, 640), "720p": (720, 1280), "1080p": (1080, 1920), "4k": (2160, 3840)}


@dataclass(frozen=True, eq=False)
class Photo:
    """One photo.

    Attributes:
        name: a file's key or a size.
        image_bgr: (H, W, 3) uint8 BGR, upright.
        source: its file; None for a synthetic one.
    """

    name: str
    image_bgr: NDArray[np.uint8]
    source: Path | None = None

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.image_bgr.shape[0], self.image_bgr.shape[1]


def synthetic_photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth picture with structure at several scales, (H, W, 3) uint8 BGR.

    Noise of 4x6, 16x24 and 64x96 cells, enlarged and added: like a photo, it has large areas,
    edges and texture, and it needs no file.
    """
    generator = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), dtype=np.float32)
    for rows, strength in ((4, 0.5), (16, 0.3), (64, 0.2)):
        cells = generator.integers(0, 256, (rows, rows * 3 // 2, 3), dtype=np.uint8)
        layer = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
        total += strength * np.asarray(layer, dtype=np.float32)
    return np.clip(total, 0, 255).astype(np.uint8)


def load_photos(folder: Path, limit: int, fail: Callable[[str], None]) -> list[Photo]:
    """The first photos of a folder that can be read.

    Args:
        folder: that holds them.
        limit: most photos.
        fail: takes a line about each that cannot be read.

    Raises:
        NoImagesError: there is none.
    """
    scan = scan_folder(folder, fail)
    photos = list(itertools.islice(readable_photos(scan.tasks, fail), limit))
    if not photos:
        raise NoImagesError(
            f"{displayable(folder)} holds no photo that can be read; name another folder"
        )
    return photos


def scan_folder(folder: Path, fail: Callable[[str], None]) -> Scan:
    """The photos of a folder; ``fail`` takes a line about what cannot be looked at.

    Raises:
        NoImagesError: there is none.
    """
    scan = find_images([folder], output=folder / "m2fp-out", deeper="name one of them")
    for failure in scan.failures:
        fail(f"failed {displayable(failure.source)}: {failure.message}")
    return scan


def readable_photos(tasks: Iterable[ImageTask], fail: Callable[[str], None]) -> Iterator[Photo]:
    """Those of some photos that can be read, read one at a time as they are asked for.

    Args:
        tasks: the photos.
        fail: takes a line about each that cannot be read.
    """
    return filter(None, (_read(task, fail) for task in tasks))


def _read(task: ImageTask, fail: Callable[[str], None]) -> Photo | None:
    from m2fp_cli.imaging.codec import read_image

    try:
        return Photo(task.key, read_image(task.source).image_bgr, task.source)
    except ImageError as error:
        fail(f"failed {displayable(task.source)}: {error}")
        return None


def make_photos(sizes: str) -> list[Photo]:
    """Synthetic photos.

    Args:
        sizes: comma-separated keys of ``SIZES``, or ``WIDTHxHEIGHT``.

    Raises:
        UsageError: a size is neither, or there is none.
    """
    names = [name.strip().lower() for name in sizes.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--sizes names no size; use some of {', '.join(SIZES)}, or 800x600")
    return [Photo(name, synthetic_photo(*_size_hw(name))) for name in dict.fromkeys(names)]


def digest_photos(photos: list[Photo]) -> str:
    """SHA-256 of names, sizes and pixels, shortened: the same photos give the same digest."""
    digest = hashlib.sha256()
    for photo in sorted(photos, key=lambda one: one.name):
        digest.update(f"{photo.name}\0{photo.hw}\0".encode(errors="surrogateescape"))
        digest.update(np.ascontiguousarray(photo.image_bgr).tobytes())
    return digest.hexdigest()[:16]


def write_photo(photo: Photo, folder: Path) -> Path:
    """File of a photo: its own, or a JPEG in ``folder``."""
    from m2fp_cli.imaging.encoding import encode_jpeg

    if photo.source is not None:
        return photo.source
    path = folder / f"{photo.name}.jpg"
    path.write_bytes(encode_jpeg(photo.image_bgr))
    return path


def _size_hw(name: str) -> tuple[int, int]:
    if name in SIZES:
        return SIZES[name]
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", name)
    if found is None:
        raise UsageError(f"--sizes takes {', '.join(SIZES)} or WIDTHxHEIGHT, got {name!r}")
    return int(found[2]), int(found[1])
