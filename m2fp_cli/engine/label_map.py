"""Two ways from queries to a label map, both without a plane per class at photo resolution.

``LabelPainter`` is the reference's for multi-human models (``paste_instance_to_semseg_probs``),
``classify_pixels`` is Mask2Former's semantic inference, which single-human models use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from m2fp_cli.arrays import Box
from m2fp_cli.engine.candidates import Candidate, View
from m2fp_cli.engine.geometry import MaskFrame
from m2fp_cli.engine.label_votes import Strength
from m2fp_cli.engine.thresholding import Trace
from m2fp_cli.kernels.thresholds import PROBABILITY_THRESHOLD
from m2fp_cli.network.config import ModelConfig
from m2fp_cli.records.masks import EMPTY_BOX, Mask, union_box
from m2fp_cli.records.results import Instance, LabelMap

WAITING_BYTES = 1 << 24  # of masks that wait until a class is painted
BAND_VALUES = 1 << 22  # mask values of one band in semantic inference: 16 MiB of float32


class LabelPainter:
    """Label map from instances, one class after another.

    Per class and pixel: the mean of score times mask probability over those instances that say
    more than one half there and whose score reaches the model's threshold. The class with the
    highest mean wins, the lower id on a tie; where no class speaks, the pixel is background.
    """

    def __init__(self, image_hw: tuple[int, int], config: ModelConfig, num_views: int) -> None:
        """Start with an empty map.

        Args:
            image_hw: size of the photo.
            config: the model, for its threshold.
            num_views: class planes are averaged over so many views.
        """
        self._threshold = max(config.parsing_ins_score_thr, PROBABILITY_THRESHOLD)
        self._num_views = num_views
        self._strength = Strength.silent(image_hw)
        self._speakers: list[tuple[float, Trace]] = []  # of the current class and view
        self._waiting = EMPTY_BOX  # around them
        self._touched = EMPTY_BOX  # of the current class; the planes are zero outside it

    def add(self, candidate: Candidate) -> None:
        """Let one instance of the current class and view speak."""
        if candidate.score < self._threshold:
            return
        self._speakers.append((candidate.score, candidate.trace))
        self._waiting = union_box(self._waiting, candidate.mask.box_xyxy)
        if sum(trace.wide.nbytes for _, trace in self._speakers) > WAITING_BYTES:
            self._let_speak()

    def end_view(self) -> None:
        """Close the current view of the current class."""
        self._let_speak()
        self._strength.close_view(self._touched, self._num_views)

    def end_class(self, label_id: int) -> None:
        """Close the current class: it takes the pixels where it beats all before it."""
        self._strength.close_class(self._touched, label_id)
        self._touched = EMPTY_BOX

    def label_map(self) -> LabelMap:
        """The map, (H, W) uint8."""
        return self._strength.labels

    def _let_speak(self) -> None:
        self._strength.add(self._speakers, self._waiting)
        self._touched = union_box(self._touched, self._waiting)
        self._speakers, self._waiting = [], EMPTY_BOX


def classify_pixels(views: Sequence[View], config: ModelConfig) -> tuple[LabelMap, Tensor]:
    """Label map by semantic inference: argmax over classes of sum_q p(class) p(mask).

    Mask2Former, https://arxiv.org/abs/2112.01527; the human class takes no part. Works band by
    band of rows.

    Returns:
        (H, W) uint8 label ids, and the winning sum (H, W) float32, averaged over views.
    """
    if config.sem_seg_postprocess_before_inference or len(views) > 1:
        return _classify_bands(views, config)
    sums, axes = _input_sums(views[0], config)
    labels, winning = axes.highest(sums)
    return labels, torch.from_numpy(winning)


def _classify_bands(views: Sequence[View], config: ModelConfig) -> tuple[LabelMap, Tensor]:
    """The same band by band of rows, from the class sums of every view."""
    height, width = views[0].frame.image_hw
    labels = np.zeros((height, width), dtype=np.uint8)
    winning = torch.zeros((height, width))
    sources = [_sum_source(view, config) for view in views]
    planes = max(views[0].class_probabilities.shape[0], config.num_parsing)
    rows = max(1, BAND_VALUES // (planes * width))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        sums = sources[0]((0, top, width, bottom))
        for source in sources[1:]:
            sums += source((0, top, width, bottom))
        value, label = sums.max(dim=0)
        labels[top:bottom] = label.numpy()
        winning[top:bottom] = value / len(views)
    return labels, winning


def _sum_source(view: View, config: ModelConfig) -> Callable[[Box], Tensor]:
    """What gives the class sums (K, h, w) of one view inside a box of the photo."""
    if config.sem_seg_postprocess_before_inference:
        weights = view.class_probabilities[:, : config.num_parsing].T

        def from_masks(box: Box) -> Tensor:
            masks = view.axes.resample(view.mask_logits, box).sigmoid_()
            return (weights @ masks.flatten(1)).unflatten(1, masks.shape[1:])

        return from_masks
    sums, axes = _input_sums(view, config)
    return lambda box: axes.resample(sums, box)


def _input_sums(view: View, config: ModelConfig) -> tuple[Tensor, MaskFrame]:
    """Class sums (K, H, W) at the network's input size, and how they map to the photo."""
    size_hw, masks = view.frame.padded_hw, view.mask_logits
    if masks.shape[1:] == size_hw:
        masks = masks.sigmoid()  # not in place: the instances are read from the logits
    else:
        up = F.interpolate(masks[None], size_hw, mode="bilinear", align_corners=False)
        masks = up[0].sigmoid_()
    weights = view.class_probabilities[:, : config.num_parsing].T
    sums = (weights @ masks.flatten(1)).unflatten(1, masks.shape[1:])
    return sums, MaskFrame.build(view.frame, view.frame.padded_hw, mirrored=view.mirrored)


def label_instances(labels: LabelMap, winning: Tensor) -> list[Instance]:
    """One instance per label of a map, as ModelScope's pipeline reports single-human photos.

    Its score is the sum over the label's pixels of sigmoid(winning sum), over their count plus 1.
    """
    strength = winning.sigmoid().numpy()
    instances = []
    for label_id in np.flatnonzero(np.bincount(labels.ravel())):
        mask = Mask.from_full(labels == label_id)
        total = float(strength[mask.slices][mask.inside].sum(dtype=np.float64))
        instances.append(Instance(int(label_id), total / (mask.area + 1), mask))
    return instances
