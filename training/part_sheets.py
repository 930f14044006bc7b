"""Sheets of guessed part labels, to be corrected by eye: ``python -m training.part_sheets --help``.

A sheet shows a photo beside its numbered parts. ``parts.tsv`` beside the sheets has a line a part,
in the form of ``training/part_corrections.py``, whose last column repeats the guess: write
what is right there, or split a part by repeating its line with smaller rectangles. Scales at the
sheets' edges are pixels of the photo.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.records.labels import CIHP
from m2fp_cli.training.dataset import Bytes, LabelledPhoto, find_names, read_photo

_SMALLEST = 0.012  # of the person's pixels: smaller parts are not worth a look
_LOWEST = 0.22  # of the photo's height: lower people are left out
_PANEL = 760  # pixels of the photo's longer side on a sheet
_TICKS = 10  # along each side
_LETTERS = 0.45  # OpenCV's scale
_BAND = 36  # pixels beside a panel for its scale
_HEAD = ("photo", "person", "left", "top", "right", "bottom", "guessed", "meant")


@dataclass(frozen=True)
class Part:
    """A connected piece of one label of one person.

    Attributes:
        person: id in the map of people.
        label: its name.
        box_xyxy: pixels, right and bottom excluded.
        mask: (H, W) bool.
    """

    person: int
    label: str
    box_xyxy: tuple[int, int, int, int]
    mask: BoolArray


def find_parts(labels: Bytes, people: Bytes) -> Iterator[Part]:
    """All parts that are worth a look, person by person.

    Args:
        labels: (H, W) uint8 ids of the 20 labels, 255 = unknown.
        people: (H, W) uint8 ids, 0 = nobody, 255 = unknown.
    """
    for person in set(np.unique(people).tolist()) - {0, 255}:
        own = people == person
        if np.count_nonzero(own.any(axis=1)) < _LOWEST * len(labels):
            continue
        for label in range(1, len(CIHP.names)):
            pieces = ((labels == label) & own).astype(np.uint8)
            count, places, figures, _ = cv2.connectedComponentsWithStats(pieces)
            for piece in range(1, count):
                left, top, width, height, area = figures[piece].tolist()
                if area >= _SMALLEST * np.count_nonzero(own):
                    box = (left, top, left + width, top + height)
                    yield Part(person, CIHP.names[label], box, places == piece)


def draw_sheet(photo: LabelledPhoto, parts: list[Part]) -> Picture:
    """The photo beside its parts, outlined and numbered from 1, with their labels below, BGR."""
    bgr = np.ascontiguousarray(photo.rgb[:, :, ::-1])
    scale = _PANEL / max(bgr.shape[:2])
    size = (round(bgr.shape[1] * scale), round(bgr.shape[0] * scale))
    shown = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    marked = (shown * 0.35).astype(np.uint8)
    for number, part in enumerate(parts, 1):
        mask = cv2.resize(part.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        hue = np.full((1, 1, 3), (number * 47 % 180, 200, 230), np.uint8)
        color = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0]
        inside = mask > 0
        marked[inside] = (0.45 * shown[inside] + 0.55 * color).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(marked, outlines, -1, (255, 255, 255), 1)
    for number, part in enumerate(parts, 1):
        _write(marked, str(number), _middle(part.mask, size), outlined=True)
    panels = np.hstack([_with_scales(panel, scale) for panel in (shown, marked)])
    legend = [f"{number} {part.label}" for number, part in enumerate(parts, 1)]
    rows = [legend[i : i + 10] for i in range(0, len(legend), 10)]
    foot = np.full((20 * len(rows) + 26, panels.shape[1], 3), 255, np.uint8)
    for row, text in enumerate([photo.name, *("   ".join(words) for words in rows)]):
        _write(foot, text, (4, 16 + 20 * row))
    return np.vstack([panels, foot])


def _middle(mask: BoolArray, size: tuple[int, int]) -> tuple[int, int]:
    """The point of a part that is furthest from its edge, x and y of the panel."""
    inside = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(x) - 8, int(y) + 5


def _with_scales(panel: Picture, scale: float) -> Picture:
    """A panel with pixels of the photo written along its upper and left edge."""
    white = (255, 255, 255)
    border = cv2.copyMakeBorder(panel, _BAND, 0, _BAND, 0, cv2.BORDER_CONSTANT, value=white)
    framed = np.asarray(border, np.uint8)
    height, width = panel.shape[:2]
    for tick in range(_TICKS):
        x, y = width * tick // _TICKS, height * tick // _TICKS
        _write(framed, str(round(x / scale)), (_BAND + x, _BAND - 8))
        _write(framed, str(round(y / scale)), (2, _BAND + y + 10))
    return framed


def _write(
    picture: Picture, text: str, corner_xy: tuple[int, int], *, outlined: bool = False
) -> None:
    """Write a line; the corner is the lower left one."""
    for color, width in (((0, 0, 0), 4), ((255, 255, 255), 1)) if outlined else (((0, 0, 0), 1),):
        cv2.putText(
            picture, text, corner_xy, cv2.FONT_HERSHEY_SIMPLEX, _LETTERS, color, width, cv2.LINE_AA
        )  # fmt: skip


def main() -> None:
    """Parse the command line, draw the sheets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="with photos/, labels/ and, if any, people/")
    parser.add_argument("--out", type=Path, required=True, help="folder for sheets and parts.tsv")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[object, ...]] = [_HEAD]
    for name in find_names(arguments.data):
        photo = read_photo(arguments.data, name)
        parts = list(find_parts(photo.labels, photo.people))
        if parts:
            (arguments.out / f"{name}.png").write_bytes(encode_png(draw_sheet(photo, parts)))
        rows += [(name, one.person, *one.box_xyxy, one.label, one.label) for one in parts]
    table = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    (arguments.out / "parts.tsv").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
