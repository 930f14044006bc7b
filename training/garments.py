"""Measure how well garments are warped: each is cut from a labelled photo and put on again.

    python -m training.garments DATA [--pairs 40] [--part judge]

A garment is the pixels of UpperClothes in a photo, as if they were the picture of a product; its
landmarks are those of the body in it, as a worn garment does not lie flat. Its wearer puts it on
again: their own photo is the truth of outline, colors and places. The next two on the list put it
on as well: their old top is the truth of the outline, its picture that of the colors. Photos of
odd numbers judge; those of even numbers are there to tune with.
"""

from __future__ import annotations

import argparse
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.codec import decode_image, decode_map
from m2fp_cli.imaging.color import to_linear
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.terminal import counted, say
from m2fp_cli.tryon.channels import to_lab
from m2fp_cli.tryon.figure import TOPS, build_figure, head_stride, head_window
from m2fp_cli.tryon.flat_garment import FlatGarment
from m2fp_cli.tryon.garment_outline import STEPS, GarmentLandmarks, Sleeve
from m2fp_cli.tryon.head import HeadFrame, fit_head
from m2fp_cli.tryon.not_wearable import NotWearable
from m2fp_cli.tryon.strip import point_at
from m2fp_cli.tryon.wearer import Body
from m2fp_cli.tryon.worn_garment import dress
from m2fp_cli.tryon.worn_shape import WornShape, find_worn_shape
from m2fp_cli.tryon.worn_top import TopLayer

PARTS = {"tune": 0, "judge": 1}  # numbers of photos modulo 2
GARMENTS = 2  # of others that each person puts on
NECK = 0.4  # from the middle to the corner of a shoulder, where a collar meets its line
IGNORED = 255  # in a label map


@dataclass(frozen=True, eq=False)
class Photo:
    """A labelled photo of one person.

    Attributes:
        name: of its files.
        bgr: (H, W, 3) uint8.
        result: made of its labels.
        top: (H, W) bool, UpperClothes.
    """

    name: str
    bgr: Picture
    result: ParsingResult
    top: BoolArray


@dataclass(frozen=True)
class Measured:
    """One garment on one person.

    Attributes:
        iou: of the garment's outline with the top that is worn.
        color: CIE76; of a wearer the median distance of the colors inside from the photo's, of
            somebody else the distance of the mean from that of the garment's picture.
        place: median distance of pixels from where they were cut, U; of a wearer only.
    """

    iou: float
    color: float
    place: float


def read_photos(data: Path, part: str) -> Iterator[Photo]:
    """Photos with a large top and neither coat nor dress, by name; ``part`` is one of ``PARTS``."""
    for path in sorted((data / "labels").glob("*.png")):
        if int(path.stem) % 2 != PARTS[part]:
            continue
        labels = decode_map(read_bytes(path)).astype(np.uint8)
        top = labels == CIHP.id_of("UpperClothes")
        others = np.isin(labels, [CIHP.id_of(name) for name in ("Dress", "Coat")])
        if top.mean() < 0.04 or others.mean() > 0.002:
            continue
        labels[labels == IGNORED] = 0
        photo = decode_image(read_bytes(data / "photos" / f"{path.stem}.jpg")).image_bgr
        yield Photo(path.stem, photo, result_from_maps(CIHP, labels), top)


def stand(photo: Photo) -> Body:
    """The person of a photo, ready to be dressed."""
    person = max(photo.result.people, key=lambda one: one.mask.area)
    window = head_window(photo.result, person)
    frame = None
    if window is not None:
        head = build_figure(photo.result, person, window, head_stride(window))
        found = fit_head(photo.bgr[head.window], head)
        frame = found if isinstance(found, HeadFrame) else None
    unit = frame.unit if frame is not None else 0.0
    instances = {name: np.zeros_like(photo.top) for name in TOPS}
    return Body(photo.bgr.copy(), photo.result, person, frame, unit, TopLayer.OUTER, instances)


