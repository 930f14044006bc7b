"""Files under temporary names: written in full, then given their name or removed.

The names are short because a photo's own name may already be as long as a file system allows.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import os
import re
import secrets
import time
from collections.abc import Iterable, Sequence

from m2fp_cli.storage.errors import conflict
from m2fp_cli.storage.marks import set_mark
from m2fp_cli.storage.tree import OutputTree

TEMPORARY = re.compile(r"\.m2fp-[0-9a-f]{8}\.tmp")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_ATTEMPTS = 16
_RENAME_NOREPLACE = 1  # linux/fs.h
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK)


def write_temporary(
    folder: int, portions: Iterable[bytes], *, fsync: bool, mark: bytes = b""
) -> str:
    """Write a new file under a name that nobody else has.

    Args:
        folder: descriptor of the open folder.
        portions: the content.
        fsync: wait until it is on the disk.
        mark: see ``storage.marks``; empty for none.

    Returns:
        its name in the folder.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    for attempt in range(_ATTEMPTS):
        name = f".m2fp-{secrets.token_hex(4)}.tmp"
        try:
            descriptor = os.open(name, _NEW_FILE, 0o666, dir_fd=folder)
            break
        except FileExistsError:
            if attempt == _ATTEMPTS - 1:
                raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            for portion in portions:
                file.write(portion)
            file.flush()
            if mark:
                set_mark(file.fileno(), mark)
            if fsync:
                os.fsync(file.fileno())
    except BaseException:  # an interrupt, too, leaves nothing behind
        discard(folder, name)
        raise
    return name


def discard(folder: int, name: str) -> None:
    """Remove a file from an open folder, if that can be done."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def rename_without_replacing(folder: int, temporary: str, name: str, shown: str) -> None:
    """Rename, unless something has the name.

    By ``renameat2``; by a hard link where the file system lacks it (NFS); by a new, empty file that
    is replaced at once where it has neither.

    Args:
        folder: descriptor of the open folder.
        temporary: name of the file in it.
        name: what it shall be called there.
        shown: this name as messages say it.

    Raises:
        ConflictError: something has the name.
        OSError: it cannot be renamed.
    """
    try:
        number = _renameat2(folder, temporary, name)
        if number in _NOT_SUPPORTED:
            _link_or_reserve(folder, temporary, name)
        elif number:
            raise OSError(number, os.strerror(number), name)
    except FileExistsError as error:
        raise conflict(shown) from error


def _link_or_reserve(folder: int, temporary: str, name: str) -> None:
    """Give a temporary a name that nothing has, without ``renameat2``.

    Raises:
        FileExistsError: something has the name.
    """
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        os.close(os.open(name, _NEW_FILE, 0o666, dir_fd=folder))
        try:
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            discard(folder, name)
            raise


def _renameat2(folder: int, source: str, target: str) -> int:
    """Rename without replacing; 0, or the number of the error."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # glibc before 2.28, musl before 1.2.6
        return errno.ENOSYS
    done = call(folder, os.fsencode(source), folder, os.fsencode(target), _RENAME_NOREPLACE)
    return ctypes.get_errno() if done else 0


def sweep_temporaries(
    tree: OutputTree,
    folders: Sequence[str],
    *,
    older_than_seconds: float = 0.0,
    below: bool = True,
) -> int:
    """Remove what killed runs left behind.

    Call it while holding the output's lock. Where other runs write to the same output (shards),
    give an age that no living temporary reaches.

    Args:
        tree: the output.
        folders: those of its folders that runs write to.
        older_than_seconds: leave temporaries younger than this.
        below: look into their sub-folders, too.

    Returns:
        number of files removed; what cannot be removed is left.
    """
    # All where no age is given: on a clock that was set back they are of the future.
    newest = time.time() - older_than_seconds if older_than_seconds else math.inf
    removed = 0
    for folder in folders:
        for name in tree.walk(folder, below=below):
            if TEMPORARY.fullmatch(name.rpartition("/")[2]):
                status = tree.status(name)
                if status is not None and status.st_mtime <= newest:
                    removed += tree.remove(name)
    return removed
