"""The answers in int8 against those in float32, on labelled photos that nothing was tuned on.

    python -m training.int8_agreement MODEL DATA [--count N]

``DATA`` holds ``photos/`` and ``labels/``; its held-out photos are used, those whose number is a
multiple of 8, at most N. Prints mean IoU against the labels in both number formats, and how far the
two answers agree.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.int8.calibrate import compare_results
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.records.results import ParsingResult
from m2fp_cli.terminal import say

IGNORED = 255  # in a label map
HELD_OUT = 8  # one photo of so many


def main() -> None:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=100)
    asked = parser.parse_args()
    exact = HumanParser(asked.model)
    rough = HumanParser(asked.model, precision="int8")
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
        "people_of_half": float(np.mean([sure_people(a) == sure_people(b) for a, b in pairs])),
        "miou": [round(mean_iou(one), 4) for one in counts],
        **compare_results(pairs)._asdict(),
        "seconds": [round(one / len(pairs), 3) for one in seconds],
    }
    say(json.dumps(said))


def sure_people(result: ParsingResult) -> int:
    """People with a score of at least a half."""
    return sum(person.score >= 0.5 for person in result.people)


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
