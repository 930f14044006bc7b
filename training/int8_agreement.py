"""The answers in int8 against those in float32, on labelled photos that nothing was tuned on.

    python -m training.int8_agreement MODEL DATA [--calibrate PHOTOS] [--count N]

``DATA`` holds ``photos/`` and ``labels/``; its held-out photos are used, those whose number is a
multiple of 8, at most N. With ``--calibrate`` ranges are measured on the first 48 photos of another
folder, otherwise the model's stored calibration is used. Prints mean IoU against the labels in both
number formats, and how far the two answers agree.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.int8.calibrate import compare_results, measure_ranges
from m2fp_cli.engine.int8.calibration import LayerRanges, find_calibration
from m2fp_cli.engine.int8.choice import kind_of
from m2fp_cli.engine.int8.convert import quantize_network
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.terminal import say

IGNORED = 255  # in a label map
HELD_OUT = 8  # one photo of so many
CALIBRATED_ON = 48


def main() -> None:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--calibrate", type=Path, help="folder of other photos")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--float", nargs="*", default=[], help="kinds of layer to keep in float32")
    asked = parser.parse_args()
    exact = HumanParser(asked.model)
    ranges = _ranges(exact, asked.model, asked.calibrate)
    ranges = {k: v for k, v in ranges.items() if kind_of(k) not in asked.float}
    network = build_network(asked.model, read_config(asked.model))
    rough = HumanParser.from_fast(quantize_network(network, ranges))
    photos = [
        p for p in sorted((asked.data / "photos").glob("*.jpg")) if not int(p.stem) % HELD_OUT
    ]
    labels, pairs = len(exact.labels.names), []
    counts, seconds = np.zeros((2, 3, labels)), [0.0, 0.0]
    for path in photos[: asked.count]:
        photo = read_image(path).image_bgr
        truth = np.asarray(Image.open(asked.data / "labels" / f"{path.stem}.png"))
        results = []
        for index, engine in enumerate((exact, rough)):
            began = time.perf_counter()
            result = engine.parse(photo)
            seconds[index] += time.perf_counter() - began
            counts[index] += overlap(result.semantic_map, truth, labels)
            results.append(result)
        pairs.append((results[1], results[0]))
    said = {
        "layers": len(ranges),
        "miou": [round(mean_iou(one), 4) for one in counts],
        **compare_results(pairs)._asdict(),
        "seconds": [round(one / len(pairs), 3) for one in seconds],
    }
    say(json.dumps(said))


def _ranges(parser: HumanParser, model: Path, photos: Path | None) -> dict[str, LayerRanges]:
    if photos is None:
        return dict(find_calibration(model).layers)
    paths = sorted(photos.glob("*.jpg"))[:CALIBRATED_ON]
    return measure_ranges(parser, (read_image(path).image_bgr for path in paths))[0]


def overlap(found: Picture, truth: Picture, labels: int) -> np.ndarray:  # type: ignore[type-arg]
    """Pixels by label that both have, that the answer has, and that the truth has: (3, labels)."""
    counted = truth != IGNORED
    found, truth = found[counted], truth[counted]
    sets = (found[found == truth], found, truth)
    return np.array([np.bincount(one, minlength=labels)[:labels] for one in sets])


def mean_iou(counts: np.ndarray) -> float:  # type: ignore[type-arg]
    """Mean IoU over the labels that occur in the truth."""
    both, found, truth = counts
    there = truth > 0
    return float(np.mean(both[there] / (found + truth - both)[there]))


if __name__ == "__main__":
    main()
