"""Two engines, photo by photo: times, ratios with an interval, memory, and whether they agree."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.bench.probe import ProbeOrder
from m2fp_cli.errors import EngineError

BOOTSTRAP_SAMPLES = 2000


@dataclass(frozen=True)
class Agreement:
    """How far two answers about one photo agree.

    Attributes:
        label_map: share of pixels with the same label.
        instances: number of instances of each, ours first.
        matched: instances of theirs for which one of ours has the same label and IoU over 0.5.
        score_difference: largest difference of score among matched ones.
        mask_agreement: lowest share of equal pixels among matched ones.
    """

    label_map: float
    instances: tuple[int, int]
    matched: int
    score_difference: float
    mask_agreement: float


@dataclass
class PhotoFigures:
    """Samples of one photo.

    Attributes:
        name: of the photo.
        hw: its height and width.
        seconds: raw samples by engine, in order; pairs are at the same place.
        stages: median seconds per stage by engine.
        peak_rss_mib: peak memory of the process so far, by engine.
        agreement: of the answers; None with one engine.
    """

    name: str
    hw: tuple[int, int]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    peak_rss_mib: dict[str, float] = field(default_factory=dict)
    agreement: Agreement | None = None

    def ratio(self) -> tuple[float, float, float] | None:
        """Median of theirs / ours over pairs, and its 95 % bootstrap interval."""
        if len(self.seconds) != 2:
            return None
        ours, theirs = self.seconds.values()
        ratios = np.array(theirs) / np.array(ours)
        generator = np.random.default_rng(0)
        picks = generator.integers(0, len(ratios), (BOOTSTRAP_SAMPLES, len(ratios)))
        low, high = np.percentile(np.median(ratios[picks], axis=1), (2.5, 97.5))
        return float(np.median(ratios)), float(low), float(high)

    def as_json(self) -> dict[str, Any]:
        """The figures as ``--json`` prints them."""
        return {**asdict(self), "ratio": self.ratio()}


class Probe:
    """One engine in its own process."""

    def __init__(self, name: str, order: ProbeOrder, folder: Path) -> None:
        """Start it and wait until its model is loaded.

        Raises:
            EngineError: it does not start.
        """
        self.name, self._folder = name, folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "m2fp_cli.bench.probe", json.dumps(asdict(order))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.load_seconds = float(self._read()["ready"])

    def parse(self, photo: Path, answer: Path | None = None) -> dict[str, Any]:
        """Parse one ``.npy`` photo; its figures."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{photo}\t{answer or ''}\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise EngineError(f"the {self.name} engine ended with code {code}; see the lines above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure(
    photos: dict[str, NDArray[np.uint8]],
    orders: dict[str, ProbeOrder],
    *,
    rounds: int,
    warm_up: int = 1,
) -> Iterator[PhotoFigures]:
    """Measure one or two engines on photos, alternating between the engines.

    Every photo size gets fresh processes, so that the peak memory is that of the size.

    Args:
        photos: (H, W, 3) uint8 BGR by name.
        orders: one or two engines by the name they are shown under, ours first.
        rounds: samples per photo and engine.
        warm_up: parses before that are not counted.

    Yields:
        the figures of one photo after another.
    """
    with tempfile.TemporaryDirectory(prefix="m2fp-bench-") as text:
        folder = Path(text)
        for name, image in photos.items():
            path = folder / "photo.npy"
            np.save(path, image)
            yield _measure_photo(name, image, path, orders, rounds, warm_up)


def _measure_photo(
    name: str,
    image: NDArray[np.uint8],
    path: Path,
    orders: dict[str, ProbeOrder],
    rounds: int,
    warm_up: int,
) -> PhotoFigures:
    folder = path.parent
    figures = PhotoFigures(name, (image.shape[0], image.shape[1]))
    with contextlib.ExitStack() as stack:
        probes = []
        for key, order in orders.items():
            probe = Probe(key, order, folder)
            stack.callback(probe.close)
            probes.append(probe)
        for probe in probes:
            for _ in range(warm_up):
                probe.parse(path)
        samples: dict[str, list[dict[str, Any]]] = {probe.name: [] for probe in probes}
        for number in range(rounds):
            for probe in probes:
                answer = folder / f"{probe.name}.npz" if number == 0 else None
                samples[probe.name].append(probe.parse(path, answer))
    for key, values in samples.items():
        figures.seconds[key] = [value["seconds"] for value in values]
        figures.peak_rss_mib[key] = values[-1]["peak_rss_mib"]
        figures.stages[key] = {
            stage: median(value["stages"][stage] for value in values)
            for stage in values[0]["stages"]
        }
    if len(orders) == 2:
        figures.agreement = compare_answers(*(folder / f"{key}.npz" for key in orders))
    return figures


def compare_answers(ours: Path, theirs: Path) -> Agreement:
    """Compare what two probes wrote about the same photo."""
    with np.load(ours) as one, np.load(theirs) as other:
        maps = one["semantic_map"], other["semantic_map"]
        lists = one["labels"].reshape(-1, 2), other["labels"].reshape(-1, 2)
        masks = [
            np.stack([answer[str(i)] for i in range(len(labels))])
            if len(labels)
            else np.zeros((0, 1), np.uint8)
            for answer, labels in zip((one, other), lists, strict=True)
        ]
    pixels = maps[0].size
    matched, score_difference, mask_agreement = 0, 0.0, 1.0
    for (label, score), mask in zip(lists[1], masks[1], strict=True):
        best = _best_match(label, score, mask, lists[0], masks[0])
        if best is None:
            continue
        index, differing = best
        matched += 1
        score_difference = max(score_difference, abs(float(lists[0][index, 1] - score)))
        mask_agreement = min(mask_agreement, 1 - differing / pixels)
    return Agreement(
        label_map=float(np.mean(maps[0] == maps[1])),
        instances=(len(lists[0]), len(lists[1])),
        matched=matched,
        score_difference=score_difference,
        mask_agreement=mask_agreement,
    )


def _best_match(
    label: float,
    score: float,
    mask: NDArray[np.uint8],
    labels: NDArray[np.float64],
    masks: NDArray[np.uint8],
) -> tuple[int, int] | None:
    """Index of the instance of the same label with the most similar mask, and differing pixels."""
    best: tuple[float, int, int] | None = None
    for index in np.flatnonzero(labels[:, 0] == label):
        differing = int(np.unpackbits(mask ^ masks[index]).sum())
        union = int(np.unpackbits(mask | masks[index]).sum())
        if union and 1 - differing / union > 0.5:
            rank = differing / union + abs(float(labels[index, 1]) - score)
            if best is None or rank < best[0]:
                best = (rank, int(index), differing)
    return None if best is None else best[1:]
