"""Files that are either whole or not there, and groups of them that appear together.

Every file is written under a short temporary name in its own folder, flushed to the disk and then
given its name. A reader, a second run, or the same run after a power cut sees the old file or the
new one, never half of one. The temporary names are short because a photo's own name may already be
as long as a file system allows.

A file that a photo does not own is never replaced: its name is given with a call that fails where
something is there already, so that not even a file that appears at the last moment is lost.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import os
import re
import secrets
import stat
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from m2fp_cli.errors import OutputError
from m2fp_cli.storage.edits import refuse_edited
from m2fp_cli.storage.errors import ConflictError, as_output_error, conflict
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable

TEMPORARY = re.compile(r"\.m2fp-[0-9a-f]{8}\.tmp")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_ATTEMPTS = 16
_PORTION_BYTES = 1 << 20
_RENAME_NOREPLACE = 1  # linux/fs.h
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK)

NamedBytes = tuple[str, bytes]


class WrittenFile(NamedTuple):
    """A file that has its name.

    Attributes:
        name: relative to the output.
        checksum: CRC-32 of its bytes: whether somebody changed it later.
    """

    name: str
    checksum: int


def write_group(
    tree: OutputTree,
    files: Sequence[NamedBytes],
    may_replace: Collection[str] | None = (),
    *,
    fsync: bool = True,
) -> list[WrittenFile]:
    """Write files so that none of them appears before all are complete on the disk.

    All temporaries first, then the names in the given order: put the file that others take as a
    sign of completion last. Missing folders are made. A failure leaves no temporary behind, and
    takes away again what it had given a name that nothing had; replaced files stay replaced.

    Args:
        tree: the output.
        files: (name, content) pairs with distinct names.
        may_replace: names of files that may be replaced; None = all. Of ``OwnFiles`` none may have
            been changed.
        fsync: wait until the content is on the disk. Without it a power cut may leave a file of
            zeros under the right name.

    Returns:
        what was written, in the given order.

    Raises:
        ConflictError: something is there that may not be replaced, or that somebody changed.
        TargetError: one of the names is the trouble.
        OutputError: nothing can be written; the message names the file and says what to do.
    """
    for name, _ in files:
        refuse_foreign(tree, name, may_replace)
    with contextlib.ExitStack() as stack, contextlib.ExitStack() as undo:
        folders: dict[str, int] = {}  # a photo of a crowd has a thousand masks in one folder
        pending: list[tuple[str, int, str]] = []
        for name, data in files:
            parent = name.rpartition("/")[0]
            with _as_output_error(name):
                if parent not in folders:
                    folders[parent], _ = stack.enter_context(tree.folder_of(name, create=True))
                temporary = _write_temporary(folders[parent], (data,), fsync=fsync)
                stack.callback(_discard, folders[parent], temporary)
            pending.append((name, folders[parent], temporary))
        refuse_edited(tree, [name for name, _ in files], may_replace)
        for name, folder, temporary in pending:
            last = name.rpartition("/")[2]
            with _as_output_error(name):
                if may_replace is None or name in may_replace:
                    os.replace(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
                else:
                    _rename_without_replacing(folder, temporary, last, name)
                    undo.callback(_discard, folder, last)
        undo.pop_all()
    return [WrittenFile(name, zlib.crc32(data)) for name, data in files]


def write_stream(tree: OutputTree, name: str, portions: Iterable[bytes]) -> None:
    """Replace one of the output's own state files by content that may not fit into memory.

    Args:
        tree: the output.
        name: of the file.
        portions: the content.

    Raises:
        OutputError: it cannot be written.
    """
    refuse_foreign(tree, name, (name,))
    with _as_output_error(name), tree.folder_of(name, create=True) as (folder, last):
        temporary = _write_temporary(folder, portions, fsync=True)
        try:
            os.replace(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            _discard(folder, temporary)
            raise


def refuse_foreign(look: Look, name: str, may_replace: Collection[str] | None) -> None:
    """Check that nothing under a name would be harmed if it were written.

    Args:
        look: what is in the output.
        name: of a file.
        may_replace: names of files that may be replaced; None = all.

    Raises:
        ConflictError: something is there that may not be replaced: another's file, or, whatever
            was allowed, a folder, pipe or device; a link only where everything may be replaced.
    """
    status = look.status(name)
    if status is None:
        return
    allowed = (stat.S_ISREG, stat.S_ISLNK) if may_replace is None else (stat.S_ISREG,)
    owned = may_replace is None or name in may_replace
    if not owned or not any(is_kind(status.st_mode) for is_kind in allowed):
        raise conflict(name)


def check_writable(tree: OutputTree) -> None:
    """Prove that files can be written in the output.

    Raises:
        OutputError: they cannot; the message says why and what to do.
    """
    with _as_output_error(str(tree.path), run=True), tree.folder_of("x") as (folder, _):
        _discard(folder, _write_temporary(folder, (), fsync=False))


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


def write_file(path: Path, data: bytes, *, mark: bytes) -> None:
    """Write a single file that the user named, whole or not at all.

    Outside of an output no manifest says whose a file is; there it says so itself.

    Args:
        path: as the user named it.
        data: the content.
        mark: bytes that are in every such file of m2fp, and in no other. A file that is there and
            holds them is replaced.

    Raises:
        OutputError: it cannot be written, or a file is there that m2fp did not write.
    """
    path = path.absolute()
    refuse_unmarked(path, mark)
    with OutputTree(path.parent, create=True) as tree:
        may_replace = (path.name,) if tree.status(path.name) is not None else ()
        try:
            write_group(tree, [(path.name, data)], may_replace)
        except OutputError as error:
            if isinstance(error, ConflictError) or not isinstance(error.__cause__, OSError):
                raise
            raise as_output_error(str(path), error.__cause__, alone=True) from error


def refuse_unmarked(path: Path, mark: bytes) -> None:
    """Check that ``write_file`` would harm nothing.

    Args:
        path: of the file.
        mark: as ``write_file`` takes it.

    Raises:
        OutputError: something is there that m2fp did not write, or that cannot be looked at.
    """
    with _as_output_error(str(path)):
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        is_own = stat.S_ISREG(status.st_mode) and _holds(path, mark)
    if not is_own:
        raise OutputError(
            f"{displayable(path)} is there already and m2fp did not write it; remove it or "
            "choose another name"
        )


def _holds(path: Path, mark: bytes) -> bool:
    """Whether a file, which may be larger than the memory, has a mark in it."""
    end = b""
    with path.open("rb") as file:
        while portion := file.read(_PORTION_BYTES):
            if mark in end + portion:
                return True
            end = portion[-len(mark) :]
    return False


def _write_temporary(folder: int, portions: Iterable[bytes], *, fsync: bool) -> str:
    """A new file with some content under a name nobody else has; its name."""
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
            if fsync:
                os.fsync(file.fileno())
    except BaseException:  # an interrupt, too, leaves nothing behind
        _discard(folder, name)
        raise
    return name


def _discard(folder: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _rename_without_replacing(folder: int, temporary: str, name: str, shown: str) -> None:
    """Rename, unless something has the name.

    By ``renameat2``; by a hard link where the file system lacks it (NFS); by a new, empty file that
    is replaced at once where it has neither.

    Raises:
        ConflictError: something has the name.
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
            _discard(folder, name)
            raise


def _renameat2(folder: int, source: str, target: str) -> int:
    """Rename without replacing; 0, or the number of the error."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # glibc before 2.28, musl before 1.2.6
        return errno.ENOSYS
    done = call(folder, os.fsencode(source), folder, os.fsencode(target), _RENAME_NOREPLACE)
    return ctypes.get_errno() if done else 0


@contextlib.contextmanager
def _as_output_error(name: str, *, run: bool = False) -> Iterator[None]:
    """Turn what the system says into an error in words; ``run``: about the whole output."""
    try:
        yield
    except OSError as error:
        found = as_output_error(name, error)
        raise (OutputError(str(found)) if run else found) from error
