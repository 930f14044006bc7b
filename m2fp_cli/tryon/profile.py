"""The profile: which looks each named customer tried, and which they kept; one SQLite file.

It holds names, what was worn, when, and where the picture lies. It copies no photo. What is removed
is overwritten in the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from m2fp_cli.errors import OutputError, UsageError
from m2fp_cli.home import user_data
from m2fp_cli.jsonio import is_whole, parse_json, text_of
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.tried import TriedLook

_APPLICATION = 0x6D326670  # "m2fp", in the file's header: says that it is ours
_VERSION = 1
_LOCK_SECONDS = 5.0
_MOST_SECONDS = 1 << 40  # since the epoch; the year 36812
_MAX_NAME = 200  # characters of a customer's name
_MAX_ITEMS = 1 << 28  # bytes, of the items of a look
_MOST_NUMBER = (1 << 63) - 1  # of an id in SQLite
# What SQLite says, and what to do about it: it has no numbers for Python before 3.11.
_OTHER_TABLE = re.compile("no such (table|column)|has no column")
_ADVICE = {
    "disk is full": "make room and run again",
    "readonly": "make it writable",
}
_TABLE = """
CREATE TABLE looks(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer TEXT NOT NULL,
    items TEXT NOT NULL,
    picture BLOB NOT NULL,
    tried INTEGER NOT NULL,
    favorite INTEGER NOT NULL DEFAULT 0,
    UNIQUE(customer, picture, items)
)"""


@dataclass(frozen=True)
class KeptLook:
    """An entry of the profile.

    Attributes:
        number: by which it is named.
        customer: who tried it.
        items: kind and name of each item.
        picture: absolute path, which may be gone.
        tried: when, in seconds since the epoch.
        favorite: whether the customer kept it.
    """

    number: int
    customer: str
    items: tuple[tuple[str, str], ...]
    picture: Path
    tried: int
    favorite: bool


def default_profile() -> Path:
    """Where the profile lies unless told otherwise.

    Raises:
        UsageError: the user has no home.
    """
    folder = user_data()
    if folder is None:
        raise UsageError("this user has no home folder; say with --profile where the profile lies")
    return folder / "m2fp" / "profile.sqlite"


class Profile:
    """The profile, opened; a context manager."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open it.

        Args:
            path: the file.
            create: make it if it is missing, for its user alone.

        Raises:
            OutputError: it cannot be opened.
            UsageError: the file is something else.
        """
        self._path = path.absolute()
        with self._in_words():
            if create:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            if not self._path.is_file():
                shown, is_there = displayable(self._path), self._path.exists()
                raise UsageError(
                    f"{shown}: is not a file; name the profile's with --profile"
                    if is_there
                    else f"{shown}: there is no profile; `m2fp looks add` makes one"
                )
            self._base = sqlite3.connect(self._path, timeout=_LOCK_SECONDS, isolation_level=None)
            try:
                self._set_up(create=create)
            except BaseException:
                self._base.close()
                raise

    def _set_up(self, *, create: bool) -> None:
        """Make the table in a new file if that is asked for; else refuse what has none."""
        self._base.execute("PRAGMA secure_delete=ON")
        # Who reads neither waits for one who writes nor needs the right to write.
        with self._transaction("IMMEDIATE" if create else "DEFERRED"):
            (application,) = self._base.execute("PRAGMA application_id").fetchone()
            (version,) = self._base.execute("PRAGMA user_version").fetchone()
            (tables,) = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if create and not tables and not application:
                self._base.execute(_TABLE)
                self._base.execute(f"PRAGMA application_id={_APPLICATION}")
                self._base.execute(f"PRAGMA user_version={_VERSION}")
            elif application != _APPLICATION or version != _VERSION:
                raise UsageError(
                    f"{displayable(self._path)}: is not a profile of this m2fp; name another file "
                    "with --profile"
                )

    def __enter__(self) -> Profile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def add(self, customer: str, looks: Sequence[TriedLook]) -> list[int]:
        """Note that a customer tried looks; what is there already gets a new time.

        Args:
            customer: the name.
            looks: what was tried.

        Returns:
            their numbers.

        Raises:
            UsageError: the name is empty, too long or not text.
            OutputError: it cannot be written.
        """
        name = checked_name(customer)
        now, numbers = int(time.time()), list[int]()
        with self._in_words(), self._changing():
            for one in looks:
                row = name, os.fsencode(one.picture), json.dumps(one.items)
                self._base.execute(
                    "INSERT INTO looks(customer, picture, items, tried) VALUES(?, ?, ?, ?) "
                    "ON CONFLICT(customer, picture, items) DO UPDATE SET tried=excluded.tried",
                    (*row, now),
                )
                query = "SELECT id FROM looks WHERE customer=? AND picture=? AND items=?"
                numbers += self._base.execute(query, row).fetchone()
        return numbers

    def looks(self, customer: str | None = None, *, favorites: bool = False) -> list[KeptLook]:
        """What was tried, by customer, in the order in which it was added.

        Args:
            customer: whose; None for all.
            favorites: only what was kept.
        """
        query = "SELECT id, customer, items, picture, tried, favorite FROM looks"
        query += " WHERE (?1 IS NULL OR customer=?1) AND favorite>=?2 ORDER BY customer, id"
        name = None if customer is None else checked_name(customer)
        with self._in_words():
            rows = self._base.execute(query, (name, int(favorites))).fetchall()
        try:
            return [_kept_look(*row) for row in rows]
        except ValueError as error:
            raise self._not_ours(f"a row {error}") from error

    def mark(self, numbers: Sequence[int], *, favorite: bool) -> None:
        """Say that looks were kept, or were not.

        Raises:
            UsageError: there is no such look; none is marked.
        """
        self._for_each("UPDATE looks SET favorite=? WHERE id=?", numbers, int(favorite))

    def remove(self, numbers: Sequence[int]) -> int:
        """Forget looks; how many.

        Raises:
            UsageError: there is no such look; none is removed.
        """
        unique = list(dict.fromkeys(numbers))
        self._for_each("DELETE FROM looks WHERE id=?", unique)
        return len(unique)

    def remove_customer(self, customer: str) -> int:
        """Forget a customer; the number of their looks.

        Raises:
            UsageError: nothing is known of them.
        """
        with self._in_words(), self._changing():
            query = "DELETE FROM looks WHERE customer=?"
            count = self._base.execute(query, (checked_name(customer),)).rowcount
            if not count:
                raise UsageError(
                    f"there is no customer {customer!r} in the profile; `m2fp looks list` has them"
                )
        return count

    def _for_each(self, query: str, numbers: Sequence[int], *values: int) -> None:
        with self._in_words(), self._changing():
            for number in numbers:
                is_possible = is_whole(number, 1, _MOST_NUMBER)
                if not is_possible or not self._base.execute(query, (*values, number)).rowcount:
                    raise UsageError(
                        f"there is no look {number} in the profile; `m2fp looks list` has them"
                    )

    def _changing(self) -> contextlib.AbstractContextManager[None]:
        return self._transaction("IMMEDIATE")

    @contextlib.contextmanager
    def _transaction(self, locks: str) -> Iterator[None]:
        """All of it or nothing; ``locks`` is SQLite's word for when it locks the file."""
        self._base.execute(f"BEGIN {locks}")
        try:
            yield
        except BaseException:
            if self._base.in_transaction:  # on a full disk SQLite has ended it by itself
                self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn what SQLite and the system say into errors in words."""
        shown = displayable(self._path)
        try:
            yield
        except sqlite3.OperationalError as error:
            reason = str(error)
            if _OTHER_TABLE.search(reason):
                raise self._not_ours(error) from error
            advice = next((one for words, one in _ADVICE.items() if words in reason), "try again")
            raise OutputError(f"{shown}: {reason}; {advice}, or name another --profile") from error
        except sqlite3.Error as error:
            raise self._not_ours(error) from error
        except OSError as error:
            raise OutputError(
                f"{shown}: cannot be opened ({error.strerror}); name another file with --profile"
            ) from error

    def _not_ours(self, why: object) -> UsageError:
        return UsageError(
            f"{displayable(self._path)}: is not a profile of m2fp ({why}); name another file with "
            "--profile"
        )


def _kept_look(
    number: Any, customer: Any, items: Any, picture: Any, tried: Any, favorite: Any
) -> KeptLook:
    """A row, whose columns SQLite lets be anything.

    Raises:
        ValueError: one of them is not what was written.
    """
    row = {"customer": customer, "items": items}
    name, worn = text_of(row, "customer"), parse_json(text_of(row, "items", most=_MAX_ITEMS))
    are_pairs = isinstance(worn, list) and all(_is_pair(one) for one in worn)
    is_time = is_whole(tried, 0, _MOST_SECONDS)
    if not (are_pairs and is_time and isinstance(picture, bytes)):
        raise ValueError("holds something else than a look")
    path = Path(os.fsdecode(picture))
    return KeptLook(number, name, tuple((a, b) for a, b in worn), path, tried, bool(favorite))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and [type(one) for one in value] == [str, str]


def checked_name(customer: str) -> str:
    """A customer's name without blanks around it.

    Raises:
        UsageError: it is empty, too long or not text.
    """
    name = customer.strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise UsageError(
            f"a customer's name must be text of 1 to {_MAX_NAME} characters, got {customer[:40]!r}"
        )
    return name
