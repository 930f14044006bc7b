"""Training scenes: photos and cut-out people placed on a canvas by random affine maps.

Every person keeps an id of its own, so that a scene teaches labels and people at once. A person
that covers another hides it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.training.dataset import IGNORE, Bytes, LabelledPhoto
from m2fp_cli.training.drawing import Drawer
from m2fp_cli.training.views import Rng, View, frame_photo, person_pixels
from m2fp_cli.training.warping import Gains, affine, mix, warp_colors, warp_plane

_SIDE_MARGIN = 24  # narrowest strip beside a person that serves as a background, in pixels
_MOST_IDS = 240  # ids are bytes, 255 is taken; the largest photo has 13 people
_CROWD_PHOTOS = 3  # that the people of one crowd are cut from


@dataclass(frozen=True)
class SceneOdds:
    """How often a scene is what.

    Attributes:
        nobody: only background.
        cutouts_only: people on a background from elsewhere, no whole photo.
        side_by_side: two whole photos share the canvas.
        mosaic: four whole photos share the canvas, each at half of the size.
        more_people: further people are pasted.
        max_people: at most that many are pasted.
        crowd: of the pasted groups, those that are many small people.
        close_up: a person is framed at head and shoulders.
        as_in_use: of the whole photos, those that cover their canvas, upright, as a network
            sees photos in use.
        min_scale: smallest scale; 1 = the photo covers the canvas.
        max_scale: largest scale.
        max_degrees: largest turn.
        min_paste: least height of a pasted person, as a share of the canvas.
    """

    nobody: float = 0.06
    cutouts_only: float = 0.15
    side_by_side: float = 0.12
    mosaic: float = 0.0
    more_people: float = 0.5
    max_people: int = 3
    crowd: float = 0.0
    close_up: float = 0.25
    as_in_use: float = 0.0
    min_scale: float = 0.5
    max_scale: float = 2.2
    max_degrees: float = 15.0
    min_paste: float = 0.35


@dataclass(eq=False)
class Scene:
    """A canvas in the making.

    Attributes:
        rgb: (H, W, 3) uint8.
        labels: (H, W) uint8 label ids, 255 = unknown, 254 = somebody.
        people: (H, W) uint8 person ids, 0 = nobody, 255 = unknown.
        count: people placed so far, hidden ones included.
    """

    rgb: Bytes
    labels: Bytes
    people: Bytes
    count: int = 0


class SceneComposer:
    """Draws scenes from photos."""

    def __init__(self, drawer: Drawer, odds: SceneOdds) -> None:
        """``drawer`` gives the photos, ``odds`` says what is made of them."""
        self.drawer, self.odds = drawer, odds

    def draw(self, rng: Rng, size_hw: tuple[int, int]) -> Scene:
        """One scene of the given size."""
        odds, kind = self.odds, rng.random()
        scene = self._background(rng, size_hw)
        if kind < odds.nobody:
            return scene
        kind -= odds.nobody
        if kind < odds.cutouts_only:
            self._paste_people(scene, rng)
            return scene
        kind -= odds.cutouts_only
        rows, columns = 1, 1
        if kind < odds.side_by_side:
            rows, columns = (1, 2) if size_hw[1] >= size_hw[0] or rng.random() < 0.5 else (2, 1)
        elif kind < odds.side_by_side + odds.mosaic:
            rows, columns = 2, 2
        self._place_photos(scene, rng, rows, columns)
        if rng.random() < odds.more_people:
            self._paste_people(scene, rng)
        return scene

    def draw_people(self, rng: Rng, size_hw: tuple[int, int], count: int) -> Scene:
        """A scene of exactly ``count`` pasted people (some may be hidden)."""
        scene = self._background(rng, size_hw)
        for slot in range(count):
            self._paste_person(scene, rng, ((slot + 0.5) / count, 0.25 / count))
        return scene

    def _background(self, rng: Rng, size_hw: tuple[int, int]) -> Scene:
        """An empty scene: a photo of nobody, the strip beside a person, or a color gradient."""
        height, width = size_hw
        nothing = np.zeros(size_hw, np.uint8)
        if (empty := self.drawer.empty(rng)) is not None and rng.random() < 0.6:
            return Scene(_crop(empty.rgb, rng, size_hw), nothing, nothing.copy())
        if rng.random() < 0.25:
            corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
            plain = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
            return Scene(np.asarray(plain, np.uint8), nothing, nothing.copy())
        for _ in range(4):
            strip = _strip_beside_person(self.drawer.whole(rng))
            if strip.shape[1] >= _SIDE_MARGIN:
                break
        else:
            strip = np.full((8, 8, 3), rng.integers(0, 256, 3), np.uint8)
        part = max(8, int(strip.shape[0] * rng.uniform(0.3, 1.0)))
        top = int(rng.integers(0, max(1, strip.shape[0] - part)))
        rgb = cv2.resize(strip[top : top + part], (width, height), interpolation=cv2.INTER_AREA)
        return Scene(np.asarray(rgb, np.uint8), nothing, nothing.copy())

    def _place_photos(self, scene: Scene, rng: Rng, rows: int, columns: int) -> None:
        """Whole photos in the windows of a grid whose lines are where chance puts them."""
        height, width = scene.labels.shape
        row_lines, column_lines = _lines(rng, height, rows), _lines(rng, width, columns)
        for top, bottom in row_lines:
            for left, right in column_lines:
                self._place_photo(scene, rng, (left, top, right, bottom))

    def _place_photo(self, scene: Scene, rng: Rng, box_xyxy: tuple[int, int, int, int]) -> None:
        """A whole photo, background and all, inside a box of the canvas."""
        photo = self.drawer.whole(rng)
        window = np.zeros(scene.labels.shape, np.uint8)
        window[box_xyxy[1] : box_xyxy[3], box_xyxy[0] : box_xyxy[2]] = 1
        odds = self.odds
        scales = (odds.min_scale, odds.max_scale)
        view = frame_photo(
            photo, rng, box_xyxy, scales, odds.close_up, odds.max_degrees, odds.as_in_use
        )
        _lay_photo(scene, photo, view, window)

    def _paste_people(self, scene: Scene, rng: Rng) -> None:
        if rng.random() < self.odds.crowd:
            self._paste_crowd(scene, rng)
            return
        for _ in range(int(rng.integers(1, self.odds.max_people + 1))):
            self._paste_person(scene, rng, (0.5, 0.5))

    def _paste_person(self, scene: Scene, rng: Rng, place: tuple[float, float]) -> None:
        """A person cut out of a photo; ``place`` = center and spread of its column, in [0, 1]."""
        photo = self.drawer.cut_out(rng)
        height, width = scene.labels.shape
        person = _pick_person(photo, rng)
        if person is None:
            return
        size = height * np.exp(rng.uniform(np.log(self.odds.min_paste), np.log(1.3)))
        target_x = width * np.clip(rng.uniform(-1, 1) * place[1] + place[0], 0.02, 0.98)
        target_y = height * np.clip(rng.normal(0.55, 0.12), 0.2, 1.1)
        angle = rng.uniform(-1, 1) * self.odds.max_degrees
        view = _view_of_person(photo, person, (target_x, target_y), size, angle)
        _lay_person(scene, photo, person, view, rng.uniform(0.7, 1.3, 3))

    def _paste_crowd(self, scene: Scene, rng: Rng) -> None:
        """Six to sixteen small people near one line, those lower in the picture in front."""
        photos = [self.drawer.cut_out(rng) for _ in range(_CROWD_PHOTOS)]
        height, width = scene.labels.shape
        line, size = height * rng.uniform(0.2, 0.8), height * rng.uniform(0.07, 0.3)
        for target_y in sorted(rng.normal(line, height * 0.06, int(rng.integers(6, 17)))):
            photo = photos[int(rng.integers(_CROWD_PHOTOS))]
            person = _pick_person(photo, rng)
            if person is not None:
                target = (width * rng.random(), target_y)
                tall = size * rng.uniform(0.75, 1.3) * (1 + (target_y - line) / height)
                view = _view_of_person(photo, person, target, tall, 0.0)
                _lay_person(scene, photo, person, view, rng.uniform(0.7, 1.3, 3))


def _lines(rng: Rng, length: int, parts: int) -> list[tuple[int, int]]:
    """``length`` in one part or in two."""
    if parts == 1:
        return [(0, length)]
    cut = int(length * rng.uniform(0.35, 0.65))
    return [(0, cut), (cut, length)]


def _crop(rgb: Bytes, rng: Rng, size_hw: tuple[int, int]) -> Bytes:
    """A part of a photo that fills a canvas, at half of the photo to all of it."""
    height, width = rgb.shape[:2]
    scale = max(size_hw[0] / height, size_hw[1] / width) * rng.uniform(1.0, 2.0)
    high, wide = int(size_hw[0] / scale), int(size_hw[1] / scale)
    top, left = (int(rng.integers(0, n + 1)) for n in (height - high, width - wide))
    part = rgb[top : top + high, left : left + wide]
    resized = cv2.resize(part, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def _pick_person(photo: LabelledPhoto, rng: Rng) -> int | None:
    """One of the people large enough to be cut out; None = there is none."""
    sizes = np.bincount(photo.people.ravel(), minlength=256)[:IGNORE]
    known = np.flatnonzero(sizes[1:] >= 1000) + 1  # pixels: some 60 x 20
    if not len(known):
        return None
    return int(known[0] if len(known) == 1 else known[rng.integers(len(known))])


def _view_of_person(
    photo: LabelledPhoto, person: int, target: tuple[float, float], tall: float, degrees: float
) -> View:
    """The map that puts a person's middle at a point of the canvas, ``tall`` pixels high."""
    rows, columns = person_pixels(photo, person)
    scale = float(tall / max(1, rows.max() - rows.min()))
    focus = (float(columns.mean()), float((rows.min() + rows.max()) / 2))
    return View(affine(focus, target, scale, degrees), scale)


