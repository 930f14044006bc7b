"""What happened in a run, of all its photos together."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from m2fp_cli.batch.report import ImageReport, Status, people_text
from m2fp_cli.errors import ExitCode
from m2fp_cli.storage.spool import Spool
from m2fp_cli.terminal import counted

_REASONS_SHOWN = 3  # in the last line of a run


@dataclass
class RunReport:
    """Everything that happened in one run; grows while it goes on.

    Attributes:
        total: number of photos the run is about.
        photos: reports in the order in which photos ended; many lie on the disk.
        wall_seconds: time from the first photo to the last.
        ended_by: number of the signal that ended the run early; 0 if none did.
        stopped: why the run ended early for another reason; empty if it did not.
        unfinished: code of what went wrong after the last photo, such as with a list of all.
    """

    total: int
    photos: Spool[ImageReport] = field(default_factory=Spool)
    wall_seconds: float = 0.0
    ended_by: int = 0
    stopped: str = ""
    unfinished: ExitCode = ExitCode.OK
    _counts: Counter[Status] = field(default_factory=Counter)
    _failures: Spool[ImageReport] = field(default_factory=Spool)
    _people: int | None = None
    _shown_people: int | None = None
    _dressed: int | None = None
    _not_put_on: Counter[str] = field(default_factory=Counter)
    _to_look_at: int = 0

    def add(self, report: ImageReport) -> None:
        """Count one photo."""
        self.photos.append(report)
        self._counts[report.status] += 1
        if not report.status.is_good:
            self._failures.append(report)
            return
        if report.failed_checks:
            self._to_look_at += 1
        if report.status is Status.DONE:
            self._people = _sum(self._people, report.people)
            self._shown_people = _sum(self._shown_people, report.shown_people)
            if report.dressed is not None:
                self._dressed = _sum(self._dressed, report.dressed)
                self._not_put_on.update(dict(report.not_put_on))

    def count(self, status: Status) -> int:
        """Number of photos that ended so."""
        return self._counts[status]

    @property
    def done(self) -> int:
        """Number of photos whose outputs were made in this run."""
        return self.count(Status.DONE)

    @property
    def failures(self) -> list[ImageReport]:
        """Photos without results, by path; those of earlier runs that were not tried again too."""
        return sorted(self._failures, key=lambda photo: photo.source)

    @property
    def exit_code(self) -> ExitCode:
        """0 if all is done, 3 if a photo failed, 130 or 143 if a signal ended the run.

        What went wrong afterwards comes before failed photos: it meets all of them.
        """
        if self.ended_by:
            interrupted = self.ended_by == signal.SIGINT
            return ExitCode.INTERRUPTED if interrupted else ExitCode.TERMINATED
        if self.unfinished:
            return self.unfinished
        return ExitCode.SOME_FAILED if self._failures or self.stopped else ExitCode.OK

    def summary(self) -> str:
        """One line for a person."""
        parts = [f"{self.done} done"]
        if up_to_date := self.count(Status.UP_TO_DATE):
            parts.append(f"{up_to_date} up to date")
        if self._failures:
            reasons = Counter(photo.reason for photo in self._failures)
            listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            parts.append(f"{len(self._failures)} failed ({listed})")
        if left := self.total - len(self.photos):
            parts.append(f"{left} left")
        line = ", ".join(parts)
        if self.done:
            people = people_text(self._people, self._shown_people, self._dressed)
            line += f"; {people}{', ' * bool(people)}{self.wall_seconds / self.done:.2f} s a photo"
        if self._not_put_on:
            line += f"; not put on: {_most_common(self._not_put_on)}"
        if self._to_look_at:
            line += f"; {counted(self._to_look_at, 'photo')} with failed checks"
        return line

    def counts_as_json(self) -> dict[str, Any]:
        """The run without its photos; ``failed`` includes the quarantined ones."""
        return {
            "total": self.total,
            "done": self.done,
            "up_to_date": self.count(Status.UP_TO_DATE),
            "failed": len(self._failures),
            "quarantined": self.count(Status.QUARANTINED),
            "left": self.total - len(self.photos),
            "with_failed_checks": self._to_look_at,
            "exit_code": int(self.exit_code),
            "wall_seconds": round(self.wall_seconds, 3),
        }

    def as_json(self) -> dict[str, Any]:
        """The run as ``--json`` prints it, with a record for each photo."""
        return {**self.counts_as_json(), "photos": [photo.as_json() for photo in self.photos]}

    def json_text(self) -> Iterator[str]:
        """``as_json`` as text, in pieces that need no memory for all photos."""
        yield json.dumps(self.counts_as_json())[:-1] + ', "photos": ['
        for number, photo in enumerate(self.photos):
            yield (", " if number else "") + json.dumps(photo.as_json())
        yield "]}"


def _sum(total: int | None, more: int | None) -> int | None:
    """A sum of what is known; None where nothing is."""
    return total if more is None else (total or 0) + more


def _most_common(reasons: Counter[str]) -> str:
    """The commonest reasons with how often, and how often all others."""
    listed = reasons.most_common(_REASONS_SHOWN)
    if others := reasons.total() - sum(count for _, count in listed):
        listed.append(("other reasons", others))
    return ", ".join(f"{reason} ({count})" for reason, count in listed)
