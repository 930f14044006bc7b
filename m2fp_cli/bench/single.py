"""One photo after another: how long one takes, alone or beside another engine, pair by pair."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from m2fp_cli.bench.agreement import Agreement, compare_answers
from m2fp_cli.bench.child import Child
from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.bench.photos import Photo
from m2fp_cli.bench.rounds import Patience, Rounds
from m2fp_cli.bench.statistics import Ratio, Summary, paired_ratio, summarize
from m2fp_cli.errors import EngineError
from m2fp_cli.kernels.mkl import MKL_VARIABLE
from m2fp_cli.terminal import counted

OURS = "m2fp"
PROBE = "m2fp_cli.bench.probe"
StartChild = Callable[[str, ProbeOrder], Child]

# ModelScope does not choose the code that MKL takes.
_AS_USERS_RUN_IT = {MKL_VARIABLE: ""}


@dataclass(frozen=True)
class EngineFacts:
    """What is known of an engine once it has started.

    Attributes:
        start_seconds: from starting its process until it could parse: Python, imports, model.
        load_seconds: the model's part of it.
        dtype: number format of its large products.
        onednn: version inside torch.
        openmp: file of the OpenMP runtime.
    """

    start_seconds: float
    load_seconds: float
    dtype: str
    onednn: str
    openmp: str


@dataclass(frozen=True)
class EngineFigures:
    """What one engine did with one photo.

    Attributes:
        seconds: raw samples, in order.
        stages: raw samples of each stage, in order.
        first_seconds: the first parse of this photo in the process, not among the samples.
        peak_rss_mib: largest resident memory of the process while it parsed this photo.
        waited_share: share of the time in which other processes had the core.
        instances: number of instances found.
        people: number of people found.
        map_sha256: digest of the label map.
    """

    seconds: list[float]
    stages: dict[str, list[float]]
    first_seconds: float
    peak_rss_mib: float
    waited_share: float
    instances: int
    people: int
    map_sha256: str

    @property
    def summary(self) -> Summary:
        """The samples in a few numbers."""
        return summarize(self.seconds)

    def stage_medians(self) -> dict[str, float]:
        """Median seconds per stage."""
        return {stage: statistics.median(values) for stage, values in self.stages.items()}


@dataclass(frozen=True)
class Versus:
    """One engine beside ours, on one photo.

    Attributes:
        ratio: theirs / ours over pairs.
        agreement: of the answers.
    """

    ratio: Ratio
    agreement: Agreement


@dataclass
class PhotoFigures:
    """What all engines did with one photo.

    Attributes:
        name: of the photo.
        hw: its height and width.
        engines: figures by engine, ours first.
        failures: why an engine has none.
        versus: the others beside ours, by engine.
        is_cut_short: the time ran out before there were enough samples.
    """

    name: str
    hw: tuple[int, int]
    engines: dict[str, EngineFigures] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    versus: dict[str, Versus] = field(default_factory=dict)
    is_cut_short: bool = False

    @property
    def ratio(self) -> Ratio | None:
        """Theirs / ours where there is one other engine."""
        return one.ratio if (one := self._other()) else None

    @property
    def agreement(self) -> Agreement | None:
        """Of the answers where there is one other engine."""
        return one.agreement if (one := self._other()) else None

    def _other(self) -> Versus | None:
        return next(iter(self.versus.values())) if len(self.versus) == 1 else None


def start_probe(name: str, order: ProbeOrder) -> Child:
    """Start an engine in a process of its own.

    Raises:
        EngineError: it does not start.
    """
    variables = _AS_USERS_RUN_IT if order.engine == "reference" else {}
    return Child(name, PROBE, asdict(order), order.threads, variables=variables)


class SingleScenario:
    """Measures engines on photos, in turn, each engine in one process for all photos.

    One process, because that is how photos are parsed, and because ModelScope imports for 16 s. The
    peak of memory starts anew with every photo; photos go from small to large, so that what an
    earlier one has left in caches is a small part of it.

    Attributes:
        facts: what is known of each engine that has started.
    """

    def __init__(
        self,
        orders: Mapping[str, ProbeOrder],
        patience: Patience,
        say: Callable[[str], None],
        start: StartChild = start_probe,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            orders: engines by name, ours first.
            patience: how long each photo is measured.
            say: told in a line what is going on.
            start: starts an engine.
        """
        self._orders, self._patience, self._say = dict(orders), patience, say
        self._start, self._children = start, dict[str, Child]()
        self.facts: dict[str, EngineFacts] = {}

    def measure(self, photos: list[Photo]) -> Generator[PhotoFigures, None, None]:
        """Measure photos, smallest first.

        An engine that ends at a photo has no figures there and is started again for the next.

        Raises:
            EngineError: an engine cannot be started, or ours does not parse a photo.
        """
        with tempfile.TemporaryDirectory(prefix="m2fp-bench-") as text:
            path = Path(text) / "photo.npy"
            try:
                for photo in sorted(photos, key=lambda one: one.hw[0] * one.hw[1]):
                    np.save(path, photo.image_bgr)
                    yield self._measure(photo, path)
            finally:
                for child in self._children.values():
                    child.close()

    def _measure(self, photo: Photo, path: Path) -> PhotoFigures:
        figures = PhotoFigures(photo.name, photo.hw)
        for name, order in self._orders.items():
            self._ensure(name, order)
        rounds = Rounds(self._patience)
        turns = {name: _Turn(self._children[name], path) for name in self._orders}
        self._warm_up(photo, turns, rounds, figures)
        self._say(f"{photo.name}: measuring {' and '.join(turns)}")
        for _ in rounds.counted():
            for name in [name for name in turns if name not in figures.failures]:
                self._take(name, turns[name].sample, figures)
        figures.is_cut_short = rounds.is_cut_short
        figures.engines = {n: t.figures() for n, t in turns.items() if n not in figures.failures}
        ours, *others = figures.engines
        for name in others:
            seconds = (figures.engines[one].seconds for one in (ours, name))
            answers = (turns[one].answer for one in (ours, name))
            figures.versus[name] = Versus(paired_ratio(*seconds), compare_answers(*answers))
        return figures

    def _ensure(self, name: str, order: ProbeOrder) -> None:
        if name in self._children:
            return
        self._say(f"{name}: starting with {counted(order.threads, 'thread')}")
        child = self._children[name] = self._start(name, order)
        known = {k: child.ready[k] for k in ("load_seconds", "dtype", "onednn", "openmp")}
        self.facts.setdefault(name, EngineFacts(start_seconds=child.start_seconds, **known))
        self._say(f"{name}: ready after {child.start_seconds:.1f} s")

    def _warm_up(
        self, photo: Photo, turns: dict[str, _Turn], rounds: Rounds, figures: PhotoFigures
    ) -> None:
        for number in rounds.warm_up():
            for name in [name for name in turns if name not in figures.failures]:
                seconds = self._take(name, turns[name].warm_up, figures, reset=number == 0)
                if seconds is not None:
                    self._say(f"{photo.name}: {name} warm-up {number + 1}, {seconds:.2f} s")

    def _take(
        self, name: str, action: Callable[..., float], figures: PhotoFigures, **options: bool
    ) -> float | None:
        """One parse; what the other engine cannot do is noted, and it leaves this photo."""
        try:
            return action(**options)
        except EngineError as error:
            self._children.pop(name).close()
            if name == OURS:
                raise
            figures.failures[name] = str(error)
            self._say(f"{figures.name}: {error}")
            return None


