"""A run: tasks in, one report per photo out.

``run_tasks`` is the place where a pool of processes takes over; everything around it only knows
tasks and reports.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from m2fp_cli.batch.job import Worker
from m2fp_cli.batch.progress import Progress
from m2fp_cli.batch.report import ImageReport, RunReport, Status
from m2fp_cli.batch.scan import ImageTask, Scan
from m2fp_cli.errors import ImageError


def run_tasks(tasks: Iterable[ImageTask], worker: Worker) -> Iterator[ImageReport]:
    """Work on tasks one after another in this process; a report each, as soon as it is there."""
    for task in tasks:
        try:
            yield worker.save(task, worker.compute(task, worker.load(task)))
        except ImageError as error:
            yield ImageReport(
                str(task.source), task.key, Status.FAILED, reason=error.reason, message=str(error)
            )


def run_scan(scan: Scan, worker: Worker, progress: Progress) -> RunReport:
    """Work on everything a scan found.

    Inputs that could not be looked at count as failed photos. Whatever ends the run early
    (an interrupt, an output that cannot be written) leaves the photos done so far complete.

    Returns:
        the report, one entry per photo or unreadable input.
    """
    report = RunReport(total=len(scan.tasks) + len(scan.failures))
    started = time.monotonic()
    progress.start(report.total)
    try:
        for failure in scan.failures:
            _record(
                report,
                progress,
                ImageReport(
                    str(failure.source),
                    "",
                    Status.FAILED,
                    reason=failure.reason,
                    message=failure.message,
                ),
            )
        for photo in run_tasks(scan.tasks, worker):
            _record(report, progress, photo)
    finally:
        report.wall_seconds = time.monotonic() - started
        progress.close()
    return report


def _record(report: RunReport, progress: Progress, photo: ImageReport) -> None:
    report.add(photo)
    progress.advance(photo)
