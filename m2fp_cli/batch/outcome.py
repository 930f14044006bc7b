"""The end of one photo, as any pool tells it: of this machine or of a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace

from m2fp_cli.batch.report import ImageReport, Status, failed_report
from m2fp_cli.batch.stamps import Stamp
from m2fp_cli.batch.targets import written_files
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.look import Look

MAX_ATTEMPTS = 2
"""How often a photo is tried over which workers die: the second time alone, at the end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one photo.

    Attributes:
        report: how it ended.
        stamp: the files it was made from.
        worker: id of the last process that had it in its hands; 0 if that is not known.
        resident_bytes: memory of that process afterwards; 0 if it died.
    """

    report: ImageReport
    stamp: Stamp
    worker: int
    resident_bytes: int = 0

    def of_last_attempt(self) -> Outcome:
        """The outcome of a photo that was tried as often as any is."""
        return replace(self, report=self.report._replace(attempts=MAX_ATTEMPTS))


def quarantine(
    task: ImageTask, error: ImageError, look: Look, stamp: Stamp, worker: int = 0
) -> Outcome:
    """The end of a photo over which a worker has died again.

    Args:
        task: the photo, as ``reclaim`` gives it if its worker may have written files.
        error: why the worker died.
        look: what is in the output now.
        stamp: the files that the photo's outputs are made from.
        worker: id of its process; 0 if that is not known.
    """
    report = failed_report(task, error, Status.QUARANTINED)
    report = report.with_files(written_files(look, task))
    return Outcome(report, stamp, worker).of_last_attempt()
