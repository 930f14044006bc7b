"""A run: everything around the pool that makes it safe to start again, whatever happened.

Lock the output, see what is done already, do the rest in the pool, write down each photo as it
ends. ``run_batch`` is what commands call; ``iterate_batch`` gives the same as a stream of reports.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.executor import Executor, LocalExecutor, PoolOrder
from m2fp_cli.batch.history import (
    History,
    manifest_name,
    read_history,
    signature_digest,
)
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.lock import OutputLock, hold_output
from m2fp_cli.batch.log import RunLog
from m2fp_cli.batch.manifest import ManifestWriter, compact
from m2fp_cli.batch.pool import Outcome
from m2fp_cli.batch.progress import Progress, SilentProgress
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.report import ImageReport, RunReport, Status
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.resume import ResumePlan, ResumeRules, Why, plan_resume
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.site import LocalSite, Site
from m2fp_cli.batch.stamps import is_same_stamp
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import Scan, ScanFailure
from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.layout import OUTPUT_FOLDERS, STATE_FOLDER, folders_of_results
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import check_writable, sweep_temporaries
from m2fp_cli.terminal import displayable

_Item = TypeVar("_Item")
_FOREIGN_TEMPORARY_SECONDS = 3600.0  # older than any file another shard is still writing


@dataclass(frozen=True)
class FailureCap:
    """How many failures end a run early.

    Attributes:
        most: this many are fine, one more is not.
        percent: ``most`` is a percentage of the photos to do.
    """

    most: float
    percent: bool = False

    def is_exceeded(self, failures: int, photos: int) -> bool:
        """Whether a run of so many photos has failed too often."""
        return failures > (self.most * photos / 100 if self.percent else self.most)


def parse_failure_cap(text: str) -> FailureCap:
    """A cap from ``20`` or ``5%``.

    Raises:
        UsageError: the text is neither.
    """
    number = text.removesuffix("%")
    try:
        most = float(number) if text.endswith("%") else int(number)
    except ValueError:
        most = -1
    if not 0 <= most < float("inf"):
        raise UsageError(f"--max-failures takes a number or a percentage (as 5%), got {text!r}")
    return FailureCap(most, percent=text.endswith("%"))


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about its work; nothing here changes what is written.

    Attributes:
        workers: number of processes; None chooses.
        threads: cores of each; None chooses. The one exception: it may change the last bits.
        photo_seconds: time one stage of one photo may take; None chooses.
        rerun: what is done again.
        checksum: photos are compared by their bytes, not by size and time.
        overwrite: files in the output that m2fp did not write for a photo may be replaced.
        shard: the part to do; None for all.
        max_failures: ends the run early; None never does.
        log_file: gets a JSON line per event; None for no log.
        remote: object stores that photos are read from or results go to; None for none.
        executor: who runs the workers.
    """

    workers: int | None = None
    threads: int | None = None
    photo_seconds: float | None = None
    rerun: Rerun = Rerun.CHANGED
    checksum: bool = False
    overwrite: bool = False
    shard: Shard | None = None
    max_failures: FailureCap | None = None
    log_file: Path | None = None
    remote: Remote | None = None
    executor: Executor = field(default_factory=LocalExecutor)

    def for_scan(self, scan: Scan) -> RunOptions:
        """The same, with the shard as a slice of the scan's list where it is one."""
        if self.shard is None or not scan.listing:
            return self
        return replace(self, shard=replace(self.shard, listing=scan.listing))


