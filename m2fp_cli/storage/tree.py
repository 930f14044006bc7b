"""An output folder, held open: every file in it is reached from there and through no link.

A path that is looked up twice may mean two places: a symbolic link below an output leads anywhere,
and whoever can write there can put one in at any time. So the root is opened once, and every folder
below it from the one above it, without following links (``openat`` with ``O_NOFOLLOW``). What is
neither a folder nor a regular file of a single name (a link, a pipe, a device, a second hard link)
is refused, and nothing outside the output is ever made, changed or removed.

Names are relative, posix, and never lead upwards: ``labels/summer/anna.png``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from m2fp_cli.errors import ImageError, OutputError, UsageError
from m2fp_cli.imaging.reading import MAX_FILE_BYTES
from m2fp_cli.storage.errors import UnreadableError, as_output_error, as_unreadable
from m2fp_cli.storage.look import ClosedPlace, OnClosed, StatusLook
from m2fp_cli.storage.marks import read_mark
from m2fp_cli.storage.remote.address import names_store, only_here
from m2fp_cli.terminal import displayable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
# O_NONBLOCK: opening a named pipe would otherwise wait for its other end, for ever.
FILE_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_IS_LINK = (errno.ELOOP, "it is a link")
_PORTION_BYTES = 1 << 20
CLOSED = -1
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class OutputTree(StatusLook):
    """A held folder; see the module's text."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open a folder.

        The folder itself may be a link: naming it is the user's choice.

        Args:
            path: the root.
            create: make it if it is missing.

        Raises:
            OutputError: it cannot be opened or made.
            UsageError: it is an address in an object store.
        """
        if names_store(path):
            raise UsageError(only_here(path))
        self.path = path.absolute()
        try:
            if create:
                self.path.mkdir(parents=True, exist_ok=True)
            self._root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise as_output_error(str(self.path), error) from error

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._root)

    def __enter__(self) -> OutputTree:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def is_there(self) -> bool:
        """Whether the path still leads to the folder that is held."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._root))
        except OSError:
            return False

    @contextlib.contextmanager
    def folder_of(self, name: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder that holds a name, and the name's last part.

        Raises:
            OSError: the folder is missing, or a part of the way is no folder.
            OutputError: the name leads out of the output.
        """
        *folders, last = parts_of(name)
        here = os.dup(self._root)
        try:
            for part in folders:
                inner = _enter(here, part, create=create)
                os.close(here)
                here = inner
            yield here, last
        finally:
            os.close(here)

    def status(self, name: str) -> os.stat_result | None:
        """What lies under a name, links not followed; None if nothing does."""
        try:
            with self.folder_of(name) as (folder, last):
                return os.stat(last, dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise as_output_error(name, error) from error

    def open_file(self, name: str, flags: int, *, create: bool = False) -> int:
        """Open a regular file; the caller closes the descriptor.

        Args:
            name: of the file.
            flags: of ``os.open``; links are never followed.
            create: make its folders, and with ``os.O_CREAT`` in ``flags`` the file.

        Raises:
            OSError: it cannot be opened.
            OutputError: it is something else than a regular file of a single name.
        """
        with self.folder_of(name, create=create) as (folder, last):
            descriptor = os.open(last, flags | FILE_FLAGS, 0o666, dir_fd=folder)
        status = os.fstat(descriptor)
        is_written = bool(flags & os.O_ACCMODE)
        if not stat.S_ISREG(status.st_mode) or (is_written and status.st_nlink > 1):
            os.close(descriptor)
            raise _not_plain(displayable(self.path / name), status, is_written=is_written)
        return descriptor

    def read(self, name: str, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Read a regular file whole.

        Raises:
            ImageError: ``vanished``, ``unreadable``, ``unsupported`` (not a regular file) or
                ``too_large``.
        """
        try:
            descriptor = self.open_file(name, os.O_RDONLY)
        except FileNotFoundError as error:
            raise ImageError("vanished", f"has no {name} any more; parse it again") from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise ImageError("unsupported", f"{name} is a link or a device") from error
            raise ImageError("unreadable", f"{name} cannot be read: {error.strerror}") from error
        except OutputError as error:
            raise ImageError("unsupported", f"{name} is not a regular file") from error
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(file.fileno()).st_size > max_bytes:
                raise ImageError("too_large", f"{name} is larger than {max_bytes / 2**20:.4g} MB")
            return file.read(max_bytes)

    def checksum(self, name: str) -> int | None:
        """CRC-32 of the bytes of a regular file; None where it cannot be read.

        ``CLOSED``, which is no CRC-32, where we may not read it: somebody else wrote it.
        """
        found = 0
        try:
            with os.fdopen(self.open_file(name, os.O_RDONLY), "rb") as file:
                while portion := file.read(_PORTION_BYTES):
                    found = zlib.crc32(portion, found)
        except PermissionError:
            return CLOSED
        except (OSError, OutputError):
            return None
        return found

    def mark(self, name: str) -> bytes | None:
        """What a regular file says of the bytes that it was written with, see ``storage.marks``.

        None where it says nothing or cannot be read.
        """
        try:
            descriptor = self.open_file(name, os.O_RDONLY)
        except (OSError, OutputError):
            return None
        try:
            return read_mark(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> bool:
        """Remove a regular file or a link itself; whether something was removed.

        Folders and everything else stay.
        """
        try:
            with self.folder_of(name) as (folder, last):
                mode = os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                    return False
                os.unlink(last, dir_fd=folder)
        except OSError:
            return False
        return True

    def remove_empty_folders(self, name: str) -> None:
        """Remove the folders above a name that hold nothing any more, but for the first."""
        parts = parts_of(name)[:-1]
        while len(parts) > 1:
            try:
                with self.folder_of("/".join(parts)) as (folder, last):
                    os.rmdir(last, dir_fd=folder)
            except OSError:
                return
            parts = parts[:-1]

    def names_in(self, name: str) -> list[str]:
        """Names of everything in a folder, sorted; none where it is no folder.

        Raises:
            UnreadableError: the folder is there and cannot be read.
        """
        try:
            with self.folder_of(f"{name}/x") as (folder, _):
                entries = os.listdir(folder)  # noqa: PTH208 - of an open folder
                return sorted(f"{name}/{entry}" for entry in entries)
        except OSError as error:
            if error.errno in _NO_FOLDER:
                return []
            raise as_unreadable(str(self.path / name), error) from error

    def walk(
        self, name: str, *, below: bool = True, closed: OnClosed = lambda _: None
    ) -> Iterator[str]:
        """Names of all regular files in a folder, in no order; none where it is no folder.

        Links and other file systems' oddities are left out.

        Args:
            name: of the folder.
            below: those of its sub-folders, too.
            closed: is told of each folder that cannot be read, whose files are left out, and of
                each link.
        """
        pending = [name]
        while pending:
            place = pending.pop()
            try:
                with self.folder_of(f"{place}/x") as (folder, _), os.scandir(folder) as listing:
                    for entry in listing:
                        if entry.is_file(follow_symlinks=False):
                            yield f"{place}/{entry.name}"
                        elif below and entry.is_dir(follow_symlinks=False):
                            pending.append(f"{place}/{entry.name}")
                        elif entry.is_symlink():
                            closed(ClosedPlace(f"{place}/{entry.name}", OSError(*_IS_LINK)))
            except OSError as error:
                if error.errno not in _NO_FOLDER:
                    closed(ClosedPlace(place, error))


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a relative name.

    Raises:
        OutputError: it is absolute, empty, or leads upwards.
    """
    parts = tuple(name.split("/"))
    if "" in parts or "." in parts:  # PurePosixPath drops these, and takes five times as long
        parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
        raise OutputError(f"{displayable(name)} is not a name inside an output")
    return parts


def _not_plain(shown: str, status: os.stat_result, *, is_written: bool) -> OutputError:
    """The error of what is something else than a regular file of a single name."""
    is_linked = stat.S_ISREG(status.st_mode)
    kind = "is hard-linked" if is_linked else "is not a regular file"
    if not is_written:
        return UnreadableError(f"{shown} {kind}; m2fp does not read it: remove it")
    mended = "put a copy of it in its place" if is_linked else "remove it"  # it may be the manifest
    return OutputError(
        f"{shown} {kind}; m2fp does not write through it: {mended}, or choose another folder "
        "with -o"
    )


def _enter(folder: int, name: str, *, create: bool) -> int:
    """Open a folder inside another one."""
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):  # another worker was faster
        os.mkdir(name, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)
