"""A run: everything around the pool that makes it safe to start again, whatever happened.

Lock the output, see what is done already, do the rest in the pool, write down each photo as it
ends. ``run_batch`` is what commands call; ``iterate_batch`` gives the same as a stream of reports.
"""

from __future__ import annotations

import contextlib
import itertools
import shlex
import time
from collections.abc import Collection, Generator, Iterable, Iterator
from typing import TypeVar

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.executor import PoolOrder
from m2fp_cli.batch.history import (
    History,
    manifest_name,
    read_history,
    signature_digest,
)
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.judge import ResumeRules, Why
from m2fp_cli.batch.leftovers import Leftovers
from m2fp_cli.batch.lock import OutputLock, hold_output
from m2fp_cli.batch.log import RunLog
from m2fp_cli.batch.manifest import ManifestWriter, compact
from m2fp_cli.batch.old_files import clear_old_files
from m2fp_cli.batch.opening import open_output, open_site
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.progress import Progress, SilentProgress
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.resume import ResumePlan, plan_resume
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.run_report import RunReport
from m2fp_cli.batch.site import Site
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import ImageTask, Scan, ScanFailure
from m2fp_cli.errors import OutputError
from m2fp_cli.layout import STATE_FOLDER
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import counted, displayable

_CLAIMED_NEAR, _CLAIMED_FAR = 32, 256  # photos; workers far away, or a store, take more at a time
_Item = TypeVar("_Item")


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
        UsageError: there is no room for so many workers or threads.
        OutputLockedError: another run holds the output.
        OutputError: the output cannot be written, or not any more.
        M2fpError: the workers cannot start, or keep dying.
    """
    started = time.monotonic()
    options.check_counts(job)
    options = options.for_scan(scan)
    switch = StopSwitch()
    with contextlib.closing(switch), switch.listening(), contextlib.closing(progress):
        report = RunReport(total=0)
        with contextlib.ExitStack() as stack:
            tree = stack.enter_context(open_output(job.output))
            lock = stack.enter_context(hold_output(tree, options.shard))
            site = stack.enter_context(open_site(options, scan, job, tree, switch))
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
        UsageError, OutputLockedError, OutputError, M2fpError: as ``run_batch``.
    """
    options.check_counts(job)
    options = options.for_scan(scan)
    with (
        contextlib.closing(StopSwitch()) as switch,
        open_output(job.output) as tree,
        hold_output(tree, options.shard) as lock,
        open_site(options, scan, job, tree, switch) as site,
    ):
        run = _Run(scan, job, options, SilentProgress(), switch, lock, tree, site)
        with contextlib.closing(run.log):
            yield from run.work()


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
        self._switch = switch
        self._leftovers = Leftovers(tree, lock, job.name, options.shard)
        self._settings = dict(job.signature())
        self._signature = signature_digest(self._settings)
        self._failures = 0
        self._under_way: set[str] = set()  # keys of photos whose files may not have arrived
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
        # Of the files of other machines nobody here knows whether their mounts keep marks.
        marking = self._site.is_here and self._options.executor.works_here
        writer = ManifestWriter(self._tree, name, marking=marking)
        with contextlib.closing(writer) as manifest:
            self._site.begin(manifest)
            for entry in plan.moved:
                manifest.restate(entry)
            if plan.todo or self._must_say_that_it_ended(history, name):
                start = history.time_of_start(name)
                manifest.start(self._settings, len(self._scan.tasks), len(plan.todo), start)
                self._site.publish(now=True)
                unsettled: Collection[str] = ()
                if plan.todo:
                    unsettled = yield from self._do(plan, history, manifest)
                manifest.end(unsettled)
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
        self._leftovers.sweep_after_kill(history, name)
        compact(self._tree, name, history)
        rules = ResumeRules(Rerun(options.rerun), options.checksum, options.overwrite)
        tasks = self._watched(self._scan.tasks)
        return history, plan_resume(tasks, history, self._job, self._site, rules)

    def _must_say_that_it_ended(self, history: History, name: str) -> bool:
        """Whether `m2fp status` would call these photos unfinished, although nothing is to do."""
        is_begun = name in history.latest or not self._scan.listing
        return not is_begun or history.is_left_open(name, len(self._scan.tasks))

    def _watched(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """The same items, until the run is asked to end."""
        for item in items:
            if self._switch.is_draining:
                raise _StoppedError
            yield item

    def _refuse_foreign_folders(self) -> None:
        """Folders for results must be folders, or be missing."""
        for folder in (*self._leftovers.folders, STATE_FOLDER):
            if self._tree.status(folder) is not None and not self._tree.is_folder(folder):
                raise OutputError(
                    f"{displayable(self._tree.path / folder)} is a link or a file, not a folder; "
                    "remove it, or choose another folder with -o"
                )

    def _announce(self, plan: ResumePlan) -> None:
        self._progress.say(plan.line())
        if plan.known_failures:
            self._progress.warn(
                f"{len(plan.known_failures)} failed before and did not change; `m2fp status "
                f"{shlex.quote(self._site.shown)}` lists them, --rerun failed tries them again"
            )
        for task, why in plan.todo:
            self.log.event("todo", source=task.where, key=task.key, why=why.value)
            if why is not Why.NEW:
                self._progress.detail(f"again {displayable(task.where)}: {why.value}")
        known = len(self._scan.failures) + len(plan.conflicts)
        self._progress.start(len(plan.todo) + known)

    def _do(
        self, plan: ResumePlan, history: History, manifest: ManifestWriter
    ) -> Generator[ImageReport, None, Collection[str]]:
        """Do what is to be done; keys of photos that came to no end and may have left files."""
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
            options.remote if options.uses_stores(self._scan) else None,
            self._progress.say,
        )
        pool, shape = options.executor.open_pool(order)
        self._progress.say(shape)
        self.log.event("start", settings=self._settings, todo=len(plan.todo), pool=shape)
        try:
            # Closed before the sweep: a worker that still lives may own a temporary.
            tasks = self._site.feed(self._claimed(plan.tasks(), manifest))
            with contextlib.closing(pool.run(tasks)) as outcomes:
                for outcome in outcomes:
                    self._progress.tick()
                    manifest.sync()
                    if outcome is not None:
                        self._under_way.add(outcome.report.key)
                        self._site.deliver(outcome)
                    yield from self._take_delivered(plan, history, manifest)
                    self._site.publish()
            yield from self._take_delivered(plan, history, manifest, all_of_them=True)
        finally:
            if pool.killed:
                self._leftovers.sweep(task.key for task in plan.tasks())
        return pool.unsettled | self._under_way

    def _claimed(self, tasks: Iterator[ImageTask], manifest: ManifestWriter) -> Iterator[ImageTask]:
        """Photos that the manifest says a run may have written, each before it is worked on.

        Not all of them at once: where files have no marks, what a killed run has claimed is all
        taken for written by it, also what somebody has corrected since.
        """
        is_near = self._site.is_here and self._options.executor.works_here
        portion = _CLAIMED_NEAR if is_near else _CLAIMED_FAR
        while some := list(itertools.islice(tasks, portion)):
            manifest.claim(task.key for task in some)
            self._site.publish(now=True)
            yield from some

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
            yield self._record(outcome, plan, history, manifest)

    def _record(
        self, outcome: Outcome, plan: ResumePlan, history: History, manifest: ManifestWriter
    ) -> ImageReport:
        key = outcome.report.key
        self._under_way.discard(key)
        old, left = history.entries.get(key), plan.left.get(key, {})
        report = clear_old_files(outcome, old, left, self._site, overwrite=self._options.overwrite)
        ended = history.time_of_end(key, manifest.name)
        manifest.add(report, outcome.stamp, self._signature, ended)
        memory = {"worker": outcome.worker, "resident_bytes": outcome.resident_bytes}
        self._show(report, **memory)
        self._failures += not report.status.is_good  # what was known before says nothing new
        cap = self._options.max_failures
        if cap is not None and cap.is_exceeded(self._failures, len(plan.todo)):
            failures = counted(self._failures, "failure")
            self._switch.drain(f"stopped after {failures} (--max-failures)")
        return report

    def _show(self, report: ImageReport, **worker: int) -> ImageReport:
        self._progress.advance(report)
        self.log.event("photo", **report.as_json(), **worker)
        return report

    def _note(self, text: str) -> None:
        self.log.event("note", text=text)
        self._progress.detail(text)


def _scan_report(failure: ScanFailure) -> ImageReport:
    return ImageReport(
        str(failure.source), "", Status.FAILED, reason=failure.reason, message=failure.message
    )
