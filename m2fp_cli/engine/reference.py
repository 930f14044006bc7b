"""The reference engine: ModelScope's own M2FP, so that anyone can compare both on their photos.

Needs the ``reference`` extra (CPython 3.10: modelscope, mmcv-full, timm, torchvision). Scaling,
network, upsampling, instance selection and class maps are ModelScope's code, run as its pipeline
runs it; only its final lists are turned into a ``ParsingResult``.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from m2fp_cli.arrays import Picture, require_photo
from m2fp_cli.engine.candidates import SCORE_FLOOR
from m2fp_cli.engine.label_map import weigh_background
from m2fp_cli.engine.mask_edges import refine_edges
from m2fp_cli.engine.parser import StageSeconds
from m2fp_cli.engine.postprocess import (
    Findings,
    assemble_findings,
    assemble_one_person,
    weigh_people,
)
from m2fp_cli.errors import EngineError
from m2fp_cli.kernels.threads import outlive_forks
from m2fp_cli.kernels.thresholds import MASK_LOGIT_THRESHOLD
from m2fp_cli.models.registry import resolve_model
from m2fp_cli.models.weights import compare_keys, load_weights
from m2fp_cli.network.backbones import backbone_module
from m2fp_cli.network.config import parse_config, read_document
from m2fp_cli.network.mask_decoder import QueryPrediction
from m2fp_cli.network.model_config import BackboneConfig, ModelConfig
from m2fp_cli.records.labels import LabelSet
from m2fp_cli.records.masks import Mask
from m2fp_cli.records.results import Instance, LabelMap, ParsingResult


class ReferenceParser:
    """Parses like ``HumanParser``, with ModelScope's code; slower and with far more memory."""

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        min_score: float = SCORE_FLOOR,
        threads: int | None = None,
    ) -> None:
        """Load a model into ModelScope's classes.

        Args:
            model: as for ``HumanParser``.
            min_score: lowest score of a reported instance; ModelScope's own floor is 0.1.
            threads: as for ``HumanParser``.

        Raises:
            UsageError: the model's name is unknown.
            EngineError: the ``reference`` extra is not installed, or ModelScope cannot build this
                configuration.
            ModelError: the model is missing, damaged or of another architecture.
        """
        folder = resolve_model(None if model is None else str(model)).folder
        if threads is not None:
            torch.set_num_threads(threads)
        document = read_document(folder)
        self._setup(build_reference(document, load_weights(folder), folder), document, min_score)

    @classmethod
    def from_weights(
        cls, document: dict[str, Any], weights: dict[str, torch.Tensor]
    ) -> ReferenceParser:
        """A parser around given weights, for tests.

        Args:
            document: the content of a ``configuration.json``.
            weights: tensors by state-dict key.
        """
        parser = cls.__new__(cls)
        parser._setup(build_reference(document, weights, Path()), document, SCORE_FLOOR)
        return parser

    def _setup(self, model: Any, document: dict[str, Any], min_score: float) -> None:
        self.config = parse_config(document)
        self.min_score = min_score
        self._pipeline = _bare_pipeline(model)
        self._seconds = StageSeconds(0.0, 0.0, 0.0)
        outlive_forks()

    @property
    def labels(self) -> LabelSet:
        """Names of the label ids of this model."""
        return self.config.labels

    @property
    def last_seconds(self) -> StageSeconds:
        """Stage times of the latest ``parse``; zeros before the first."""
        return self._seconds

    least_side = None

    def parse(self, image_bgr: Picture, result_hw: tuple[int, int] | None = None) -> ParsingResult:
        """Parse one photo; see ``HumanParser.parse``. It takes no reduced copies."""
        require_photo(image_bgr)
        sizes = {"min_size": self.config.input.min_size, "max_size": self.config.input.max_size}
        model = self._pipeline.model
        with torch.no_grad(), _quiet():
            start = time.perf_counter()
            inputs = self._pipeline.preprocess(image_bgr, **sizes)
            prepared_at = time.perf_counter()
            raw = model.forward(inputs)
            predicted_at = time.perf_counter()
            if self.config.mask_edges == "photo":  # a step of ours, right after their network
                outputs = raw["outputs"]
                found = QueryPrediction(outputs["pred_logits"], outputs["pred_masks"])
                outputs["pred_masks"] = refine_edges(found, raw["images"].tensor).mask_logits
            result = self._result(model, raw, image_bgr)
        done_at = time.perf_counter()
        self._seconds = StageSeconds(
            prepared_at - start, predicted_at - prepared_at, done_at - predicted_at
        )
        return result

    def _result(self, model: Any, raw: dict[str, Any], image_bgr: Picture) -> ParsingResult:
        """Run ModelScope's post-processing and turn its lists into a ``ParsingResult``."""
        if not self.config.parsing_on:
            sums = semantic_sums(model, raw, self.config)
            highest, label = sums.max(dim=0)
            labels: LabelMap = label.to(torch.uint8).numpy()
            return assemble_one_person(labels, highest.numpy(), self.config, image_bgr)
        parsing = model.postprocess(raw)["eval_result"][0]["parsing"]
        if self.config.label_map == "instances":
            sums = parsing["semantic_outputs"]
        else:
            sums = semantic_sums(model, raw, self.config)
        labels = np.asarray(sums.argmax(dim=0).to(torch.uint8).numpy())
        found = parsing["part_outputs"] + parsing["human_outputs"]
        instances = [
            Instance(int(item["category_id"]), float(item["score"]), mask)
            for item in found
            if item["score"] >= self.min_score
            and (mask := Mask.from_full((item["mask"] > MASK_LOGIT_THRESHOLD).numpy())).area
        ]
        if self.config.human_scores == "label_map":  # a step of ours
            human = self.config.labels.human_id
            instances = weigh_people(instances, labels, human, self.min_score)
        # Joints, faces and sides are steps of ours, at the end.
        return assemble_findings(Findings(labels, instances), self.config, image_bgr)