def cut_garment(photo: Photo, old: WornShape) -> FlatGarment:
    """The top of a photo as a product, in the window of its wearer.

    Args:
        photo: of the wearer.
        old: the top on them.
    """
    shape, stride = old.shape, float(old.stride)
    shoulders = shape.shoulders
    level = [
        shoulders.point(side, NECK * abs(float(shape.corner[i, 0]) - shoulders.middle))
        for i, side in enumerate((-1, 1))
    ]
    collar = np.array((shoulders.middle, old.collar_y), np.float32)
    if not np.isfinite(old.collar_y):
        collar[1] = np.mean([y for _, y in level])
    sleeves = []
    for i, limb in enumerate(shape.limbs):
        places = np.linspace(0, max(limb.covered, 1.0), STEPS).astype(np.float32)
        halves = [limb.reach(places, (-1, 1)[i] * side) * stride for side in (1, -1)]
        x, y = point_at(limb.joints, places[[0, STEPS // 2, -1]], np.zeros(3, np.float32))
        axis = np.stack((x, y), axis=1) * stride
        length = float(np.linalg.norm(np.diff(axis, axis=0), axis=1).sum())
        sleeves.append(Sleeve(axis, halves[0], halves[1], length))
    marks = GarmentLandmarks(
        np.array(level, np.float32) * stride, collar * stride, shape.corner * stride,
        shape.armpit * stride, shape.sides * stride, shape.hem * stride,
        (sleeves[0], sleeves[1]), True,
    )  # fmt: skip
    alpha = photo.top[old.figure.window].astype(np.float32)
    color = to_linear(np.ascontiguousarray(photo.bgr[old.figure.window]))
    return FlatGarment(photo.name, color, alpha, marks)


def put_on(photo: Photo, garment: FlatGarment) -> Measured:
    """Put a garment on a person.

    Args:
        photo: of the person.
        garment: what they put on, their own or somebody else's.

    Raises:
        NotWearable: it would not look right.
    """
    body = stand(photo)
    done = dress(body, garment)
    true, new = photo.top[done.figure.window], done.alpha > 0.5
    both = true & new
    iou = float(np.count_nonzero(both) / max(np.count_nonzero(true | new), 1))
    if garment.name != photo.name:
        return Measured(iou, float(np.linalg.norm(done.lab - done.target_lab)), np.nan)
    apart = to_lab(done.window_bgr) - to_lab(done.before_bgr)
    rows, columns = np.nonzero(both)
    moved = np.hypot(done.warp.x[both] - columns, done.warp.y[both] - rows) / body.unit
    color = float(np.median(np.linalg.norm(apart[both], axis=1)))
    return Measured(iou, color, float(np.median(moved)))


def try_on(photo: Photo, garment: FlatGarment, why: Counter[str]) -> Measured | None:
    """``put_on``, or None and the reason counted."""
    try:
        return put_on(photo, garment)
    except NotWearable as reason:
        whose = "their own" if garment.name == photo.name else "somebody else's"
        why[f"{whose}: {reason}"] += 1
        return None


def main() -> None:
    """Measure, and print medians and reasons."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--part", choices=tuple(PARTS), default="judge")
    asked = parser.parse_args()
    own, others, why = list[Measured](), list[Measured](), Counter[str]()
    before = deque[FlatGarment](maxlen=GARMENTS)
    for photo in read_photos(asked.data, asked.part):
        others += [found for one in before if (found := try_on(photo, one, why))]
        try:
            garment = cut_garment(photo, find_worn_shape(stand(photo)))
        except NotWearable as reason:
            why[f"their own: {reason}"] += 1
            continue
        found = try_on(photo, garment, why)
        own += [found] if found else []
        before.append(garment)
        if len(others) >= asked.pairs:
            break
    for name, found in (("their own", own), ("somebody else's", others)):
        if not found:
            continue
        values = np.array([(one.iou, one.color, one.place) for one in found])
        iou, color, place = np.median(values, axis=0)
        high = np.percentile(values[:, 1], 90)
        low = np.percentile(values[:, 0], 10)
        say(
            f"{name}: {counted(len(found), 'person', 'people')}, IoU {iou:.3f} "
            f"(10th percentile {low:.3f}), "
            f"color {color:.1f} (90th {high:.1f}), place {place:.2f} U"
        )
    for words, count in why.most_common():
        say(f"{count:4d} {words}")


if __name__ == "__main__":
    main()
