"""People whose outlines somebody drew or picked by eye: ``python -m training.drawn_people --help``.

For photos in which people are boxed. A drawn mask is the whole of its person; a box without one
stays unknown, and so does a place where somebody without a box was seen. Elsewhere nobody is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from m2fp_cli.arrays import BoolArray
from m2fp_cli.terminal import counted
from m2fp_cli.training.dataset import IGNORE, Bytes
from training.scene_truth import read_keypoints
from training.seen_masks import Box, SeenMask, read_masks

_RIM = 1  # pixels around a mask that stay unknown, as outlines by eye are no more exact
_BEYOND = 2  # pixels that people may reach beyond their boxes


def paint_people(
    seen: Sequence[SeenMask], boxes: Sequence[Box], image_hw: tuple[int, int]
) -> tuple[Bytes, Bytes]:
    """Labels and people of a photo, both (H, W) uint8, 255 = unknown.

    Args:
        seen: masks of some of the people; where two overlap is unknown.
        boxes: of everybody, left, top, right, bottom in pixels.
        image_hw: size of the photo.

    Returns:
        Labels: 255 where somebody is or may be, else 0. People: ids from 1 in the order of
        ``seen``, 0 where nobody is.
    """
    people = np.zeros(image_hw, np.uint8)
    drawn = {one.boxed for one in seen}
    for place, (left, top, right, bottom) in enumerate(boxes):
        if place not in drawn:
            rows = slice(max(0, int(top) - _BEYOND), int(bottom) + 1 + _BEYOND)
            columns = slice(max(0, int(left) - _BEYOND), int(right) + 1 + _BEYOND)
            people[rows, columns] = IGNORE
    times = np.sum([one.mask for one in seen], axis=0, dtype=np.uint16)
    for person, one in enumerate(seen, start=1):
        people[_rim(one.mask) & (times == 0)] = IGNORE
        people[one.mask] = person
    people[times > 1] = IGNORE
    return np.where(people > 0, np.uint8(IGNORE), np.uint8(0)), people


def _rim(mask: BoolArray) -> BoolArray:
    brush = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), brush) > 0, np.bool_)


def read_unboxed(path: Path) -> dict[str, list[Box]]:
    """Places of people without a box, by photo, from lines of photo, left, top, right, bottom."""
    found: dict[str, list[Box]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        photo, *sides = line.split("\t")
        left, top, right, bottom = map(float, sides)
        found.setdefault(photo, []).append((left, top, right, bottom))
    return found


def write_folder(data: Path, masks: Path, out: Path, unboxed: Mapping[str, list[Box]]) -> int:
    """Write ``labels/`` and ``people/`` of the drawn photos; gives the number of masks.

    Args:
        data: with ``photos`` and ``keypoints.json``.
        masks: a .json file, see ``seen_masks.read_masks``.
        out: the new folder; its ``photos/`` links to those that are drawn.
        unboxed: places of people without a box, by photo.
    """
    for kind in ("photos", "labels", "people"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    seen, known = read_masks(masks), read_keypoints(data)
    for name, drawn in seen.items():
        photo = data / "photos" / f"{name}.jpg"
        width, height = Image.open(photo).size
        boxes = [tuple(one["box"]) for one in known[name]] + unboxed.get(name, [])
        for kind, plane in zip(
            ("labels", "people"), paint_people(drawn, boxes, (height, width)), strict=True
        ):
            Image.fromarray(plane).save(out / kind / f"{name}.png")
        link = out / "photos" / photo.name
        if not link.exists():
            link.symlink_to(photo.resolve())
    return sum(map(len, seen.values()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the folder."""
    parser = argparse.ArgumentParser(prog="python -m training.drawn_people", description=__doc__)
    parser.add_argument("data", type=Path, help="with photos/ and keypoints.json")
    parser.add_argument("--masks", type=Path, required=True, help="a .json file")
    parser.add_argument("--unboxed", type=Path, help="a .tsv file of people without a box")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args(arguments)
    unboxed = {} if asked.unboxed is None else read_unboxed(asked.unboxed)
    written = write_folder(asked.data, asked.masks, asked.out, unboxed)
    print(f"{counted(written, 'mask')} written")


if __name__ == "__main__":
    main()
