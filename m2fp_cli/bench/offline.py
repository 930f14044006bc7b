"""A folder of photos through the real pool: photos per second with decoding and writing."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.pool import Pool
from m2fp_cli.batch.report import ImageReport
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.bench.photos import Photo, write_photo
from m2fp_cli.bench.processes import cpu_seconds, peak_mib, proportional_mib
from m2fp_cli.bench.rounds import Patience
from m2fp_cli.errors import EngineError
from m2fp_cli.jobs.parse import ParseJob
from m2fp_cli.storage.tree import OutputTree

_MAX_PHOTOS = 100_000  # tasks in the queue; time ends every run before


@dataclass(frozen=True)
class OfflineFigures:
    """A pool at work, once its workers are warm.

    Attributes:
        workers: processes.
        threads: cores of each.
        photos: number that count: those that ended after the warm-up.
        seconds: in which they did.
        intervals: raw samples: seconds from the end of one photo to that of the next.
        rate: photos per second.
        megapixel_rate: megapixels per second.
        stages: median seconds per photo of read, preprocess, network, postprocess, write.
        first_seconds: from the start of the pool to the end of the first photo.
        cpu_share: share of this machine's allowed cores that the workers kept busy.
        peak_rss_mib: largest resident memory of a worker.
        memory_mib: most memory of all workers together, shared pages counted once.
        is_cut_short: the time ran out before there were enough photos.
    """

    workers: int
    threads: int
    photos: int
    seconds: float
    intervals: list[float]
    rate: float
    megapixel_rate: float
    stages: dict[str, float]
    first_seconds: float
    cpu_share: float
    peak_rss_mib: float
    memory_mib: float
    is_cut_short: bool

    @property
    def name(self) -> str:
        """``2 x 1``: workers x threads."""
        return f"{self.workers} x {self.threads}"


def sweep_shapes(cores: int) -> list[tuple[int, int]]:
    """Workers x threads worth trying: powers of two that fill the cores, and one by one."""
    counts = [1 << power for power in range(cores.bit_length()) if 1 << power < cores]
    full = {(workers, cores // workers) for workers in [*counts, cores]}
    return sorted(full | {(1, 1)})


def measure_offline(
    photos: list[Photo],
    job: ParseJob,
    shape: tuple[int, int],
    patience: Patience,
    *,
    cores: int,
    say: Callable[[str], None],
) -> OfflineFigures:
    """Run photos over and over through a pool.

    Args:
        photos: taken in turn.
        job: the parse; its output is replaced by a temporary folder.
        shape: workers, threads of each.
        patience: how long.
        cores: that this process may use.
        say: told in a line what happens to workers.

    Raises:
        EngineError: a photo fails, or there is none in time.
        M2fpError: no worker can be started.
    """
    plan = PoolPlan(*shape, "bench")
    say(f"offline: {plan.line()}, starting")
    with (
        tempfile.TemporaryDirectory(prefix="m2fp-bench-") as text,
        contextlib.closing(StopSwitch()) as switch,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(text)
        sources = [write_photo(photo, folder) for photo in photos]
        own = replace(job, output=folder / "out")
        tree = stack.enter_context(OutputTree(own.output, create=True))
        pool = Pool(own, plan, PoolLimits(), switch, say, tree)
        watch = _Watch(patience, warm_up=2 * plan.workers)
        with contextlib.closing(pool.run(list(_tasks(sources)))) as outcomes:
            for outcome in outcomes:
                watch.see(outcome)
                if watch.is_over:
                    switch.drain("enough")
                    break
        return watch.figures(plan, cores)


def _tasks(sources: list[Path]) -> Iterator[ImageTask]:
    """Each photo again and again, under a key of its own every time."""
    for number in range(_MAX_PHOTOS // len(sources)):
        for index, source in enumerate(sources):
            yield ImageTask(str(source.absolute()), f"{number:05d}/{index:03d}")


class _WorkerUse:
    """What one worker has used, as long as it can be looked at."""

    def __init__(self, pid: int) -> None:
        self._pid, self._since = pid, 0.0
        self._has_started = False
        self.cpu_seconds, self.peak_mib = 0.0, 0.0

    def look(self, *, counts: bool) -> None:
        """Look now; CPU time is counted from the first look that counts."""
        now = cpu_seconds(self._pid)
        if counts and not self._has_started:
            self._since, self._has_started = now, True
        if self._has_started:
            self.cpu_seconds = max(self.cpu_seconds, now - self._since)
        self.peak_mib = max(self.peak_mib, peak_mib(self._pid))


class _Watch:
    """Sees photos end, and knows when it has seen enough."""

    def __init__(
        self, patience: Patience, warm_up: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._patience, self._warm_up, self._clock = patience, warm_up, clock
        self._started = clock()
        self._ends: list[float] = []
        self._reports: list[ImageReport] = []
        self._workers: dict[int, _WorkerUse] = {}
        self._memory = 0.0
        self.is_over = False

    def see(self, outcome: Outcome | None) -> None:
        """Take one photo's end, or that a second has passed."""
        now = self._clock()
        if outcome is not None:
            if not outcome.report.status.is_good:
                raise EngineError(f"{outcome.report.source}: {outcome.report.message}")
            self._ends.append(now)
            self._reports.append(outcome.report)
            self._workers.setdefault(outcome.worker, _WorkerUse(outcome.worker))
        for use in self._workers.values():
            use.look(counts=len(self._ends) >= self._warm_up)
        self._memory = max(self._memory, sum(map(proportional_mib, self._workers)))
        self.is_over = self._is_enough(now)

    def figures(self, plan: PoolPlan, cores: int) -> OfflineFigures:
        """What was seen.

        Raises:
            EngineError: no photo ended after the first.
        """
        warm_up = min(self._warm_up, max(1, len(self._ends) // 2))
        ends, reports = self._ends[warm_up - 1 :], self._reports[warm_up:]
        if not reports:
            raise EngineError("not even two photos were done in time; raise --budget")
        seconds = ends[-1] - ends[0]
        pixels = sum(report.image_hw[0] * report.image_hw[1] for report in reports)
        times = [report.seconds._asdict() for report in reports]
        uses = self._workers.values()
        return OfflineFigures(
            workers=plan.workers,
            threads=plan.threads,
            photos=len(reports),
            seconds=seconds,
            intervals=[end - start for start, end in itertools.pairwise(ends)],
            rate=len(reports) / seconds,
            megapixel_rate=pixels / 1e6 / seconds,
            stages={stage: statistics.median(t[stage] for t in times) for stage in times[0]},
            first_seconds=self._ends[0] - self._started,
            cpu_share=sum(use.cpu_seconds for use in uses) / (seconds * cores),
            peak_rss_mib=max(use.peak_mib for use in uses),
            memory_mib=self._memory,
            is_cut_short=len(reports) < self._patience.count,
        )

    def _is_enough(self, now: float) -> bool:
        patience, counted = self._patience, len(self._ends) - self._warm_up
        if counted >= patience.count and now - self._ends[self._warm_up - 1] >= patience.seconds:
            return True
        return now - self._started > patience.budget_seconds and len(self._ends) > 1
