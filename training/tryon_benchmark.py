"""Leave-accessory-out benchmark: place an accessory on people who wear one, with its label hidden.

    python -m training.tryon_benchmark DATA [--odd | --even]

DATA holds ``photos/NNNN.jpg``, ``labels/NNNN.png`` (CIHP ids) and ``worn/NNNN.png`` (1 hat,
2 sunglasses, 3 glasses, 4 necklace). The label of the worn item is replaced by what is beneath
it, ours is placed from the rest, and the two places are compared. ``--only eyes`` compares the eyes
of bare faces with those that OpenCV's cascades find, ``--only marks`` necklaces with those that
were marked by eye (``training/necklace_marks.py``); by the masks they cannot be judged.

``training/worn_errors.py`` says what the measures are.

The weights and heights of hats, the width of glasses, the templates of eyes
(``training/eye_templates.py``) and the steps that correct them (``training/eye_steps.py``) were
fitted to photos with an even number; ``--odd`` takes the others, from which nothing was learned.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.faces import find_faces
from m2fp_cli.engine.joints import find_joints
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.codec import decode_map, read_image
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.terminal import counted
from m2fp_cli.tryon.channels import to_gray
from m2fp_cli.tryon.face_shape import MIN_FACE_SIDE, measure_face, prior_from_masks
from m2fp_cli.tryon.figure import Figure, build_figure, face_region, head_window
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head
from m2fp_cli.tryon.kinds.necklace import place_necklace
from training.eye_teacher import find_known_eyes
from training.necklace_marks import Marks, compare_marks, read_marks
from training.worn_errors import MEASURES, read_accessory
from training.worn_masks import hide, main_piece

Map = NDArray[np.uint8]


FACE = 13  # id of CIHP
WORN = {"hat": (1,), "glasses": (2, 3), "necklace": (4,)}


def main() -> None:
    """Run it and print one table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--odd", action="store_true", help="photos with an odd number: held out")
    parser.add_argument("--even", action="store_true", help="photos with an even number")
    parser.add_argument("--only", default="hat,glasses,necklace", help="these; also eyes and marks")
    parser.add_argument("--joints", action="store_true", help="with the joints of the people")
    parser.add_argument("--faces", action="store_true", help="with their faces, too")
    parser.add_argument("--list", action="store_true", help="print every error")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted((options.data / "labels").glob("*.png")):
        held_out = is_held_out(path.stem)
        if (options.odd and not held_out) or (options.even and held_out):
            continue
        wanted = options.only.split(",")
        looks = Looks(options.joints or options.faces, options.faces)
        for item, row in compare_all(options.data, path.stem, wanted, looks):
            rows[item].append(row)
            if options.list:
                print(item, row, flush=True)
    for item, found in rows.items():
        print_table(item, found)


@dataclass(frozen=True)
class Looks:
    """Which of the bundled networks look at people."""

    joints: bool
    faces: bool

    def look(self, photo: Map, result: ParsingResult) -> Person:
        """The first person of a result, with what the networks see."""
        person = result.people[0]
        if self.joints:
            joints = find_joints(photo, result.image_hw, [person.box_xyxy])
            person = replace(person, joints=joints[0])
        if self.faces:
            masks = [part.mask for part in person.parts if part.label_id == FACE]
            faces = find_faces(photo, result.image_hw, [person.joints], [*masks, None][:1])
            person = replace(person, face=faces[0])
        return person


