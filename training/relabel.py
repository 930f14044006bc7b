"""Labels real scenes anew with a trained model: ``python -m training.relabel --help``.

Parts are read inside the people who are known; the photo and its mirror image vote together. Where
only boxes and joints are known, people whom the model finds become known if they agree with both.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.training.dataset import IGNORE, Bytes, LabelledPhoto, read_photo
from m2fp_cli.training.sources import Source
from training.evaluate import set_min_size
from training.joint_sides import COCO_CHAINS, chains_by_id, sides_by_joints
from training.scene_truth import read_keypoints
from training.self_label import Votes, settle_sides, vote_both_ways

_SURE = 0.5  # score of a person
_SAME = 0.7  # IoU of a person in the photo and in its mirror image
_FILLS = 0.75  # IoU of a person's own box with the annotated one
_JOINTS_INSIDE = 0.8  # share of the seen joints that lie in the mask
_RIM = 2  # pixels around a found person that stay unknown
_OWN_JOINTS = 4  # joints that must be marked before they say anything about sides

Bools = NDArray[np.bool_]
Box = tuple[float, float, float, float]


def label_people(
    photo: LabelledPhoto,
    votes: Votes,
    min_share: float,
    joints: Mapping[int, NDArray[np.float64]],
    kinds: LabelSet,
) -> Bytes:
    """Labels of the parts of everybody who is known, (H, W) uint8; 255 = unknown.

    Args:
        photo: whose people are known.
        votes: (num_labels, H, W), see :func:`self_label.vote`.
        min_share: a part's least share among the labels that are not background.
        joints: by person id, (17, 3) x, y, visibility; they give the sides where they are marked.
        kinds: the labels.
    """
    settled = settle_sides(votes, kinds.side_pairs())
    parts = settled[1:]
    shares = parts.max(0) / np.maximum(parts.sum(0), 1e-6)
    best = parts.argmax(0).astype(np.uint8) + np.uint8(1)
    labels = np.where(shares < min_share, np.uint8(IGNORE), best)
    labels = np.where(photo.people == 0, np.uint8(0), labels)
    labels = np.where(photo.people == IGNORE, np.uint8(IGNORE), labels)
    for person, points in joints.items():
        marked = points[:, 2] > 0
        if marked.sum() >= _OWN_JOINTS:
            places = np.where(marked[:, None], points[:, :2], np.nan)
            own = np.where(photo.people == person, labels, np.uint8(0))
            sided = sides_by_joints(own, places, chains_by_id(COCO_CHAINS, kinds))
            labels = np.where(photo.people == person, sided, labels)
    return np.asarray(labels, np.uint8)


def find_boxed_people(
    found: Sequence[Bools], mirrored: Sequence[Bools], entries: Sequence[Mapping[str, Any]]
) -> dict[int, Bools]:
    """Which annotated person each mask is, where box, joints and the mirror image agree.

    Args:
        found: (H, W) bool masks of the people found in the photo.
        mirrored: those of its mirror image, mirrored back.
        entries: annotated people with ``box`` (x0, y0, x1, y1) and ``keypoints`` or None.

    Returns:
        masks by index into ``entries``.
    """
    known: dict[int, Bools] = {}
    for mask in found:
        twin = max(mirrored, key=lambda other: _iou(mask, other), default=None)
        if twin is None or _iou(mask, twin) < _SAME:
            continue
        fits = {i: _box_iou(_box_of(mask), e["box"]) for i, e in enumerate(entries)}
        best = max(fits, key=lambda i: fits[i], default=None)
        if best is None or best in known or fits[best] < _FILLS:
            continue
        if _joints_inside(mask, entries[best]["keypoints"]) >= _JOINTS_INSIDE:
            known[best] = mask
    return known


def _joints_inside(mask: Bools, keypoints: Any) -> float:
    """Share of the seen joints that lie in a mask widened by 2 pixels; 1 without any."""
    if not keypoints:
        return 1.0
    points = np.asarray(keypoints, np.float64).reshape(-1, 3)
    seen = points[points[:, 2] == 2].astype(int)
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    rows, columns = (seen[:, i].clip(0, n - 1) for i, n in ((1, len(mask)), (0, mask.shape[1])))
    return float(wide[rows, columns].mean()) if len(seen) else 1.0


def people_map(people: Bytes, known: Mapping[int, Bools], entries: Sequence[Any]) -> Bytes:
    """A map of ids, (H, W) uint8, in which the found people are known, too.

    Args:
        people: ids as they were; 255 where somebody unknown may be.
        known: masks by index into ``entries``.
        entries: annotated people; ``person`` is the id of those who had a mask.
    """
    filled, following = people.copy(), int(people[people < IGNORE].max(initial=0)) + 1
    for index, mask in sorted(known.items(), key=lambda item: -int(item[1].sum())):
        if int(entries[index]["person"]) != IGNORE:
            continue
        rim = cv2.dilate(mask.astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8))
        free = people == IGNORE
        filled[rim.astype(bool) & (filled == 0)] = IGNORE
        filled[mask & free] = following
        following += 1
    return filled


def _iou(one: Bools, other: Bools) -> float:
    return float((one & other).sum() / max(int((one | other).sum()), 1))


def _box_of(mask: Bools) -> Box:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return left, top, left + width, top + height


def _box_iou(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(wide, 0) * max(high, 0)
    sizes = ((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return both / max(sum(sizes) - both, 1e-9)


def person_masks(parser: HumanParser, rgb: Bytes) -> list[Bools]:
    """Masks of the people found with a score from 0.5 on, best first."""
    result = parser.parse(np.ascontiguousarray(rgb[:, :, ::-1]))
    human = parser.labels.human_id
    people = [i for i in result.instances if i.label_id == human and i.score >= _SURE]
    return [i.mask.full() for i in sorted(people, key=lambda i: -i.score)]


def relabel_photo(
    parser: HumanParser, photo: LabelledPhoto, entries: Sequence[Any], min_share: float
) -> tuple[Bytes, Bytes]:
    """Labels and people of one scene, (H, W) uint8 each."""
    mirrored_ids = parser.labels.mirrored_ids()[: parser.config.num_parsing]
    people = photo.people
    if any(int(entry["person"]) == IGNORE for entry in entries):
        flipped = person_masks(parser, np.ascontiguousarray(photo.rgb[:, ::-1]))
        twins = [mask[:, ::-1] for mask in flipped]
        known = find_boxed_people(person_masks(parser, photo.rgb), twins, entries)
        people = people_map(people, known, entries)
    votes = vote_both_ways(parser.network, photo.rgb, mirrored_ids)
    joints = {
        int(entry["person"]): np.asarray(entry["keypoints"], np.float64).reshape(-1, 3)
        for entry in entries
        if entry["keypoints"] and int(entry["person"]) != IGNORE
    }
    whole = replace(photo, people=people)
    return label_people(whole, votes, min_share, joints, parser.labels), people


def main() -> None:
    """Parse the command line and label."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="with photos/, people/ and keypoints.json")
    parser.add_argument("--model", required=True, help="name or folder of the model")
    parser.add_argument("--min-size", type=int, default=384, help="its shortest edge")
    parser.add_argument("--min-share", type=float, default=0.5, help="of a part, or it is 255")
    parser.add_argument("--skip", help="file in the folder that names photos to leave out")
    parser.add_argument("--out", type=Path, required=True, help="gets labels/ and people/")
    arguments = parser.parse_args()
    judge = HumanParser(arguments.model)
    set_min_size(judge, arguments.min_size)
    judge.network.config = judge.config
    data, out, keypoints = arguments.data, arguments.out, read_keypoints(arguments.data)
    names = Source(".", held_out=arguments.skip or "none").split(data)[0]
    for kind in ("labels", "people"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    if not (out / "photos").exists():
        (out / "photos").symlink_to((data / "photos").resolve())
    for name in names:
        planes = relabel_photo(
            judge, read_photo(data, name), keypoints.get(name, []), arguments.min_share
        )
        for kind, plane in zip(("labels", "people"), planes, strict=True):
            Image.fromarray(plane).save(out / kind / f"{name}.png")


if __name__ == "__main__":
    main()
