"""Which part of a photo a scene shows, and how large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.training.dataset import IGNORE, LabelledPhoto
from m2fp_cli.training.warping import Matrix, affine

Places = NDArray[np.intp]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class View:
    """Where a photo goes.

    Attributes:
        matrix: (2, 3) affine map from the photo's pixels to the canvas's.
        scale: its scale.
    """

    matrix: Matrix
    scale: float


@dataclass(frozen=True)
class _Focus:
    """A point (x, y) of the photo, the scale there, how far it may miss its target."""

    point: tuple[float, float]
    scale: float
    jitter: float


def frame_photo(
    photo: LabelledPhoto,
    rng: Rng,
    box_xyxy: tuple[int, int, int, int],
    scales: tuple[float, float],
    close_up: float,
    max_degrees: float,
    as_in_use: float = 0.0,
) -> View:
    """A view of a whole photo for a box of the canvas.

    Args:
        photo: what is shown.
        rng: where chance comes from.
        box_xyxy: of the canvas.
        scales: least and largest; 1 = the photo covers the box.
        close_up: how often one person's head and shoulders are shown.
        max_degrees: largest turn.
        as_in_use: how often the photo covers the box, upright, with nothing changed but a few
            percent of its scale and place: what a network sees in use.
    """
    left, top, right, bottom = box_xyxy
    wide, high = right - left, bottom - top
    fill = max(high / photo.rgb.shape[0], wide / photo.rgb.shape[1])
    if as_in_use and rng.random() < as_in_use:
        return _covering(photo, rng, ((left + right) / 2, (top + bottom) / 2), fill)
    person = _any_person(photo, rng)
    if person is not None and rng.random() < close_up:
        focus = _close_up(*person_pixels(photo, person), rng, fill, high)
    else:
        focus = _any_view(photo, rng, fill, scales)
    shift_x, shift_y = rng.uniform(-1, 1, 2) * focus.jitter
    target = ((left + right) / 2 + shift_x * wide, (top + bottom) / 2 + shift_y * high)
    angle = rng.uniform(-1, 1) * max_degrees if rng.random() < 0.6 else 0.0
    return View(affine(focus.point, target, focus.scale, angle), focus.scale)


def _covering(photo: LabelledPhoto, rng: Rng, middle: tuple[float, float], fill: float) -> View:
    """The photo's middle near a point of the canvas, at the scale that covers its box."""
    scale = fill * float(np.exp(rng.uniform(-0.15, 0.15)))
    spread = 0.05 * scale  # of the photo's size
    shift_x, shift_y = rng.uniform(-spread, spread, 2)
    target = (
        middle[0] + shift_x * photo.rgb.shape[1],
        middle[1] + shift_y * photo.rgb.shape[0],
    )
    focus = (photo.rgb.shape[1] / 2, photo.rgb.shape[0] / 2)
    return View(affine(focus, target, scale, 0.0), scale)


def person_pixels(photo: LabelledPhoto, person: int) -> tuple[Places, Places]:
    """Rows and columns of every fourth pixel (each way) of one person."""
    rows, columns = np.nonzero(photo.people[::4, ::4] == person)
    return rows * 4, columns * 4


def _any_person(photo: LabelledPhoto, rng: Rng) -> int | None:
    """One of the people of some 60 pixels' height; None = there is none."""
    sizes = np.bincount(photo.people[::4, ::4].ravel(), minlength=256)[1:IGNORE]
    known = np.flatnonzero(sizes >= 60) + 1
    return int(known[rng.integers(len(known))]) if len(known) else None


def _any_view(photo: LabelledPhoto, rng: Rng, fill: float, scales: tuple[float, float]) -> _Focus:
    """A view at any scale; near ones look at a pixel of somebody."""
    low, high = np.log(scales[0]), np.log(scales[1])
    scale = float(fill * np.exp(rng.uniform(low, high)))
    rows, columns = np.nonzero(photo.labels[::4, ::4])
    if scale > fill and len(rows):
        pick = int(rng.integers(len(rows)))
        return _Focus((float(columns[pick] * 4), float(rows[pick] * 4)), scale, 0.1)
    jitter = 0.1 if scale > fill else 0.25
    return _Focus((photo.rgb.shape[1] / 2, photo.rgb.shape[0] / 2), scale, jitter)


def _close_up(rows: Places, columns: Places, rng: Rng, fill: float, height: int) -> _Focus:
    """A view of the upper part of a person."""
    part = (rows.max() - rows.min()) * rng.uniform(0.15, 0.45)
    scale = float(np.clip(height / max(part, 8) * 0.8, 0.5 * fill, 6 * fill))
    near = rows < rows.min() + max(part, 1)
    return _Focus((float(columns[near].mean()), float(rows[near].mean())), scale, 0.15)
