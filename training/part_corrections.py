"""Part labels that people have corrected by eye: ``python -m training.part_corrections --help``.

Guessed labels call shirts coats and skirts dresses. Somebody looked at every guess (see
``training/part_sheets.py``) and said what it is: a line names a photo, a person, a rectangle, the
label that is wrong there and the right one. So corrections fit guesses made anew.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from m2fp_cli.records.labels import CIHP
from m2fp_cli.terminal import counted
from m2fp_cli.training.dataset import IGNORE, Bytes

UNKNOWN = "Unknown"  # nobody can tell, or it is no part of a person
ALL = "all"  # in place of a wrong label: whatever is labelled there
OUT = "out"  # in place of a right label: the photo is not used


@dataclass(frozen=True)
class Correction:
    """One line.

    Attributes:
        person: id in the map of people; 0 = whoever.
        box_xyxy: rectangle in pixels of the label map, right and bottom excluded.
        wrong: name of the label that is replaced, or ``ALL``.
        right: name of the label that is right, ``UNKNOWN`` or ``OUT``.
    """

    person: int
    box_xyxy: tuple[int, int, int, int]
    wrong: str
    right: str


def read_corrections(path: Path) -> dict[str, list[Correction]]:
    """The corrections of every photo by its name, in order."""
    found: dict[str, list[Correction]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as lines:
        for photo, person, left, top, right, bottom, wrong, true in list(
            csv.reader(lines, delimiter="\t")
        )[1:]:
            box = (int(left), int(top), int(right), int(bottom))
            found[photo].append(Correction(int(person), box, wrong, true))
    return dict(found)


def leave_out(
    corrections: Mapping[str, Sequence[Correction]], wrong: str, right: str
) -> dict[str, list[Correction]]:
    """The corrections without those of one label to another.

    Street photos are judged by annotations that call skirts below a top dresses. A model that
    learned the corrections of these names them otherwise than its judge does.
    """
    return {
        photo: [one for one in found if (one.wrong, one.right) != (wrong, right)]
        for photo, found in corrections.items()
    }


def correct_labels(labels: Bytes, people: Bytes, corrections: Sequence[Correction]) -> Bytes | None:
    """Labels with what is wrong put right, (H, W) uint8; None where the photo is not to be used.

    Args:
        labels: (H, W) uint8 ids of the 20 labels, 255 = unknown.
        people: (H, W) uint8 ids.
        corrections: applied one after the other.
    """
    corrected = labels.copy()
    for one in corrections:
        if one.right == OUT:
            return None
        left, top, right, bottom = one.box_xyxy
        place = corrected[top:bottom, left:right]
        wrong = place > 0 if one.wrong == ALL else place == CIHP.id_of(one.wrong)
        if one.person:
            wrong &= people[top:bottom, left:right] == one.person
        place[wrong] = IGNORE if one.right == UNKNOWN else CIHP.id_of(one.right)
    return corrected


def correct_folder(
    data: Path, corrections: Mapping[str, Sequence[Correction]], out: Path
) -> tuple[int, int]:
    """Write ``labels/`` and link ``photos`` and ``people`` of a folder.

    Returns:
        How many photos were written, and how many are left out.
    """
    (out / "labels").mkdir(parents=True, exist_ok=True)
    for kind in ("photos", "people"):
        if (data / kind).exists() and not (out / kind).exists():
            (out / kind).symlink_to((data / kind).resolve())
    written = left_out = 0
    for path in sorted((data / "labels").glob("*.png")):
        labels = np.asarray(Image.open(path), np.uint8)
        around = data / "people" / path.name
        people = np.asarray(Image.open(around) if around.exists() else labels > 0, np.uint8)
        corrected = correct_labels(labels, people, corrections.get(path.stem, ()))
        if corrected is None:
            left_out += 1
            continue
        Image.fromarray(corrected).save(out / "labels" / path.name)
        written += 1
    return written, left_out


def main() -> None:
    """Parse the command line and correct."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="with photos/, labels/ and, if any, people/")
    parser.add_argument("--corrections", type=Path, required=True, help="a .tsv file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--without", metavar="WRONG:RIGHT", help="leave out the corrections of one label to another"
    )
    arguments = parser.parse_args()
    corrections = read_corrections(arguments.corrections)
    if arguments.without:
        wrong, _, right = arguments.without.partition(":")
        corrections = leave_out(corrections, wrong, right)
    written, left_out = correct_folder(arguments.data, corrections, arguments.out)
    print(f"{counted(written, 'photo')} written, {left_out} left out")


if __name__ == "__main__":
    main()
