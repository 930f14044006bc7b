"""A legend of the colors of a picture, placed where it hides no face.

The panel goes where it hides least of the people, preferably to a corner. Several shapes are tried,
wide and narrow, then smaller letters. Where every place would touch a face, the panel gets a strip
of its own below the picture instead.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from m2fp_cli.arrays import Picture, Rgb

FACE_NAMES = ("Face", "Head")
"""Names of the labels that a legend must not hide."""

# Sizes of a panel.
_LETTERS_SHARE = 1 / 42  # height of the letters on the shorter side of the photo
_MIN_LETTERS = 11  # pixels; smaller ones cannot be read
_SMALLER = (1.0, 0.8, 0.64)  # factors of the letters that are tried in turn
_PADDING = 0.6  # around the entries, heights of a letter
_ROW_HEIGHT = 1.5  # heights of a letter
_TEXT_INDENT = 1.5  # from the left side of the swatch to the text, heights of a letter

_PANEL_RGBA = (24, 24, 28, 216)
_TEXT_RGBA = (255, 255, 255, 255)
_SWATCH_OUTLINE_RGBA = (255, 255, 255, 150)

# Places are compared on a coarse map.
_CELLS = 160  # along its longer side
_MARGIN_SHARE = 0.02  # between panel and border, share of the map's shorter side
_CORNER_WEIGHT = 0.25  # of the distance from the nearest corner, against the share of people hidden


@dataclass(frozen=True)
class LegendEntry:
    """One line of a legend.

    Attributes:
        text: what the color stands for.
        color_rgb: the color, 0..255.
    """

    text: str
    color_rgb: Rgb


@dataclass(frozen=True)
class LegendPlan:
    """The shape and the place of a legend; it fits every picture of the same size.

    Attributes:
        entries: its lines.
        letters: height of the letters in pixels.
        columns: number of columns.
        corner_xy: column and row of its upper left corner; None puts it below the picture.
    """

    entries: tuple[LegendEntry, ...]
    letters: int
    columns: int
    corner_xy: tuple[int, int] | None


def plan_legend(
    entries: Sequence[LegendEntry],
    face_mask: npt.NDArray[np.bool_],
    person_mask: npt.NDArray[np.bool_],
) -> LegendPlan:
    """Find the shape and the place that hide no face, and as little of the people as possible.

    Args:
        entries: lines of the legend, at least one.
        face_mask: (H, W) bool, what must stay visible.
        person_mask: (H, W) bool, what should stay visible where that is possible.
    """
    lines = tuple(entries)
    height, width = face_mask.shape
    letters = max(_MIN_LETTERS, round(min(height, width) * _LETTERS_SHARE))
    for share in _SMALLER:
        size = max(_MIN_LETTERS, round(letters * share))
        place = find_place(_panel_sizes(lines, size), face_mask, person_mask)
        if place is not None:
            columns, x, y = place
            return LegendPlan(lines, size, columns, (x, y))
    size = max(_MIN_LETTERS, round(letters * _SMALLER[-1]))
    sizes = _panel_sizes(lines, size)
    fitting = [n for n, panel_hw in enumerate(sizes, start=1) if panel_hw[1] <= width]
    return LegendPlan(lines, size, fitting[-1] if fitting else 1, None)


def draw_legend(image: Picture, plan: LegendPlan) -> Picture:
    """Draw a legend into a picture.

    Args:
        image: (H, W, 3) BGR or (H, W, 4) BGRA uint8 of the planned size; drawn into.
        plan: what ``plan_legend`` found.

    Returns:
        the picture; a new one, higher by a strip for the legend, if no place is free of faces.
    """
    panel = _draw_panel(plan.entries, plan.letters, plan.columns)
    if plan.corner_xy is not None:
        _blend_panel(image, panel, *plan.corner_xy)
        return image
    strip = np.zeros((panel.clear.shape[0], *image.shape[1:]), dtype=np.uint8)
    strip[:] = (*_PANEL_RGBA[2::-1], 255)[: image.shape[2]]
    _blend_panel(strip, panel.cropped(image.shape[1]), 0, 0)
    return np.vstack((image, strip))


def find_place(
    sizes_hw: Sequence[tuple[int, int]],
    face_mask: npt.NDArray[np.bool_],
    person_mask: npt.NDArray[np.bool_],
) -> tuple[int, int, int] | None:
    """Find where a panel hides least.

    Args:
        sizes_hw: height and width in pixels of the panel in each shape it may take.
        face_mask: (H, W) bool, must not be touched.
        person_mask: (H, W) bool, should be hidden as little as possible.

    Returns:
        number of the shape, from 1, and column and row of its upper left corner; None if every
        place touches a face.
    """
    height, width = face_mask.shape
    cell = max(1.0, max(height, width) / _CELLS)
    rows, columns = int(np.ceil(height / cell)), int(np.ceil(width / cell))
    # A cell with any pixel of a face is a face, and its neighbors are the margin around it.
    touched = _touched_cells(face_mask, (rows, columns))
    face_cells = np.asarray(cv2.dilate(touched, np.ones((3, 3), np.uint8)))
    person_cells = _covered_shares(person_mask, (rows, columns))
    best: tuple[float, int, int, int] | None = None
    margin = max(1, round(min(rows, columns) * _MARGIN_SHARE))
    for number, (panel_height, panel_width) in enumerate(sizes_hw, start=1):
        h, w = int(np.ceil(panel_height / cell)) + 1, int(np.ceil(panel_width / cell)) + 1
        if h + 2 * margin > rows or w + 2 * margin > columns:
            continue
        cost = _place_costs(face_cells, person_cells, (h, w), margin)
        at = int(cost.argmin())
        y, x = divmod(at, cost.shape[1])
        found = (float(cost[y, x]), number, round((x + margin) * cell), round((y + margin) * cell))
        if np.isfinite(found[0]) and (best is None or found < best):
            best = found
    if best is None:
        return None
    number, x, y = best[1:]
    panel_height, panel_width = sizes_hw[number - 1]
    return number, min(x, width - panel_width), min(y, height - panel_height)


def _covered_shares(
    mask: npt.NDArray[np.bool_], cells_hw: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Share of each cell that a mask covers, to 1/255."""
    full = mask.view(np.uint8) * np.uint8(255)
    share = cv2.resize(full, cells_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(share, dtype=np.float32) / np.float32(255)


def _touched_cells(mask: npt.NDArray[np.bool_], cells_hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """1 in each cell that holds any pixel of a mask, and in some beside them; 0 elsewhere."""
    cell = max(mask.shape[0] / cells_hw[0], mask.shape[1] / cells_hw[1])
    side = 2 * round(cell / 8) + 3  # wide enough for a single pixel to count in a cell's share
    wider = cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8))
    return (_covered_shares(np.asarray(wider).view(np.bool_), cells_hw) > 0).astype(np.uint8)