def _lay_photo(scene: Scene, photo: LabelledPhoto, view: View, window: Bytes) -> None:
    """Warp a photo onto the canvas as far as the window, (H, W) uint8 0 or 1, goes."""
    size_hw = (scene.labels.shape[0], scene.labels.shape[1])
    whole = np.full(photo.labels.shape, 255, np.uint8)
    inside = warp_plane(whole, view.matrix, size_hw, cv2.INTER_LINEAR) * window > 127
    labels = warp_plane(photo.labels, view.matrix, size_hw, cv2.INTER_NEAREST)
    people = warp_plane(photo.people, view.matrix, size_hw, cv2.INTER_NEAREST)
    known = (people > 0) & (people < IGNORE)
    if int(people[known].max(initial=0)) + scene.count > _MOST_IDS:
        return
    scene.rgb[inside] = warp_colors(photo.rgb, view.matrix, view.scale, size_hw)[inside]
    scene.labels[inside] = labels[inside]
    scene.people[inside] = np.where(known, people + np.uint8(scene.count), people)[inside]
    scene.count += int(people[known].max(initial=0))


def _lay_person(scene: Scene, photo: LabelledPhoto, person: int, view: View, gains: Gains) -> None:
    """Warp one person onto the canvas and cover what lies there; the colors are scaled."""
    if scene.count >= _MOST_IDS:
        return
    size_hw = (scene.labels.shape[0], scene.labels.shape[1])
    own = photo.people == person
    alpha = np.where(own, np.uint8(255), np.uint8(0))
    soft = warp_plane(alpha, view.matrix, size_hw, cv2.INTER_LINEAR)
    scene.count += 1
    left, top, wide, high = cv2.boundingRect(soft)
    if not wide:
        return
    box = np.s_[top : top + high, left : left + wide]
    soft = soft[box]
    colors = warp_colors(photo.rgb, view.matrix, view.scale, size_hw)[box]
    labels = np.where(own, photo.labels, np.uint8(0))
    labels = warp_plane(labels, view.matrix, size_hw, cv2.INTER_NEAREST)[box]
    inside = (soft > 127) & (labels > 0)
    scene.rgb[box] = mix(scene.rgb[box], colors, soft, gains)
    scene.labels[box][inside] = labels[inside]
    scene.people[box][inside] = scene.count


def _strip_beside_person(photo: LabelledPhoto) -> Bytes:
    """The wider of the two strips left and right of the people, (H, w, 3); w may be 0."""
    columns = np.flatnonzero(cv2.reduce(photo.labels, 0, cv2.REDUCE_MAX))
    if not len(columns):
        return photo.rgb
    left, right = photo.rgb[:, : columns[0]], photo.rgb[:, columns[-1] + 1 :]
    return left if left.shape[1] > right.shape[1] else right
