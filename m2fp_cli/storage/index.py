"""Tables that lie on the disk when they are large: SQLite's, in a temporary file without a name."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator

from m2fp_cli.errors import OutputError

_CACHE_KIB = 16_384
_ROWS_AT_ONCE = 10_000
_INSERT = "INSERT OR IGNORE INTO names VALUES(?)"


class NameSet:
    """A set of names."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Keep some names; repetition does not matter."""
        self._index: sqlite3.Connection | None = None
        rows = ((os.fsencode(name),) for name in names)
        while some := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            with as_index_error():
                self._opened().executemany(_INSERT, some)

    def add(self, name: str) -> bool:
        """Keep a name; whether it was not kept before."""
        with as_index_error():
            return self._opened().execute(_INSERT, (os.fsencode(name),)).rowcount > 0

    def add_each(self, names: Collection[str]) -> bool:
        """Keep some names, faster than one by one; whether all are new, and each there once."""
        with as_index_error():
            index = self._opened()
            before = index.total_changes
            index.executemany(_INSERT, [(os.fsencode(name),) for name in names])
            return index.total_changes - before == len(names)

    def __contains__(self, name: str) -> bool:
        """Whether a name is kept."""
        return self._has("SELECT 1 FROM names WHERE name=?", os.fsencode(name))

    def has_any_in(self, folder: str) -> bool:
        """Whether a name below a folder is kept."""
        start = os.fsencode(folder)
        query = "SELECT 1 FROM names WHERE name>? AND name<? LIMIT 1"
        return self._has(query, start + b"/", start + b"0")  # 0 comes after /

    def _opened(self) -> sqlite3.Connection:
        if self._index is None:
            self._index = open_index("CREATE TABLE names(name BLOB PRIMARY KEY) WITHOUT ROWID")
        return self._index

    def _has(self, query: str, *values: bytes) -> bool:
        return self._index is not None and bool(self._index.execute(query, values).fetchone())


def open_index(*statements: str) -> sqlite3.Connection:
    """An empty temporary database; up to 16 MB of it stay in memory.

    Args:
        statements: make its tables.

    Raises:
        OutputError: no temporary file can be made.
    """
    with as_index_error():
        # Only one thread at a time uses it, but a caller's program may hand it from one to another.
        index = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        # Nobody reads it after a crash, so nothing needs to be safe from one.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            index.execute(f"PRAGMA {pragma}")
        for statement in statements:
            index.execute(statement)
        # One transaction for ever: at the end of each, SQLite counts the pages that wait to be
        # written, and a million rows, each in its own, take ten times as long.
        index.execute("BEGIN")
    return index


@contextlib.contextmanager
def as_index_error() -> Iterator[None]:
    """Turn what SQLite says into an error in words."""
    try:
        yield
    except sqlite3.Error as error:
        raise OutputError(
            f"cannot write a temporary file ({error}); make room, or set TMPDIR to another folder"
        ) from error
