"""What happened to each photo, and to the run: small records that cross processes."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ExitCode, ImageError
from m2fp_cli.storage.spool import Spool
from m2fp_cli.storage.writing import WrittenFile
from m2fp_cli.terminal import counted

_REASONS_SHOWN = 3  # in the last line of a run


class Status(str, Enum):
    """How a photo ended."""

    DONE = "done"
    UP_TO_DATE = "up-to-date"
    FAILED = "failed"
    QUARANTINED = "quarantined"

    @property
    def is_good(self) -> bool:
        """Whether the photo has its outputs."""
        return self in (Status.DONE, Status.UP_TO_DATE)


class PhotoSeconds(NamedTuple):
    """Wall-clock seconds of the stages of one photo."""

    read: float = 0.0
    preprocess: float = 0.0
    network: float = 0.0
    postprocess: float = 0.0
    write: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the stages."""
        return self.read + self.preprocess + self.network + self.postprocess + self.write


UNKNOWN_CHECKSUM = -1


class ImageReport(NamedTuple):
    """The end of one photo; of a type that is quick to make, to write to the disk and to read.

    Attributes:
        source: path of the photo, as the operating system gave it.
        key: output name below every kind's folder.
        status: how it ended.
        image_hw: size of the upright photo; (0, 0) if it was not decoded.
        people: number of people found, or worked on.
        seconds: time per stage.
        reason: class of the failure, one of ``ImageError.REASONS``; empty if done.
        message: the failure in a sentence without the path; empty if done.
        files: outputs relative to the output folder, posix; of a failed photo those that an
            earlier run has left.
        attempts: how often it was tried in this run; 0 if nothing had to be done.
        photo: SHA-256 of the photo's bytes in hexadecimal; empty if it is not known.
        sure_people: those of the people found that are surely there, see
            ``records.results.SURE_SCORE``; None where that is not asked, and in older manifests.
        failed_checks: things in its outputs whose checks failed: they are there, and somebody
            should look at them; None where nothing is checked, and in older manifests.
        dressed: people on whom something was put; None where nothing is put on anybody, and in
            older manifests.
        not_put_on: why things were put on nobody, each reason with how often; empty in older
            manifests.
        checksums: CRC-32 of each of ``files`` as it was written, ``UNKNOWN_CHECKSUM`` where that is
            not known; empty in older manifests.
    """

    source: str
    key: str
    status: Status
    image_hw: tuple[int, int] = (0, 0)
    people: int = 0
    seconds: PhotoSeconds = PhotoSeconds()
    reason: str = ""
    message: str = ""
    files: tuple[str, ...] = ()
    attempts: int = 1
    photo: str = ""
    sure_people: int | None = None
    failed_checks: int | None = None
    dressed: int | None = None
    not_put_on: tuple[tuple[str, int], ...] = ()
    checksums: tuple[int, ...] = ()

    @property
    def known_checksums(self) -> dict[str, int]:
        """CRC-32 of the files of which it is known, by name."""
        if len(self.files) != len(self.checksums):
            return {}
        pairs = zip(self.files, self.checksums, strict=True)
        return {name: checksum for name, checksum in pairs if checksum != UNKNOWN_CHECKSUM}

    @property
    def shown_people(self) -> int:
        """What a person is told: many that are found with a low score are not there."""
        return self.people if self.sure_people is None else self.sure_people

    @property
    def people_text(self) -> str:
        """How many people there are, or how many of them something was put on."""
        return _people_text(self.people, self.shown_people, self.dressed)

    def as_json(self) -> dict[str, Any]:
        """The record as it goes into ``--json`` and logs."""
        lists = {
            "image_hw": list(self.image_hw),
            "files": list(self.files),
            "checksums": list(self.checksums),
        }
        parts = {"seconds": self.seconds._asdict(), "not_put_on": dict(self.not_put_on)}
        return {**self._asdict(), "status": self.status.value, **parts, **lists}


def done_report(
    task: ImageTask,
    files: Collection[WrittenFile],
    image_hw: tuple[int, int],
    people: int,
    seconds: PhotoSeconds,
    photo: str,
    *,
    sure_people: int | None = None,
    failed_checks: int | None = None,
    dressed: int | None = None,
    not_put_on: Mapping[str, int] = MappingProxyType({}),
) -> ImageReport:
    """Report of a photo whose outputs are written.

    Args:
        task: the photo.
        files: what was written.
        image_hw: size of the upright photo.
        people: number of people found, or worked on.
        seconds: time per stage.
        photo: SHA-256 of the photo's bytes; empty if it is not known.
        sure_people: those of the people found that are surely there.
        failed_checks: things in the outputs whose checks failed.
        dressed: people on whom something was put.
        not_put_on: how often things were put on nobody, by the reason.
    """
    return ImageReport(
        task.where,
        task.key,
        Status.DONE,
        image_hw=image_hw,
        people=people,
        seconds=seconds,
        files=tuple(one.name for one in files),
        photo=photo,
        sure_people=sure_people,
        failed_checks=failed_checks,
        dressed=dressed,
        not_put_on=tuple(not_put_on.items()),
        checksums=tuple(one.checksum for one in files),
    )


def failed_report(
    task: ImageTask, error: ImageError, status: Status = Status.FAILED
) -> ImageReport:
    """Report of a photo without results."""
    return ImageReport(task.where, task.key, status, reason=error.reason, message=str(error))


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
    _people: int = 0
    _shown_people: int = 0
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
            self._people += report.people
            self._shown_people += report.shown_people
            if report.dressed is not None:
                self._dressed = (self._dressed or 0) + report.dressed
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
            people = _people_text(self._people, self._shown_people, self._dressed)
            line += f"; {people}, {self.wall_seconds / self.done:.2f} s a photo"
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


def _people_text(people: int, shown: int, dressed: int | None) -> str:
    if dressed is not None:
        return f"put on {dressed} of {counted(people, 'person', 'people')}"
    text = counted(shown, "person", "people")
    return f"{text} and {people - shown} doubtful" if people > shown else text


def _most_common(reasons: Counter[str]) -> str:
    """The commonest reasons with how often, and how often all others."""
    listed = reasons.most_common(_REASONS_SHOWN)
    if others := reasons.total() - sum(count for _, count in listed):
        listed.append(("other reasons", others))
    return ", ".join(f"{reason} ({count})" for reason, count in listed)
