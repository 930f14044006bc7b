"""Merging the instances of the plain and the mirrored view (test-time augmentation).

M2FP's published scores use it. Instances of one class with an IoU of 0.5 or more become one, with
the mean of their mask logits and the best of their scores; the scores of others that overlap decay
(Soft-NMS, Bodla et al., https://arxiv.org/abs/1704.04503, with sigma 0.5).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch

from m2fp_cli.engine.candidates import Candidate
from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD
from m2fp_cli.records.masks import Mask, mask_iou, union_box
from m2fp_cli.records.results import Instance

SAME_INSTANCE_IOU = 0.5
DECAY_SIGMA = 0.5


def merge_views(views: Sequence[Sequence[Candidate]]) -> list[Instance]:
    """Merge the candidates of several views, class by class.

    Args:
        views: the candidates of every view.
    """
    merged = []
    candidates = [candidate for view in views for candidate in view]
    for label_id in sorted({c.label_id for c in candidates}):
        same_label = [c for c in candidates if c.label_id == label_id]
        merged.extend(_merge_class(sorted(same_label, key=lambda c: -c.score)))
    return merged


def _merge_class(candidates: list[Candidate]) -> list[Instance]:
    """Merge greedily, best score first; ``candidates`` are sorted by descending score."""
    scores = [c.score for c in candidates]
    taken = [False] * len(candidates)
    merged = []
    for i, leader in enumerate(candidates):
        if taken[i]:
            continue
        group = [i]
        for j in range(i + 1, len(candidates)):
            if taken[j]:
                continue
            iou = mask_iou(leader.mask, candidates[j].mask)
            scores[j] *= math.exp(-(iou**2) / DECAY_SIGMA)
            if iou >= SAME_INSTANCE_IOU:
                taken[j] = True
                group.append(j)
        merged.append(_average([candidates[g] for g in group], max(scores[g] for g in group)))
    return merged


def _average(group: list[Candidate], score: float) -> Instance:
    """The instance of a group: the mean of its logits, thresholded."""
    first, *others = group
    if not others:
        return Instance(first.label_id, score, first.mask)
    box = functools.reduce(union_box, (c.mask.box_xyxy for c in group))
    total = first.logits_in(box)
    for other in others:
        total += other.logits_in(box)
    inside = torch.gt(total, len(group) * MASK_LOGIT_THRESHOLD).numpy()
    mask = Mask.from_crop(inside, (box[0], box[1]), first.mask.image_hw)
    return Instance(first.label_id, score, mask)
