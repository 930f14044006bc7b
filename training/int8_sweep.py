"""How much each layer of a model loses in int8, and which layers therefore compute in it.

    python -m training.int8_sweep MODEL PHOTOS --calibrate PHOTOS [--count N] [--layers]

Ranges are measured on the second folder, everything else on the first. The table has a line for
each kind of layer: its share of the work, ``error``, of the pixel decoder's output with one layer
at a time in int8 (root of the sum of squares), ``labels``, the share of pixels that keep their
label with all layers of the kind in int8, and how many of them are chosen. ``--layers`` adds a line
for each layer.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.int8.calibrate import SENSITIVITY_PHOTOS, measure_ranges, small_input, spread
from m2fp_cli.engine.int8.calibration import LayerRanges
from m2fp_cli.engine.int8.choice import KINDS, MOST_ERROR, kind_of
from m2fp_cli.engine.int8.knapsack import choose_layers
from m2fp_cli.engine.int8.sensitivity import measure_errors, replaced
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.terminal import say


def main() -> None:
    """Sweep, and print tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--calibrate", type=Path, required=True, help="folder of other photos")
    parser.add_argument("--count", type=int, default=8, help="photos of each folder")
    parser.add_argument("--most-error", type=float, default=MOST_ERROR)
    parser.add_argument("--layers", action="store_true", help="a line for each layer, too")
    asked = parser.parse_args()
    network = build_network(asked.model, read_config(asked.model))
    engine = HumanParser.from_fast(FastM2FP(network, pack=False))
    ranges, work = measure_ranges(engine, read_photos(asked.calibrate, asked.count))
    photos = read_photos(asked.photos, asked.count)
    inputs = [small_input(one, engine.config) for one in spread(photos, SENSITIVITY_PHOTOS)]
    errors = measure_errors(engine.network, ranges, inputs)
    chosen = choose_layers(errors, work, asked.most_error)
    total = sum(work[name] for name in ranges)
    exact = [engine.parse(photo).semantic_map for photo in photos]

    def row(title: str, names: Sequence[str], *, labels: bool) -> None:
        kept = f"{labels_kept(engine, names, ranges, photos, exact):.2%}" if labels else ""
        error = math.sqrt(math.fsum(errors[name] ** 2 for name in names))
        share = sum(work[name] for name in names) / total
        count = f"{len([name for name in names if name in chosen])} of {len(names)}"
        say(f"| {title} | {share:.1%} | {error:.4f} | {kept} | {count} |")

    say("| in int8 | of the work | error | labels | chosen |\n| --- | --- | --- | --- | --- |")
    for kind in KINDS:
        names = [name for name in ranges if kind_of(name) == kind]
        if names:
            row(kind, names, labels=True)
    row("all", [*ranges], labels=True)
    row("all that are chosen", chosen, labels=True)
    for name in ranges if asked.layers else ():
        row(f"`{name}`", [name], labels=False)


def labels_kept(
    engine: HumanParser,
    names: Sequence[str],
    ranges: dict[str, LayerRanges],
    photos: Sequence[Picture],
    exact: Sequence[Picture],
) -> float:
    """Share of pixels whose label stays with some layers in int8."""
    with replaced(engine.network, names, ranges):
        maps = [engine.parse(photo).semantic_map for photo in photos]
    return float(np.mean([np.mean(a == b) for a, b in zip(maps, exact, strict=True)]))


def read_photos(folder: Path, count: int) -> list[Picture]:
    """The first photos of a folder, in the order of their names."""
    paths = sorted(folder.glob("*.jpg"))[:count]
    return [read_image(path).image_bgr for path in paths]


if __name__ == "__main__":
    main()
