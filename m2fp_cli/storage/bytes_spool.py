"""Pieces of bytes that may grow to gigabytes: in a temporary file, each read by its place."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from m2fp_cli.storage.spool import no_room

_IN_MEMORY = 1 << 20  # bytes that wait to be written together


class BytesSpool:
    """Pieces of bytes; the file has no name, lies in ``TMPDIR`` and is gone with the process."""

    def __init__(self) -> None:
        """Start empty; without a file as long as the pieces are few."""
        self._tail = bytearray()
        self._written = 0
        self._file: Any = None

    def append(self, piece: bytes) -> int:
        """Add a piece.

        Returns:
            its place, to read it by.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        if len(self._tail) >= _IN_MEMORY:
            self._write()
        place = self._written + len(self._tail)
        self._tail += piece
        return place

    def read(self, place: int, size: int) -> bytes:
        """A piece again."""
        if place >= self._written:
            start = place - self._written
            return bytes(self._tail[start : start + size])
        return os.pread(self._file.fileno(), size, place)

    def __del__(self) -> None:
        """Give the file back."""
        if getattr(self, "_file", None) is not None:
            self._file.close()

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="m2fp-", buffering=0)  # noqa: SIM115
            if os.pwrite(self._file.fileno(), self._tail, self._written) != len(self._tail):
                raise OSError("it is full")
        except OSError as error:
            raise no_room(error) from error
        self._written += len(self._tail)
        self._tail.clear()
