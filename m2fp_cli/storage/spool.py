"""Lists that may grow to millions of records: short ones in memory, long ones in a temporary file.

The file has no name and is gone with the process. It lies in ``TMPDIR``, which should be a disk and
not a part of the memory where a run is about millions of photos.
"""

from __future__ import annotations

import heapq
import itertools
import operator
import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from m2fp_cli.errors import OutputError

Record = TypeVar("Record")
_BLOCK = 256  # records that are written, and read again, together
_IN_MEMORY = 16 * _BLOCK
_RUN = 50_000  # records that are sorted at once


class Spool(Sequence[Record], Generic[Record]):
    """Records in the order in which they were appended; they must be picklable.

    Reading costs a block of records in memory, however long the list is.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        """Start with some records."""
        self._tail: list[Record] = []
        self._offsets: list[int] = []  # where each block ends
        self._file: Any = None
        self.extend(records)

    def append(self, record: Record) -> None:
        """Add a record at the end.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        self._tail.append(record)
        if len(self._tail) >= _IN_MEMORY:
            self._write_blocks()

    def extend(self, records: Iterable[Record]) -> None:
        """Add records at the end."""
        for record in records:
            self.append(record)

    def __len__(self) -> int:
        """Number of records."""
        return len(self._offsets) * _BLOCK + len(self._tail)

    def __iter__(self) -> Iterator[Record]:
        """All records; those that are appended meanwhile too."""
        place = 0
        while place < len(self):
            block = self._block(place // _BLOCK)[place % _BLOCK :]
            yield from block
            place += len(block)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        """A record, or a list of some."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return self._block(place // _BLOCK)[place % _BLOCK]

    def __eq__(self, other: object) -> bool:
        """Whether another sequence has the same records."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    def __hash__(self) -> int:
        """Refused: it can grow.

        Raises:
            TypeError: always.
        """
        raise TypeError("a spool has no hash")

    def close(self) -> None:
        """Give the file back; the records are gone."""
        if self._file is not None:
            self._file.close()
        self._file, self._tail, self._offsets = None, [], []

    def __del__(self) -> None:
        """Give the file back."""
        if getattr(self, "_file", None) is not None:
            self._file.close()

    def _block(self, number: int) -> list[Record]:
        if number >= len(self._offsets):
            first = (number - len(self._offsets)) * _BLOCK
            return self._tail[first : first + _BLOCK]
        start = self._offsets[number - 1] if number else 0
        data = os.pread(self._file.fileno(), self._offsets[number] - start, start)
        block: list[Record] = pickle.loads(data)
        return block

    def _write_blocks(self) -> None:
        """Move what is in memory into the file."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="m2fp-", buffering=0)  # noqa: SIM115
            end = self._offsets[-1] if self._offsets else 0
            for first in range(0, len(self._tail), _BLOCK):
                data = pickle.dumps(self._tail[first : first + _BLOCK], protocol=5)
                if os.pwrite(self._file.fileno(), data, end) != len(data):
                    raise OSError("it is full")
                end += len(data)
                self._offsets.append(end)
        except OSError as error:
            raise no_room(error) from error
        self._tail.clear()


def no_room(error: OSError) -> OutputError:
    """What to say when a temporary file cannot be written."""
    return OutputError(
        f"cannot write to the temporary folder {tempfile.gettempdir()}: {error}; make room there, "
        "or set TMPDIR to another folder"
    )


def sorted_on_disk(
    records: Iterable[Record], key: Callable[[Record], Any] = lambda record: record
) -> Iterator[Record]:
    """Sort records of any number in bounded memory; equal ones keep their order.

    Args:
        records: picklable.
        key: what they are sorted by.

    Raises:
        OutputError: the temporary folder is full.
    """
    runs: list[Spool[Record]] = []
    source = iter(records)
    while chunk := list(itertools.islice(source, _RUN)):
        chunk.sort(key=key)
        if runs and key(runs[-1][-1]) <= key(chunk[0]):
            runs[-1].extend(chunk)  # what is sorted already costs no merging
        else:
            runs.append(Spool(chunk))
    yield from heapq.merge(*runs, key=key)
