"""What the network for carried things learns from: garments close up, as it sees them in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m2fp_cli.arrays import BoolArray, FloatArray, Picture
from m2fp_cli.engine.carried import GARMENTS, MARGIN
from m2fp_cli.network.carried_network import INPUT_HW
from m2fp_cli.records.labels import CIHP_NAMES
from m2fp_cli.training.dataset import IGNORE, Bytes
from training.carried_labels import paint_carried, read_carried

Ids = NDArray[np.unsignedinteger[Any]]

_GARMENT_IDS = [CIHP_NAMES.index(name) for name in GARMENTS]
_LEAST_SIDE = 24  # pixels, the root of a garment's area
_LEAST_SHARE = 0.15  # of the largest person: smaller ones are background that nobody annotated
_FEWEST_CARRIED = 30  # pixels in the garment's box, for a photo of somebody who carries something
_HARD, _WITH = 0.36, 0.72  # of the views: a model calls some of it a garment; something is carried
_MISTAKEN, _FEWEST_MISTAKEN = 0.012, 60  # share of a garment, and pixels, from which on it is hard

_IGNORED_WORN, _BAG_WORN = 12, 9  # ids of Clothing Co-Parsing's ``worn`` maps
_MISTAKABLE, _GARMENT, _CARRIED, _ELSEWHERE = 6.0, 3.0, 2.0, 0.5  # weights of pixels


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, what a model said about it, and what is carried.

    Attributes:
        picture_bgr: (H, W, 3) uint8.
        labels: (H, W) uint8, the model's label map.
        people: (H, W) person ids of the same result.
        carried: (H, W) uint8, 1 where something is carried, 255 where that is unknown.
    """

    picture_bgr: Picture
    labels: Bytes
    people: Ids
    carried: Bytes


@dataclass(frozen=True, eq=False)
class Garment:
    """One person's garment in a photo.

    Attributes:
        photo: the photo.
        person: the person's id in it.
        box_xyxy: half-open box of the garment.
        has_carried: something is carried before it or beside it.
        is_hard: the model calls some of that a garment.
    """

    photo: Photo
    person: int
    box_xyxy: tuple[int, int, int, int]
    has_carried: bool
    is_hard: bool


@dataclass(frozen=True, eq=False)
class Sample:
    """What one step of learning is made of; sizes as ``CarriedNetwork.forward`` takes them.

    Attributes:
        pixels: (3, 256, 192) float32 RGB in [0, 1].
        guides: (3, 256, 192) float32.
        carried: (256, 192) float32, 1 where something is carried.
        weights: (256, 192) float32, 0 where that is unknown.
    """

    pixels: NDArray[np.float32]
    guides: NDArray[np.float32]
    carried: NDArray[np.float32]
    weights: NDArray[np.float32]


def read_worn(data: Path, parsed: Path, names: Sequence[str]) -> list[Photo]:
    """Photos with ``worn`` maps, as Clothing Co-Parsing has them; see ``Photo``.

    Args:
        data: folder with ``photos`` and ``worn``.
        parsed: output of ``m2fp parse`` of these photos.
        names: which.
    """
    photos = []
    for name in names:
        picture, labels, people = _read(data / "photos" / f"{name}.jpg", parsed, name)
        carried = np.zeros_like(labels)
        if (worn := data / "worn" / f"{name}.png").exists():
            ids = np.asarray(Image.open(worn))
            carried[ids == _BAG_WORN], carried[ids == _IGNORED_WORN] = 1, IGNORE
        photos.append(Photo(picture, labels, people, carried))
    return photos


def read_drawn(folder: Path, parsed: Path, annotation: Path) -> list[Photo]:
    """Photos whose carried things somebody drew; see ``carried_labels``."""
    photos = []
    for name, things in read_carried(annotation).items():
        picture, labels, people = _read(folder / f"{name}.jpg", parsed, name)
        photos.append(Photo(picture, labels, people, paint_carried(things, *labels.shape)))
    return photos


def _read(path: Path, parsed: Path, name: str) -> tuple[Picture, Bytes, Ids]:
    labels, people = (
        np.asarray(Image.open(parsed / kind / f"{name}.png")) for kind in ("labels", "people")
    )
    return np.asarray(cv2.imread(str(path)), np.uint8), labels, people


def find_garments(photos: Sequence[Photo]) -> list[Garment]:
    """The garments of all people that are large enough, and whether something is before them."""
    found = []
    for photo in photos:
        is_garment = np.isin(photo.labels, _GARMENT_IDS)
        sizes = np.bincount(photo.people.ravel())
        for person in range(1, len(sizes)):
            own = is_garment & (photo.people == person)
            if sizes[person] < _LEAST_SHARE * sizes[1:].max() or own.sum() < _LEAST_SIDE**2:
                continue
            rows, columns = own.any(1).nonzero()[0], own.any(0).nonzero()[0]
            box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            carried = photo.carried == 1
            there = np.count_nonzero(carried[box[1] : box[3], box[0] : box[2]])
            mistaken = np.count_nonzero(carried & own)
            is_hard = mistaken > max(_FEWEST_MISTAKEN, _MISTAKEN * own.sum())
            found.append(Garment(photo, person, box, there > _FEWEST_CARRIED, is_hard))
    return found


