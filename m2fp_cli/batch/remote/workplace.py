"""A temporary folder for what is in work, which the next run removes if its owner was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

from m2fp_cli.errors import OutputError

_PREFIX = "m2fp-store-"
_HELD = "held"
_ODD_NANOSECONDS = 1_000_000_000_123_456_789


def make_workplace() -> tuple[Path, int]:
    """A new folder, and the descriptor of a lock that the kernel drops with this process.

    Folders of processes of this user that ended without removing theirs are removed.

    Raises:
        OutputError: it cannot be made, or its file system keeps no exact times: they tell one
            version of a photo from another.
    """
    try:
        _sweep(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        descriptor = os.open(folder / _HELD, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.utime(folder, ns=(_ODD_NANOSECONDS, _ODD_NANOSECONDS))
        is_exact = folder.stat().st_mtime_ns == _ODD_NANOSECONDS
    except OSError as error:
        raise OutputError(
            f"cannot make a temporary folder: {error}; set TMPDIR to another one"
        ) from error
    if not is_exact:
        remove_workplace(folder, descriptor)
        raise OutputError(
            f"{tempfile.gettempdir()} keeps no exact times of files; set TMPDIR to a folder of a "
            "Linux file system"
        )
    return folder, descriptor


def remove_workplace(folder: Path, descriptor: int) -> None:
    """Remove a folder of ``make_workplace``."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def _sweep(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    """Remove a folder that nobody holds.

    Raises:
        OSError: somebody holds it, or it is just being made.
    """
    descriptor = os.open(folder / _HELD, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
