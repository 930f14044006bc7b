"""What has to be done again, and why: the answer for every photo before a run starts."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from m2fp_cli.batch.entries import KEYS_AT_ONCE, Entries, Entry
from m2fp_cli.batch.history import History, signature_digest
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.judge import Judge, ResumeRules, Why
from m2fp_cli.batch.report import ImageReport, Status, failed_report
from m2fp_cli.batch.site import Site
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.spool import Spool
from m2fp_cli.terminal import counted

_LONG_WORD, _LONG_VALUE = 32, 60  # characters of a setting that are shown
_SWITCHES = {"True": "on", "False": "off"}  # as settings have options such as --flip


@dataclass
class ResumePlan:
    """The answers; what may be long lies on the disk.

    Attributes:
        todo: what has to be done and why, in the scan's order.
        counts: number of photos with each reason.
        up_to_date: entries of photos with their results in place.
        known_failures: entries of photos that failed before and are not tried again.
        conflicts: reports of photos that are left alone because files are in the way.
        left: what runs that were cut short have surely written for photos to do: CRC-32 by name,
            by key. Such a run had hands on few.
        moved: those up to date or failed before whose photo now lies elsewhere.
        settings_note: which settings differ, for a person; empty if none do.
    """

    todo: Spool[tuple[ImageTask, Why]] = field(default_factory=Spool)
    counts: Counter[Why] = field(default_factory=Counter)
    up_to_date: Spool[Entry] = field(default_factory=Spool)
    known_failures: Spool[Entry] = field(default_factory=Spool)
    conflicts: Spool[ImageReport] = field(default_factory=Spool)
    moved: Spool[Entry] = field(default_factory=Spool)
    left: dict[str, dict[str, int]] = field(default_factory=dict)
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
        judge = Judge(job, site, look, history, signature, rules or ResumeRules())
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


def _decide(plan: ResumePlan, judge: Judge, task: ImageTask, entry: Entry | None) -> Why | None:
    """Put one photo where it belongs in the plan; why it has to be done, None if it has not."""
    try:
        why = judge.why(task, entry)
        if why is not None:
            allowed = judge.allowed(task, entry, why)
            plan.todo.append((allowed, why))
            plan.counts[why] += 1
            if left := judge.left(allowed, entry):
                plan.left[task.key] = left
        elif entry is not None:
            _keep(plan, judge, task, entry)
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


def _keep(plan: ResumePlan, judge: Judge, task: ImageTask, entry: Entry) -> None:
    if entry.report.source != task.where:
        stamp = judge.renewed_stamp(task, entry)
        entry = entry._replace(report=entry.report._replace(source=task.where), stamp=stamp)
        plan.moved.append(entry)
    kept = plan.up_to_date if entry.report.status.is_good else plan.known_failures
    kept.append(entry)


def _short(value: str | None) -> str:
    """A value whose long words, such as digests, are cut: what follows them may be what differs."""
    said = "nothing" if value is None else _SWITCHES.get(value, value)
    words = said.split(" ")
    text = " ".join(f"{word[:12]}..." if len(word) > _LONG_WORD else word for word in words)
    return f"{text[:_LONG_VALUE]}..." if len(text) > _LONG_VALUE else text