def draw_sample(garments: Sequence[Garment], random: np.random.Generator) -> Sample:
    """A garment seen in a way that it might be seen in use."""
    chance = random.random()
    fitting = [one for one in garments if chance < _HARD and one.is_hard]
    fitting = fitting or [one for one in garments if one.has_carried == (chance < _WITH)]
    garment = fitting[random.integers(len(fitting))]
    rgb, labels, own, carried = _look(garment, random)
    hit = carried == 1
    guide = _guess_garment(own, hit, random)
    rest = (labels > 0) & ~own & ~(hit & (guide > 0))
    if random.random() < 0.08:  # nothing is known
        guide, rest = np.zeros_like(guide), np.zeros_like(rest)
    rest_only = np.where(guide > 0, np.float32(0), rest.astype(np.float32))
    guides = np.stack((guide, rest_only, 1 - np.maximum(guide, rest_only)))
    chance = random.random()
    inside = hit if chance < 0.4 else (guide > 0) & ~hit if chance < 0.76 else guide > 0
    beyond = np.where(hit, _CARRIED, _ELSEWHERE)
    weights = np.where((guide > 0) | own, np.where(hit, _MISTAKABLE, _GARMENT), beyond)
    weights = np.where(carried == IGNORE, 0.0, weights)
    pixels = np.ascontiguousarray(_change_colors(rgb, inside, random).transpose(2, 0, 1))
    return Sample(pixels, guides, hit.astype(np.float32), weights.astype(np.float32))


def _look(garment: Garment, random: np.random.Generator) -> tuple[Picture, Bytes, BoolArray, Bytes]:
    """Picture (RGB), labels, garment and what is carried, turned, moved and scaled a little."""
    x0, y0, x1, y1 = garment.box_xyxy
    height, width = INPUT_HW
    side = max((y1 - y0) / height, (x1 - x0) / width) * MARGIN * np.exp(random.uniform(-0.35, 0.45))
    angle, (across, down) = random.normal(0, 0.1), random.normal(0, 0.08, 2)
    cosine, sine = np.cos(angle) / side, np.sin(angle) / side
    turn = np.array(((cosine, -sine), (sine, cosine)))
    if random.random() < 0.5:
        turn = np.diag((-1, 1)) @ turn
    center = ((x0 + x1) / 2 + across * (x1 - x0), (y0 + y1) / 2 + down * (y1 - y0))
    matrix = np.column_stack((turn, np.array((width / 2, height / 2)) - turn @ center))
    photo, size = garment.photo, (width, height)
    picture = photo.picture_bgr
    if side > 1.5:  # so that nothing aliases
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), side / 4), np.uint8)
    rgb = np.asarray(cv2.warpAffine(picture, matrix, size), np.uint8)[..., ::-1]
    own = (photo.people == garment.person) & np.isin(photo.labels, _GARMENT_IDS)
    labels, seen, carried = (
        _warp(plane, matrix, beyond)
        for plane, beyond in ((photo.labels, 0), (own.astype(np.uint8), 0), (photo.carried, IGNORE))
    )
    return rgb, labels, seen > 0, carried


def _warp(plane: Bytes, matrix: FloatArray, beyond: int) -> Bytes:
    """Ids as the network sees them; ``beyond`` where there is no photo."""
    warped = cv2.warpAffine(
        plane, matrix, INPUT_HW[::-1], flags=cv2.INTER_NEAREST, borderValue=(beyond,)
    )
    return np.asarray(warped, np.uint8)


def _guess_garment(
    own: BoolArray, hit: BoolArray, random: np.random.Generator
) -> NDArray[np.float32]:
    """The garment as another model might call it: what is carried belongs to it in many cases.

    The model has learned from these photos, so it knows more here than it will in use.
    """
    guide = own.astype(np.float32)
    chance = random.random()
    if chance < 0.35:
        guide[hit] = 1
    elif chance < 0.5 and hit.any():
        places = np.argwhere(hit)
        y, x = places[random.integers(len(places))]
        disk = np.zeros(hit.shape, np.uint8)
        cv2.circle(disk, (int(x), int(y)), int(random.uniform(10, 60)), (1,), -1)
        guide[hit & (disk > 0)] = 1
    elif chance < 0.6:
        side = 2 * int(random.integers(1, 5)) + 1
        how = cv2.MORPH_CLOSE if random.random() < 0.6 else cv2.MORPH_OPEN
        guide = np.asarray(cv2.morphologyEx(guide, how, np.ones((side, side), np.uint8)))
    return guide


def _change_colors(
    rgb: Picture, inside: BoolArray, random: np.random.Generator
) -> NDArray[np.float32]:
    """Other hues, alone in some place or everywhere, and other light, (H, W, 3) in [0, 1]."""
    out = rgb.astype(np.float32) / 255
    if random.random() < 0.38:
        where = np.ones(inside.shape, np.bool_) if random.random() < 0.5 else inside
        hsv = cv2.cvtColor(out, cv2.COLOR_RGB2HSV)
        changed = np.stack((
            (hsv[..., 0] + random.uniform(0, 360)) % 360,
            np.clip(hsv[..., 1] * random.uniform(0.3, 1.6), 0, 1),
            np.clip(hsv[..., 2], 0, 1) ** random.uniform(0.6, 1.7),
        ), 2)  # fmt: skip
        mixed = np.where(where[..., None], changed, hsv).astype(np.float32)
        out = np.asarray(cv2.cvtColor(mixed, cv2.COLOR_HSV2RGB))
    gamma, gain, shift = random.uniform(0.75, 1.35), random.uniform(0.8, 1.2), 0.06
    out = np.clip(out, 0, 1) ** gamma * gain + random.uniform(-shift, shift)
    if random.random() < 0.3:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), random.uniform(0.4, 1.6)))
    if random.random() < 0.3:
        out = out + random.normal(0, random.uniform(0.005, 0.04), out.shape)
    if random.random() < 0.12:
        out = np.repeat(out.mean(2, keepdims=True), 3, 2)
    return np.clip(out, 0, 1).astype(np.float32)
