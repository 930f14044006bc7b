"""The latest entry of each photo in an output; on the disk where they are many."""

from __future__ import annotations

import marshal
import operator
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.stamps import FileStamp, Stamp
from m2fp_cli.storage.bytes_spool import BytesSpool
from m2fp_cli.storage.index import as_index_error, open_index

_ROWS_AT_ONCE = 20_000  # sorted, or entries that come in no order would take ten times as long
_STATUS = {one.value: one for one in Status}
KEYS_AT_ONCE = 500  # SQLite before 3.32 takes 999 values in a statement


class Entry(NamedTuple):
    """The latest end of one photo.

    Attributes:
        report: how it ended.
        stamp: the files it was made from.
        signature: digest of the settings it was made with.
        run: id of the run that did it.
        ended: seconds since 1970.
    """

    report: ImageReport
    stamp: Stamp
    signature: str
    run: str
    ended: float


class Entries(Mapping[str, Entry]):
    """The latest entry of each photo, by key; on the disk where they are many.

    A table says where each entry is in a file. With the entries in the table itself, adding one
    would take five times as long.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._index = open_index(
            "CREATE TABLE entries(key BLOB PRIMARY KEY, ended REAL, good INTEGER,"
            " manifest INTEGER, source INTEGER, barred INTEGER, place INTEGER, size INTEGER)"
            " WITHOUT ROWID"
        )
        self._bodies = BytesSpool()
        self._names: dict[str, int] = {}  # of manifests, and their numbers in the table
        self._waiting: list[tuple[bytes, float, bool, int, int, bool, int, int]] = []

    def add(self, manifest: str, entry: Entry) -> None:
        """Add an entry, unless another manifest has a later one of the photo.

        In one manifest the last line counts: its clock may have been set back meanwhile. What was
        in the way of a photo that failed may be what another manifest says was made of it, by a
        shard of another cut that worked at the same time: then that one counts.

        Args:
            manifest: the file that it is from, whose entries come in the order of its lines.
            entry: how a photo ended.

        Raises:
            ValueError: its key is not text.
            OutputError: there is no room for temporary files.
        """
        report = entry.report
        key, body = os.fsencode(report.key), marshal.dumps(_flat(entry))
        file, place = self._number(manifest), self._bodies.append(body)
        good, source = report.status.is_good, hash(report.source)
        barred = not good and report.reason == "conflict" and not report.files
        self._waiting.append((key, entry.ended, good, file, source, barred, place, len(body)))
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._flush()

    def __getitem__(self, key: str) -> Entry:
        """The entry of a photo."""
        query = "SELECT place, size FROM entries WHERE key=?"
        for place in self._select(query, os.fsencode(key)):
            return self._read(place)
        raise KeyError(key)

    def get_each(self, keys: Collection[str]) -> dict[str, Entry]:
        """The entries of some photos, those that are there: a third of the time of one by one.

        Args:
            keys: at most ``KEYS_AT_ONCE``.
        """
        values = ",".join("?" * len(keys))
        query = f"SELECT place, size FROM entries WHERE key IN ({values})"
        found = map(self._read, self._select(query, *map(os.fsencode, keys)))
        return {entry.report.key: entry for entry in found}

    def __iter__(self) -> Iterator[str]:
        """All keys, sorted."""
        return (os.fsdecode(key) for (key,) in self._select("SELECT key FROM entries ORDER BY key"))

    def __len__(self) -> int:
        """Number of photos."""
        return int(next(self._select("SELECT count(*) FROM entries"))[0])

    def each(self, *, failed_only: bool = False, manifest: str | None = None) -> Iterator[Entry]:
        """All entries, sorted by key.

        Args:
            failed_only: leave out photos that have their results.
            manifest: leave out what another file says.
        """
        where = "good=0" if failed_only else "1"
        query = f"SELECT place, size FROM entries WHERE {where} AND (?1 IS NULL OR manifest=?1)"
        number = None if manifest is None else self._names.get(manifest, -1)
        return map(self._read, self._select(f"{query} ORDER BY key", number))

    def count(self, *, manifest: str) -> int:
        """Number of photos whose latest entry is in a file."""
        query = "SELECT count(*) FROM entries WHERE manifest=?"
        return int(next(self._select(query, self._names.get(manifest, -1)))[0])

    def is_in(self, manifest: str, key: str) -> bool:
        """Whether the latest entry of a photo is in this file."""
        found = self._select("SELECT manifest FROM entries WHERE key=?", os.fsencode(key))
        return (self._names.get(manifest, -1),) in found

    def _number(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _read(self, place: tuple[Any, ...]) -> Entry:
        return _unflat(self._bodies.read(*place))

    def _select(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        self._flush()
        return iter(self._index.execute(query, values))

    def _flush(self) -> None:
        if not self._waiting:
            return
        self._waiting.sort(key=operator.itemgetter(0))  # entries of a photo stay in their order
        with as_index_error():
            self._index.executemany(
                "INSERT INTO entries VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET"
                " ended=excluded.ended, good=excluded.good, manifest=excluded.manifest,"
                " source=excluded.source, barred=excluded.barred,"
                " place=excluded.place, size=excluded.size"
                " WHERE manifest = excluded.manifest"
                " OR CASE WHEN source = excluded.source"
                " AND (good AND excluded.barred OR barred AND excluded.good)"
                " THEN barred ELSE ended <= excluded.ended END",
                self._waiting,
            )
        self._waiting.clear()


def _flat(entry: Entry) -> tuple[Any, ...]:
    """An entry as ``marshal`` takes it, which is much faster than pickling it."""
    report = entry.report
    plain = (*report[:2], report.status.value, *report[3:5], tuple(report.seconds), *report[6:])
    return plain, tuple(map(tuple, entry.stamp)), *entry[2:]


def _unflat(body: bytes) -> Entry:
    (source, key, status, image_hw, people, seconds, *rest), stamp, *end = marshal.loads(body)
    values = (source, key, _STATUS[status], image_hw, people, PhotoSeconds._make(seconds), *rest)
    return Entry(ImageReport._make(values), tuple(map(FileStamp._make, stamp)), *end)
