"""Which photos a run is about: small records that travel to workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImageTask:
    """One photo to parse; small, because it travels to a worker.

    Attributes:
        source: absolute path; may hold ``surrogateescape`` characters.
        key: where the results go, see ``keys``; posix, relative, without suffix.
        may_replace: names of files in the output that may be replaced; None = all.
    """

    source: Path
    key: str
    may_replace: tuple[str, ...] | None = ()


@dataclass(frozen=True)
class ScanFailure:
    """An input that could not even be looked at.

    Attributes:
        source: absolute path of the file or folder.
        reason: one of ``ImageError.REASONS``.
        message: a sentence without the path.
    """

    source: Path
    reason: str
    message: str


@dataclass(frozen=True)
class Scan:
    """What a run is about.

    Attributes:
        tasks: the photos, sorted by the place of their results, keys unique.
        failures: unreadable folders, missing inputs, dangling links. They count as failed photos.
        notes: sentences a person should see: renamed results, things left out.
    """

    tasks: tuple[ImageTask, ...]
    failures: tuple[ScanFailure, ...] = ()
    notes: tuple[str, ...] = ()
