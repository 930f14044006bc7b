"""What happened to each photo, and to the run: small records that cross processes."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from m2fp_cli.errors import ExitCode


class Status(str, Enum):
    """How a photo ended."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class PhotoSeconds:
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


@dataclass(frozen=True)
class ImageReport:
    """The end of one photo.

    Attributes:
        source: path of the photo, as the operating system gave it.
        key: output name below every kind's folder.
        status: how it ended.
        image_hw: size of the upright photo; (0, 0) if it was not decoded.
        people: number of people found.
        seconds: time per stage.
        reason: class of the failure, one of ``ImageError.REASONS``; empty if done.
        message: the failure in a sentence without the path; empty if done.
    """

    source: str
    key: str
    status: Status
    image_hw: tuple[int, int] = (0, 0)
    people: int = 0
    seconds: PhotoSeconds = PhotoSeconds()
    reason: str = ""
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """The record as it goes into ``--json`` and logs."""
        return {**asdict(self), "status": self.status.value, "image_hw": list(self.image_hw)}


@dataclass
class RunReport:
    """Everything that happened in one run; grows while it goes on.

    Attributes:
        total: number of photos the run is about.
        photos: reports in the order in which photos ended.
        wall_seconds: time from the first photo to the last.
    """

    total: int
    photos: list[ImageReport] = field(default_factory=list)
    wall_seconds: float = 0.0

    def add(self, report: ImageReport) -> None:
        """Count one photo."""
        self.photos.append(report)

    @property
    def done(self) -> int:
        """Number of photos with results."""
        return sum(photo.status is Status.DONE for photo in self.photos)

    @property
    def failures(self) -> list[ImageReport]:
        """Photos without results, by path."""
        failed = (photo for photo in self.photos if photo.status is Status.FAILED)
        return sorted(failed, key=lambda photo: photo.source)

    @property
    def exit_code(self) -> ExitCode:
        """0 if all went well, 3 if a photo failed."""
        return ExitCode.SOME_FAILED if self.failures else ExitCode.OK

    def summary(self) -> str:
        """One line for a person."""
        people = sum(photo.people for photo in self.photos)
        parts = [f"{self.done} done"]
        if self.failures:
            reasons = Counter(photo.reason for photo in self.failures)
            listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            parts.append(f"{len(self.failures)} failed ({listed})")
        left = self.total - len(self.photos)
        if left:
            parts.append(f"{left} left")
        pace = f", {self.wall_seconds / self.done:.2f} s a photo" if self.done else ""
        return f"{', '.join(parts)}; {people} people{pace}"

    def as_json(self) -> dict[str, Any]:
        """The run as ``--json`` prints it."""
        return {
            "total": self.total,
            "done": self.done,
            "failed": len(self.failures),
            "wall_seconds": round(self.wall_seconds, 3),
            "photos": [photo.as_json() for photo in self.photos],
        }
