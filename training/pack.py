"""Packs a recipe's photos small enough to travel: ``python -m training.pack --help``.

The packed folder is a root like the ones the recipe's photos came from, with the same sources in
it. Only photos that are learned from are packed.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from m2fp_cli.training.dataset import IGNORE, SOMEBODY, LabelledPhoto, store_photo
from m2fp_cli.training.recipe import read_recipe
from m2fp_cli.training.sources import Source

_MIB = 1 << 20
_JPEG_QUALITY = 80


def pack_photo(photo: LabelledPhoto, height: int) -> dict[str, bytes]:
    """Files of one photo by folder, scaled down to ``height`` rows."""
    size = (max(1, round(photo.rgb.shape[1] * height / len(photo.rgb))), height)
    rgb, planes = (
        photo.rgb,
        [np.where(photo.labels == SOMEBODY, IGNORE, photo.labels), photo.people],
    )
    if len(rgb) > height:
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        planes = [cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST) for plane in planes]
    code = io.BytesIO()
    Image.fromarray(rgb).save(code, "JPEG", quality=_JPEG_QUALITY)
    files = {"photos": code.getvalue()}
    for kind, plane in zip(("labels", "people"), planes, strict=True):
        code = io.BytesIO()
        Image.fromarray(np.asarray(plane, np.uint8)).save(code, "PNG", optimize=True)
        files[kind] = code.getvalue()
    return files


def pack_source(source: Source, roots: Sequence[Path], out: Path, height: int, most: int) -> int:
    """Write at most ``most`` photos of a source, evenly chosen; gives the bytes written."""
    folder, target = source.find(roots), out / source.folder
    names = source.split(folder)[0]
    written = 0
    for name in names[:: max(1, -(-len(names) // most))]:
        files = pack_photo(store_photo(folder, name, source.labels).decode(height), height)
        for kind, code in files.items():
            ending = "jpg" if kind == "photos" else "png"
            place = source.labels if kind == "labels" else kind
            if place is not None:
                (target / place).mkdir(parents=True, exist_ok=True)
                (target / place / f"{name}.{ending}").write_bytes(code)
                written += len(code)
    if source.held_out not in ("eighths", "none"):
        (target / source.held_out).write_text("", encoding="utf-8")  # none of them is here
    return written


def main() -> None:
    """Parse the command line and pack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", type=Path, nargs="+", help="folders that hold the sources")
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--height", type=int, default=420, help="rows of the packed photos")
    parser.add_argument("--most", type=int, default=800, help="photos of one source")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    total = 0
    for source in read_recipe(arguments.recipe).sources:
        written = pack_source(
            source, arguments.roots, arguments.out, arguments.height, arguments.most
        )
        total += written
        print(f"{source.folder:24} {written / _MIB:6.1f} MiB")
    print(f"{'together':24} {total / _MIB:6.1f} MiB")


if __name__ == "__main__":
    main()
