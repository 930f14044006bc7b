"""How a run knows a file again: size, time of change, and the digest of its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from m2fp_cli.errors import ImageError
from m2fp_cli.imaging.reading import read_bytes

GONE = -1
MOST_NS = 2**63 * 10**9
"""No file's time of change is farther from 1970: systems count its seconds in 64 bits. A clock that
was set wrong may write the year 2400, whose nanoseconds 64 bits do not hold."""


class FileStamp(NamedTuple):
    """A file as it was at one moment; of a type that is quick to make, to write and to read.

    Attributes:
        size: bytes; ``GONE`` where there was no readable file.
        mtime_ns: time of change in nanoseconds since 1970.
        sha256: digest of the bytes in hexadecimal; empty if they were not read.
    """

    size: int
    mtime_ns: int
    sha256: str = ""

    def is_same(self, now: FileStamp) -> bool:
        """Whether the file looks unchanged: by its bytes where both are known, else by its time.

        One that was missing and still is has not changed: not every job needs all of its files.
        """
        if self.size != now.size or self.size == GONE:
            return self.size == now.size
        if self.sha256 and now.sha256:
            return self.sha256 == now.sha256
        return self.mtime_ns == now.mtime_ns


Stamp = tuple[FileStamp, ...]


def stamp_files(paths: Iterable[str | Path], *, checksum: bool) -> Stamp:
    """Stamp files; one that is missing, no regular file, or cannot be read gets ``GONE``.

    Args:
        paths: the files, in an order that is always the same.
        checksum: read them as well.
    """
    return tuple(_stamp(path, checksum=checksum) for path in paths)


def is_same_stamp(before: Stamp, now: Stamp) -> bool:
    """Whether none of the files has changed."""
    return len(before) == len(now) and all(
        old.is_same(new) for old, new in zip(before, now, strict=True)
    )


def is_incomplete(stamp: Stamp) -> bool:
    """Whether a file is not there, or cannot be read."""
    return any(one.size == GONE for one in stamp)


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal; empty if it cannot be read."""
    return _stamp(path, checksum=True).sha256


def _stamp(path: str | Path, *, checksum: bool) -> FileStamp:
    try:
        status = os.stat(path)  # noqa: PTH116 - runs for every photo; before the bytes are read, so
        # that the next run sees a change in between
        digest = hashlib.sha256(read_bytes(Path(path))).hexdigest() if checksum else ""
    except (OSError, ValueError, ImageError, MemoryError):  # whoever loads it says which
        return FileStamp(GONE, 0)
    return FileStamp(status.st_size, status.st_mtime_ns, digest)