def build_reference(
    document: dict[str, Any], weights: dict[str, torch.Tensor], folder: Path
) -> Any:
    """ModelScope's ``M2FP`` with the given weights, in evaluation mode.

    Args:
        document: the content of a ``configuration.json``.
        weights: tensors by state-dict key.
        folder: the model's folder; ModelScope's constructor wants one.

    Raises:
        EngineError: ModelScope cannot be imported, or cannot build this configuration.
        ModelError: the weights do not fit.
    """
    with _quiet():
        try:
            from modelscope.models.cv.image_human_parsing import m2fp_net
        except ImportError as error:
            raise EngineError(
                f"the reference engine is not installed ({error}); run `make setup` with CPython "
                "3.10, or use --engine fast"
            ) from error
        arguments = copy.deepcopy(document["model"])
        for key in ("type", "pretrained"):
            arguments.pop(key, None)
        try:
            with _backbone_of(m2fp_net, parse_config(document).backbone):
                model = m2fp_net.M2FP(str(folder), pretrained=False, **arguments).eval()
        except (KeyError, TypeError, AssertionError) as error:
            raise EngineError(
                f"ModelScope cannot build this configuration ({error!r}); use --engine fast"
            ) from error
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    compare_keys(expected, {key: tuple(value.shape) for key, value in weights.items()})
    model.load_state_dict(weights, strict=False)
    return model


@contextlib.contextmanager
def _backbone_of(m2fp_net: Any, config: BackboneConfig) -> Iterator[None]:
    """Let ModelScope's M2FP, which only has the ResNet, build our other backbones.

    Both decoders, and everything after them, remain ModelScope's.
    """
    theirs = m2fp_net.build_resnet_deeplab_backbone

    def build(**arguments: Any) -> torch.nn.Module:
        if arguments.pop("kind", "resnet") == "resnet":
            built: torch.nn.Module = theirs(**arguments)
            return built
        module = backbone_module(config)
        backbone = module.build(config)
        channels, strides = module.stage_channels(config), module.stage_strides(config)
        shapes = {
            name: {"channels": channels[name], "stride": strides[name]}
            for name in config.out_features
        }
        backbone.output_shape = lambda: shapes  # type: ignore[assignment]
        return backbone

    m2fp_net.build_resnet_deeplab_backbone = build
    try:
        yield
    finally:
        m2fp_net.build_resnet_deeplab_backbone = theirs


def semantic_sums(model: Any, raw: dict[str, Any], config: ModelConfig) -> torch.Tensor:
    """Class sums of ModelScope's ``semantic_inference`` at the photo's size.

    ModelScope computes them but does not return them for every configuration. Whether masks are
    scaled before or after follows ``sem_seg_postprocess_before_inference``, as in its code.

    Args:
        model: ModelScope's ``M2FP``.
        raw: what its ``forward`` returned.
        config: the model's numbers.

    Returns:
        (K, H, W) float32, background's as ``weigh_background`` leaves them: a step of ours.
    """
    item, padded = raw["batched_inputs"][0], raw["images"].tensor.shape[-2:]
    size_hw = raw["images"].image_sizes[0]
    masks = torch.nn.functional.interpolate(
        raw["outputs"]["pred_masks"], size=padded, mode="bilinear", align_corners=False
    )[0]
    classes = raw["outputs"]["pred_logits"][0]

    def scale(planes: torch.Tensor) -> torch.Tensor:
        if config.single_human:
            return model.single_human_sem_seg_postprocess(
                planes, size_hw, item["crop_box"], item["height"], item["width"]
            )
        return model.sem_seg_postprocess(planes, size_hw, item["height"], item["width"])

    def classify(planes: torch.Tensor) -> torch.Tensor:
        sums: torch.Tensor = model.semantic_inference(classes, planes)
        return weigh_background(sums[: config.num_parsing], config)

    if config.sem_seg_postprocess_before_inference:
        return classify(scale(masks))
    return scale(classify(masks))


def _bare_pipeline(model: Any) -> Any:
    """ModelScope's pipeline object without its set-up of hub, files and device."""
    from modelscope.pipelines.cv.image_human_parsing_pipeline import ImageHumanParsingPipeline

    pipeline = ImageHumanParsingPipeline.__new__(ImageHumanParsingPipeline)
    pipeline.model = model
    return pipeline


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the reference's warnings, prints and log lines."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
