"""Files that are either whole or not there, and groups of them that appear together.

Every file is written under a temporary name in its own folder (``storage.temporaries``), flushed to
the disk and then given its name. A reader, a second run, or the same run after a power cut sees the
old file or the new one, never half of one.

A file that a photo does not own is never replaced: its name is given with a call that fails where
something is there already, so that not even a file that appears at the last moment is lost.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from m2fp_cli.errors import OutputError
from m2fp_cli.storage.edits import refuse_edited
from m2fp_cli.storage.errors import ConflictError, as_output_error, conflict
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.marks import mark_of
from m2fp_cli.storage.temporaries import discard, rename_without_replacing, write_temporary
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable

_PORTION_BYTES = 1 << 20

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
                mark = mark_of(name, zlib.crc32(data))
                temporary = write_temporary(folders[parent], (data,), fsync=fsync, mark=mark)
                stack.callback(discard, folders[parent], temporary)
            pending.append((name, folders[parent], temporary))
        refuse_edited(tree, [name for name, _ in files], may_replace)
        for name, folder, temporary in pending:
            last = name.rpartition("/")[2]
            with _as_output_error(name):
                if may_replace is None or name in may_replace:
                    os.replace(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
                else:
                    rename_without_replacing(folder, temporary, last, name)
                    undo.callback(discard, folder, last)
        undo.pop_all()
    return [WrittenFile(name, zlib.crc32(data)) for name, data in files]


def write_alone(
    tree: OutputTree, files: Sequence[NamedBytes], may_replace: Collection[str] = ()
) -> None:
    """As ``write_group``, for files that are not of a run over photos: errors speak of no photo.

    Raises:
        ConflictError: something is there that may not be replaced.
        OutputError: they cannot be written; the message has the whole path of the file, or of the
            folder if there are several.
    """
    try:
        write_group(tree, files, may_replace)
    except OutputError as error:
        if isinstance(error, ConflictError) or not isinstance(error.__cause__, OSError):
            raise
        where = tree.path / files[0][0] if len(files) == 1 else tree.path
        raise as_output_error(str(where), error.__cause__, alone=True) from error


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
        temporary = write_temporary(folder, portions, fsync=True)
        try:
            os.replace(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            discard(folder, temporary)
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


def check_writable(tree: OutputTree, room: int = 0) -> None:
    """Prove that files can be written in the output.

    Args:
        tree: the output.
        room: so many bytes must fit, too.

    Raises:
        OutputError: they cannot; the message says why and what to do.
    """
    with _as_output_error(str(tree.path), run=True), tree.folder_of("x") as (folder, _):
        discard(folder, write_temporary(folder, (bytes(room),), fsync=False))


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
        write_alone(tree, [(path.name, data)], may_replace)


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


@contextlib.contextmanager
def _as_output_error(name: str, *, run: bool = False) -> Iterator[None]:
    """Turn what the system says into an error in words; ``run``: about the whole output."""
    try:
        yield
    except OSError as error:
        found = as_output_error(name, error)
        raise (OutputError(str(found)) if run else found) from error