class _Turn:
    """One engine's part in one photo."""

    def __init__(self, child: Child, photo: Path) -> None:
        self._child, self._photo = child, photo
        self._first: float | None = None
        self._samples: list[dict[str, Any]] = []
        self._peak = 0.0
        self.answer = photo.parent / f"{child.name}.npz"

    def warm_up(self, *, reset: bool) -> float:
        seconds = float(self._ask(answer=None, reset=reset)["seconds"])
        self._first = seconds if self._first is None else self._first
        return seconds

    def sample(self) -> float:
        first = not self._samples
        reset = first and self._first is None
        self._samples.append(self._ask(answer=str(self.answer) if first else None, reset=reset))
        return float(self._samples[-1]["seconds"])

    def _ask(self, *, answer: str | None, reset: bool) -> dict[str, Any]:
        said = self._child.ask({"photo": str(self._photo), "answer": answer, "reset": reset})
        self._peak = max(self._peak, said["peak_rss_mib"])
        return said

    def figures(self) -> EngineFigures:
        samples, last = self._samples, self._samples[-1]
        seconds = [sample["seconds"] for sample in samples]
        return EngineFigures(
            seconds=seconds,
            stages={stage: [s["stages"][stage] for s in samples] for stage in last["stages"]},
            first_seconds=seconds[0] if self._first is None else self._first,
            peak_rss_mib=self._peak,
            waited_share=sum(sample["waited_seconds"] for sample in samples) / sum(seconds),
            instances=last["instances"],
            people=last["people"],
            map_sha256=last["map_sha256"],
        )
