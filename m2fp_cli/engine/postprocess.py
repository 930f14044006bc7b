"""From the network's output to a ``ParsingResult``: candidates, label map, people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.candidates import (
    SCORE_FLOOR,
    Candidate,
    Pair,
    View,
    find_pairs,
    is_reported,
    score_pairs,
)
from m2fp_cli.engine.carried import take_out_carried
from m2fp_cli.engine.faces import find_faces
from m2fp_cli.engine.joint_sides import assign_sides_by_joints
from m2fp_cli.engine.joints import find_joints
from m2fp_cli.engine.label_map import LabelPainter, classify_pixels, label_instances
from m2fp_cli.engine.merge import merge_views
from m2fp_cli.engine.people import FaceFinder, JointFinder, MapRule, SideRule, assemble_result
from m2fp_cli.engine.sides import assign_sides_by_body
from m2fp_cli.kernels.thresholds import PROBABILITY_THRESHOLD
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.records.masks import Mask, mask_overlap
from m2fp_cli.records.results import Instance, LabelMap, ParsingResult


@dataclass(frozen=True, eq=False)
class Findings:
    """What a model that finds several people saw, before people are put together.

    Attributes:
        semantic_map: (H, W) uint8, sides as the network gives them.
        instances: parts and humans in any order.
    """

    semantic_map: LabelMap
    instances: Sequence[Instance]


def build_result(
    views: Sequence[View],
    config: ModelConfig,
    min_score: float = SCORE_FLOOR,
    picture_bgr: Picture | None = None,
) -> ParsingResult:
    """Turn the views of one photo into its result.

    Args:
        views: one view, or two with test-time augmentation.
        config: the model; it says how instances and the label map are made.
        min_score: lowest score of a reported instance; the label map depends on it in the sides of
            limbs alone, which come from people.
        picture_bgr: see ``assemble_findings``.
    """
    if not config.parsing_on:
        highest = np.empty(views[0].geometry.image_hw, np.float32)
        labels = classify_pixels(views, config, highest)
        return assemble_one_person(labels, highest, config, picture_bgr)
    found = build_findings(views, config, min_score)
    return assemble_findings(found, config, picture_bgr)


def build_findings(views: Sequence[View], config: ModelConfig, min_score: float) -> Findings:
    """Label map and instances of a model that finds several people; see ``build_result``."""
    painted, instances = find_instances(views, config, min_score)
    labels = classify_pixels(views, config) if painted is None else painted
    if config.human_scores == "label_map":
        instances = weigh_people(instances, labels, config.labels.human_id, min_score)
    return Findings(labels, instances)


def weigh_people(
    instances: Sequence[Instance], labels: LabelMap, human_id: int | None, min_score: float
) -> list[Instance]:
    """Multiply people's scores by the share of their mask that the label map calls somebody's.

    Two answers of one network about the same pixels: a bird far away that a person query takes for
    somebody has no face, arms and clothes. On 47 photos that the starter did not learn from, 69 %
    of the people with a score of 0.5 or more are people then, 55 % without, and as many of those
    at least a fifth of the photo high are found.

    Args:
        instances: parts and humans.
        labels: (H, W) uint8 label map.
        human_id: the human class.
        min_score: people up to it are left out.
    """
    somebody = Mask.from_full(labels > 0)
    weighed = [
        replace(one, score=one.score * mask_overlap(one.mask, somebody) / one.mask.area)
        if one.label_id == human_id
        else one
        for one in instances
    ]
    return [one for one in weighed if is_reported(one, human_id, min_score)]


def assemble_findings(
    found: Findings, config: ModelConfig, picture_bgr: Picture | None = None
) -> ParsingResult:
    """Put people together from what was found.

    Args:
        found: label map and instances.
        config: the model; it says how limbs get their sides.
        picture_bgr: (h, w, 3) uint8, the photo or a reduced copy of it; without it people's joints
            and faces stay unknown, and what they carry stays in the label map.
    """
    return assemble_result(
        config.labels,
        found.semantic_map,
        found.instances,
        find_joints=_joint_finder(picture_bgr, found.semantic_map.shape),
        find_faces=_face_finder(picture_bgr, found.semantic_map.shape),
        assign_sides=_side_rule(config),
        take_out=_taking_out(config, picture_bgr),
    )


def assemble_one_person(
    labels: LabelMap,
    highest: NDArray[np.float32],
    config: ModelConfig,
    picture_bgr: Picture | None = None,
) -> ParsingResult:
    """The result of a model for photos of one person, who is all that is not background.

    Args:
        labels: (H, W) uint8 label map.
        highest: (H, W) float32, the sum of each pixel's label; see ``label_instances``.
        config: the model.
        picture_bgr: see ``assemble_findings``.
    """
    return assemble_result(
        config.labels,
        labels,
        label_instances(labels, highest),
        single_human=True,
        find_joints=_joint_finder(picture_bgr, labels.shape),
        find_faces=_face_finder(picture_bgr, labels.shape),
    )


def _joint_finder(picture_bgr: Picture | None, image_hw: tuple[int, ...]) -> JointFinder | None:
    """What sees joints in a photo of a size; see ``assemble_findings``."""
    if picture_bgr is None:
        return None
    return partial(find_joints, picture_bgr, (image_hw[0], image_hw[1]))


def _face_finder(picture_bgr: Picture | None, image_hw: tuple[int, ...]) -> FaceFinder | None:
    """What sees faces in a photo of a size; see ``assemble_findings``."""
    if picture_bgr is None:
        return None
    return partial(find_faces, picture_bgr, (image_hw[0], image_hw[1]))


def _side_rule(config: ModelConfig) -> SideRule | None:
    """How a model's limbs and shoes get their sides."""
    if config.sides == "body":
        return lambda found, masks, joints: assign_sides_by_body(found, masks, config.labels)
    if config.sides == "joints":
        return partial(assign_sides_by_joints, labels=config.labels)
    return None


