"""Which (query, class) pairs become instances, and their masks at photo resolution.

The reference resizes all query masks to the photo and selects afterwards. Here pairs that cannot
pass are dropped first, and each mask that is left is made only inside its own box, as bits;
neither changes the result. Formulas: ModelScope's M2FP, ``instance_parsing_inference``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from m2fp_cli.arrays import Box
from m2fp_cli.engine.geometry import Frame, MaskFrame
from m2fp_cli.engine.mask_edges import follow_edges, likely_queries
from m2fp_cli.engine.preprocess import ModelInput
from m2fp_cli.engine.thresholding import Trace
from m2fp_cli.kernels.threads import parallel_map
from m2fp_cli.network.config import ModelConfig
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance

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
    """One instance before it is reported.

    Attributes:
        label_id: id in the label set.
        score: class probability times mean mask probability inside the mask.
        mask: the pixels whose logit is positive.
        trace: what the mask was read from.
        view: the view it was found in.
        query: its query.
    """

    label_id: int
    score: float
    mask: Mask
    trace: Trace
    view: View
    query: int

    def logits_in(self, box_xyxy: Box) -> Tensor:
        """Logits inside any box of the photo, (y1 - y0, x1 - x0) float32."""
        return self.view.axes.resample(self.view.mask_logits[self.query], box_xyxy)


def make_view(
    prediction: QueryPrediction, given: ModelInput, config: ModelConfig, *, mirrored: bool = False
) -> View:
    """Turn raw query output of one photo into a view.

    Args:
        prediction: class logits (1, Q, K + 1), mask logits (1, Q, h, w).
        given: the prepared photo.
        config: the model; its labels say how classes swap in a mirrored photo.
        mirrored: the photo was mirrored before the network saw it.
    """
    if config.mask_edges == "photo":
        prediction = follow_edges(likely_queries(prediction), given.tensor)
    probabilities = prediction.class_logits[0].float().softmax(-1)[:, :-1]
    if mirrored:
        probabilities = probabilities[:, list(config.labels.mirrored_ids())]
    masks = prediction.mask_logits[0].float()
    axes = MaskFrame.build(given.frame, (masks.shape[1], masks.shape[2]), mirrored=mirrored)
    return View(probabilities, masks, given.frame, mirrored, axes)


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
    """Candidates whose score reaches ``floor`` and whose mask is not empty, in the pairs' order."""

    def trace(pair: Pair) -> Trace:
        return view.axes.trace(view.mask_logits[pair.query])

    for pair, found in zip(pairs, parallel_map(pairs, trace), strict=True):
        score = pair.probability * found.total / (found.area + 1e-6)
        if found.area and score >= floor:
            mask = Mask.from_bits(found.bits, found.origin_xy, view.frame.image_hw, found.area)
            yield Candidate(pair.label_id, score, mask, found, view, pair.query)


def is_reported(instance: Instance, human_id: int | None, floor: float) -> bool:
    """Whether the reference would report it: parts from the floor on, humans above it."""
    if instance.label_id == human_id:
        return instance.score > floor
    return instance.label_id != 0 and instance.score >= floor
