"""Merging the instances of the plain and the mirrored view (test-time augmentation).

M2FP's published scores use it: instances of one class that cover each other (IoU from 0.5) become
one, with the mean of their mask logits and the best of their scores; the scores of others that
overlap decay (Soft-NMS, Bodla et al., https://arxiv.org/abs/1704.04503, with sigma 0.5).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from m2fp_cli.engine.candidates import Candidate
from m2fp_cli.masks import union_box

SAME_INSTANCE_IOU = 0.5
DECAY_SIGMA = 0.5


def merge_views(views: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """Merge the candidates of several views, class by class."""
    merged = []
    everything = [candidate for view in views for candidate in view]
    for label_id in sorted({c.label_id for c in everything}):
        same_label = [c for c in everything if c.label_id == label_id]
        merged.extend(_merge_class(sorted(same_label, key=lambda c: -c.score)))
    return merged


def _merge_class(candidates: list[Candidate]) -> list[Candidate]:
    """Greedy merge, best score first; ``candidates`` come by descending score."""
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
            iou = candidate_iou(leader, candidates[j])
            scores[j] *= math.exp(-(iou**2) / DECAY_SIGMA)
            if iou >= SAME_INSTANCE_IOU:
                taken[j] = True
                group.append(j)
        merged.append(_average([candidates[g] for g in group], max(scores[g] for g in group)))
    return merged


def candidate_iou(a: Candidate, b: Candidate) -> float:
    """Intersection over union of the positive pixels of two candidates."""
    x0, y0 = max(a.box_xyxy[0], b.box_xyxy[0]), max(a.box_xyxy[1], b.box_xyxy[1])
    x1, y1 = min(a.box_xyxy[2], b.box_xyxy[2]), min(a.box_xyxy[3], b.box_xyxy[3])
    if x0 >= x1 or y0 >= y1:
        return 0.0
    common = (x0, y0, x1, y1)
    inside_a, inside_b = (_window(c, common) > 0 for c in (a, b))
    both = int(np.count_nonzero(inside_a & inside_b))
    union = sum(int(np.count_nonzero(c.plane)) for c in (a, b)) - both
    return both / union if union else 0.0


def _window(candidate: Candidate, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """The candidate's plane inside ``box``, which lies within its own."""
    left, top = candidate.box_xyxy[:2]
    return candidate.plane[box[1] - top : box[3] - top, box[0] - left : box[2] - left]


def _average(group: list[Candidate], score: float) -> Candidate:
    """Mean logits of the group over their common box, read from the first member's view."""
    first = group[0]
    box = functools.reduce(union_box, (c.box_xyxy for c in group))
    mean = torch.stack([c.logits_in(box) for c in group]).mean(dim=0)
    plane = torch.where(torch.gt(mean, 0), mean.sigmoid(), torch.zeros(())).numpy()
    return Candidate(first.label_id, score, box, plane, first.view, first.query)
