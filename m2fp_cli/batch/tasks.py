"""Which photos a run is about: small records that travel to workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from m2fp_cli.batch.stamps import FileStamp
from m2fp_cli.storage.remote.address import is_address


class ImageTask(NamedTuple):
    """One photo to parse; small, because it travels to a worker, and quick to make and to read.

    Attributes:
        path: absolute path; may hold ``surrogateescape`` characters. Of a photo in an object
            store just its name, until it has been fetched.
        key: where the results go, see ``keys``; posix, relative, without suffix.
        may_replace: names of files in the output that may be replaced; None = all. A run gives
            ``storage.edits.OwnFiles``, which say what is known of their bytes.
        listed: the file as a listing described it; None where there is none.
        origin: address of a photo in an object store; empty for a file.
    """

    path: str
    key: str
    may_replace: Collection[str] | None = ()
    listed: FileStamp | None = None
    origin: str = ""

    @property
    def where(self) -> str:
        """Where the photo is, for people, manifests and lists: its address, or its path."""
        return self.origin or self.path

    @property
    def source(self) -> Path:
        """The path as an object, which takes longer to make than the file takes to be asked."""
        return Path(self.path)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition("/")[2]


def make_task(where: str, key: str, listed: FileStamp | None = None) -> ImageTask:
    """The task of a photo, from what ``ImageTask.where`` said."""
    if is_address(where):
        return ImageTask(where.rpartition("/")[2], key, listed=listed, origin=where)
    return ImageTask(where, key, listed=listed)


@dataclass(frozen=True)
class ScanFailure:
    """An input that could not even be looked at.

    Attributes:
        source: absolute path, or address, of the file or folder.
        reason: one of ``ImageError.REASONS``.
        message: a sentence without the path.
    """

    source: Path | str
    reason: str
    message: str


@dataclass(frozen=True)
class Scan:
    """What a run is about.

    Attributes:
        tasks: the photos, sorted by the place of their results, keys unique; a ``Spool`` if many.
        failures: unreadable folders, missing inputs, dangling links. They count as failed photos.
        notes: sentences a person should see: renamed results, things left out.
        listing: identity of the list of which the photos are a slice; empty if they are not one.
        is_stored: some of the photos are in object stores.
    """

    tasks: Sequence[ImageTask]
    failures: tuple[ScanFailure, ...] = ()
    notes: tuple[str, ...] = ()
    listing: str = ""
    is_stored: bool = False


def read_ahead(source: Iterator[ImageTask | None], queue: deque[ImageTask], count: int) -> bool:
    """Fill a queue from photos that may be millions.

    Args:
        source: gives None while the next photo is not there yet.
        queue: gets photos until it has ``count``, or until the next one is not there yet.
        count: photos to have at hand.

    Returns:
        whether the source may have more.
    """
    while len(queue) < count:
        try:
            task = next(source)
        except StopIteration:
            return False
        if task is None:
            break
        queue.append(task)
    return True
