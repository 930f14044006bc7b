"""What a store listed, kept on the disk and asked as if it were a folder; see ``storage.look``."""

from __future__ import annotations

import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator

from m2fp_cli.storage.index import as_index_error, open_index
from m2fp_cli.storage.look import OnClosed
from m2fp_cli.storage.remote.stored_object import NANOSECONDS, StoredObject

_ROWS_AT_ONCE = 1000
_CLOCKS_APART_SECONDS = 60  # or each object would be fetched that a run puts anew
_INSERT = "INSERT OR REPLACE INTO objects VALUES(?, ?, ?)"


class Listing:
    """Objects by name; in bounded memory."""

    def __init__(self, checksum: Callable[[str], int | None] = lambda _: None) -> None:
        """Start empty.

        Args:
            checksum: CRC-32 of an object's bytes, which have to be fetched; None if unknown.
        """
        self._checksum = checksum
        self._lock = threading.Lock()  # couriers ask while the run goes on
        self._index = open_index(
            "CREATE TABLE objects(name TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER)"
            " WITHOUT ROWID"
        )

    def add(self, found: Iterable[StoredObject]) -> None:
        """Add objects, or what is now known of them."""
        rows = ((one.name, one.size, one.mtime_ns) for one in found)
        while some := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            with self._lock, as_index_error():
                self._index.executemany(_INSERT, some)

    def discard(self, name: str) -> None:
        """Forget an object."""
        with self._lock, as_index_error():
            self._index.execute("DELETE FROM objects WHERE name=?", (_text(name),))

    def stamp(self, name: str) -> tuple[int, int] | None:
        """Size and time of change of an object; None if it was not listed."""
        query = "SELECT size, mtime_ns FROM objects WHERE name=?"
        with self._lock:
            found: tuple[int, int] | None = self._index.execute(query, (_text(name),)).fetchone()
        return found

    def holds(self, found: StoredObject) -> bool:
        """Whether an object was listed with these bytes: by size and ETag, whenever it was put."""
        stamp = self.stamp(found.name)
        return stamp is not None and (stamp[0], stamp[1] % NANOSECONDS) == (
            found.size,
            found.mtime_ns % NANOSECONDS,
        )

    def status(self, name: str) -> os.stat_result | None:
        """What lies under a name; None if nothing does.

        Its status changed as long before it was put as the store's clock may be ahead of ours.
        """
        found = self.stamp(name)
        if found is None:
            return None
        size, mtime = found[0], found[1] // NANOSECONDS
        changed = mtime - _CLOCKS_APART_SECONDS
        return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, size, 0, mtime, changed))

    def has_file(self, name: str) -> bool:
        """Whether an object has a name."""
        return self.stamp(name) is not None

    def is_folder(self, name: str) -> bool:
        """Whether objects are below a name."""
        return next(self.walk(name), None) is not None

    def checksum(self, name: str) -> int | None:
        """CRC-32 of the bytes of an object; None where that is not known."""
        return self._checksum(name)

    def mark(self, name: str) -> bytes | None:
        """Objects have no marks."""
        return None

    def names_in(self, name: str) -> list[str]:
        """Names of the objects directly in a folder, sorted."""
        return [one for one in self.walk(name) if "/" not in one[len(name) + 1 :]]

    def walk(self, name: str, *, closed: OnClosed = lambda _: None) -> Iterator[str]:
        """Names of all objects below a folder, sorted; what was listed has been read."""
        query = "SELECT name FROM objects WHERE name>? AND name<? ORDER BY name"
        bounds = (_text(f"{name}/"), _text(f"{name}0"))  # 0 comes after /
        return (found for (found,) in self._index.execute(query, bounds))


def _text(name: str) -> str:
    """A name as a store may have it; one that is not Unicode is no object's."""
    return name.encode("utf-8", "replace").decode("utf-8")