def run_batch(
    scan: Scan,
    job: Job,
    options: RunOptions,
    progress: Progress,
) -> RunReport:
    """Do a job on everything a scan found, and show it.

    SIGINT and SIGTERM end the run early and in good order, a second one at once; the report says
    so. Photos done so far are complete, and the next run goes on from there.

    Args:
        scan: the photos.
        job: what to do with them.
        options: how.
        progress: shows it.

    Raises:
        OutputLockedError: another run holds the output.
        OutputError: the output cannot be written, or not any more.
        M2fpError: the workers cannot start, or keep dying.
    """
    started = time.monotonic()
    options = options.for_scan(scan)
    switch = StopSwitch()
    with contextlib.closing(switch), switch.listening(), contextlib.closing(progress):
        report = RunReport(total=0)
        with contextlib.ExitStack() as stack:
            tree = stack.enter_context(open_output(job.output))
            lock = stack.enter_context(hold_output(tree, options.shard))
            site = stack.enter_context(_open_site(options, scan, job, tree, switch))
            run = _Run(scan, job, options, progress, switch, lock, tree, site)
            report.total = run.total
            try:
                for photo in run.work():
                    report.add(photo)
            finally:
                report.wall_seconds = time.monotonic() - started
                report.ended_by, report.stopped = switch.signal_number, switch.reason
                run.log.event("end", **report.counts_as_json(), photos=len(report.photos))
                run.log.close()
    return report


def iterate_batch(scan: Scan, job: Job, options: RunOptions) -> Generator[ImageReport, None, None]:
    """Do a job on everything a scan found; a report for each photo as soon as it has ended.

    Photos that are up to date come first. Signals are left to the caller; closing the generator
    ends the run at once, and what is done so far is complete.

    Raises:
        OutputLockedError, OutputError, M2fpError: as ``run_batch``.
    """
    options = options.for_scan(scan)
    with (
        contextlib.closing(StopSwitch()) as switch,
        open_output(job.output) as tree,
        hold_output(tree, options.shard) as lock,
        _open_site(options, scan, job, tree, switch) as site,
    ):
        run = _Run(scan, job, options, SilentProgress(), switch, lock, tree, site)
        with contextlib.closing(run.log):
            yield from run.work()


def open_output(path: Path) -> OutputTree:
    """Open an output, made if it is missing, and prove that files can be written there.

    Raises:
        OutputError: they cannot.
    """
    tree = OutputTree(path, create=True)
    try:
        check_writable(tree)
    except OutputError:
        tree.close()
        raise
    return tree


class _StoppedError(Exception):
    """A run was asked to end before it began its photos."""


