"""What has to be done again, and why: the answer for every photo before a run starts.

Here is also decided what may not be done: a photo whose outputs would replace another photo's, or
files that m2fp did not write as they are now, is a conflict. Nothing of it is touched.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from m2fp_cli.batch.edits import find_in_the_way, is_touched
from m2fp_cli.batch.entries import KEYS_AT_ONCE, Entries, Entry
from m2fp_cli.batch.history import History, signature_digest
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.report import ImageReport, Status, failed_report
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.site import Site
from m2fp_cli.batch.stamps import is_same_stamp
from m2fp_cli.batch.targets import targets_that_exist
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.edits import OwnFiles
from m2fp_cli.storage.errors import ConflictError, edited
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.spool import Spool
from m2fp_cli.storage.writing import refuse_foreign
from m2fp_cli.terminal import counted, displayable


class Why(str, Enum):
    """Why a photo is worked on, in the words a person reads."""

    NEW = "new"
    ASKED = "done before, asked for again"
    FAILED = "failed before"
    MISSING = "with results missing"
    CUT_SHORT = "with results of a run that was cut short"
    CHANGED = "changed"
    SETTINGS = "with other settings"


# What another try may change although the photo is the same: its rights, its disk, the memory, a
# limit, our own mistake. The others are as broken as before.
_PASSING = frozenset(
    ("unreadable", "vanished", "out_of_memory", "too_large", "unwritable", "conflict", "stale",
     "internal")
)  # fmt: skip
_ABOUT_THE_PROGRAM = frozenset(("timeout", "crash"))
_LONG_WORD, _LONG_VALUE = 32, 60  # characters of a setting that are shown


@dataclass(frozen=True)
class ResumeRules:
    """What an earlier run's outputs mean to this one.

    Attributes:
        rerun: which photos are worked on again.
        checksum: photos are compared by their bytes, not by size and time.
        overwrite: files of others may be replaced.
    """

    rerun: Rerun = Rerun.CHANGED
    checksum: bool = False
    overwrite: bool = False


@dataclass
class ResumePlan:
    """The answers; what may be long lies on the disk.

    Attributes:
        todo: what has to be done and why, in the scan's order.
        counts: number of photos with each reason.
        up_to_date: entries of photos with their results in place.
        known_failures: entries of photos that failed before and are not tried again.
        conflicts: reports of photos that are left alone because files are in the way.
        moved: those up to date or failed before whose photo now lies elsewhere.
        settings_note: which settings differ, for a person; empty if none do.
    """

    todo: Spool[tuple[ImageTask, Why]] = field(default_factory=Spool)
    counts: Counter[Why] = field(default_factory=Counter)
    up_to_date: Spool[Entry] = field(default_factory=Spool)
    known_failures: Spool[Entry] = field(default_factory=Spool)
    conflicts: Spool[ImageReport] = field(default_factory=Spool)
    moved: Spool[Entry] = field(default_factory=Spool)
    settings_note: str = ""

    def tasks(self) -> Iterator[ImageTask]:
        """What has to be done."""
        return (task for task, _ in self.todo)

    def line(self) -> str:
        """What will be done and why, in one line."""
        total = len(self.todo) + len(self.up_to_date) + len(self.known_failures)
        total += len(self.conflicts)
        parts = [f"{len(self.up_to_date)} up to date"] if self.up_to_date else []
        for why in Why:
            if self.counts[why]:
                note = f" ({self.settings_note})" if why is Why.SETTINGS else ""
                parts.append(f"{self.counts[why]} {why.value}{note}")
        if self.known_failures:
            parts.append(f"{len(self.known_failures)} failed before (not tried again)")
        if self.conflicts:
            parts.append(f"{len(self.conflicts)} in conflict with other files")
        return f"{counted(total, 'photo')}{': ' * bool(parts)}{', '.join(parts)}"

    def old_reports(self) -> Iterator[ImageReport]:
        """Reports of what is not worked on: up to date, or failed as before."""
        for entry in self.up_to_date:
            yield entry.report._replace(status=Status.UP_TO_DATE, attempts=0)
        for entry in self.known_failures:
            yield entry.report._replace(attempts=0)


def plan_resume(
    tasks: Iterable[ImageTask],
    history: History,
    job: Job,
    site: Site,
    rules: ResumeRules | None = None,
) -> ResumePlan:
    """Compare photos with what the manifest says about them, and with what is in the output.

    Args:
        tasks: the photos.
        history: what was done before.
        job: what is to be done.
        site: where photos and results are.
        rules: what an earlier run's outputs mean; None for the defaults.
    """
    signature = signature_digest(job.signature())
    plan = ResumePlan()
    others: Counter[str] = Counter()
    with site.looking() as look:
        judge = _Judge(job, site, look, history, signature, rules or ResumeRules())
        for task, entry in _with_entries(tasks, history.entries):
            why = _decide(plan, judge, task, entry)
            if why is Why.SETTINGS and entry is not None:
                others[entry.signature] += 1
    if others:
        before = history.settings_of(others.most_common(1)[0][0])
        plan.settings_note = describe_difference(before, job.signature())
    return plan


def _with_entries(
    tasks: Iterable[ImageTask], entries: Entries
) -> Iterator[tuple[ImageTask, Entry | None]]:
    left = iter(tasks)
    while some := list(itertools.islice(left, KEYS_AT_ONCE)):
        found = entries.get_each([task.key for task in some])
        yield from ((task, found.get(task.key)) for task in some)


def _decide(plan: ResumePlan, judge: _Judge, task: ImageTask, entry: Entry | None) -> Why | None:
    """Put one photo where it belongs in the plan; why it has to be done, None if it has not."""
    try:
        why = judge.why(task, entry)
        if why is not None:
            plan.todo.append((judge.allowed(task, entry, why), why))
            plan.counts[why] += 1
        elif entry is not None:
            _keep(plan, task, entry)
    except ConflictError as error:
        plan.conflicts.append(failed_report(task, ImageError("conflict", str(error))))
        return None
    return why


def describe_difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which settings differ, and how; long values are cut."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(
        f"{name} {_short(before.get(name))} -> {_short(now.get(name))}" for name in names
    )


@dataclass(frozen=True)
class _Judge:
    """Decides about one photo after the other."""

    job: Job
    site: Site
    look: Look
    history: History
    signature: str
    rules: ResumeRules

    def why(self, task: ImageTask, entry: Entry | None) -> Why | None:
        """Why a photo has to be worked on; None if it has not.

        Raises:
            ConflictError: the files under its key are another photo's.
        """
        if entry is None:
            return Why.NEW
        has_moved = entry.report.source != task.where
        if has_moved and not self._is_same_photo(task, entry):
            self._refuse_other_photo(entry)
            return Why.NEW
        rerun = self.rules.rerun
        if rerun is Rerun.ALL:
            return Why.ASKED if entry.report.status.is_good else Why.FAILED
        if rerun is Rerun.NEVER:
            return None
        if not entry.report.status.is_good:
            return self._why_failed(task, entry)
        if not all(self.look.has_file(name) for name in entry.report.files):
            return Why.MISSING
        if self.history.is_claimed(task.key) and self._has_other_bytes(entry):
            return Why.CUT_SHORT
        if rerun is Rerun.MISSING:
            return None
        if not self._is_same_input(task, entry, by_bytes=has_moved):
            return Why.CHANGED
        return None if entry.signature == self.signature else Why.SETTINGS

    def allowed(self, task: ImageTask, entry: Entry | None, why: Why) -> ImageTask:
        """The task with the files that it may replace.

        Args:
            task: the photo.
            entry: what is known of it.
            why: it is worked on.

        Raises:
            ConflictError: a file that it would write is there and was not written for it, or was
                changed since.
        """
        if self.rules.overwrite:
            return task._replace(may_replace=None)
        own = OwnFiles()
        is_cut_short = self.history.is_claimed(task.key)  # what its files should be is not known
        if entry is not None:
            own |= dict.fromkeys(entry.report.files)
            if not is_cut_short:
                self._refuse_edited(task, entry, is_same_photo=why is Why.SETTINGS)
                own |= entry.report.known_checksums
        there = tuple(targets_that_exist(self.job, self.look, task))
        if is_cut_short or self.history.was_claimed(task.key):
            left = (name for name in there if self.look.has_file(name) and name not in own)
            own |= dict.fromkeys(n for n in left if is_cut_short or self._is_older(n, entry))
        for name in there:
            refuse_foreign(self.look, name, own)
        return task._replace(may_replace=own)

    def _is_older(self, name: str, entry: Entry | None) -> bool:
        """Whether a file that no entry lists was there when the photo was ended."""
        return entry is not None and not is_touched(self.look, entry, name)

    def _refuse_edited(self, task: ImageTask, entry: Entry, *, is_same_photo: bool) -> None:
        """Raise if a file that would be replaced or removed was changed since it was written."""
        name = find_in_the_way(
            self.look, entry, self.job.targets(task), is_same_photo=is_same_photo
        )
        if name is not None:
            raise edited(name)

    def _has_other_bytes(self, entry: Entry) -> bool:
        """Whether a file was replaced, by a run that came to no end with the photo."""
        return find_in_the_way(self.look, entry, (), is_same_photo=False) is not None

    def _is_same_photo(self, task: ImageTask, entry: Entry) -> bool:
        """Whether a photo of another path is the same to the byte."""
        digest = self.site.photo_digest(task)
        return bool(digest) and digest == entry.report.photo

    def _refuse_other_photo(self, entry: Entry) -> None:
        """Raise, unless nothing of the other photo is there or all may be replaced."""
        there = [name for name in entry.report.files if self.look.has_file(name)]
        if there and not self.rules.overwrite:
            raise ConflictError(
                f"{displayable(there[0])} belongs to {displayable(entry.report.source)}, a "
                "different photo of the same name; choose another folder with -o, a --prefix, or "
                "--overwrite to replace it"
            )

    def _why_failed(self, task: ImageTask, entry: Entry) -> Why | None:
        reason = entry.report.reason
        if self.rules.rerun is Rerun.FAILED or reason in _PASSING:
            return Why.FAILED
        if not self._is_same_input(task, entry, by_bytes=False):
            return Why.CHANGED
        is_new_program = entry.signature != self.signature and reason in _ABOUT_THE_PROGRAM
        return Why.SETTINGS if is_new_program else None

    def _is_same_input(self, task: ImageTask, entry: Entry, *, by_bytes: bool) -> bool:
        """Whether the files that the outputs were made from are what they were."""
        if entry.report.source.rpartition("/")[2] != task.name:
            return False
        checksum = by_bytes or self.rules.checksum
        now = self.site.stamp(task, checksum=checksum)
        return is_same_stamp(entry.stamp, now)


def _keep(plan: ResumePlan, task: ImageTask, entry: Entry) -> None:
    if entry.report.source != task.where:
        entry = entry._replace(report=entry.report._replace(source=task.where))
        plan.moved.append(entry)
    kept = plan.up_to_date if entry.report.status.is_good else plan.known_failures
    kept.append(entry)


def _short(value: str | None) -> str:
    """A value whose long words, such as digests, are cut: what follows them may be what differs."""
    words = ("nothing" if value is None else value).split(" ")
    text = " ".join(f"{word[:12]}..." if len(word) > _LONG_WORD else word for word in words)
    return f"{text[:_LONG_VALUE]}..." if len(text) > _LONG_VALUE else text
