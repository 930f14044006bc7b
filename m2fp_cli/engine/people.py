"""From instances and a label map to people with their own parts.

The network finds parts and humans independently. They are joined here as M2FP's evaluator joins
them: humans are painted by ascending score, so that the one with the highest score is on top, and
the label map is cut by what is visible of each. Every pixel then belongs to at most one person and
one label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from m2fp_cli.arrays import BoolArray, Box
from m2fp_cli.engine.own_faces import keep_own_faces
from m2fp_cli.engine.sides import occurring_ids
from m2fp_cli.records.face import Face
from m2fp_cli.records.joints import Joints
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask, mask_iou, mask_overlap
from m2fp_cli.records.results import Instance, LabelMap, ParsingResult, Part, Person, PersonMap

MAX_PEOPLE = 65535  # ids that fit a uint16 map beside 0
SAME_PERSON = 0.8  # IoU of two humans' masks from which on they are one: no two people share these

JointFinder = Callable[[Sequence[Box]], Sequence[Joints | None]]  # boxes of people
# Joints of people, and masks of what is labelled as their face.
FaceFinder = Callable[[Sequence[Joints | None], Sequence[Mask | None]], Sequence[Face | None]]
# Label map, disjoint masks of people, and their joints as far as they are known.
MapRule = Callable[[LabelMap, Sequence[Mask]], LabelMap]  # label map and disjoint masks of people
SideRule = Callable[[LabelMap, Sequence[Mask], Sequence[Joints | None]], LabelMap]


def assemble_result(
    labels: LabelSet,
    semantic_map: LabelMap,
    instances: Sequence[Instance],
    *,
    single_human: bool = False,
    find_joints: JointFinder | None = None,
    find_faces: FaceFinder | None = None,
    assign_sides: SideRule | None = None,
    take_out: MapRule | None = None,
) -> ParsingResult:
    """Join instances and label map into one result.

    Args:
        labels: names of the label ids; ``human_id`` tells humans from parts.
        semantic_map: (H, W) uint8 label ids.
        instances: parts and humans in any order.
        single_human: the photo shows one person, who is all that is not background.
        find_joints: sees the joints of people in the photo; None leaves them unknown.
        find_faces: sees the faces of people in the photo; None leaves them unknown.
        assign_sides: gives the limbs and shoes of the people in the label map their side; None
            leaves those that the network gave them.
        take_out: calls background what people carry before their clothes; None leaves it.

    Returns:
        The result, its people numbered from 1 by descending score.
    """
    humans = sorted_instances(i for i in instances if i.label_id == labels.human_id)
    parts = sorted_instances(i for i in instances if i.label_id != labels.human_id)
    if single_human:
        humans = _whole_person(semantic_map, parts)
    person_map, visible = paint_people(humans, semantic_map.shape)
    masks = [mask for _, mask in visible]
    if take_out is not None:
        semantic_map = take_out(semantic_map, masks)
    joints: Sequence[Joints | None] = [None] * len(masks)
    if find_joints is not None:
        joints = find_joints([mask.box_xyxy for mask in masks])
    if assign_sides is not None:
        semantic_map = assign_sides(semantic_map, masks, joints)
    cuts = []
    for human, mask in visible:
        own = semantic_map[mask.slices] * mask.inside
        cuts.append(cut_parts(own, mask.box_xyxy[:2], mask.image_hw, parts, human.score))
    faces: Sequence[Face | None] = [None] * len(masks)
    if find_faces is not None:
        seen_faces = find_faces(joints, [_face_mask(labels, cut) for cut in cuts])
        faces = keep_own_faces(seen_faces, masks)
    found = zip(visible, cuts, joints, faces, strict=True)
    people = [
        Person(person_id, human.score, mask, cut, seen, face)
        for person_id, ((human, mask), cut, seen, face) in enumerate(found, start=1)
    ]
    nobody = semantic_map * (person_map == 0)
    image_hw = (semantic_map.shape[0], semantic_map.shape[1])
    unassigned = cut_parts(nobody, (0, 0), image_hw, parts, 0.0)
    kept = tuple(parts) if single_human else (*parts, *humans)
    return ParsingResult(
        image_hw, labels, semantic_map, person_map, tuple(people), unassigned, kept
    )


def _face_mask(labels: LabelSet, parts: Sequence[Part]) -> Mask | None:
    """The mask of what is labelled as a face."""
    return next((part.mask for part in parts if labels.names[part.label_id] == "Face"), None)


def sorted_instances(instances: Iterable[Instance]) -> list[Instance]:
    """Sort by descending score, then by label id and box, so that the order never varies."""
    return sorted(instances, key=lambda i: (-i.score, i.label_id, i.box_xyxy))


def _whole_person(semantic_map: LabelMap, parts: Sequence[Instance]) -> list[Instance]:
    """The one person of a single-human photo, scored by the area-weighted mean of the parts."""
    mask = Mask.from_full(semantic_map > 0)
    if not mask.area:
        return []
    foreground = [(p.mask.area, p.score) for p in parts if p.label_id != 0]
    total = sum(area for area, _ in foreground)
    score = sum(area * s for area, s in foreground) / total if total else 0.0
    return [Instance(0, float(score), mask)]


def paint_people(
    humans: Sequence[Instance], image_hw: tuple[int, ...]
) -> tuple[PersonMap, list[tuple[Instance, Mask]]]:
    """Paint humans on one map, the one with the highest score on top.

    Args:
        humans: by descending score.
        image_hw: height and width of the photo.

    Returns:
        Person map (H, W) uint16, 0 = nobody, and for person id 1, 2, ... the instance and its
        visible mask. Humans of whom nothing is visible get no id, nor do those of whom a rim is:
        two queries have found one person, and the surer one counts.
    """
    height, width = image_hw
    order = np.zeros((height, width), dtype=np.uint16)
    ranked = list(humans[:MAX_PEOPLE])
    for rank, human in reversed(list(enumerate(ranked, start=1))):
        np.copyto(order[human.mask.slices], rank, where=human.mask.inside)
    new_id = np.zeros(len(ranked) + 1, dtype=np.uint16)
    visible: list[tuple[Instance, Mask]] = []
    for rank, human in enumerate(ranked, start=1):
        x0, y0, _, _ = human.box_xyxy
        crop = order[human.mask.slices] == rank
        if crop.any() and not _is_rim(crop, human, visible):
            mask = Mask.from_crop(crop, (x0, y0), (height, width))
            visible.append((human, mask))
            new_id[rank] = len(visible)
    everybody = len(visible) == len(ranked)
    return (order if everybody else new_id[order]), visible


def _is_rim(crop: BoolArray, human: Instance, surer: Sequence[tuple[Instance, Mask]]) -> bool:
    """Whether what is visible of a human is the rim around the same person, found surer."""
    if np.count_nonzero(crop) > (1 - SAME_PERSON) * human.mask.area:
        return False
    return any(mask_iou(human.mask, other.mask) >= SAME_PERSON for other, _ in surer)


def cut_parts(
    label_crop: LabelMap,
    origin_xy: tuple[int, int],
    image_hw: tuple[int, int],
    instances: Sequence[Instance],
    fallback_score: float,
) -> tuple[Part, ...]:
    """One part per label in a crop of the label map.

    Args:
        label_crop: (h, w) uint8 label ids, 0 where there is no part.
        origin_xy: column and row of the crop in the image.
        image_hw: size of the image.
        instances: the network's part instances; a part takes the score of one of them.
        fallback_score: score of a part that no instance of its label overlaps.

    Returns:
        Parts by ascending label id.
    """
    parts = []
    x, y, width, height = cv2.boundingRect(label_crop)
    if not width:
        return ()
    crop, crop_xy = label_crop[y : y + height, x : x + width], (origin_xy[0] + x, origin_xy[1] + y)
    for label_id in np.flatnonzero(occurring_ids(crop)[1:]) + 1:
        mask = _label_mask(int(label_id), crop, crop_xy, image_hw)
        score = _overlap_score(mask, int(label_id), instances, fallback_score)
        parts.append(Part(int(label_id), score, mask))
    return tuple(parts)


def _label_mask(
    label_id: int, label_crop: LabelMap, origin_xy: tuple[int, int], image_hw: tuple[int, int]
) -> Mask:
    """The mask of one label in a crop of the label map that holds it."""
    is_label = label_crop == label_id
    # `Mask.from_crop` finds the same box with NumPy, which takes three times as long: it must not
    # import OpenCV, because the command line's own process reads masks through it.
    x, y, width, height = cv2.boundingRect(is_label.view(np.uint8))
    left, top = origin_xy[0] + x, origin_xy[1] + y
    inside = is_label[y : y + height, x : x + width]
    return Mask(image_hw, (left, top, left + width, top + height), inside)


def _overlap_score(
    mask: Mask, label_id: int, instances: Sequence[Instance], fallback: float
) -> float:
    """Score of the instance with this label that overlaps the mask most."""
    covers = [(mask_overlap(mask, i.mask), i.score) for i in instances if i.label_id == label_id]
    best = max(covers, default=(0, fallback))
    return best[1] if best[0] else fallback


def result_from_maps(
    labels: LabelSet, semantic_map: LabelMap, person_map: PersonMap | None = None
) -> ParsingResult:
    """Build a result from maps alone, as other tools and data sets give them.

    People and their parts have a score of 1, what is on nobody 0.

    Args:
        labels: names of the label ids.
        semantic_map: (H, W) uint8 label ids; ids without a name count as background.
        person_map: (H, W) uint16, 0 = nobody; None = all that is not background is one person.

    Returns:
        The result; people are numbered from 1 in the order of their ids; it has no instances.
    """
    semantic_map = np.where(semantic_map < len(labels.names), semantic_map, 0).astype(np.uint8)
    if person_map is None:
        person_map = (semantic_map > 0).astype(np.uint16)
    image_hw = (semantic_map.shape[0], semantic_map.shape[1])
    ids = np.unique(person_map)
    ranks = np.searchsorted(ids[ids > 0], person_map, side="left")
    numbered: PersonMap = (ranks + 1).astype(np.uint16)
    numbered[person_map == 0] = 0
    people = []
    for person_id in range(1, int(np.count_nonzero(ids)) + 1):
        mask = Mask.from_full(numbered == person_id)
        own = np.where(mask.inside, semantic_map[mask.slices], 0).astype(np.uint8)
        cut = cut_parts(own, mask.box_xyxy[:2], image_hw, (), 1.0)
        people.append(Person(person_id, 1.0, mask, cut))
    nobody = np.where(numbered == 0, semantic_map, 0).astype(np.uint8)
    unassigned = cut_parts(nobody, (0, 0), image_hw, (), 0.0)
    return ParsingResult(image_hw, labels, semantic_map, numbered, tuple(people), unassigned, ())
