"""Contact sheets: many pictures, small, with text below each, on pages of a fixed size.

Pictures come in blocks, one for each photo. A page is drawn as its pictures come and given away
when it is full, so that a sheet of thousands needs the memory of one page.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from m2fp_cli.arrays import Box, Picture
from m2fp_cli.terminal import displayable

PICTURE_SIDE = 224  # pixels
ROWS = 16  # of a page
_COLUMNS = (6, 7, 8)
_GAP = 8
_LINE = 18  # height of a line of text
_LETTERS = 13
_MOST_LETTERS = 200  # of a text; far fewer fit
_SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ı": "i", "’": "'", "–": "-"}
)  # what has no accent that could be left out
_CELL_WIDTH = PICTURE_SIDE + _GAP
_TEXT_HEIGHT = 3 * _LINE
_CELL_HEIGHT = PICTURE_SIDE + _TEXT_HEIGHT + _GAP

_GROUND = (255, 255, 255)
_EMPTY = (232, 232, 232)  # behind pictures that are not square
_TEXT_RGB = (24, 24, 28)
_NOTE_RGB = (176, 58, 32)

_MARGIN = 0.15  # around what is shown of a photo, share of its longer side
_LEAST_SIDE = 96  # of what is shown of a photo, pixels


@dataclass(frozen=True, eq=False)
class Cell:
    """One picture of a sheet.

    Attributes:
        picture: (h, w, 3) uint8 BGR, at most ``PICTURE_SIDE`` on each side; None where it cannot be
            read.
        caption: the line below it.
        note: two more lines, in a color that is noticed.
    """

    picture: Picture | None
    caption: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class Block:
    """The pictures of one photo.

    Attributes:
        count: how many there are.
        cells: the pictures, made as they are taken.
    """

    count: int
    cells: Iterable[Cell]


def draw_sheet(blocks: Iterable[Block], largest: int) -> Iterator[Picture]:
    """Draw the pages of a sheet.

    A block that fits into the rest of a row goes on there; any other begins a row.

    Args:
        blocks: of the photos, in their order.
        largest: number of pictures of the largest block, from which the number of columns follows.

    Yields:
        pages, (H, W, 3) uint8 BGR; the last one is as high as it is full.
    """
    columns = choose_columns(largest)
    page, at = _blank_page(columns), 0
    for block in blocks:
        if at % columns and block.count > columns - at % columns:
            at += columns - at % columns
        for cell in block.cells:
            if at >= columns * ROWS:
                yield page
                page, at = _blank_page(columns), 0
            row, column = divmod(at, columns)
            _draw_cell(page, cell, _GAP + row * _CELL_HEIGHT, _GAP + column * _CELL_WIDTH)
            at += 1
    if at:
        yield page[: _GAP + -(-at // columns) * _CELL_HEIGHT]


def choose_columns(largest: int) -> int:
    """Columns of a sheet, so that few places stay empty.

    Args:
        largest: number of pictures of the largest block.
    """
    if largest <= _COLUMNS[-1]:
        return _COLUMNS[-1] // max(largest, 1) * max(largest, 1)
    return min(_COLUMNS, key=lambda columns: (-largest % columns, -columns))


def shown_box(changed: Iterable[Box], photo_hw: tuple[int, int]) -> Box:
    """Which part of a photo is shown: what changed in one of its pictures, and a margin.

    Args:
        changed: half-open boxes.
        photo_hw: size of the photo.

    Returns:
        a half-open box, square where the photo has room for it; the whole photo if nothing changed.
    """
    boxes = np.array(list(changed), np.int64).reshape(-1, 4)
    height, width = photo_hw
    if not len(boxes):
        return 0, 0, width, height
    first, last = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    side = max(round((1 + 2 * _MARGIN) * int((last - first).max())), _LEAST_SIDE)
    middle = (first + last) / 2
    x0, x1 = _span(float(middle[0]), side, width)
    y0, y1 = _span(float(middle[1]), side, height)
    return x0, y0, x1, y1


def _span(middle: float, length: int, most: int) -> tuple[int, int]:
    """A stretch of a side around its middle, moved inside."""
    length = min(length, most)
    first = min(max(round(middle - length / 2), 0), most - length)
    return first, first + length


def shrink_to_cell(picture: Picture, box: Box) -> Picture:
    """A part of a picture as a cell shows it; small ones are enlarged.

    Args:
        picture: (H, W, 3) uint8.
        box: half-open.
    """
    x0, y0, x1, y1 = box
    part = picture[y0:y1, x0:x1]
    factor = PICTURE_SIDE / max(part.shape[:2])
    size = max(round(part.shape[1] * factor), 1), max(round(part.shape[0] * factor), 1)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)


def _blank_page(columns: int) -> Picture:
    return np.full((_GAP + ROWS * _CELL_HEIGHT, _GAP + columns * _CELL_WIDTH, 3), 255, np.uint8)


def _draw_cell(page: Picture, cell: Cell, y: int, x: int) -> None:
    """Draw a cell into a page, in place."""
    page[y : y + PICTURE_SIDE, x : x + PICTURE_SIDE] = _EMPTY
    if cell.picture is not None:
        height, width = cell.picture.shape[:2]
        top, left = y + (PICTURE_SIDE - height) // 2, x + (PICTURE_SIDE - width) // 2
        page[top : top + height, left : left + width] = cell.picture
    strip = Image.new("RGB", (PICTURE_SIDE, _TEXT_HEIGHT), _GROUND)
    draw = ImageDraw.Draw(strip)
    draw.text((0, 1), _fit_text(_plain(cell.caption)), fill=_TEXT_RGB, font=_font())
    for number, line in enumerate(_two_lines(_plain(cell.note)), start=1):
        draw.text((0, 1 + number * _LINE), line, fill=_NOTE_RGB, font=_font())
    below = y + PICTURE_SIDE
    page[below : below + _TEXT_HEIGHT, x : x + PICTURE_SIDE] = np.asarray(strip)[..., ::-1]


def _plain(text: str) -> str:
    """A text in letters that the font has, which are those of ASCII: without accents."""
    letters = unicodedata.normalize("NFKD", displayable(text[:_MOST_LETTERS]))
    return "".join(c for c in letters.translate(_SPELLED) if not unicodedata.combining(c))


def _two_lines(text: str) -> tuple[str, str]:
    """A text broken between words; its end is left out if need be."""
    words = text.split(" ")
    count = len(words)
    while count > 1 and _font().getlength(" ".join(words[:count])) > PICTURE_SIDE:
        count -= 1
    return _fit_text(" ".join(words[:count])), _fit_text(" ".join(words[count:]))


def _fit_text(text: str) -> str:
    """A line that is as wide as a picture at most; its end is left out if need be."""
    if _font().getlength(text) <= PICTURE_SIDE:
        return text
    while text and _font().getlength(f"{text}...") > PICTURE_SIDE:
        text = text[:-1]
    return f"{text}..."


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_LETTERS)
