"""How well clear glasses that are worn are told from bare faces, by their lines.

    python -m training.clear_glasses ccp/photos ccp/unlabelled people/coco/photos

``clear_glasses.tsv`` names the faces that were looked at and are not bare: photo, where the middle
between the eyes is in pixels, and what they wear. ``clear`` glasses are to be found. ``dark`` ones,
which the label map shows, and ``unclear`` ones, a veil or a face whose points were missed, are left
out. Every other face that the face network is sure of is bare. One person is looked for in a photo
of CCP, in those of COCO everybody of ``people/`` beside the photos.

The least darkness of lines was chosen on CCP photos with labels and an even number.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from m2fp_cli.arrays import Box
from m2fp_cli.engine.faces import find_faces
from m2fp_cli.engine.joints import find_joints
from m2fp_cli.imaging.codec import decode_map, read_image
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.face import SURE_FACE, Face
from m2fp_cli.tryon.frame_lines import measure_frame
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.worn_pair import LEAST_LINES

_MARKS = Path(__file__).parent / "clear_glasses.tsv"
_SAME = 1.0  # between a mark and the eyes of its face, distances between these
_LEAST_PIXELS = 3000  # of a person in ``people/``
_UNKNOWN = 255  # id there of nobody in particular
_LEAST_UNIT = 8.0  # pixels between the eyes; smaller faces were not looked at

Marks = dict[str, list[tuple[float, float, str]]]


def main() -> None:
    """Run it and print one line a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path, nargs="+")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # such small networks only wait for a second thread
    for folder in parser.parse_args().photos:
        rows: dict[str, list[bool]] = defaultdict(list)
        marks = read_marks(folder)
        for path in sorted(folder.glob("*.jpg")):
            for worn, found in judge_photo(path, marks.get(path.stem, [])):
                rows[worn].append(found)
                if path.stem.isdigit() and folder.name == "photos":
                    rows[f"{worn} {('even', 'odd')[int(path.stem) % 2]}"].append(found)
        for worn, each in sorted(rows.items()):
            print(f"{folder} {worn}: frames seen on {sum(each)} of {len(each)}")


def read_marks(folder: Path) -> Marks:
    """The marks of a folder of photos, by the name of the photo."""
    marks: Marks = defaultdict(list)
    for line in _MARKS.read_text(encoding="utf-8").splitlines()[1:]:
        where, name, x, y, worn = line.split("\t")
        if folder.as_posix().endswith(where):
            marks[name].append((float(x), float(y), worn))
    return marks


def judge_photo(path: Path, marks: list[tuple[float, float, str]]) -> Iterator[tuple[str, bool]]:
    """What each face of a photo wears, and whether a frame is seen on it."""
    photo = read_image(path).image_bgr
    boxes = _people(path, (photo.shape[0], photo.shape[1]))
    joints = find_joints(photo, (photo.shape[0], photo.shape[1]), boxes)
    faces = find_faces(photo, (photo.shape[0], photo.shape[1]), joints, [None] * len(joints))
    seen: list[Face] = []
    for face in faces:
        if face is None or face.score < SURE_FACE or face.unit < _LEAST_UNIT:
            continue
        if any(math.dist(one.eyes_xy, face.eyes_xy) < face.unit for one in seen):
            continue  # two people of whom one was found twice
        seen.append(face)
        near = [worn for x, y, worn in marks if math.dist((x, y), face.eyes_xy) < _SAME * face.unit]
        worn = near[0] if near else "bare"
        if worn in ("clear", "bare"):
            yield worn, (measure_frame(photo, head_of(face)) or 0.0) > LEAST_LINES


def _people(path: Path, hw: tuple[int, int]) -> list[Box]:
    """Boxes of the people; the whole photo where they are not known."""
    beside = path.parent.parent
    for name in ("people", "labels"):
        if (file := beside / name / f"{path.stem}.png").exists() and path.parent.name == "photos":
            ids = np.asarray(decode_map(read_bytes(file)))
            ids = np.where(ids == _UNKNOWN, 0, ids if name == "people" else 1 * (ids > 0))
            return [box for i in np.unique(ids[ids > 0]) if (box := _box(ids == i)) is not None]
    return [(0, 0, hw[1], hw[0])]


def _box(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Box | None:
    y, x = np.nonzero(mask)
    if len(y) < _LEAST_PIXELS:
        return None
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


def head_of(face: Face) -> HeadFrame:
    """A head of which the face alone is known."""
    roll = math.radians(face.roll)
    right, down = (math.cos(roll), math.sin(roll)), (-math.sin(roll), math.cos(roll))
    return HeadFrame(
        face.eyes_xy, down, right, face.unit, 2 * face.unit, 1.8, 1.7, 0.0, face.roll, face.yaw,
        1.0, dark_lenses=False, has_hat=False, by_face=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
