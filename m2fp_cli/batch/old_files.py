"""What an earlier run wrote for a photo and this one did not: it goes, or belongs to it still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.report import ImageReport
from m2fp_cli.batch.site import Site
from m2fp_cli.batch.stamps import is_incomplete, is_same_stamp
from m2fp_cli.layout import stay_beside

_UNTOUCHED = ("conflict", "vanished")  # reasons that say nothing against what was made before


def clear_old_files(
    outcome: Outcome,
    old: Entry | None,
    left: Mapping[str, int],
    site: Site,
    *,
    overwrite: bool,
) -> ImageReport:
    """Remove what an earlier run wrote for the photo and this one did not.

    A photo that failed keeps its old results only if it is the same photo, or is not there (its
    disk may not be mounted) or not known, or if files were in the way; they are then carried along
    in the report, with the digest of the photo that they are of. So are those of a photo that is
    the same in folders that collect, and what somebody changed while the run went on.

    Args:
        outcome: what became of the photo.
        old: what an earlier run wrote for it; None if none did.
        left: what a run that was cut short wrote for it since, CRC-32 by name.
        site: where the files are.
        overwrite: what somebody changed goes, too.
    """
    report = outcome.report
    if old is None and not left:
        return report
    written = {**({} if old is None else old.report.known_checksums), **left}
    before = dict.fromkeys((*(() if old is None else old.report.files), *left))
    is_same = old is None or is_same_stamp(old.stamp, outcome.stamp)
    is_gone = is_incomplete(outcome.stamp)
    stays = is_same or is_gone or report.reason in _UNTOUCHED
    if not report.status.is_good and stays:
        if old is not None:
            report = report._replace(photo=old.report.photo)
        return _with_files(report, written, dict.fromkeys((*before, *report.files)))
    new = set(report.files)
    others = dict.fromkeys(name for name in before if name not in new)
    beside = stay_beside(others, new) if is_same else ()
    kept = [name for name in others if name in beside and site.has_file(name)]
    going = [name for name in others if name not in kept]
    edited = [n for n in going if not overwrite and site.is_edited(n, written.get(n))]
    for name in going:
        if name not in edited:
            site.remove(name)
    return _with_files(report, written, (*report.files, *kept, *edited))


def _with_files(
    report: ImageReport, written: Mapping[str, int], names: Iterable[str]
) -> ImageReport:
    """The report with these files, each with the checksum that is known of it.

    Args:
        report: of this run; what it lists was written by it, also where it failed.
        written: CRC-32 of what earlier runs wrote, by name.
        names: of all files that are the photo's.
    """
    before = {name: written[name] for name in written.keys() - set(report.files)}
    known = {**before, **report.known_checksums}
    return report.with_files({name: known.get(name) for name in names})
