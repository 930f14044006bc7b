"""What happened to each photo: small records that cross processes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.writing import WrittenFile
from m2fp_cli.terminal import counted


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
        people: number of people found, or worked on; None where nobody looks for any.
        seconds: time per stage.
        reason: class of the failure, one of ``ImageError.REASONS``; empty if done.
        message: the failure in a sentence without the path; empty if done.
        files: outputs relative to the output folder, posix; of a failed photo those that an
            earlier run has left.
        attempts: how often it was tried in this run; 0 if nothing had to be done.
        photo: SHA-256 in hexadecimal of the photo that the files are of; empty if it is not known.
        sure_people: those of the people found that are surely there, see
            ``records.results.SURE_SCORE``; None where that is not asked, and in older manifests.
        failed_checks: things in its outputs whose checks failed: they are there, and somebody
            should look at them; None where nothing is checked, and in older manifests.
        dressed: people on whom something was put; None where nothing is put on anybody, and in
            older manifests.
        not_put_on: why things were not put on people, each reason with how many people; empty in
            older manifests.
        checksums: CRC-32 of each of ``files`` as it was written, ``UNKNOWN_CHECKSUM`` where that is
            not known; empty in older manifests.
    """

    source: str
    key: str
    status: Status
    image_hw: tuple[int, int] = (0, 0)
    people: int | None = 0
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

    def with_files(self, written: Mapping[str, int | None]) -> ImageReport:
        """The report with these files.

        Args:
            written: CRC-32 of each as it was written, by name; None where that is not known.
        """
        sums = (UNKNOWN_CHECKSUM if one is None else one for one in written.values())
        return self._replace(files=tuple(written), checksums=tuple(sums))

    @property
    def shown_people(self) -> int | None:
        """What a person is told: many that are found with a low score are not there."""
        return self.people if self.sure_people is None else self.sure_people

    @property
    def people_text(self) -> str:
        """How many people there are, or how many of them something was put on; empty if unknown."""
        return people_text(self.people, self.shown_people, self.dressed)

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
    people: int | None,
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
        people: number of people found, or worked on; None where nobody looks for any.
        seconds: time per stage.
        photo: SHA-256 of the photo's bytes; empty if it is not known.
        sure_people: those of the people found that are surely there.
        failed_checks: things in the outputs whose checks failed.
        dressed: people on whom something was put.
        not_put_on: on how many people something was not put, by the reason.
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


def people_text(people: int | None, shown: int | None, dressed: int | None) -> str:
    """How many people there are, or how many of them something was put on; empty if unknown.

    Args:
        people: number of people found, or worked on; None if that is not known.
        shown: those of them that are surely there.
        dressed: people on whom something was put; None where nothing is put on anybody.
    """
    if people is None or shown is None:
        return ""
    if dressed is not None:
        return f"put on {dressed} of {counted(people, 'person', 'people')}"
    text = counted(shown, "person", "people")
    return f"{text} and {people - shown} doubtful" if people > shown else text
