"""Which (query, class) pairs become instances, and their masks at photo resolution.

The reference resizes all query masks to the photo and selects afterwards. Here pairs that cannot
be reported are dropped first, and each remaining mask is thresholded to bits inside its own box
only; neither changes the result. Formulas: ModelScope's M2FP, ``instance_parsing_inference``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from m2fp_cli.arrays import Box
from m2fp_cli.engine.geometry import InputGeometry, MaskGeometry
from m2fp_cli.engine.mask_edges import likely_queries, refine_edges
from m2fp_cli.engine.preprocess import ModelInput
from m2fp_cli.engine.thresholding import ThresholdedMask
from m2fp_cli.errors import ImageError
from m2fp_cli.kernels.threads import parallel_map
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance

TOP_PAIRS = 100  # likeliest pairs of a photo that are looked at: ModelScope's test_topk_per_image
SCORE_FLOOR = 0.1  # default of the lowest score that is reported: ModelScope's


@dataclass(frozen=True, eq=False)
class View:
    """What the network found in one view of the photo: plain, or mirrored.

    Attributes:
        class_probabilities: (Q, K) float32 without the "no object" column; columns are label ids
            of the photo as it is, also for a mirrored view.
        mask_logits: (Q, h, w) float32.
        geometry: where the photo lies in the network's input.
        mirrored: the network saw the mirrored photo.
        mask_geometry: maps mask cells to photo pixels, mirroring undone.
    """

    class_probabilities: Tensor
    mask_logits: Tensor
    geometry: InputGeometry
    mirrored: bool
    mask_geometry: MaskGeometry


@dataclass(frozen=True)
class Pair:
    """One query taken as an instance of one class.

    Attributes:
        label_id: id of the class in the label set.
        query: number of the query.
        probability: of the class, for this query.
    """

    label_id: int
    query: int
    probability: float


@dataclass(frozen=True, eq=False)
class Candidate:
    """One instance before it is reported.

    Attributes:
        label_id: id in the label set.
        score: class probability times mean mask probability inside the mask.
        mask: the pixels whose logit is above ``MASK_LOGIT_THRESHOLD``.
        thresholded: the same with the logits that it was made from.
        view: the view it was found in.
        query: number of its query.
    """

    label_id: int
    score: float
    mask: Mask
    thresholded: ThresholdedMask
    view: View
    query: int

    def logits_in(self, box_xyxy: Box) -> Tensor:
        """Mask logits inside any box of the photo, (y1 - y0, x1 - x0) float32."""
        return self.view.mask_geometry.resample(self.view.mask_logits[self.query], box_xyxy)


def make_view(
    prediction: QueryPrediction,
    model_input: ModelInput,
    config: ModelConfig,
    *,
    mirrored: bool = False,
) -> View:
    """Turn the network's output for one photo into a view.

    Args:
        prediction: class logits (1, Q, K + 1), mask logits (1, Q, h, w).
        model_input: the prepared photo.
        config: the model; its labels say which classes swap in a mirrored photo.
        mirrored: the photo was mirrored before the network saw it.

    Raises:
        ImageError: the output is no number: something in the network has overflowed.
    """
    for logits in (prediction.class_logits, prediction.mask_logits):
        # A sum takes less time, and passes NaN and infinity on.
        if not logits.sum().isfinite() and not logits.isfinite().all():
            raise ImageError(
                "internal",
                "cannot be parsed: the model's numbers overflow (its answer is NaN or infinity); "
                "its training diverged or its file is damaged, use another copy",
            )
    if config.mask_edges == "photo":
        prediction = refine_edges(likely_queries(prediction), model_input.tensor)
    probabilities = prediction.class_logits[0].float().softmax(-1)[:, :-1]
    if mirrored:
        probabilities = probabilities[:, list(config.labels.mirrored_ids())]
    masks = prediction.mask_logits[0].float()
    geometry, mask_hw = model_input.geometry, (masks.shape[1], masks.shape[2])
    mask_geometry = MaskGeometry.build(geometry, mask_hw, mirrored=mirrored)
    return View(probabilities, masks, geometry, mirrored, mask_geometry)


def find_pairs(view: View, min_score: float) -> list[Pair]:
    """The likeliest pairs whose class probability is at least ``min_score``, by label id.

    A score is a class probability times a mean mask probability, so no other pair can reach it,
    whatever its mask.
    """
    num_classes = view.class_probabilities.shape[1]
    flat = view.class_probabilities.flatten()
    probabilities, index = flat.topk(min(TOP_PAIRS, flat.numel()))
    pairs = [
        Pair(pair % num_classes, pair // num_classes, probability)
        for probability, pair in zip(probabilities.tolist(), index.tolist(), strict=True)
        if probability >= min_score
    ]
    return sorted(pairs, key=lambda p: (p.label_id, p.query))


def score_pairs(view: View, pairs: list[Pair], min_score: float) -> Iterator[Candidate]:
    """Threshold the pairs' masks and give the candidates, in the pairs' order.

    Pairs whose mask is empty or whose score is below ``min_score`` are left out.
    """

    def threshold(pair: Pair) -> ThresholdedMask:
        return view.mask_geometry.threshold(view.mask_logits[pair.query])

    for pair, found in zip(pairs, parallel_map(pairs, threshold), strict=True):
        score = pair.probability * found.probability_sum / (found.area + 1e-6)
        if found.area and score >= min_score:
            mask = Mask.from_bits(found.bits, found.origin_xy, view.geometry.image_hw, found.area)
            yield Candidate(pair.label_id, score, mask, found, view, pair.query)


def is_reported(instance: Instance, human_id: int | None, min_score: float) -> bool:
    """Whether the reference would report an instance.

    It reports parts with a score of at least ``min_score``, and humans only above it.
    """
    if instance.label_id == human_id:
        return instance.score > min_score
    return instance.label_id != 0 and instance.score >= min_score
