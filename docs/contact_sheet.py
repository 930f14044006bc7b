"""Joins what `m2fp parse` and `m2fp colorize` write for a few photos into one sheet.

    python docs/contact_sheet.py PICTURE PHOTO... [--people] [--columns N] [--height PIXELS]

Each photo is shown beside its color map and its overlay (with --people: its people's colors).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

GAP = 6


def run(*arguments: str) -> None:
    """Run the installed command line."""
    subprocess.run([sys.executable, "-m", "m2fp_cli", *arguments], check=True)


def paint(photos: list[Path], folder: Path, people: bool) -> None:
    """Parse with the bundled model and paint; people's colors into `people`."""
    inputs = [str(path) for path in photos]
    run("parse", *inputs, "-q", "--model", "starter", "-o", str(folder / "parsed"))
    run("colorize", str(folder / "parsed"), "-q", "-o", str(folder / "labels"))
    if people:
        run(
            "colorize", str(folder / "parsed"), "-q", "-o", str(folder / "people"), "--by", "person"
        )


def strip(photo: Path, folder: Path, height: int, people: bool) -> Image.Image:
    """One photo and its pictures side by side."""
    colors, overlay, persons = (
        next((folder / kind).glob(f"{photo.stem}.*"), None)
        for kind in ("labels/colors", "labels/overlays", "people/overlays")
    )
    found = [path for path in (photo, overlay if people else colors, persons or overlay) if path]
    images = [Image.open(path).convert("RGB") for path in found]
    images = [i.resize((round(i.width * height / i.height), height), Image.LANCZOS) for i in images]
    return join(images, 0)


def join(images: list[Image.Image], axis: int) -> Image.Image:
    """Images beside each other (axis 0) or below each other (1)."""
    along = sum(i.size[axis] for i in images) + GAP * (len(images) - 1)
    across = max(i.size[1 - axis] for i in images)
    sheet = Image.new("RGB", (along, across) if axis == 0 else (across, along), "white")
    place = 0
    for image in images:
        sheet.paste(image, (place, 0) if axis == 0 else (0, place))
        place += image.size[axis] + GAP
    return sheet


def widen(image: Image.Image, width: int) -> Image.Image:
    """The image with white to its right, so that columns stand below each other."""
    sheet = Image.new("RGB", (width, image.height), "white")
    sheet.paste(image)
    return sheet


def main() -> None:
    """Parse the command line and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--people", action="store_true")
    parser.add_argument("--columns", type=int, default=2)
    parser.add_argument("--height", type=int, default=360)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paint(arguments.photos, folder, arguments.people)
        strips = [strip(p, folder, arguments.height, arguments.people) for p in arguments.photos]
    n = arguments.columns
    widths = [max(strip.width for strip in strips[i::n]) for i in range(min(n, len(strips)))]
    strips = [widen(one, widths[i % n]) for i, one in enumerate(strips)]
    rows = [join(strips[i : i + n], 0) for i in range(0, len(strips), n)]
    join(rows, 1).save(arguments.picture, optimize=True, quality=85)


if __name__ == "__main__":
    main()