def _taking_out(config: ModelConfig, picture_bgr: Picture | None) -> MapRule | None:
    """What takes carried things out of a model's label map; see ``assemble_findings``."""
    if picture_bgr is None or not config.carried:
        return None
    return partial(take_out_carried, labels=config.labels, picture_bgr=picture_bgr)


def find_instances(
    views: Sequence[View], config: ModelConfig, min_score: float
) -> tuple[LabelMap | None, list[Instance]]:
    """Find the instances of all classes, and paint the label map if the model paints it from them.

    This goes class by class and, with one view, instance by instance. Of a mask, its bits are kept,
    and its logits at the network's height until its class is painted.

    Args:
        views: one view, or two with test-time augmentation.
        config: the model.
        min_score: lowest score of a reported instance.

    Returns:
        The label map, or None if the model makes it another way; the reported instances.
    """
    painter = None
    lowest = min_score  # of a candidate that is either reported or painted
    if config.label_map == "instances":
        painter = LabelPainter(views[0].geometry.image_hw, config, len(views))
        # A probability is at most 1, so a score below the threshold never gives a vote that counts.
        lowest = min(min_score, max(PROBABILITY_THRESHOLD, config.parsing_ins_score_thr))
    pairs = [find_pairs(view, lowest) for view in views]
    instances: list[Instance] = []
    for label_id in sorted({pair.label_id for view_pairs in pairs for pair in view_pairs}):
        of_label = [[p for p in view_pairs if p.label_id == label_id] for view_pairs in pairs]
        class_painter = painter if label_id < config.num_parsing else None
        instances += [
            instance
            for instance in _class_instances(views, of_label, class_painter, lowest)
            if is_reported(instance, config.labels.human_id, min_score) and instance.mask.area
        ]
        if class_painter is not None:
            class_painter.end_class(label_id)
    return (None if painter is None else painter.label_map()), instances


def _class_instances(
    views: Sequence[View], pairs: list[list[Pair]], painter: LabelPainter | None, min_score: float
) -> Iterable[Instance]:
    """Instances of one class, merged if there is more than one view; the painter sees them too."""
    kept: list[list[Candidate]] = []
    for view, view_pairs in zip(views, pairs, strict=True):
        kept.append([])
        for candidate in score_pairs(view, view_pairs, min_score):
            if painter is not None:
                painter.add(candidate)
            if len(views) == 1:
                yield Instance(candidate.label_id, candidate.score, candidate.mask)
            else:
                kept[-1].append(candidate)
        if painter is not None:
            painter.end_view()
    if len(views) > 1:
        yield from merge_views(kept)
