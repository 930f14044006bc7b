"""Training scenes: photos and cut-out people placed on a canvas by random affine maps.

Every placed person keeps an id of its own, so that a scene teaches labels and people at once. A
person that covers another hides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.dataset import LabelledPhoto

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Gains = NDArray[np.float64] | tuple[float, ...]
Rng = np.random.Generator

_SIDE_MARGIN = 24  # narrowest strip beside a person that serves as a background, in pixels


@dataclass(frozen=True)
class SceneOdds:
    """How often a scene is what.

    Attributes:
        nobody: only background.
        cutouts_only: people on a background from elsewhere, no whole photo.
        side_by_side: two whole photos share the canvas.
        more_people: further people are pasted.
        max_people: at most that many are pasted.
        close_up: a person is framed at head and shoulders.
        min_scale: smallest scale; 1 = the photo's height fills the canvas.
        max_scale: largest scale.
        max_degrees: largest turn.
    """

    nobody: float = 0.06
    cutouts_only: float = 0.15
    side_by_side: float = 0.12
    more_people: float = 0.5
    max_people: int = 3
    close_up: float = 0.25
    min_scale: float = 0.5
    max_scale: float = 2.2
    max_degrees: float = 15.0


@dataclass(eq=False)
class Scene:
    """A canvas in the making.

    Attributes:
        rgb: (H, W, 3) uint8.
        labels: (H, W) uint8 label ids, 255 = unknown.
        people: (H, W) uint8 person ids, 0 = nobody.
        count: people placed so far, hidden ones included.
    """

    rgb: Bytes
    labels: Bytes
    people: Bytes
    count: int = 0


class SceneComposer:
    """Draws scenes from a set of photos."""

    def __init__(
        self,
        photos: Sequence[LabelledPhoto],
        weights: NDArray[np.float64] | None,
        mirrored_ids: Sequence[int],
        odds: SceneOdds,
    ) -> None:
        """Keep the photos; ``weights`` says how often each is drawn, None = equally often."""
        self.photos, self.odds = photos, odds
        self.cumulative = None if weights is None else np.cumsum(weights)
        self.mirror_table = np.arange(256, dtype=np.uint8)
        self.mirror_table[: len(mirrored_ids)] = mirrored_ids

    def draw(self, rng: Rng, size_hw: tuple[int, int]) -> Scene:
        """One scene of the given size."""
        odds, kind = self.odds, rng.random()
        scene = self._background(rng, size_hw)
        if kind < odds.nobody:
            return scene
        if kind < odds.nobody + odds.cutouts_only:
            self._paste_people(scene, rng, 1)
            return scene
        if kind < odds.nobody + odds.cutouts_only + odds.side_by_side:
            self._place_two(scene, rng)
        else:
            self._place_photo(scene, rng, (0, size_hw[1]))
        if rng.random() < odds.more_people:
            self._paste_people(scene, rng, 1)
        return scene

    def draw_people(self, rng: Rng, size_hw: tuple[int, int], count: int) -> Scene:
        """A scene of exactly ``count`` pasted people (some may be hidden)."""
        scene = self._background(rng, size_hw)
        for slot in range(count):
            self._paste_person(scene, rng, ((slot + 0.5) / count, 0.25 / count))
        return scene

    def _photo(self, rng: Rng) -> LabelledPhoto:
        """One photo, mirrored half of the time, left and right labels swapped with it."""
        if self.cumulative is None:
            index = int(rng.integers(len(self.photos)))
        else:
            index = int(np.searchsorted(self.cumulative, rng.random() * self.cumulative[-1]))
        photo = self.photos[min(index, len(self.photos) - 1)]
        if rng.random() < 0.5:
            return photo
        labels = cv2.LUT(cv2.flip(photo.labels, 1), self.mirror_table)
        rgb = np.asarray(cv2.flip(photo.rgb, 1), np.uint8)
        return LabelledPhoto(photo.name, rgb, np.asarray(labels, np.uint8))

    def _background(self, rng: Rng, size_hw: tuple[int, int]) -> Scene:
        """An empty scene: the strip beside a person, stretched, or a plain colour gradient."""
        height, width = size_hw
        nothing = np.zeros(size_hw, np.uint8)
        if rng.random() < 0.25:
            corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
            plain = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
            return Scene(np.asarray(plain, np.uint8), nothing, nothing.copy())
        for _ in range(4):
            strip = _strip_beside_person(self._photo(rng))
            if strip.shape[1] >= _SIDE_MARGIN:
                break
        else:
            strip = np.full((8, 8, 3), rng.integers(0, 256, 3), np.uint8)
        part = max(8, int(strip.shape[0] * rng.uniform(0.3, 1.0)))
        top = int(rng.integers(0, max(1, strip.shape[0] - part)))
        rgb = cv2.resize(strip[top : top + part], (width, height), interpolation=cv2.INTER_AREA)
        return Scene(np.asarray(rgb, np.uint8), nothing, nothing.copy())

    def _place_two(self, scene: Scene, rng: Rng) -> None:
        width = scene.rgb.shape[1]
        cut = int(width * rng.uniform(0.35, 0.65))
        self._place_photo(scene, rng, (0, cut))
        self._place_photo(scene, rng, (cut, width))

    def _place_photo(self, scene: Scene, rng: Rng, columns: tuple[int, int]) -> None:
        """A whole photo, background and all, between two columns of the canvas."""
        photo = self._photo(rng)
        height = scene.rgb.shape[0]
        window = np.zeros(scene.labels.shape, np.uint8)
        window[:, columns[0] : columns[1]] = 1
        fill = max(height / photo.rgb.shape[0], (columns[1] - columns[0]) / photo.rgb.shape[1])
        matrix, scale = self._frame(photo, rng, fill, columns, height)
        alpha = np.ones(photo.labels.shape, np.uint8)
        self._blend(scene, photo, alpha, matrix, scale, window)

    def _paste_people(self, scene: Scene, rng: Rng, at_least: int) -> None:
        for _ in range(int(rng.integers(at_least, self.odds.max_people + 1))):
            self._paste_person(scene, rng, (0.5, 0.5))

    def _paste_person(self, scene: Scene, rng: Rng, place: tuple[float, float]) -> None:
        """A person cut out of a photo; ``place`` = centre and spread of its column, in [0, 1]."""
        photo = self._photo(rng)
        height, width = scene.labels.shape
        rows, columns = _person_pixels(photo)
        if not len(rows):
            return
        tall = max(1, rows.max() - rows.min())
        size = height * np.exp(rng.uniform(np.log(0.35), np.log(1.3)))
        scale = float(size / tall)
        target_x = width * np.clip(rng.uniform(-1, 1) * place[1] + place[0], 0.02, 0.98)
        target_y = height * np.clip(rng.normal(0.55, 0.12), 0.2, 1.1)
        focus = (float(columns.mean()), float((rows.min() + rows.max()) / 2))
        angle = rng.uniform(-1, 1) * self.odds.max_degrees
        matrix = _affine(focus, (target_x, target_y), scale, angle)
        alpha = (photo.labels > 0).astype(np.uint8)
        self._blend(scene, photo, alpha, matrix, scale, None, rng.uniform(0.7, 1.3, 3))

    def _frame(
        self, photo: LabelledPhoto, rng: Rng, fill: float, columns: tuple[int, int], height: int
    ) -> tuple[NDArray[np.float64], float]:
        """Where a whole photo goes: its person near the middle, or head and shoulders only."""
        rows, cols = _person_pixels(photo)
        if len(rows) and rng.random() < self.odds.close_up:
            focus, scale, jitter = _close_up(rows, cols, rng, fill, height)
        else:
            focus, scale, jitter = self._any_view(photo, rows, cols, rng, fill)
        shift_x, shift_y = rng.uniform(-1, 1, 2) * jitter
        middle = ((columns[0] + columns[1]) / 2, height / 2)
        target = (middle[0] + shift_x * (columns[1] - columns[0]), middle[1] + shift_y * height)
        angle = rng.uniform(-1, 1) * self.odds.max_degrees if rng.random() < 0.6 else 0.0
        return _affine(focus, target, scale, angle), scale

    def _any_view(
        self, photo: LabelledPhoto, rows: Places, cols: Places, rng: Rng, fill: float
    ) -> tuple[tuple[float, float], float, float]:
        """Focus, scale and jitter of a view at any scale; near ones look at someone."""
        low, high = np.log(self.odds.min_scale), np.log(self.odds.max_scale)
        scale = float(fill * np.exp(rng.uniform(low, high)))
        if scale > fill and len(rows):
            pick = int(rng.integers(len(rows)))
            return (float(cols[pick]), float(rows[pick])), scale, 0.1
        jitter = 0.1 if scale > fill else 0.25
        return (photo.rgb.shape[1] / 2, photo.rgb.shape[0] / 2), scale, jitter

    def _blend(
        self, scene: Scene, photo: LabelledPhoto, alpha: Bytes,
        matrix: NDArray[np.float64], scale: float, window: Bytes | None,
        gains: Gains = (1.0, 1.0, 1.0),
    ) -> None:  # fmt: skip
        """Warp photo, labels and alpha onto the canvas and cover what lies there.

        A whole photo fills its ``window``; a cut-out (no window) is tinted by ``gains``.
        """
        hw = (scene.labels.shape[0], scene.labels.shape[1])
        warped = _warp_colours(photo.rgb, matrix, scale, hw)
        labels = _warp(photo.labels, matrix, hw, cv2.INTER_NEAREST)
        soft = _warp(alpha * np.uint8(255), matrix, hw, cv2.INTER_LINEAR)
        if window is not None:
            soft = soft * window
        scene.count += 1
        left, top, wide, high = cv2.boundingRect(soft)
        if not wide:
            return
        box = np.s_[top : top + high, left : left + wide]
        soft, warped, labels = soft[box], warped[box], labels[box]
        inside = soft > 127
        if window is None:
            inside &= labels > 0
            scene.rgb[box] = _mix(scene.rgb[box], warped, soft, gains)
        else:
            scene.rgb[box][inside] = warped[inside]
        scene.labels[box][inside] = labels[inside]
        scene.people[box][inside] = np.where(labels[inside] > 0, scene.count, 0)


def _warp_colours(
    rgb: Bytes, matrix: NDArray[np.float64], scale: float, size_hw: tuple[int, int]
) -> Bytes:
    """Warp a photo onto a canvas; shrinks first where needed, or thin structures alias."""
    source: Any = rgb
    if scale < 0.7:
        small = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        source = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag((rgb.shape[1] / small[0], rgb.shape[0] / small[1], 1.0))
    size = (size_hw[1], size_hw[0])
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(source, matrix, size, flags=flags, borderMode=border))


def _warp(plane: Bytes, matrix: NDArray[np.float64], size_hw: tuple[int, int], flags: int) -> Bytes:
    """Warp one plane onto a canvas, zero outside."""
    return np.asarray(cv2.warpAffine(plane, matrix, (size_hw[1], size_hw[0]), flags=flags))


def _mix(under: Bytes, over: Bytes, soft: Bytes, gains: Gains) -> Bytes:
    """Tint ``over`` and lay it on ``under``, as far as ``soft`` (0 to 255) says."""
    edge: Any = cv2.cvtColor(cv2.GaussianBlur(soft, (3, 3), 0), cv2.COLOR_GRAY2RGB)
    tinted: Any = cv2.multiply(over, (*gains, 0.0))  # type: ignore[call-overload]
    below: Any = cv2.multiply(under, cv2.bitwise_not(edge), scale=1 / 255)
    return np.asarray(cv2.add(below, cv2.multiply(tinted, edge, scale=1 / 255)))


def _affine(
    focus: tuple[float, float], target: tuple[float, float], scale: float, degrees: float
) -> NDArray[np.float64]:
    """(2, 3) map that turns and scales about ``focus`` (x, y) and puts it at ``target``."""
    matrix = np.asarray(cv2.getRotationMatrix2D(focus, degrees, scale), np.float64)
    matrix[:, 2] += np.asarray(target) - np.asarray(focus)
    return matrix


def _close_up(
    rows: Places, cols: Places, rng: Rng, fill: float, height: int
) -> tuple[tuple[float, float], float, float]:
    """Focus, scale and jitter that show the upper part of a person."""
    part = (rows.max() - rows.min()) * rng.uniform(0.15, 0.45)
    scale = float(np.clip(height / max(part, 8) * 0.8, 0.5 * fill, 6 * fill))
    near = rows < rows.min() + max(part, 1)
    return (float(cols[near].mean()), float(rows[near].mean())), scale, 0.15


def _person_pixels(photo: LabelledPhoto) -> tuple[Places, Places]:
    """Rows and columns of every fourth pixel (each way) that has a label."""
    rows, columns = np.nonzero(photo.labels[::4, ::4])
    return rows * 4, columns * 4


def _strip_beside_person(photo: LabelledPhoto) -> Bytes:
    """The wider of the two strips left and right of the person, (H, w, 3); w may be 0."""
    columns = np.flatnonzero(cv2.reduce(photo.labels, 0, cv2.REDUCE_MAX))
    if not len(columns):
        return photo.rgb
    left, right = photo.rgb[:, : columns[0]], photo.rgb[:, columns[-1] + 1 :]
    return left if left.shape[1] > right.shape[1] else right
