"""Calibrates a model: ranges on some photos, then its answers on others against float32."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.fast.precision import has_fast_bfloat16, rest_dtype
from m2fp_cli.engine.int8.calibration import (
    LEAST_AGREEMENT,
    Agreement,
    Calibration,
    LayerRanges,
)
from m2fp_cli.engine.int8.choice import MOST_ERROR, candidates
from m2fp_cli.engine.int8.convert import quantize_network
from m2fp_cli.engine.int8.knapsack import choose_layers
from m2fp_cli.engine.int8.ranges import RangeRecorder
from m2fp_cli.engine.int8.sensitivity import Tell, measure_errors, told
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.engine.preprocess import prepare_image
from m2fp_cli.kernels.cpu import BF16, FP32
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.records.results import ParsingResult

SENSITIVITY_PHOTOS = 4  # for which each layer is tried
_SENSITIVITY_SIDE = 256  # pixels; errors of a layer hardly depend on the size


def calibrate_model(
    folder: Path,
    photos: Sequence[Picture],
    others: Sequence[Picture] = (),
    *,
    most_error: float = MOST_ERROR,
    tried_on: int = SENSITIVITY_PHOTOS,
    tell: Tell = lambda _: None,
) -> Calibration:
    """Calibrate a model: measure ranges, choose layers, compare answers.

    Args:
        folder: model folder.
        photos: to measure ranges on, (H, W, 3) uint8 BGR each; at least one. They may be read when
            they are asked for; some are asked for twice.
        others: to compare the answers in int8 and float32 on; asked for twice or three times.
        most_error: that all layers in int8 together may cause; see ``choose_layers``.
        tried_on: so many of the photos, spread over all, are used to choose the layers.
        tell: hears how far the work is, after each photo and layer.

    Raises:
        ModelError: the model is damaged.
    """
    weights = weights_digest(folder)  # before they are read: minutes later there may be others
    network = build_network(folder, read_config(folder))
    exact = HumanParser.from_fast(FastM2FP(network, pack=False))
    ranges, operations = measure_ranges(exact, told(photos, tell, "photos measured"))
    inputs = [small_input(photo, exact.config) for photo in spread(photos, tried_on)]
    errors = measure_errors(exact.network, ranges, inputs, tell)
    chosen = {name: ranges[name] for name in choose_layers(errors, operations, most_error)}
    made = Calibration(weights, len(photos), None, chosen)
    wanted = [exact.parse(photo) for photo in told(others, tell, "photos parsed in float32")]
    for rest in (BF16, FP32) if has_fast_bfloat16() else (FP32,):
        rough = HumanParser.from_fast(quantize_network(network, chosen, rest_dtype(rest)))
        compared = told(others, tell, f"photos compared in int8 beside {rest}")
        pairs = [(rough.parse(photo), one) for photo, one in zip(compared, wanted, strict=True)]
        agreement = compare_results(pairs) if pairs else None
        made = replace(made, rest=rest, agreement=agreement)
        if agreement is None or agreement.labels >= LEAST_AGREEMENT:
            break  # float32 is slower beside int8, and tried only where bfloat16 is too rough
    return made


def spread(photos: Sequence[Picture], count: int) -> Sequence[Picture]:
    """So many of the photos, from all over their order; all of them if there are not as many."""
    return photos[:: max(1, len(photos) // count)][:count]


def small_input(photo: Picture, config: ModelConfig) -> Tensor:
    """The network's input for a photo, scaled down so that layers can be tried one by one."""
    full = config.input
    side = min(full.min_size, _SENSITIVITY_SIDE)
    small = replace(full, min_size=side, max_size=min(full.max_size, 2 * side))
    return prepare_image(photo, small).tensor


def measure_ranges(
    parser: HumanParser, photos: Iterable[Picture]
) -> tuple[dict[str, LayerRanges], dict[str, int]]:
    """Ranges and operations of the layers that may compute in int8.

    A layer that saw or gave only zero has no range, and stays in float32.

    Args:
        parser: computes in float32, its layers not packed.
        photos: (H, W, 3) uint8 BGR each; at least one.
    """
    recorder = RangeRecorder(parser.network)
    with recorder.watching():
        for photo in photos:
            parser.parse(photo)
    ranges = recorder.ranges()
    names = [name for name in candidates(ranges) if not ranges[name].is_empty]
    return {name: ranges[name] for name in names}, recorder.operations


def compare_results(pairs: list[tuple[ParsingResult, ParsingResult]]) -> Agreement:
    """How far pairs of results agree; people are compared in the order of their scores."""
    labels = [float(np.mean(a.semantic_map == b.semantic_map)) for a, b in pairs]
    people = [len(a.people) == len(b.people) for a, b in pairs]
    scores = [
        abs(one.score - other.score)
        for a, b in pairs
        for one, other in zip(a.people, b.people, strict=False)
    ]
    return Agreement(
        photos=len(pairs),
        labels=float(np.mean(labels)),
        people=float(np.mean(people)),
        scores=float(np.mean(scores)) if scores else 0.0,
    )