def _place_costs(
    face_cells: npt.NDArray[Any],
    person_cells: npt.NDArray[Any],
    panel_hw: tuple[int, int],
    margin: int,
) -> npt.NDArray[np.float64]:
    """Share of a panel over people at each place, plus a little for being away from a corner."""
    h, w = panel_hw
    rows, columns = face_cells.shape
    inner = slice(margin, rows - margin), slice(margin, columns - margin)
    face_sums, person_sums = (
        _box_sums(cells[inner].astype(np.float64), h, w) for cells in (face_cells, person_cells)
    )
    down, across = (np.linspace(0, 1, n) if n > 1 else np.zeros(1) for n in face_sums.shape)
    away = np.minimum(down, 1 - down)[:, None] + np.minimum(across, 1 - across)[None]
    cost = person_sums / (h * w) + _CORNER_WEIGHT * away
    cost[face_sums > 0.5] = np.inf
    return np.asarray(cost)


def _box_sums(cells: npt.NDArray[np.float64], h: int, w: int) -> npt.NDArray[np.float64]:
    """Sum of the cells in the box at each place; the first is at row 0, column 0."""
    total = np.asarray(cv2.integral(np.ascontiguousarray(cells)))
    return np.asarray(total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w])


@functools.lru_cache(maxsize=256)
def _panel_sizes(entries: tuple[LegendEntry, ...], letters: int) -> list[tuple[int, int]]:
    """Height and width of the panel with 1, 2, 3 ... columns."""
    return [_layout(entries, letters, columns).panel_hw for columns in range(1, len(entries) + 1)]