def compare_all(
    data: Path, name: str, wanted: Sequence[str], looks: Looks
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What one photo says about each kind of accessory that is worn in it, and about bare eyes."""
    path = data / "worn" / f"{name}.png"
    items = np.zeros((1, 1), dtype=np.uint8)
    if path.exists():
        items = np.asarray(decode_map(read_bytes(path)), dtype=np.uint8)
    for item, ids in WORN.items():
        real = main_piece(np.isin(items, ids))
        if item in wanted and np.count_nonzero(real) >= 20:
            yield item, {"photo": name, **compare(data, name, item, real, looks)}
    marks = read_marks().get(name) if "marks" in wanted else None
    if marks is not None:
        errors = compare_with_marks(data, name, np.isin(items, WORN["necklace"]), marks, looks)
        yield f"marks ({marks.use})", {"photo": name, **errors}
    if "eyes" in wanted and not np.isin(items, WORN["glasses"]).any():
        row = compare_eyes(data, name, looks)
        if row is not None:
            yield "eyes", {"photo": name, **row}


def is_held_out(stem: str) -> bool:
    """Whether a photo is kept for the benchmark: those with an odd number."""
    return int(stem) % 2 == 1


def compare(
    data: Path, name: str, item: str, real: NDArray[np.bool_], looks: Looks
) -> dict[str, Any]:
    """Errors of our place against the real one, in U, or why nothing was placed."""
    found = find_head(data, name, item, real, looks)
    if isinstance(found, str):
        return {"skip": found}
    frame, figure = found
    y, x = np.nonzero(real)
    along, below = frame.units(x + 0.5, y + 0.5)
    return {**describe(frame, figure), **MEASURES[item](frame, figure, along, below)}


def compare_with_marks(
    data: Path, name: str, real: NDArray[np.bool_], marks: Marks, looks: Looks
) -> dict[str, Any]:
    """Errors of our necklace against one marked by eye, in U, or why nothing was placed."""
    found = find_head(data, name, "necklace", real, looks)
    if isinstance(found, str):
        return {"skip": found}
    frame, figure = found
    place = place_necklace(frame, figure, read_accessory("pendant", "necklace"))
    if isinstance(place, str):
        return {"skip": place}
    return {**describe(frame, figure), **compare_marks(place, marks, frame.unit)}


def find_head(
    data: Path, name: str, item: str, real: NDArray[np.bool_], looks: Looks
) -> tuple[HeadFrame, Figure] | str:
    """The head of a photo's person without what is worn, or why there is none."""
    photo, labels = read_labelled(data, name)
    result = result_from_maps(CIHP, hide(labels, real, item))
    if not result.people:
        return "nobody"
    person = looks.look(photo, result)
    window = head_window(result, person)
    if window is None:
        return SkipReason.NO_FACE.value
    figure = build_figure(result, person, window)
    frame = fit_head(photo[figure.window], figure)
    return frame.value if isinstance(frame, SkipReason) else (frame, figure)


def describe(frame: HeadFrame, figure: Figure) -> dict[str, float]:
    """What rows are grouped by."""
    side = float(np.sqrt(np.count_nonzero(figure.mask("Face"))))
    return {"side": side, "yaw": frame.yaw, "confidence": frame.confidence}


def read_labelled(data: Path, name: str) -> tuple[Map, Map]:
    """Photo and label map; unknown counts as background."""
    photo = read_image(data / "photos" / f"{name}.jpg").image_bgr
    labels = np.asarray(decode_map(read_bytes(data / "labels" / f"{name}.png")), dtype=np.uint8)
    return photo, np.where(labels == 255, 0, labels).astype(np.uint8)


def compare_eyes(data: Path, name: str, looks: Looks) -> dict[str, Any] | None:
    """Errors of the head frame's eyes against those the teacher finds; None if it finds none."""
    photo, labels = read_labelled(data, name)
    result = result_from_maps(CIHP, labels)
    window = head_window(result, result.people[0]) if result.people else None
    if window is None:
        return None
    figure = build_figure(result, looks.look(photo, result), window)
    face = face_region(figure)
    shape = measure_face(face, figure)
    if shape.side < MIN_FACE_SIDE or shape.width < 5:
        return None
    gray = to_gray(photo[figure.window])
    known = find_known_eyes(gray, face, prior_from_masks(shape, figure))
    if known is None:
        return None
    frame = fit_head(photo[figure.window], figure)
    if isinstance(frame, SkipReason):
        return {"skip": frame.value}
    miss = np.subtract(frame.eyes_xy, np.add(known.center_xy, figure.origin_xy)) / known.unit
    return {
        "side": shape.side,
        "confidence": frame.confidence,
        "center": float(np.hypot(*miss)),
        "dx": float(miss[0]),
        "dy": float(miss[1]),
        "roll": frame.roll - float(np.degrees(known.tilt)),
    }


def print_table(item: str, rows: list[dict[str, Any]]) -> None:
    """Counts, and median, 90th percentile and bias of every measure."""
    placed = [row for row in rows if "skip" not in row]
    skips: dict[str, int] = defaultdict(int)
    for row in rows:
        if "skip" in row:
            skips[row["skip"]] += 1
    print(f"\n{item}: {counted(len(rows), 'photo')}, {len(placed)} placed, skipped {dict(skips)}")
    for title, group in (
        ("all", placed),
        ("face over 48 px", [r for r in placed if r["side"] > 48]),
        ("confident", [r for r in placed if r["confidence"] > 0.5]),
        ("over 48, whole", [r for r in placed if r["side"] > 48 and np.isfinite(r["width"])])
        if item == "glasses"
        else ("", []),
    ):
        keys = [k for k in (group[0] if group else {}) if k not in ("photo", "side", "confidence")]
        for key in keys:
            values = np.array([row[key] for row in group], dtype=np.float64)
            values = values[np.isfinite(values)]
            middle = 1.0 if key == "width" else 0.0
            error = np.abs(values - middle)
            print(
                f"  {title:16s} n={len(values):4d} {key:8s} bias {np.median(values):+.3f} "
                f"|error| median {np.median(error):.3f} p90 {np.percentile(error, 90):.3f}"
            )


if __name__ == "__main__":
    main()
