"""One run of the bench: the scenarios that were asked for, one after the other."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from m2fp_cli.batch.processes import python_command, worker_environment
from m2fp_cli.batch.resources import check_counts, look_at_machine, plan_pool
from m2fp_cli.bench.document import Document, Settings
from m2fp_cli.bench.environment import (
    count_throttled,
    describe_environment,
    machine_doubts,
)
from m2fp_cli.bench.offline import measure_offline, sweep_shapes
from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.bench.paint import measure_painting
from m2fp_cli.bench.photos import SIZES, Photo, digest_photos
from m2fp_cli.bench.roofline import measure_roofline
from m2fp_cli.bench.rounds import Patience
from m2fp_cli.bench.service import measure_service
from m2fp_cli.bench.single import OURS, SingleScenario
from m2fp_cli.errors import EngineError
from m2fp_cli.jobs.memory import COLORIZE_BYTES
from m2fp_cli.jobs.model_files import describe_precision, find_model
from m2fp_cli.jobs.parse import ParseJob, ParseSettings
from m2fp_cli.kernels.cpu import INT8
from m2fp_cli.terminal import displayable

RANDOM = "random"
MODEL_WRITER = "m2fp_cli.bench.model_writer"
SCENARIOS = ("single", "offline", "serve", "paint")
Say = Callable[[str], None]
_MANY_PHOTOS = 1000  # what the pool is planned for


@dataclass(frozen=True)
class BenchPlan:
    """What is to be measured.

    Attributes:
        photos: to parse.
        photos_name: where they come from.
        model: a model, or ``random``.
        precisions: of the network; the first is what everything is measured with, the others are
            measured beside it, one photo after another.
        threads: cores of a single parse; None takes all, and lets the pool choose its own.
        workers: processes of the pool, and that paint; None chooses.
        scenarios: some of ``SCENARIOS``.
        against: the engine to measure beside ours: ``reference``, ``onnxruntime``, ``openvino``,
            or None.
        roofline: compare the network with its bound.
        sweep: run the pool in several shapes.
        single: how long each photo is measured.
        pool: how long each shape of the pool is measured.
        short_seconds: how long everything else is repeated.
    """

    photos: list[Photo]
    photos_name: str
    model: str
    precisions: tuple[str, ...]
    threads: int | None
    workers: int | None
    scenarios: tuple[str, ...]
    against: str | None
    roofline: bool
    sweep: bool
    single: Patience
    pool: Patience
    short_seconds: float

    @property
    def needs_model(self) -> bool:
        """Whether anything is parsed."""
        return self.roofline or any(name != "paint" for name in self.scenarios)


def run_bench(plan: BenchPlan, say: Say, shown: Callable[[Document], None]) -> Document:
    """Measure.

    Args:
        plan: what.
        say: told in a line what is going on.
        shown: given the document whenever there is something new in it.

    Raises:
        EngineError: an engine cannot run.
        ModelError: the model is missing or damaged.
        UsageError: there is no room for so many workers or threads.
    """
    threads = plan.threads or look_at_machine().cores
    with worker_environment(threads):  # what the measuring processes see
        environment = describe_environment()
    with tempfile.TemporaryDirectory(prefix="m2fp-bench-") as text:
        job = _make_job(plan, Path(text), threads, say) if plan.needs_model else None
        worker_bytes = COLORIZE_BYTES if job is None else job.memory_bytes()
        check_counts(look_at_machine(), worker_bytes, workers=plan.workers, threads=plan.threads)
        document = Document(environment, _settings(plan, job, threads))
        if job is not None:
            _ParsingRun(plan, job, threads, document, say).run(shown)
        if "paint" in plan.scenarios:
            workers = plan.workers or environment.cores
            document.paint += measure_painting(SIZES["1080p"], workers, plan.short_seconds, say)
    throttled = count_throttled() - environment.throttled
    document.warnings += machine_doubts(environment, throttled) + document.doubts()
    return document


def _make_job(plan: BenchPlan, folder: Path, threads: int, say: Say) -> ParseJob:
    """The parse that the pool does; it also knows where the model is."""
    model = plan.model
    if plan.model == RANDOM:
        say("writing the published size with random weights")
        model = str(folder / "model")
        _write_random_model(Path(model), threads, calibrate=INT8 in plan.precisions)
    found = replace(find_model(model), name=plan.model)
    for precision in plan.precisions:
        describe_precision(found, precision)  # stops where int8 is not calibrated
    return ParseJob((folder / "out").absolute(), found, ParseSettings(precision=plan.precisions[0]))


def _write_random_model(folder: Path, threads: int, *, calibrate: bool) -> None:
    """In a process of its own: this one stays without torch, as the parent of a pool should."""
    command = python_command(MODEL_WRITER, str(folder), str(threads))
    command += [INT8] if calibrate else []
    with worker_environment(threads):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode:
        raise EngineError(f"the random model was not written (code {done.returncode})")


def _settings(plan: BenchPlan, job: ParseJob | None, threads: int) -> Settings:
    scenarios = [*plan.scenarios, *(["roofline"] if plan.roofline else [])]
    return Settings(
        model=plan.model,
        weights="" if job is None else job.model.weights,
        precision=",".join(plan.precisions),
        threads=threads,
        scenarios=scenarios,
        photos=displayable(plan.photos_name),
        photos_sha256=digest_photos(plan.photos),
        photo_sizes={
            displayable(photo.name): f"{photo.hw[0]}x{photo.hw[1]}" for photo in plan.photos
        },
    )


class _ParsingRun:
    """The scenarios that parse; their figures go into the document."""

    def __init__(
        self, plan: BenchPlan, job: ParseJob, threads: int, document: Document, say: Say
    ) -> None:
        self._plan, self._job, self._document, self._say = plan, job, document, say
        self._order = ProbeOrder("fast", str(job.model.folder), plan.precisions[0], threads)

    def run(self, shown: Callable[[Document], None]) -> None:
        """Measure what the plan asks for; see ``run_bench``."""
        scenarios = self._plan.scenarios
        if "single" in scenarios:
            self._run_single(shown)
        if self._plan.roofline:
            self._run_roofline()
        if "offline" in scenarios:
            self._run_offline()
        if "serve" in scenarios:
            self._run_service()

    def _run_single(self, shown: Callable[[Document], None]) -> None:
        plan, document = self._plan, self._document
        orders = {OURS: self._order}
        for precision in plan.precisions[1:]:
            orders[f"{OURS} {precision}"] = replace(self._order, precision=precision)
        if plan.against is not None:
            orders[plan.against] = replace(self._order, engine=plan.against)
        scenario = SingleScenario(orders, plan.single, self._say)
        with contextlib.closing(scenario.measure(plan.photos)) as measured:
            for figures in measured:
                document.single.append(figures)
                document.engines.update(scenario.facts)
                shown(document)

    def _run_roofline(self) -> None:
        plan, folder = self._plan, self._job.output.parent
        for precision in plan.precisions:
            self._say(f"roofline: measuring the matrix product, {precision}")
            asked = replace(self._order, precision=precision)
            for one in measure_roofline(plan.photos, asked, folder, plan.short_seconds):
                self._document.roofline.append(one)
                self._say(f"roofline: {one.name} done")

    def _run_offline(self) -> None:
        plan, cores = self._plan, self._document.environment.cores
        for shape in sweep_shapes(cores) if plan.sweep else [self._pool_shape()]:
            figures = measure_offline(
                plan.photos, self._job, shape, plan.pool, cores=cores, say=self._say
            )
            self._document.offline.append(figures)
            self._say(f"offline: {figures.name}, {figures.rate:.2f} photos/s")

    def _run_service(self) -> None:
        plan, cores = self._plan, self._document.environment.cores
        figures = measure_service(
            plan.photos, self._job, self._pool_shape(), plan.pool, cores=cores, say=self._say
        )
        self._document.serve.append(figures)
        self._say(f"serve: {figures.rate:.2f} photos/s, {figures.share:.0%} of the pool's")

    def _pool_shape(self) -> tuple[int, int]:
        """Workers, and threads of each, as asked for or as a run would choose them."""
        chosen = plan_pool(
            look_at_machine(),
            _MANY_PHOTOS,
            self._job.memory_bytes(),
            workers=self._plan.workers,
            threads=self._plan.threads,
        )
        return chosen.workers, chosen.threads