@dataclass(frozen=True)
class _Layout:
    """Where things lie on a panel, in pixels."""

    panel_hw: tuple[int, int]
    padding: int
    swatch: int
    row_height: int
    column_widths: tuple[int, ...]
    rows: int


@dataclass(frozen=True, eq=False)
class _Panel:
    """A drawn panel, ready to be blended over a picture.

    Attributes:
        light: (h, w, 3) float32 BGR, 0..255, times its opacity.
        clear: (h, w, 3) float32, 1 - opacity.
    """

    light: npt.NDArray[np.float32]
    clear: npt.NDArray[np.float32]

    def cropped(self, width: int) -> _Panel:
        """The left part."""
        return _Panel(self.light[:, :width], self.clear[:, :width])


@functools.lru_cache(maxsize=8)
def _font(letters: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=letters)


def _layout(entries: tuple[LegendEntry, ...], letters: int, columns: int) -> _Layout:
    rows = -(-len(entries) // columns)
    padding, row_height = round(letters * _PADDING), round(letters * _ROW_HEIGHT)
    widths = [round(_font(letters).getlength(entry.text)) for entry in entries]
    column_widths = tuple(
        max(widths[start : start + rows]) + round(letters * _TEXT_INDENT) + padding
        for start in range(0, len(entries), rows)
    )
    size = rows * row_height + 2 * padding, sum(column_widths) + padding
    return _Layout(size, padding, letters, row_height, column_widths, rows)


@functools.lru_cache(maxsize=64)
def _draw_panel(entries: tuple[LegendEntry, ...], letters: int, columns: int) -> _Panel:
    """The panel; kept for the next photo with the same labels."""
    layout = _layout(entries, letters, columns)
    height, width = layout.panel_hw
    panel = Image.new("RGBA", (width, height), _PANEL_RGBA)
    draw = ImageDraw.Draw(panel)
    left = layout.padding
    for column, column_width in enumerate(layout.column_widths):
        for row in range(layout.rows):
            number = column * layout.rows + row
            if number >= len(entries):
                break
            top = layout.padding + row * layout.row_height
            middle = top + layout.row_height // 2
            upper = middle - letters // 2
            box = (left, upper, left + layout.swatch, upper + layout.swatch)
            draw.rectangle(
                box, fill=(*entries[number].color_rgb, 255), outline=_SWATCH_OUTLINE_RGBA
            )
            text_x = left + round(letters * _TEXT_INDENT)
            draw.text(
                (text_x, middle), entries[number].text, _TEXT_RGBA, _font(letters), anchor="lm"
            )
        left += column_width
    rgba = np.asarray(panel, dtype=np.float32)
    alpha = rgba[..., 3:] / 255
    light = np.ascontiguousarray(rgba[..., 2::-1] * alpha)
    return _Panel(light, np.repeat(1 - alpha, 3, axis=2))


def _blend_panel(image: Picture, panel: _Panel, x: int, y: int) -> None:
    """Blend a panel over a picture, in place; on a clear background it brings its own opacity."""
    height, width = panel.clear.shape[:2]
    part = image[y : y + height, x : x + width]
    if image.shape[2] == 4:
        part[..., 3] = np.rint(255 - panel.clear[..., 0] * (255 - part[..., 3]))
    below = part[..., :3] * panel.clear
    below += panel.light
    part[..., :3] = np.rint(below, out=below)
