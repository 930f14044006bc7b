"""Photos to measure with: a folder's, or synthetic ones of asked-for sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZES = {"480p": (480, 640), "720p": (720, 1280), "1080p": (1080, 1920), "4k": (2160, 3840)}


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


def load_photos(folder: Path, limit: int) -> dict[str, NDArray[np.uint8]]:
    """The first photos of a folder by name, (H, W, 3) uint8 BGR.

    Raises:
        NoImagesError: there is none.
    """
    from m2fp_cli.batch.scan import find_images
    from m2fp_cli.imaging.codec import read_image

    scan = find_images([folder], recursive=False, output=folder / "m2fp-out")
    return {task.key: read_image(task.source).image_bgr for task in scan.tasks[:limit]}


def make_photos(sizes: list[str]) -> dict[str, NDArray[np.uint8]]:
    """Synthetic photos by size name (a key of ``SIZES``, or ``WIDTHxHEIGHT``)."""
    photos = {}
    for name in sizes:
        if name in SIZES:
            height, width = SIZES[name]
        else:
            width, height = (int(part) for part in name.lower().split("x"))
        photos[name] = synthetic_photo(height, width)
    return photos
