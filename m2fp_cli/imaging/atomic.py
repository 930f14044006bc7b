"""Files that are either whole or not there, and groups of them that appear together.

Every file is written under a short temporary name in its own folder, flushed to the disk and
renamed. A reader, a second run, or the same run after a power cut sees the old file or the new one,
never half of one. The names are short because a photo's own name may already be as long as a file
system allows.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from m2fp_cli.errors import OutputError
from m2fp_cli.imaging.names import displayable

_TEMPORARY = re.compile(r"\.m2fp-[0-9a-f]{8}\.tmp")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_ATTEMPTS = 16

_ELSEWHERE = "choose another folder with -o"
_ADVICE = {
    errno.ENOSPC: "the disk is full; make room and run again, finished photos are kept",
    errno.EDQUOT: "the disk quota is used up; make room and run again, finished photos are kept",
    errno.EROFS: f"the file system is read-only; {_ELSEWHERE}",
    errno.EACCES: f"no permission to write there; {_ELSEWHERE}",
    errno.EPERM: f"writing there is not permitted; {_ELSEWHERE}",
    errno.ENOTDIR: f"a part of this path is a file, not a folder; {_ELSEWHERE}",
    errno.EEXIST: f"a part of this path is a file, not a folder; {_ELSEWHERE}",
    errno.EISDIR: f"a folder has this name; remove it or {_ELSEWHERE}",
    errno.ENAMETOOLONG: "the path is too long; choose a shorter one with -o",
}


def write_atomic(path: Path, data: bytes, *, fsync: bool = True) -> None:
    """Write one file whole or not at all; see ``write_group``."""
    write_group([(path, data)], fsync=fsync)


def write_group(files: Sequence[tuple[Path, bytes]], *, fsync: bool = True) -> None:
    """Write files so that none of them appears before all are complete on the disk.

    All temporaries first, then the renames in the given order: put the file that others take as a
    sign of completion last. Missing folders are made. An existing file is replaced; a symbolic
    link is replaced itself, what it points to stays. A failure leaves no temporary behind; files
    that were already renamed, which only a failing rename can cause, stay.

    Args:
        files: (path, content) pairs with distinct paths.
        fsync: wait until the content is on the disk. Without it a power cut may leave a file of
            zeros under the right name.

    Raises:
        OutputError: a file cannot be written; the message names it and says what to do.
    """
    pending: list[tuple[Path, Path]] = []
    try:
        for path, data in files:
            with _as_output_error(path):
                _refuse_irregular(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary, descriptor = _create_temporary(path.parent)
                pending.append((temporary, path))
                _write_all(descriptor, data, fsync=fsync)
        while pending:
            temporary, path = pending[0]
            with _as_output_error(path):
                temporary.replace(path)
            del pending[0]
    finally:
        for temporary, _ in pending:
            with contextlib.suppress(OSError):
                temporary.unlink()


def check_writable(folder: Path) -> None:
    """Make a folder and prove that files can be written in it.

    Raises:
        OutputError: they cannot; the message says why and what to do.
    """
    with _as_output_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary, descriptor = _create_temporary(folder)
        os.close(descriptor)
        temporary.unlink()


def sweep_temporaries(root: Path, *, older_than_seconds: float = 0.0) -> int:
    """Remove what killed runs left behind.

    Call it while holding the output's lock. Where other runs write to the same output (shards),
    give an age that no living temporary reaches.

    Args:
        root: the output folder; need not exist. Linked folders are not followed.
        older_than_seconds: leave temporaries younger than this.

    Returns:
        Number of files removed. What cannot be removed is left without a word: it harms nobody.
    """
    newest = time.time() - older_than_seconds
    removed = 0
    for folder, _, names in os.walk(root):
        for name in filter(_TEMPORARY.fullmatch, names):
            path = Path(folder, name)
            with contextlib.suppress(OSError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_mtime <= newest:
                    path.unlink()
                    removed += 1
    return removed


def _create_temporary(folder: Path) -> tuple[Path, int]:
    """A new, empty file under a name nobody else has, open for writing."""
    for attempt in range(_ATTEMPTS):
        temporary = folder / f".m2fp-{secrets.token_hex(4)}.tmp"
        try:
            return temporary, os.open(temporary, _NEW_FILE, 0o666)
        except FileExistsError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _write_all(descriptor: int, data: bytes, *, fsync: bool) -> None:
    with os.fdopen(descriptor, "wb", closefd=True) as file:
        file.write(data)
        file.flush()
        if fsync:
            os.fsync(file.fileno())


def _refuse_irregular(path: Path) -> None:
    """A rename would replace a device node just like a file; that is never what anybody wants."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OutputError(f"cannot write {displayable(path)}: it is a device or pipe; {_ELSEWHERE}")


@contextlib.contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0) or error.strerror or type(error).__name__
        raise OutputError(f"cannot write {displayable(path)}: {advice}") from error
