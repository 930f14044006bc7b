"""A look at very many files of an output, which keeps the folders that it was in last open."""

from __future__ import annotations

import os
from collections.abc import Iterator

from m2fp_cli.storage.errors import as_output_error
from m2fp_cli.storage.look import OnClosed, StatusLook
from m2fp_cli.storage.marks import read_mark
from m2fp_cli.storage.tree import FILE_FLAGS, OutputTree

_MOST_FOLDERS = 64


class SteadyLook(StatusLook):
    """Answers as the output itself does, in a quarter of the time where files lie together.

    Each folder is opened as the output opens it, through no link, but once for many of its files.
    A folder that is moved away meanwhile still counts, so use it for one pass over the photos; who
    writes looks again.
    """

    def __init__(self, tree: OutputTree) -> None:
        """Look at an output."""
        self._tree = tree
        self._folders: dict[str, int] = {}

    def __enter__(self) -> SteadyLook:
        return self

    def __exit__(self, *_: object) -> None:
        while self._folders:
            os.close(self._folders.popitem()[1])

    def status(self, name: str) -> os.stat_result | None:
        """What lies under a name, links not followed; None if nothing does.

        Raises:
            OutputError: it cannot be asked, or the name leads out of the output.
        """
        folder, _, last = name.rpartition("/")
        if not folder or last in ("", ".", "..") or "\0" in last:
            return self._tree.status(name)
        try:
            inside = self._folders.get(folder)
            if inside is None:
                inside = self._open(folder)
            return os.stat(last, dir_fd=inside, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise as_output_error(name, error) from error

    def checksum(self, name: str) -> int | None:
        """CRC-32 of the bytes of a file; see ``OutputTree.checksum``."""
        return self._tree.checksum(name)

    def mark(self, name: str) -> bytes | None:
        """What a file says of its bytes; see ``OutputTree.mark``."""
        folder, _, last = name.rpartition("/")
        inside = self._folders.get(folder)
        if inside is None or last in ("", ".", "..") or "\0" in last:
            return self._tree.mark(name)
        try:
            descriptor = os.open(last, os.O_RDONLY | FILE_FLAGS, dir_fd=inside)
        except OSError:
            return None
        try:
            return read_mark(descriptor)
        finally:
            os.close(descriptor)

    def names_in(self, name: str) -> list[str]:
        """Names of everything in a folder, sorted; see ``OutputTree.names_in``."""
        return self._tree.names_in(name)

    def walk(self, name: str, *, closed: OnClosed = lambda _: None) -> Iterator[str]:
        """Names of all regular files below a folder, in no order; see ``OutputTree.walk``."""
        return self._tree.walk(name, closed=closed)

    def _open(self, folder: str) -> int:
        with self._tree.folder_of(f"{folder}/x") as (descriptor, _):
            kept = os.dup(descriptor)
        if len(self._folders) >= _MOST_FOLDERS:
            os.close(self._folders.pop(next(iter(self._folders))))
        self._folders[folder] = kept
        return kept