class _Run:
    """One run, from the look at the manifest to its last line."""

    def __init__(
        self,
        scan: Scan,
        job: Job,
        options: RunOptions,
        progress: Progress,
        switch: StopSwitch,
        lock: OutputLock,
        tree: OutputTree,
        site: Site,
    ) -> None:
        self._tree, self._site = tree, site
        self._all_photos = len(scan.tasks)
        self._scan = options.shard.of(scan) if options.shard else scan
        self._job, self._options, self._progress = job, options, progress
        self._switch, self._lock = switch, lock
        self._settings = dict(job.signature())
        self._signature = signature_digest(self._settings)
        self._failures = 0
        self.log = RunLog(options.log_file)

    @property
    def total(self) -> int:
        """Number of photos and unreadable inputs of this shard."""
        return len(self._scan.tasks) + len(self._scan.failures)

    def work(self) -> Iterator[ImageReport]:
        """Do it; a report per photo."""
        name = manifest_name(self._job.name, self._options.shard)
        self._refuse_foreign_folders()
        try:
            history, plan = self._plan(name)
        except _StoppedError:
            return
        self._announce(plan)
        for failure in self._scan.failures:
            yield self._show(_scan_report(failure))
        for report in plan.conflicts:
            yield self._show(report)
        yield from plan.old_reports()
        with contextlib.closing(ManifestWriter(self._tree, name)) as manifest:
            self._site.begin(manifest)
            for entry in plan.moved:
                manifest.restate(entry)
            if plan.todo or (self._scan.listing and name not in history.latest):
                manifest.start(self._settings, len(self._scan.tasks), len(plan.todo))
                manifest.claim(task.key for task in plan.tasks())
                self._site.publish(now=True)
                if plan.todo:
                    yield from self._do(plan, history, manifest)
                manifest.end()
        self._site.finish()
        if not self._tree.is_there():
            raise OutputError(f"{displayable(self._tree.path)} was removed or replaced meanwhile")

    def _plan(self, name: str) -> tuple[History, ResumePlan]:
        """Look at what earlier runs left; with a million photos this takes minutes.

        Raises:
            _StoppedError: the run was asked to end; nothing has been begun.
        """
        options = self._options
        self._site.prepare(self._watched(self._scan.tasks))
        history = read_history(self._tree, self._job.name, options.shard, self._watched)
        self._sweep_after_kill(history, name)
        compact(self._tree, name, history)
        rules = ResumeRules(options.rerun, options.checksum, options.overwrite)
        tasks = self._watched(self._scan.tasks)
        return history, plan_resume(tasks, history, self._job, self._site, rules)

    def _watched(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """The same items, until the run is asked to end."""
        for item in items:
            if self._switch.is_draining:
                raise _StoppedError
            yield item

    def _refuse_foreign_folders(self) -> None:
        """Folders for results must be folders, or be missing."""
        for folder in (*self._folders, STATE_FOLDER):
            if self._tree.status(folder) is not None and not self._tree.is_folder(folder):
                raise OutputError(
                    f"{displayable(self._tree.path / folder)} is a link or a file, not a folder; "
                    "remove it, or choose another folder with -o"
                )

    @property
    def _folders(self) -> list[str]:
        """Folders of the output that the job writes to."""
        return [folder.name for folder in OUTPUT_FOLDERS if folder.job == self._job.name]

    def _announce(self, plan: ResumePlan) -> None:
        self._progress.say(plan.line())
        if plan.known_failures:
            self._progress.warn(
                f"{len(plan.known_failures)} failed before and did not change; `m2fp status "
                f"{self._site.shown}` lists them, --rerun failed tries them again"
            )
        for task, why in plan.todo:
            self.log.event("todo", source=task.where, key=task.key, why=why.value)
            if why is not Why.NEW:
                self._progress.detail(f"again {displayable(task.where)}: {why.value}")
        known = len(self._scan.failures) + len(plan.conflicts)
        self._progress.start(len(plan.todo) + known)

    def _do(
        self, plan: ResumePlan, history: History, manifest: ManifestWriter
    ) -> Iterator[ImageReport]:
        options = self._options
        order = PoolOrder(
            self._job,
            self._all_photos,
            options.workers,
            options.threads,
            PoolLimits(photo_seconds=options.photo_seconds),
            self._switch,
            self._note,
            self._tree,
            options.remote if _uses_stores(options, self._scan) else None,
        )
        pool, shape = options.executor.open_pool(order)
        self._progress.say(shape)
        self.log.event("start", settings=self._settings, todo=len(plan.todo), pool=shape)
        try:
            # Closed before the sweep: a worker that still lives may own a temporary.
            with contextlib.closing(pool.run(self._site.feed(plan.tasks()))) as outcomes:
                for outcome in outcomes:
                    self._progress.tick()
                    manifest.sync()
                    if outcome is not None:
                        self._site.deliver(outcome)
                    yield from self._take_delivered(plan, history, manifest)
                    self._site.publish()
            yield from self._take_delivered(plan, history, manifest, all_of_them=True)
        finally:
            if pool.killed:
                self._sweep(task.key for task in plan.tasks())

    def _take_delivered(
        self,
        plan: ResumePlan,
        history: History,
        manifest: ManifestWriter,
        *,
        all_of_them: bool = False,
    ) -> Iterator[ImageReport]:
        """Write down photos whose files are where they belong."""
        for outcome in self._site.delivered(all_of_them=all_of_them):
            old = history.entries.get(outcome.report.key)
            yield self._record(outcome, old, manifest, len(plan.todo))

    def _record(
        self, outcome: Outcome, old: Entry | None, manifest: ManifestWriter, photos: int
    ) -> ImageReport:
        report = _clear_old_files(outcome, old, self._site)
        manifest.add(report, outcome.stamp, self._signature)
        memory = {"worker": outcome.worker, "resident_bytes": outcome.resident_bytes}
        self._show(report, **memory)
        cap = self._options.max_failures
        if cap is not None and cap.is_exceeded(self._failures, photos):
            self._switch.drain(f"stopped after {self._failures} failures (--max-failures)")
        return report

    def _show(self, report: ImageReport, **worker: int) -> ImageReport:
        self._failures += not report.status.is_good
        self._progress.advance(report)
        self.log.event("photo", **report.as_json(), **worker)
        return report

    def _note(self, text: str) -> None:
        self.log.event("note", text=text)
        self._progress.detail(text)

    def _sweep_after_kill(self, history: History, manifest: str) -> None:
        """Remove what an earlier run left that was killed: only such a one has open claims."""
        if self._options.shard is None:
            if history.claims or len(history.lines) > 1:
                self._sweep(())
            return
        own = [claims for claims in history.claims.values() if claims.manifest == manifest]
        if own:
            self._sweep(key for claims in own for keys in claims.portions for key in keys)

    def _sweep(self, keys: Iterable[str]) -> None:
        """Remove what killed processes left.

        A shard looks only where the results of its photos are, since the whole output may be large,
        and leaves what others may still be writing. Exports do not mirror the photos' folders.

        Args:
            keys: of a shard's photos.
        """
        if self._options.shard is None:
            sweep_temporaries(self._tree, (*self._folders, STATE_FOLDER))
            return
        age = 0.0 if self._lock.is_alone() else _FOREIGN_TEMPORARY_SECONDS
        if self._job.name.startswith("export-"):
            sweep_temporaries(self._tree, self._folders, older_than_seconds=age)
            return
        places = {name for key in keys for name in folders_of_results(self._job.name, key)}
        sweep_temporaries(self._tree, sorted(places), older_than_seconds=age, below=False)


def _scan_report(failure: ScanFailure) -> ImageReport:
    return ImageReport(
        str(failure.source), "", Status.FAILED, reason=failure.reason, message=failure.message
    )


def _clear_old_files(outcome: Outcome, old: Entry | None, site: Site) -> ImageReport:
    """Remove what an earlier run wrote for the photo and this one did not.

    A photo that failed keeps its old results only if it is the same photo, or if files were in the
    way; they are then carried along in the report.
    """
    report = outcome.report
    if old is None:
        return report
    is_same = old.stamp == outcome.stamp or is_same_stamp(old.stamp, outcome.stamp)
    stays = is_same or report.reason == "conflict"
    if not report.status.is_good and stays:
        return report._replace(files=tuple(dict.fromkeys((*old.report.files, *report.files))))
    for name in set(old.report.files) - set(report.files):
        site.remove(name)
    return report


@contextlib.contextmanager
def _open_site(
    options: RunOptions, scan: Scan, job: Job, tree: OutputTree, switch: StopSwitch
) -> Iterator[Site]:
    """Where the run's photos and results are; an output in a store is held for this run.

    Raises:
        OutputLockedError: another run holds it.
        UsageError: photos of a store are to be compared by their bytes.
        M2fpError: the store cannot be reached or written.
    """
    if options.remote is None or not _uses_stores(options, scan):
        yield LocalSite(tree, job)
        return
    if options.checksum and (scan.is_stored or options.remote.results is not None):
        raise UsageError(
            "--checksum is for photos of this machine; those of stores are known by their ETags"
        )
    works_here = options.executor.works_here
    with options.remote.open_site(job, tree, options.shard, switch, works_here=works_here) as site:
        yield site


def _uses_stores(options: RunOptions, scan: Scan) -> bool:
    """Whether photos, an earlier parse or the output are in an object store."""
    return options.remote is not None and (scan.is_stored or options.remote.is_used)
