"""Heads of people as try-on has them, against annotated eyes, noses and ears.

    python -m training.head_benchmark PEOPLE RESULTS [PEOPLE RESULTS ...] [--without-faces]
        [--odd | --even]

PEOPLE holds ``photos/`` and ``keypoints.json`` (COCO's 17 keypoints for each person), RESULTS what
``m2fp parse`` has made of these photos. Counted are people with a score of 0.5 and a labelled face,
by what is annotated there: both eyes, one, none; people whose labelled face holds the heads of
several are left out. The true yaw is the one at which a rigid face fits the annotated points
(``head_yaw``); no network has a say in it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Box
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.records.document import load_result
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.face_seen import doubt_face
from m2fp_cli.tryon.figure import build_figure, head_stride, head_window, label_score
from m2fp_cli.tryon.head import HeadFrame, SkipReason, fit_head
from m2fp_cli.tryon.kinds.glasses import MIN_CONFIDENCE
from training.head_yaw import LEAST_SCORE, NOSE, WORST_FIT, are_seen, fit_yaw

Array = NDArray[np.float64]
BESIDE = 0.25  # of the labelled face's width, around its box, where annotated eyes are this head's
MET, MISSED = 0.4, 0.6  # distance between found and annotated eyes, U


@dataclass(frozen=True, eq=False)
class AnnotatedHead:
    """A head that people have annotated.

    Attributes:
        points: (5, 3) x, y and visibility of nose, eyes and ears; None where there are none.
        yaw: degrees, None where the points do not tell.
        frame: what try-on has found, or why it found nothing.
    """

    points: Array | None
    yaw: float | None
    frame: HeadFrame | SkipReason

    @property
    def kind(self) -> str:
        """How many eyes are annotated, in words."""
        eyes = 0 if self.points is None else np.count_nonzero(self.points[1:3, 2])
        return ("no eyes", "one eye", "both eyes")[eyes]


def main() -> None:
    """Read the heads and print what became of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path, nargs="+", help="PEOPLE RESULTS, one pair or more")
    parser.add_argument("--without-faces", action="store_true", help="as results before 1.3")
    parser.add_argument("--odd", action="store_true", help="photos with an odd number")
    parser.add_argument("--even", action="store_true", help="photos with an even number")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    parities = {1} if options.odd else {0} if options.even else {0, 1}
    pairs = zip(options.data[::2], options.data[1::2], strict=True)
    heads = [
        head
        for people, results in pairs
        for head in read_heads(people, results, parities, faces=not options.without_faces)
    ]
    for kind in ("both eyes", "one eye", "no eyes"):
        print_counts(kind, [head for head in heads if head.kind == kind])
    print_yaws(heads)


def read_heads(
    people: Path, results: Path, parities: Iterable[int], *, faces: bool
) -> Iterator[AnnotatedHead]:
    """Every head with a labelled face in the photos of a folder."""
    keypoints = json.loads((people / "keypoints.json").read_text())
    for path in sorted((results / "results").glob("*.json")):
        if path.stem not in keypoints or int(path.stem[-6:]) % 2 not in parities:
            continue
        known = [
            np.asarray(entry["keypoints"], dtype=np.float64).reshape(-1, 3)[:5]
            for entry in keypoints[path.stem]
            if entry["keypoints"]
        ]
        result = load_result(path, instances=False)
        photo = read_image(next((people / "photos").glob(f"{path.stem}.*"))).image_bgr
        for person in result.people:
            if person.score >= LEAST_SCORE:
                seen = person if faces else replace(person, face=None)
                yield from read_head(photo, result, seen, known)


def read_head(
    photo: NDArray[np.uint8], result: ParsingResult, person: Person, known: list[Array]
) -> Iterator[AnnotatedHead]:
    """The head of a person, unless it has no labelled face or one of several people."""
    window = head_window(result, person)
    if window is None:
        return
    label = result.labels.names.index("Face")
    box = next(p.box_xyxy for p in person.parts if p.label_id == label)
    there = [points for points in known if is_in(points, box)]
    if len(there) > 1:
        return
    figure = build_figure(result, person, window, head_stride(window))
    frame = fit_head(photo[figure.window], figure)
    score = label_score(result, person, "Face")
    if isinstance(frame, HeadFrame):
        frame = doubt_face(figure, frame, score) or frame
    x0, y0, x1, y1 = box
    whole = [p for p in there if are_seen(p) and x0 <= p[NOSE, 0] <= x1 and y0 <= p[NOSE, 1] <= y1]
    yaw, left = fit_yaw(whole[0]) if whole else (0.0, np.inf)
    points = there[0] if there else None
    yield AnnotatedHead(points, yaw if left < WORST_FIT else None, frame)


def is_in(points: Array, box: Box) -> bool:
    """Whether the annotated nose and eyes of somebody lie in a box, or a little beside it."""
    marked = points[:3][points[:3, 2] > 0, :2]
    if not len(marked):
        return False
    (x, y), (x0, y0, x1, y1) = marked.mean(axis=0), box
    reach = BESIDE * (x1 - x0)
    return bool(x0 - reach <= x <= x1 + reach and y0 - reach <= y <= y1 + reach)


def print_counts(kind: str, heads: list[AnnotatedHead]) -> None:
    """How many are dressed, with glasses too, and how far from their eyes."""
    placed = [(h.points, h.frame) for h in heads if isinstance(h.frame, HeadFrame)]
    glasses = sum(frame.confidence >= MIN_CONFIDENCE for _, frame in placed)
    print(f"{kind}: {len(heads)} people, {len(placed)} dressed, {glasses} with glasses", end="")
    apart = np.array(
        [
            np.hypot(*(frame.eyes_xy - points[1:3, :2].mean(axis=0))) / frame.unit
            for points, frame in placed
            if points is not None
        ]
    )
    if kind == "both eyes" and len(apart):
        met, missed = np.count_nonzero(apart < MET), np.count_nonzero(apart > MISSED)
        print(f", {met} within {MET} U of their eyes, {missed} beside by {MISSED} U", end="")
        print(f", median {np.median(apart):.3f} p90 {np.percentile(apart, 90):.3f} U", end="")
    print()


def print_yaws(heads: list[AnnotatedHead]) -> None:
    """Errors of the yaw of heads that are dressed."""
    known = [head for head in heads if head.yaw is not None]
    error = np.abs(
        [h.frame.yaw - h.yaw for h in known if isinstance(h.frame, HeadFrame) and h.yaw is not None]
    )
    print(f"yaw: {len(known)} heads, {len(error)} dressed, error median", end=" ")
    print(f"{np.median(error):.1f} degrees, p90 {np.percentile(error, 90):.1f}")


if __name__ == "__main__":
    main()
