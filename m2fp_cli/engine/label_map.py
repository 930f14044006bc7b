"""Two ways from queries to a label map, both without a plane per class at photo resolution.

``LabelPainter`` is what the reference does for multi-human models
(``paste_instance_to_semseg_probs``); ``classify_pixels`` is Mask2Former's semantic inference, which
single-human models use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from m2fp_cli.arrays import Box
from m2fp_cli.engine.candidates import Candidate, View
from m2fp_cli.engine.geometry import MaskGeometry
from m2fp_cli.engine.label_votes import LabelVotes, Voter
from m2fp_cli.kernels.thresholds import PROBABILITY_THRESHOLD
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.records.masks import EMPTY_BOX, Mask, union_box
from m2fp_cli.records.results import Instance, LabelMap

PENDING_BYTES = 1 << 24  # of logits that are kept until their votes are added
BAND_VALUES = 1 << 22  # values of one band in semantic inference: 16 MiB of float32
CACHED_VALUES = 1 << 20  # sigmoids at a time: all of 70 masks at once take a third longer


class LabelPainter:
    """Paints a label map from instances, one class after another.

    Per class and pixel: the mean of score times mask probability over those instances where this is
    above ``PROBABILITY_THRESHOLD`` and whose score reaches the model's threshold. The class with
    the highest mean wins, the lower id on a tie; a pixel without a vote is background.
    """

    def __init__(self, image_hw: tuple[int, int], config: ModelConfig, num_views: int) -> None:
        """Start with an empty map.

        Args:
            image_hw: size of the photo.
            config: the model, for its score threshold.
            num_views: how many views the mean of a class is taken over.
        """
        self._min_score = max(config.parsing_ins_score_thr, PROBABILITY_THRESHOLD)
        self._num_views = num_views
        self._votes = LabelVotes.empty(image_hw)
        self._pending: list[Voter] = []  # of the current class and view
        self._pending_box = EMPTY_BOX
        self._class_box = EMPTY_BOX  # the planes of the current class are 0 outside it

    def add(self, candidate: Candidate) -> None:
        """Let one instance of the current class and view vote."""
        if candidate.score < self._min_score:
            return
        self._pending.append((candidate.score, candidate.thresholded))
        self._pending_box = union_box(self._pending_box, candidate.mask.box_xyxy)
        if sum(mask.wide_logits.nbytes for _, mask in self._pending) > PENDING_BYTES:
            self._add_pending()

    def end_view(self) -> None:
        """Close the current view of the current class."""
        self._add_pending()
        self._votes.close_view(self._class_box, self._num_views)

    def end_class(self, label_id: int) -> None:
        """Close the current class: it takes the pixels where it beats all classes before it."""
        self._votes.close_class(self._class_box, label_id)
        self._class_box = EMPTY_BOX

    def label_map(self) -> LabelMap:
        """The map painted so far, (H, W) uint8."""
        return self._votes.labels

    def _add_pending(self) -> None:
        self._votes.add(self._pending, self._pending_box)
        self._class_box = union_box(self._class_box, self._pending_box)
        self._pending, self._pending_box = [], EMPTY_BOX


def classify_pixels(
    views: Sequence[View], config: ModelConfig, highest: NDArray[np.float32] | None = None
) -> LabelMap:
    """Label map by semantic inference: argmax over classes of sum_q p(class) p(mask).

    Mask2Former, https://arxiv.org/abs/2112.01527; the human class is left out.

    Args:
        views: one view, or two with test-time augmentation.
        config: the model; it says at which size the masks are weighted.
        highest: (H, W) float32 to write the highest sum to, averaged over views; with the
            background's sums as :func:`weigh_background` leaves them.

    Returns:
        (H, W) uint8 label ids.
    """
    if config.sem_seg_postprocess_before_inference:
        return _classify_bands(views, config, highest)
    sums = _input_sums(views[0], config)
    for view in views[1:]:
        sums += _input_sums(view, config)
    sums = weigh_background(sums, config)
    geometry = MaskGeometry.build(views[0].geometry, views[0].geometry.padded_hw)
    return geometry.argmax(sums.div_(len(views)), highest)


def weigh_background(sums: Tensor, config: ModelConfig) -> Tensor:
    """Let background stand against all labels together, for a model that asks for it.

    A pixel of somebody may be upper clothes by a third, coat by a quarter and dress by a fifth:
    plain argmax calls it background as soon as that has more than a third. With a
    ``foreground_threshold`` it is somebody where the labels together have at least that share.

    Args:
        sums: (K, h, w) class sums, background first.
        config: the model.

    Returns:
        the same sums, changed in place so that their argmax is right: background's is the best
        label's plus what it has more than it needs. Those of a model without the threshold stay as
        they are.
    """
    if config.foreground_threshold is None:
        return sums
    labels, needed = sums[1:], 1 / config.foreground_threshold - 1
    sums[0] = labels.amax(0) + sums[0] - needed * labels.sum(0)
    return sums


def _classify_bands(
    views: Sequence[View], config: ModelConfig, highest: NDArray[np.float32] | None
) -> LabelMap:
    """Argmax band by band of rows, of the class sums of all views."""
    height, width = views[0].geometry.image_hw
    labels = np.zeros((height, width), dtype=np.uint8)
    sources = [_sum_source(view, config) for view in views]
    planes = max(views[0].class_probabilities.shape[0], config.num_parsing)
    rows = max(1, BAND_VALUES // (planes * width))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        sums = sources[0]((0, top, width, bottom))
        for source in sources[1:]:
            sums += source((0, top, width, bottom))
        sums = weigh_background(sums, config)
        value, label = sums.max(dim=0)
        labels[top:bottom] = label.numpy()
        if highest is not None:
            highest[top:bottom] = value.numpy() / len(views)
    return labels


def _sum_source(view: View, config: ModelConfig) -> Callable[[Box], Tensor]:
    """A function that gives the class sums (K, h, w) of one view inside a box of the photo."""
    weights = view.class_probabilities[:, : config.num_parsing].T

    def from_masks(box: Box) -> Tensor:
        masks = view.mask_geometry.resample(view.mask_logits, box).sigmoid_()
        return _weigh(weights, masks)

    return from_masks


def _input_sums(view: View, config: ModelConfig) -> Tensor:
    """Class sums (K, H, W) at the network's input size, with the photo as it is, not mirrored."""
    size_hw, masks = view.geometry.padded_hw, view.mask_logits
    weights = view.class_probabilities[:, : config.num_parsing].T
    if masks.shape[1:] == size_hw:
        rows = max(1, CACHED_VALUES // (max(1, len(masks)) * masks.shape[2]))  # there may be none
        sums = masks.new_empty((len(weights), *size_hw))
        for of_sums, band in zip(sums.split(rows, dim=1), masks.split(rows, dim=1), strict=True):
            of_sums.copy_(_weigh(weights, band.sigmoid()))
    else:
        up = F.interpolate(masks[None], size_hw, mode="bilinear", align_corners=False)
        sums = _weigh(weights, up[0].sigmoid_())
    if view.mirrored:  # within the photo's box, as ``mirror_input`` did
        x0, _, x1, _ = view.geometry.content_xyxy
        sums[:, :, x0:x1] = sums[:, :, x0:x1].flip(2)
    return sums


def _weigh(weights: Tensor, shares: Tensor) -> Tensor:
    """Sums (K, h, w) of (Q, h, w) shares by (K, Q) weights."""
    return (weights @ shares.flatten(1)).unflatten(1, shares.shape[1:])


def label_instances(labels: LabelMap, highest: NDArray[np.float32]) -> list[Instance]:
    """One instance per label of a map, as ModelScope's pipeline reports single-human photos.

    Its score is the sum of sigmoid(highest sum) over the label's pixels, over their count plus 1.

    Args:
        labels: (H, W) uint8, from ``classify_pixels``.
        highest: (H, W) float32, from the same.
    """
    scores = torch.from_numpy(highest).sigmoid().numpy()
    instances = []
    for label_id in np.flatnonzero(np.bincount(labels.ravel())):
        mask = Mask.from_full(labels == label_id)
        total = float(scores[mask.slices][mask.inside].sum(dtype=np.float64))
        instances.append(Instance(int(label_id), total / (mask.area + 1), mask))
    return instances
