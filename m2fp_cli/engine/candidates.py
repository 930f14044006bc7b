"""Which (query, class) pairs become instances, and their masks at photo resolution.

The reference resizes all query masks to the photo and selects afterwards. Here pairs that cannot
pass are dropped first, and each mask that is left is made only inside its own box, one at a time;
neither changes the result. Formulas: ModelScope's M2FP, ``instance_parsing_inference``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2fp_cli.engine.geometry import Frame, MaskFrame
from m2fp_cli.masks import Box, Mask
from m2fp_cli.network.config import ModelConfig
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.results import Instance

TOP_PAIRS = 100  # pairs looked at per photo: ModelScope's test_topk_per_image
SCORE_FLOOR = 0.1  # lowest score of an instance that is reported: ModelScope's


@dataclass(frozen=True, eq=False)
class View:
    """One look at the photo: plain, or mirrored for test-time augmentation.

    Attributes:
        class_probabilities: (Q, K) float32 without the "no object" column; columns are label ids
            of the photo as it is, also for a mirrored view.
        mask_logits: (Q, h, w) float32.
        frame: where the photo lies in the network's input.
        mirrored: the network saw the mirrored photo.
        axes: maps mask cells to photo pixels, mirroring undone.
    """

    class_probabilities: Tensor
    mask_logits: Tensor
    frame: Frame
    mirrored: bool
    axes: MaskFrame


@dataclass(frozen=True)
class Pair:
    """One query read as one class."""

    label_id: int
    query: int
    probability: float


@dataclass(frozen=True, eq=False)
class Candidate:
    """One instance with its probabilities, before the mask is binarised.

    Attributes:
        label_id: id in the label set.
        score: class probability times mean mask probability inside the mask.
        box_xyxy: half-open box in the photo that holds every positive pixel.
        plane: (y1 - y0, x1 - x0) float32 mask probabilities inside the box, 0 outside the mask.
        view: the view it was found in.
        query: its query.
    """

    label_id: int
    score: float
    box_xyxy: Box
    plane: NDArray[np.float32]
    view: View
    query: int

    def logits_in(self, box_xyxy: Box) -> Tensor:
        """Logits inside any box of the photo, (y1 - y0, x1 - x0) float32."""
        return self.view.axes.resample(self.view.mask_logits[self.query], box_xyxy)


def make_view(
    prediction: QueryPrediction, frame: Frame, config: ModelConfig, *, mirrored: bool = False
) -> View:
    """Turn raw query output of one photo into a view.

    Args:
        prediction: class logits (1, Q, K + 1), mask logits (1, Q, h, w).
        frame: geometry of the prepared photo.
        config: the model; its labels say how classes swap in a mirrored photo.
        mirrored: the photo was mirrored before the network saw it.
    """
    probabilities = prediction.class_logits[0].float().softmax(-1)[:, :-1]
    if mirrored:
        probabilities = probabilities[:, list(config.labels.mirrored_ids())]
    masks = prediction.mask_logits[0].float()
    axes = MaskFrame.build(frame, (masks.shape[1], masks.shape[2]), mirrored=mirrored)
    return View(probabilities, masks, frame, mirrored, axes)


def find_pairs(view: View, floor: float) -> list[Pair]:
    """The likeliest pairs whose class probability reaches ``floor``, by label id.

    A score is a class probability times a mean probability, so a pair below the floor can never
    pass it, whatever its mask.
    """
    num_classes = view.class_probabilities.shape[1]
    flat = view.class_probabilities.flatten()
    probabilities, index = flat.topk(min(TOP_PAIRS, flat.numel()))
    pairs = [
        Pair(pair % num_classes, pair // num_classes, probability)
        for probability, pair in zip(probabilities.tolist(), index.tolist(), strict=True)
        if probability >= floor
    ]
    return sorted(pairs, key=lambda p: (p.label_id, p.query))


def measure_pairs(view: View, pairs: list[Pair], floor: float) -> Iterator[Candidate]:
    """Candidates whose score reaches ``floor``, made one at a time to bound memory."""
    for pair in pairs:
        cells = view.mask_logits[pair.query]
        box = view.axes.support_xyxy(torch.gt(cells, 0).numpy())
        plane, area, total = view.axes.certain(cells, box)
        score = pair.probability * total / (area + 1e-6)
        if plane.size and score >= floor:
            yield Candidate(pair.label_id, score, box, plane, view, pair.query)


def to_instance(candidate: Candidate, image_hw: tuple[int, int]) -> Instance:
    """Binarise a candidate: a pixel is inside if its logit was positive."""
    origin_xy = (candidate.box_xyxy[0], candidate.box_xyxy[1])
    mask = Mask.from_crop(candidate.plane > 0, origin_xy, image_hw)
    return Instance(candidate.label_id, candidate.score, mask)


def is_reported(candidate: Candidate, human_id: int | None, floor: float) -> bool:
    """Whether the reference would report it: parts from the floor on, humans above it."""
    if candidate.label_id == human_id:
        return candidate.score > floor
    return candidate.label_id != 0 and candidate.score >= floor
