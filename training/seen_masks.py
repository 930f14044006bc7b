"""Masks of boxed people that somebody picked by eye: ``python -m training.seen_masks --help``.

Of people of whom only the box is known, or whose made mask is small, models and a graph cut drew
candidates inside the box, and somebody took the right one or none. Where a picked mask is, somebody
is there; in the rest of that box, away from the mask and from other people's boxes, nobody is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from m2fp_cli.arrays import BoolArray
from m2fp_cli.records.run_lengths import decode_rle
from m2fp_cli.terminal import counted
from m2fp_cli.training.dataset import IGNORE, Bytes
from training.scene_truth import read_keypoints

_NEW = 0.7  # of a mask's pixels that are nobody's yet: from here on it is somebody new
_AROUND = 0.03  # of the box's shorter side that stays unknown around a mask
_FEWEST_AROUND = 3  # pixels
_BESIDE = 2  # pixels around another's box that stay unknown

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SeenMask:
    """A mask that was picked.

    Attributes:
        boxed: place of its person among the boxes of the photo.
        mask: (H, W) bool.
    """

    boxed: int
    mask: BoolArray


def read_masks(path: Path) -> dict[str, list[SeenMask]]:
    """The picked masks of every photo by its name, in the order in which they apply."""
    return {
        photo: [SeenMask(one["boxed"], decode_rle(one["rle"]).full()) for one in found]
        for photo, found in json.loads(path.read_text(encoding="utf-8")).items()
    }


def add_people(
    labels: Bytes, people: Bytes, seen: Sequence[SeenMask], boxes: Sequence[Box]
) -> tuple[Bytes, Bytes]:
    """Labels and people with the picked masks, both (H, W) uint8, 255 = unknown.

    Args:
        labels: (H, W) uint8 ids; what is added has unknown parts.
        people: (H, W) uint8 ids, 0 = nobody. A mask that lies on somebody known widens them.
        seen: applied one after the other.
        boxes: of everybody in the photo, left, top, right, bottom in pixels.
    """
    labels, people = labels.copy(), people.copy()
    for one in seen:
        free = one.mask & ((people == 0) | (people == IGNORE))
        known = people[one.mask & ~free]
        if np.count_nonzero(free) >= _NEW * np.count_nonzero(one.mask):
            person = int(people[people != IGNORE].max(initial=0)) + 1
        else:
            person = int(np.bincount(known).argmax())
        empty = _empty_around(one, boxes) & (people == IGNORE)
        rim = _widened(one.mask, _BESIDE) & ~one.mask & ((people == 0) | empty)
        people[empty], labels[empty] = 0, 0
        people[rim], people[free] = IGNORE, person
        labels[free] = IGNORE
    return labels, people


def _empty_around(one: SeenMask, boxes: Sequence[Box]) -> BoolArray:
    """Where in a person's box nobody is, (H, W) bool."""
    left, top, right, bottom = (max(0, round(side)) for side in boxes[one.boxed])
    empty = np.zeros(one.mask.shape, np.bool_)
    empty[top:bottom, left:right] = True
    for place, other in enumerate(boxes):
        if place != one.boxed:
            x0, y0, x1, y1 = map(int, other)
            beside = (slice(max(0, y0 - _BESIDE), y1 + _BESIDE + 1),
                      slice(max(0, x0 - _BESIDE), x1 + _BESIDE + 1))  # fmt: skip
            empty[beside] = False
    around = max(_FEWEST_AROUND, int(_AROUND * min(right - left, bottom - top)))
    return np.asarray(empty & ~_widened(one.mask, around), np.bool_)


def _widened(mask: BoolArray, pixels: int) -> BoolArray:
    """A mask and what is within some pixels of it, (H, W) bool."""
    brush = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), brush) > 0, np.bool_)


def add_to_folder(data: Path, masks: Path, boxes: Path, out: Path) -> int:
    """Write ``labels/`` and ``people/`` and link ``photos``; gives the number of masks.

    Args:
        data: with ``photos``, ``labels`` and ``people``.
        masks: a .json file, see ``read_masks``.
        boxes: folder with ``keypoints.json``.
        out: the new folder.
    """
    for kind in ("labels", "people"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    if not (out / "photos").exists():
        (out / "photos").symlink_to((data / "photos").resolve())
    seen, known = read_masks(masks), read_keypoints(boxes)
    for path in sorted((data / "labels").glob("*.png")):
        planes = [np.asarray(Image.open(data / kind / path.name), np.uint8)
                  for kind in ("labels", "people")]  # fmt: skip
        around = [tuple(one["box"]) for one in known.get(path.stem, ())]
        added = add_people(planes[0], planes[1], seen.get(path.stem, ()), around)
        for kind, plane in zip(("labels", "people"), added, strict=True):
            Image.fromarray(plane).save(out / kind / path.name)
    return sum(map(len, seen.values()))


def main() -> None:
    """Parse the command line and add the masks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="with photos/, labels/ and people/")
    parser.add_argument("--masks", type=Path, required=True, help="a .json file")
    parser.add_argument("--boxes", type=Path, required=True, help="folder with keypoints.json")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    added = add_to_folder(asked.data, asked.masks, asked.boxes, asked.out)
    print(f"{counted(added, 'mask')} added")


if __name__ == "__main__":
    main()
