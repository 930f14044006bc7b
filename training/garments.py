"""Measure how well garments are warped: each is cut from a labelled photo and put on again.

    python -m training.garments DATA [--pairs 40]

A garment is the pixels of UpperClothes in a photo, as if they were the picture of a product. Its
wearer puts it on again: their own photo is the truth of outline, colors and places. The next person
on the list puts it on as well: their old top is the truth of the outline.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2fp_cli.arrays import BoolArray, Picture
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.codec import decode_image, decode_map
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.terminal import say
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.body_shape import NotWearable
from m2fp_cli.tryon.compositing import to_lab
from m2fp_cli.tryon.figure import build_figure, head_stride, head_window, person_window
from m2fp_cli.tryon.flat_garment import FlatGarment, flat_garment
from m2fp_cli.tryon.garment_outline import NotFlat
from m2fp_cli.tryon.head import HeadFrame, fit_head
from m2fp_cli.tryon.wearer import Body
from m2fp_cli.tryon.worn_garment import dress
from m2fp_cli.tryon.worn_top import TopLayer

MARGIN = 6  # clear pixels around a garment that is cut out
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
        color: median distance of the colors inside from the photo's, CIE76; of a wearer only.
        place: median distance of pixels from where they were cut, U; of a wearer only.
    """

    iou: float
    color: float
    place: float


def read_photos(data: Path) -> Iterator[Photo]:
    """Photos with a large top and neither coat nor dress, by name."""
    for path in sorted((data / "labels").glob("*.png")):
        labels = decode_map(read_bytes(path)).astype(np.uint8)
        top = labels == CIHP.id_of("UpperClothes")
        others = np.isin(labels, [CIHP.id_of(name) for name in ("Dress", "Coat")])
        if top.mean() < 0.04 or others.mean() > 0.002:
            continue
        labels[labels == IGNORED] = 0
        photo = decode_image(read_bytes(data / "photos" / f"{path.stem}.jpg")).image_bgr
        yield Photo(path.stem, photo, result_from_maps(CIHP, labels), top)


def cut_garment(photo: Photo) -> tuple[FlatGarment, tuple[int, int]]:
    """The top of a photo as a product, and the column and row where its picture begins.

    Raises:
        NotFlat: its outline is not one of a garment that lies flat.
    """
    rows, columns = np.nonzero(photo.top)
    x0, y0 = max(columns.min() - MARGIN, 0), max(rows.min() - MARGIN, 0)
    part = slice(y0, rows.max() + MARGIN), slice(x0, columns.max() + MARGIN)
    alpha = np.where(photo.top[part], 255, 0).astype(np.uint8)
    picture = np.dstack((photo.bgr[part], alpha))
    return flat_garment(Accessory(photo.name, "top", picture, {}, {})), (int(x0), int(y0))


def put_on(photo: Photo, garment: FlatGarment, cut_at: tuple[int, int] | None) -> Measured:
    """Put a garment on a person.

    Args:
        photo: of the person.
        garment: what they put on.
        cut_at: where it was cut from this photo, None for somebody else's.

    Raises:
        NotWearable: it would not look right.
    """
    person = max(photo.result.people, key=lambda one: one.mask.area)
    window = head_window(photo.result, person)
    frame = None
    if window is not None:
        head = build_figure(photo.result, person, window, head_stride(window))
        found = fit_head(photo.bgr[head.window], head)
        frame = found if isinstance(found, HeadFrame) else None
    unit = frame.unit if frame is not None else 0.0
    body = Body(
        photo.bgr.copy(), photo.result, person, frame, unit, TopLayer.OUTER,
        {name: np.zeros_like(photo.top) for name in ("UpperClothes", "Dress", "Coat", "Jumpsuits")},
    )  # fmt: skip
    done = dress(body, garment)
    figure = build_figure(photo.result, person, person_window(person))
    true, new = photo.top[figure.window], done.alpha > 0.5
    both = true & new
    iou = np.count_nonzero(both) / max(np.count_nonzero(true | new), 1)
    if cut_at is None:
        return Measured(float(iou), np.nan, np.nan)
    apart = to_lab(done.window_bgr) - to_lab(done.before_bgr)
    rows, columns = np.nonzero(both)
    x = columns + figure.origin_xy[0] - cut_at[0]
    y = rows + figure.origin_xy[1] - cut_at[1]
    moved = np.hypot(done.warp.x[both] - x, done.warp.y[both] - y) / unit
    color = float(np.median(np.linalg.norm(apart[both], axis=1)))
    return Measured(float(iou), color, float(np.median(moved)))


def main() -> None:
    """Measure, and print medians and reasons."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pairs", type=int, default=40)
    asked = parser.parse_args()
    own, others, why = list[Measured](), list[Measured](), Counter[str]()
    before: FlatGarment | None = None
    for photo in read_photos(asked.data):
        try:
            if before is not None:
                others.append(put_on(photo, before, None))
        except NotWearable as reason:
            why[f"somebody else's: {reason}"] += 1
        try:
            before, cut_at = cut_garment(photo)
            own.append(put_on(photo, before, cut_at))
        except (NotFlat, NotWearable) as reason:
            why[f"their own: {reason}"] += 1
        if len(own) >= asked.pairs:
            break
    for name, found in (("their own", own), ("somebody else's", others)):
        if not found:
            continue
        values = np.array([(one.iou, one.color, one.place) for one in found])
        iou, color, place = np.median(values, axis=0)
        low = np.percentile(values[:, 0], 10)
        say(
            f"{name}: {len(found)} people, IoU {iou:.3f} (10th percentile {low:.3f}), "
            f"color {color:.1f}, place {place:.2f} U"
        )
    for words, count in why.most_common():
        say(f"{count:4d} {words}")


if __name__ == "__main__":
    main()
