"""Measure agnostic masks against annotations: how much of the old garment and of the face.

    python -m training.agnostic DATA [--photos 30] [--part judge] [--rule hull] [--grow 2%]

Photos are those that no training learned from, parsed as ``m2fp masks`` parses them. For each
category a photo counts whose annotated garment has at least 1 % of its pixels. The annotated
garment is every pixel with a label of the category; what is annotated as a dress but begins below
a top is a skirt, and what ends above trousers is a top. Photos whose number over 8 is odd judge;
the others are there to look at while rules are made. Those whose annotation is seen to be wrong are
in ``wrong_annotations.tsv``; a second line leaves them out. Of those that judge only the face was
looked at, after the rules were made, and only the figure of the face leaves them out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.agnostic.categories import CATEGORIES
from m2fp_cli.agnostic.mask import MaskSettings, build_mask, parse_growth
from m2fp_cli.agnostic.rules import RULES
from m2fp_cli.arrays import BoolArray
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.imaging.codec import decode_image, decode_map
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.labels import CIHP
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.terminal import counted, say
from m2fp_cli.training.dataset import IGNORE, find_names, split_names

PARTS = {"judge": 1, "tune": 0, "all": None}  # numbers of held-out photos, over 8, modulo 2
MEASURED = ("upper", "lower", "dress", "full")
BESIDE = 0.25  # area of a top or trousers over that of a dress, from which on they count
WORN = 0.01  # share of a photo from which on a garment counts


@dataclass(frozen=True)
class Covered:
    """One mask against the annotation of its photo.

    Attributes:
        name: of the photo.
        garment: share of the annotated old garment that the mask covers.
        face: share of the annotated face, nan without one.
        hair: share of the annotated hair, nan without any.
        shoes: share of the annotated shoes, nan without any.
        area: pixels of the mask over those of the annotated person.
    """

    name: str
    garment: float
    face: float
    hair: float
    shoes: float
    area: float


def compare(name: str, truth: NDArray[np.uint8], mask: BoolArray, category: str) -> Covered | None:
    """Compare a mask with an annotation; None where the garment is not worn.

    Args:
        name: of the photo.
        truth: (H, W) uint8 CIHP ids, 255 where nothing is said.
        mask: (H, W) bool, what is painted anew.
        category: one of ``MEASURED``.
    """
    clothes = [n for n in CATEGORIES[category].clothes if n in CIHP.names]
    if category in ("upper", "lower") and not is_worn_there(truth, category):
        clothes.remove("Dress")
    garment = _labelled(truth, clothes)
    if garment.mean() < WORN:
        return None
    person = (truth > 0) & (truth != IGNORE)
    face, hair, shoes = (
        _share(mask, _labelled(truth, labels))
        for labels in (("Face",), ("Hair",), ("Left-shoe", "Right-shoe"))
    )
    area = float(np.count_nonzero(mask) / np.count_nonzero(person))
    return Covered(name, _share(mask, garment), face, hair, shoes, area)


def is_worn_there(truth: NDArray[np.uint8], category: str) -> bool:
    """Whether what is annotated as a dress is at the place of a category.

    Args:
        truth: (H, W) uint8 CIHP ids.
        category: ``upper`` or ``lower``.
    """
    tops, bottoms, dress = (
        np.nonzero(_labelled(truth, names))[0]
        for names in (("UpperClothes", "Coat"), ("Pants", "Skirt"), ("Dress",))
    )
    if not dress.size:
        return True
    if category == "upper":
        below_a_top = tops.size > BESIDE * dress.size
        return not (below_a_top and np.percentile(dress, 5) > np.median(tops))
    above_trousers = bottoms.size > BESIDE * dress.size
    return not (above_trousers and np.percentile(dress, 95) < np.median(bottoms))


def summarize(found: Sequence[Covered]) -> str:
    """One line of figures, percentages."""
    worn = 100 * np.array([one.garment for one in found])
    face, hair, shoes = (
        100 * np.array([getattr(one, part) for one in found]) for part in ("face", "hair", "shoes")
    )
    worst = min(found, key=lambda one: one.garment)
    return (
        f"{counted(len(found), 'photo')}: garment mean {worn.mean():.2f}, "
        f"median {np.median(worn):.2f}, "
        f"worst {worn.min():.1f} ({worst.name}); face mean {np.nanmean(face):.3f}, "
        f"most {np.nanmax(face):.1f}; hair {np.nanmean(hair):.1f}, shoes {np.nanmean(shoes):.1f}; "
        f"mask over person {np.mean([one.area for one in found]):.2f}"
    )


def read_photos(
    data: Path, model: str, part: str, most: int
) -> Iterator[tuple[str, ParsingResult, NDArray[np.uint8]]]:
    """Names, parsing results and annotations of held-out photos."""
    parser = HumanParser(model)
    names = split_names(find_names(data))[1]
    place = PARTS[part]
    chosen = [name for name in names if place is None or int(name) // 8 % 2 == place]
    for name in chosen[:most]:
        photo = decode_image(read_bytes(data / "photos" / f"{name}.jpg")).image_bgr
        truth = decode_map(read_bytes(data / "labels" / f"{name}.png")).astype(np.uint8)
        yield name, parser.parse(photo), truth


def read_wrong() -> dict[str, str]:
    """Photos whose annotation is wrong, each with the figures that leave it out: all, or face."""
    lines = (Path(__file__).parent / "wrong_annotations.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in lines.splitlines()[1:]]
    return {name: left_out for name, left_out, _ in rows}


def without_wrong(found: Sequence[Covered], wrong: Mapping[str, str]) -> list[Covered]:
    """What is measured against right annotations; ``face`` is nan where only that is wrong."""
    right = [one for one in found if wrong.get(one.name) != "all"]
    return [replace(one, face=float("nan")) if one.name in wrong else one for one in right]


def mask_of_largest(result: ParsingResult, settings: MaskSettings) -> BoolArray:
    """The mask of the largest person, (H, W) bool; empty where nobody is found."""
    if not result.people:
        return np.zeros(result.image_hw, np.bool_)
    person = max(result.people, key=lambda one: one.mask.area)
    return build_mask(result, person, settings).mask > 0


def _labelled(truth: NDArray[np.uint8], names: Sequence[str]) -> BoolArray:
    return np.isin(truth, [CIHP.id_of(name) for name in names])


def _share(mask: BoolArray, part: BoolArray) -> float:
    count = np.count_nonzero(part)
    return float(np.count_nonzero(mask & part) / count) if count else float("nan")


def main() -> None:
    """Measure, and print a line for each category and rule, then the worst photos."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder with photos/ and labels/")
    parser.add_argument("--model", default="starter", help="name or folder of a model")
    parser.add_argument("--photos", type=int, default=30)
    parser.add_argument("--part", choices=tuple(PARTS), default="judge")
    parser.add_argument("--rule", choices=tuple(RULES), action="append", help="default: all")
    parser.add_argument(
        "--grow", default="0", help="as of m2fp masks; 5000 covers all but the kept"
    )
    parser.add_argument("--worst", type=int, default=0, help="name so many photos of each line")
    asked = parser.parse_args()
    grow = parse_growth(asked.grow)
    found: dict[tuple[str, str], list[Covered]] = {
        (category, rule): [] for category in MEASURED for rule in asked.rule or RULES
    }
    for name, result, truth in read_photos(asked.data, asked.model, asked.part, asked.photos):
        for (category, rule), lines in found.items():
            mask = mask_of_largest(result, MaskSettings(category, rule, grow))
            one = compare(name, truth, mask, category)
            lines += [one] if one else []
    wrong = read_wrong()
    for (category, rule), lines in found.items():
        if not lines:
            continue
        say(f"{category} {rule}: {summarize(lines)}")
        say(f"    annotated rightly: {summarize(without_wrong(lines, wrong))}")
        for one in sorted(lines, key=lambda line: line.garment)[: asked.worst]:
            say(f"    {one.name} garment {100 * one.garment:.1f} face {100 * one.face:.1f}")


if __name__ == "__main__":
    main()
