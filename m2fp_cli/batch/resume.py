"""What has to be done again, and why: the answer for every photo before a run starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from m2fp_cli.batch.job import Job
from m2fp_cli.batch.manifest import Entry, History, signature_digest
from m2fp_cli.batch.report import ImageReport, Status
from m2fp_cli.batch.rerun import Rerun
from m2fp_cli.batch.scan import ImageTask
from m2fp_cli.batch.stamps import is_same_stamp, stamp_files


class Why(str, Enum):
    """Why a photo is worked on, in the words a person reads."""

    NEW = "new"
    ASKED = "done before, asked for again"
    FAILED = "failed before"
    MISSING = "with results missing"
    CHANGED = "changed"
    SETTINGS = "with other settings"


# What another try may change although the photo is the same: its rights, its disk, the memory, a
# limit, our own mistake. The others are as broken as before.
_PASSING = frozenset(
    ("unreadable", "vanished", "out_of_memory", "too_large", "unwritable", "internal")
)
_ABOUT_THE_PROGRAM = frozenset(("timeout", "crash"))


@dataclass
class ResumePlan:
    """The answers.

    Attributes:
        todo: what has to be done, in the scan's order.
        why: the reason of each, by key.
        up_to_date: entries of photos with their results in place.
        known_failures: entries of photos that failed before and are not tried again.
        moved: those among both whose photo now lies elsewhere.
        settings_note: which settings differ, for a person; empty if none do.
    """

    todo: list[ImageTask] = field(default_factory=list)
    why: dict[str, Why] = field(default_factory=dict)
    up_to_date: list[Entry] = field(default_factory=list)
    known_failures: list[Entry] = field(default_factory=list)
    moved: list[Entry] = field(default_factory=list)
    settings_note: str = ""

    def line(self) -> str:
        """What will be done and why, in one line."""
        total = len(self.todo) + len(self.up_to_date) + len(self.known_failures)
        counts = Counter(self.why.values())
        parts = [f"{len(self.up_to_date)} up to date"] if self.up_to_date else []
        for why in Why:
            if counts[why]:
                note = f" ({self.settings_note})" if why is Why.SETTINGS else ""
                parts.append(f"{counts[why]} {why.value}{note}")
        if self.known_failures:
            parts.append(f"{len(self.known_failures)} failed before (not tried again)")
        return f"{total} {'photo' if total == 1 else 'photos'}: {', '.join(parts)}"

    def old_reports(self) -> list[ImageReport]:
        """Reports of what is not worked on: up to date, or failed as before."""
        good = [replace(e.report, status=Status.UP_TO_DATE, attempts=0) for e in self.up_to_date]
        return good + [replace(entry.report, attempts=0) for entry in self.known_failures]


def plan_resume(
    tasks: Sequence[ImageTask],
    history: History,
    job: Job,
    rerun: Rerun = Rerun.CHANGED,
    *,
    checksum: bool = False,
) -> ResumePlan:
    """Compare photos with what the manifest says about them.

    Args:
        tasks: the photos.
        history: what was done before.
        job: what is to be done.
        rerun: which photos are worked on again.
        checksum: where only the time of a file changed, compare its bytes before believing it.
    """
    rules = _Rules(job, signature_digest(job.signature()), rerun, checksum)
    plan = ResumePlan()
    others: Counter[str] = Counter()
    for task in tasks:
        entry = history.entries.get(task.key)
        why = rules.why(task, entry)
        if why is not None:
            plan.todo.append(task)
            plan.why[task.key] = why
            if why is Why.SETTINGS and entry is not None:
                others[entry.signature] += 1
        elif entry is not None:
            _keep(plan, task, entry)
    if others:
        before = history.settings_of(others.most_common(1)[0][0])
        plan.settings_note = describe_difference(before, job.signature())
    return plan


def describe_difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which settings differ, and how; long values are cut."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(
        f"{name} {_short(before.get(name))} -> {_short(now.get(name))}" for name in names
    )


@dataclass(frozen=True)
class _Rules:
    """The rules of one run."""

    job: Job
    signature: str
    rerun: Rerun
    checksum: bool

    def why(self, task: ImageTask, entry: Entry | None) -> Why | None:
        """Why a photo has to be worked on; None if it has not."""
        if entry is None:
            return Why.NEW
        if self.rerun is Rerun.ALL:
            return Why.ASKED
        if self.rerun is Rerun.NEVER:
            return None
        if not entry.report.status.is_good:
            return self._why_failed(task, entry)
        if not _files_exist(self.job.output, entry.report.files):
            return Why.MISSING
        if self.rerun is Rerun.MISSING:
            return None
        if not self._is_same_input(task, entry):
            return Why.CHANGED
        return None if entry.signature == self.signature else Why.SETTINGS

    def _why_failed(self, task: ImageTask, entry: Entry) -> Why | None:
        reason = entry.report.reason
        if self.rerun is Rerun.FAILED or reason in _PASSING:
            return Why.FAILED
        if not self._is_same_input(task, entry):
            return Why.CHANGED
        is_new_program = entry.signature != self.signature and reason in _ABOUT_THE_PROGRAM
        return Why.SETTINGS if is_new_program else None

    def _is_same_input(self, task: ImageTask, entry: Entry) -> bool:
        if Path(entry.report.source).name != task.source.name:
            return False
        paths = self.job.depends_on(task)
        if is_same_stamp(_without_digests(entry), stamp_files(paths, checksum=False)):
            return True
        return self.checksum and is_same_stamp(entry.stamp, stamp_files(paths, checksum=True))


def _without_digests(entry: Entry) -> tuple:  # type: ignore[type-arg]
    return tuple(replace(one, sha256="") for one in entry.stamp)


def _keep(plan: ResumePlan, task: ImageTask, entry: Entry) -> None:
    if entry.report.source != str(task.source):
        entry = replace(entry, report=replace(entry.report, source=str(task.source)))
        plan.moved.append(entry)
    kept = plan.up_to_date if entry.report.status.is_good else plan.known_failures
    kept.append(entry)


def _files_exist(output: Path, files: Sequence[str]) -> bool:
    return all((output / name).exists() for name in files)


def _short(value: str | None) -> str:
    text = "nothing" if value is None else value
    return f"{text[:12]}..." if len(text) > 32 else text
