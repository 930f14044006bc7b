"""The latest entry of each photo in an output; on the disk where they are many."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.stamps import FileStamp, Stamp
from m2fp_cli.storage.index import as_index_error, open_index

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Entry:
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
    """The latest entry of each photo, by key; on the disk where they are many."""

    def __init__(self) -> None:
        """Start empty."""
        self._index = open_index(
            "CREATE TABLE entries(key BLOB PRIMARY KEY, ended REAL, good INTEGER, run TEXT,"
            " manifest TEXT, body BLOB) WITHOUT ROWID"
        )
        self._waiting: list[tuple[bytes, float, bool, str, str, bytes]] = []

    def add(self, manifest: str, entry: Entry) -> None:
        """Add an entry, unless a later one of the photo is known.

        Raises:
            ValueError: its key is not text.
        """
        good = entry.report.status.is_good
        body = marshal.dumps(_flat(entry))
        key = os.fsencode(entry.report.key)
        self._waiting.append((key, entry.ended, good, entry.run, manifest, body))
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._flush()

    def __getitem__(self, key: str) -> Entry:
        """The entry of a photo."""
        query = "SELECT body FROM entries WHERE key=?"
        for (body,) in self._select(query, os.fsencode(key)):
            return _unflat(body)
        raise KeyError(key)

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
        query = f"SELECT body FROM entries WHERE {where} AND (?1 IS NULL OR manifest=?1)"
        return (_unflat(body) for (body,) in self._select(f"{query} ORDER BY key", manifest))

    def count(self, *, manifest: str) -> int:
        """Number of photos whose latest entry is in a file."""
        query = "SELECT count(*) FROM entries WHERE manifest=?"
        return int(next(self._select(query, manifest))[0])

    def count_by_run(self) -> dict[str, int]:
        """Number of photos that each run was the last to end, by its id."""
        return dict(self._select("SELECT run, count(*) FROM entries GROUP BY run"))

    def _select(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        self._flush()
        return iter(self._index.execute(query, values))

    def _flush(self) -> None:
        if not self._waiting:
            return
        with as_index_error():
            self._index.executemany(
                "INSERT INTO entries VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET"
                " ended=excluded.ended, good=excluded.good, run=excluded.run,"
                " manifest=excluded.manifest, body=excluded.body WHERE ended <= excluded.ended",
                self._waiting,
            )
        self._waiting.clear()


def _flat(entry: Entry) -> tuple[Any, ...]:
    """An entry as ``marshal`` takes it, which is much faster than pickling it."""
    report = entry.report
    seconds = tuple(getattr(report.seconds, name) for name in PhotoSeconds.__slots__)
    stamp = tuple((one.size, one.mtime_ns, one.sha256) for one in entry.stamp)
    return (
        (report.source, report.key, report.status.value, report.image_hw, report.people),
        seconds,
        (report.reason, report.message, report.files, report.attempts, report.photo),
        stamp,
        (entry.signature, entry.run, entry.ended),
    )


def _unflat(body: bytes) -> Entry:
    (source, key, status, image_hw, people), seconds, rest, stamp, end = marshal.loads(body)
    report = ImageReport(
        source, key, Status(status), image_hw, people, PhotoSeconds(*seconds), *rest
    )
    return Entry(report, tuple(FileStamp(*one) for one in stamp), *end)
