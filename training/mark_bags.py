"""Marks bags in labelled street photos: ``python -m training.mark_bags --help``.

Clothing Co-Parsing names what is carried; CIHP's labels do not, so its bags became background.
Marked, they teach the queries for what is carried (``ModelConfig.carried_queries``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from m2fp_cli.terminal import counted
from m2fp_cli.training.dataset import CARRIED, IGNORE, Bytes

BAG = 9  # of the ids in ``worn/``, see the README of the data


def mark_bags(labels: Bytes, worn: Bytes) -> Bytes:
    """Labels with 253 where there is a bag; what is unknown stays so.

    Args:
        labels: (H, W) uint8 ids, 255 = unknown.
        worn: (H, W) uint8 ids of what is worn or carried.
    """
    bag = (worn == BAG) & (labels != IGNORE)
    return np.where(bag, np.uint8(CARRIED), labels)


def mark_folder(data: Path, worn: Path, out: Path) -> int:
    """Write ``labels/`` and link ``photos`` and ``people``; gives how many photos have a bag."""
    (out / "labels").mkdir(parents=True, exist_ok=True)
    for kind in ("photos", "people"):
        if (data / kind).exists() and not (out / kind).exists():
            (out / kind).symlink_to((data / kind).resolve())
    marked = 0
    for path in sorted((data / "labels").glob("*.png")):
        labels, seen = np.asarray(Image.open(path), np.uint8), worn / path.name
        if seen.exists():
            labels = mark_bags(labels, np.asarray(Image.open(seen), np.uint8))
            marked += bool((labels == CARRIED).any())
        Image.fromarray(labels).save(out / "labels" / path.name)
    return marked


def main() -> None:
    """Parse the command line and mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="with photos/, labels/ and, if any, people/")
    parser.add_argument("--worn", type=Path, required=True, help="the folder of what is worn")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    marked = mark_folder(arguments.data, arguments.worn, arguments.out)
    print(f"{counted(marked, 'photo')} with bags")


if __name__ == "__main__":
    main()
