"""How much each layer loses in int8: one layer at a time, then all of a kind, then all but a kind.

    python -m training.int8_sweep MODEL PHOTOS --calibrate PHOTOS [--count N] [--json FILE]

Every other layer computes in float32. ``error`` is the norm of the change of the mask logits over
their norm, mean over the photos; ``labels`` is the share of pixels that keep their label.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from m2fp_cli.arrays import Picture
from m2fp_cli.engine.fast.network import FastM2FP
from m2fp_cli.engine.int8.calibration import LayerRanges
from m2fp_cli.engine.int8.choice import KINDS, chosen_layers, kind_of
from m2fp_cli.engine.int8.convert import put_layer
from m2fp_cli.engine.int8.layers import int8_twin
from m2fp_cli.engine.int8.ranges import RangeRecorder, quantizable_layers
from m2fp_cli.engine.parser import HumanParser
from m2fp_cli.imaging.codec import read_image
from m2fp_cli.network.build import build_network
from m2fp_cli.network.config import read_config
from m2fp_cli.terminal import say


class Change(NamedTuple):
    """What some layers in int8 change.

    Attributes:
        error: relative change of the mask logits.
        labels: share of pixels that keep their label.
    """

    error: float
    labels: float


class Sweep:
    """A float network whose layers are replaced for a while."""

    def __init__(self, folder: Path) -> None:
        """Load a model."""
        config = read_config(folder)
        network = build_network(folder, config)
        self.parser = HumanParser.from_network(network)
        self._plain = quantizable_layers(FastM2FP(network, pack=False))
        self.layers = quantizable_layers(self.parser.network)
        self._float: list[tuple[Any, Any]] = []

    def calibrate(self, photos: Sequence[Picture]) -> dict[str, LayerRanges]:
        """Ranges of all layers on photos."""
        recorder = RangeRecorder(self.parser.network)
        with recorder.watching():
            for photo in photos:
                self.parser.parse(photo)
        return recorder.ranges()

    def remember(self, photos: Sequence[Picture]) -> None:
        """Take the answers of the float network."""
        self._photos = photos
        self._float = [self._look(photo) for photo in photos]

    def measure(self, names: Sequence[str], ranges: dict[str, LayerRanges]) -> Change:
        """Compare the network that has these layers in int8 with the float one."""
        with self._replaced(names, ranges):
            pairs = [
                (*self._look(photo), *kept)
                for photo, kept in zip(self._photos, self._float, strict=True)
            ]
        errors = [float((a - b).norm() / b.norm()) for a, _, b, _ in pairs]
        labels = [float(np.mean(a == b)) for _, a, _, b in pairs]
        return Change(float(np.mean(errors)), float(np.mean(labels)))

    @contextmanager
    def _replaced(self, names: Sequence[str], ranges: dict[str, LayerRanges]) -> Iterator[None]:
        network = self.parser.network
        for name in names:
            put_layer(network, name, int8_twin(self._plain[name], *ranges[name]))
        try:
            yield
        finally:
            for name in names:
                put_layer(network, name, self.layers[name])

    def _look(self, photo: Picture) -> tuple[torch.Tensor, Any]:
        """Mask logits, and the label map."""
        seen: list[torch.Tensor] = []
        handle = self.parser.network.register_forward_hook(
            lambda _module, _inputs, output: seen.append(output.mask_logits)
        )
        labels = self.parser.parse(photo).semantic_map
        handle.remove()
        return seen[0], labels


def main() -> None:
    """Sweep, and print a table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--calibrate", type=Path, required=True, help="folder of other photos")
    parser.add_argument("--count", type=int, default=8, help="photos of each kind")
    parser.add_argument("--kinds", action="store_true", help="leave out the single layers")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sweep = Sweep(asked.model)
    ranges = sweep.calibrate(read_photos(asked.calibrate, asked.count))
    sweep.remember(read_photos(asked.photos, asked.count))
    names = list(ranges)
    rows: dict[str, Change] = {}

    def row(title: str, some: Sequence[str]) -> None:
        if some:
            rows[title] = found = sweep.measure(some, ranges)
            say(f"| {title} | {len(some)} | {found.error:.4f} | {found.labels:.2%} |")

    say("| in int8 | layers | error | labels |\n| --- | --- | --- | --- |")
    if not asked.kinds:
        for name in names:
            row(f"`{name}`", [name])
    for kind in KINDS:
        row(kind, [name for name in names if kind_of(name) == kind])
    for kind in KINDS:
        if any(kind_of(name) == kind for name in names):
            row(f"all but {kind}", [name for name in names if kind_of(name) != kind])
    row("all", names)
    row("chosen", chosen_layers(names))
    if asked.json:
        asked.json.write_text(json.dumps({k: tuple(v) for k, v in rows.items()}, indent=1))


def read_photos(folder: Path, count: int) -> list[Picture]:
    """The first photos of a folder, in the order of their names."""
    paths = sorted(folder.glob("*.jpg"))[:count]
    return [read_image(path).image_bgr for path in paths]


if __name__ == "__main__":
    main()
