"""What an earlier run wrote for a photo and this one did not: it goes, or belongs to it still."""

from __future__ import annotations

from collections.abc import Iterable

from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.pool import Outcome
from m2fp_cli.batch.report import UNKNOWN_CHECKSUM, ImageReport
from m2fp_cli.batch.site import Site
from m2fp_cli.batch.stamps import GONE, is_same_stamp
from m2fp_cli.layout import stays_beside


def clear_old_files(outcome: Outcome, old: Entry | None, site: Site) -> ImageReport:
    """Remove what an earlier run wrote for the photo and this one did not.

    A photo that failed keeps its old results only if it is the same photo, or is not there (its
    disk may not be mounted), or if files were in the way; they are then carried along in the
    report. So are those of a photo that is the same in folders that collect.
    """
    report = outcome.report
    if old is None:
        return report
    is_same = old.stamp == outcome.stamp or is_same_stamp(old.stamp, outcome.stamp)
    is_gone = any(one.size == GONE for one in outcome.stamp)
    stays = is_same or is_gone or report.reason == "conflict"
    if not report.status.is_good and stays:
        return _with_files(report, old, dict.fromkeys((*old.report.files, *report.files)))
    new = set(report.files)
    others = dict.fromkeys(name for name in old.report.files if name not in new)
    kept = [name for name in others if is_same and stays_beside(name, new) and site.has_file(name)]
    for name in others.keys() - {*kept}:
        site.remove(name)
    return _with_files(report, old, (*report.files, *kept))


def _with_files(report: ImageReport, old: Entry, names: Iterable[str]) -> ImageReport:
    """The report with these files, each with the checksum that is known of it."""
    known = {**old.report.known_checksums, **report.known_checksums}
    files = tuple(names)
    return report._replace(
        files=files, checksums=tuple(known.get(name, UNKNOWN_CHECKSUM) for name in files)
    )
