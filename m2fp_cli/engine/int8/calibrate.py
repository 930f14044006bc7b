"""Calibrates a model: ranges on some photos, then its answers on others against float32."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.int8.calibration import Agreement, Calibration, LayerRanges
from m2fp_cli.engine.int8.choice import chosen_layers
from m2fp_cli.engine.int8.convert import quantize_network
from m2fp_cli.engine.int8.ranges import RangeRecorder
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.models.weights import weights_digest
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.records.results import ParsingResult


def measure_ranges(
    parser: HumanParser, photos: Iterable[Picture]
) -> tuple[dict[str, LayerRanges], int]:
    """Ranges of the layers that are to compute in int8, and the number of photos.

    Args:
        parser: computes in float32.
        photos: (H, W, 3) uint8 BGR each; at least one.
    """
    recorder, count = RangeRecorder(parser.network), 0
    with recorder.watching():
        for photo in photos:
            parser.parse(photo)
            count += 1
    ranges = recorder.ranges()
    return {name: ranges[name] for name in chosen_layers(ranges)}, count


def calibrate_model(
    folder: Path, photos: Iterable[Picture], others: Iterable[Picture] = ()
) -> Calibration:
    """Calibrate a model.

    Args:
        folder: model folder.
        photos: to measure ranges on, (H, W, 3) uint8 BGR each; at least one.
        others: to compare the answers in int8 and float32 on.

    Raises:
        ModelError: the model is damaged.
    """
    network = build_network(folder, read_config(folder))
    exact = HumanParser.from_network(network)
    ranges, count = measure_ranges(exact, photos)
    rough = HumanParser.from_fast(quantize_network(network, ranges))
    pairs = [(rough.parse(photo), exact.parse(photo)) for photo in others]
    agreement = compare_results(pairs) if pairs else None
    return Calibration(weights_digest(folder), count, agreement, ranges)


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
