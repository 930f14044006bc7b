"""Lists of photos: made once by ``m2fp scan``, read by any number of runs.

A line is about one photo, and says all that a run needs to know of it::

    {"photo": "/shop/a/b.jpg", "key": "a/b", "size": 81920, "mtime_ns": 1764288000000000000}

Keys are settled when the list is made, so a run on a part of it need not look at the rest. A part,
see ``--shard``, is a range of bytes, moved to where lines begin: to find it costs nothing, however
long the list is.

A list of plain paths, one a line as ``find`` prints them, is taken too; its photos are found and
named as if the paths stood on the command line.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import itertools
import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from m2fp_cli.batch.keys import room_for_keys
from m2fp_cli.batch.scan import TOO_DEEP, find_images
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.stamps import MOST_NS, FileStamp
from m2fp_cli.batch.tasks import ImageTask, Scan, ScanFailure, make_task
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import NoImagesError, NoInputError, OutputError, UsageError
from m2fp_cli.jsonio import parse_object, texts_of, whole_of
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.remote.address import is_address, shown_place
from m2fp_cli.storage.spool import Spool
from m2fp_cli.storage.tree import parts_of
from m2fp_cli.terminal import displayable

_LINE_BYTES = 1 << 16
_LINES_AT_ONCE = 1000
_SAMPLES, _SAMPLE_BYTES = 64, 4096
_LARGEST = 2**63 - 1


def list_lines(tasks: Iterable[ImageTask]) -> Iterator[str]:
    """The lines of a list of photos, without their ends."""
    for task in tasks:
        document: dict[str, Any] = {"photo": task.where, "key": task.key}
        if task.listed is not None:
            document |= {"size": task.listed.size, "mtime_ns": task.listed.mtime_ns}
        yield json.dumps(document)


@contextlib.contextmanager
def open_list(path: Path) -> Iterator[PhotoList]:
    """Open a list; ``-`` is standard input.

    What is not a regular file is copied into an unnamed temporary file first.

    Raises:
        UsageError: what is copied has a line without an end in sight.
        NoInputError: it cannot be read.
        OutputError: there is no room for the copy.
    """
    with contextlib.ExitStack() as stack:
        try:
            if str(path) == "-":
                file: BinaryIO = sys.stdin.buffer
            else:
                file = stack.enter_context(path.open("rb"))
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                file = stack.enter_context(_copy(file, displayable(path)))
        except (OSError, ValueError) as error:
            raise _unreadable(displayable(path), error) from error
        yield PhotoList(path, file, os.fstat(file.fileno()).st_size)


@dataclass(frozen=True)
class PhotoList:
    """An open list; see ``open_list``.

    Attributes:
        path: as the user named it.
        file: its bytes, seekable.
        size: number of bytes.
    """

    path: Path
    file: BinaryIO
    size: int

    @property
    def _shown(self) -> str:
        return displayable(shown_place(self.path))

    @property
    def has_keys(self) -> bool:
        """Whether it was made by ``m2fp scan``.

        Raises:
            NoInputError: it cannot be read.
            UsageError: it is UTF-16, as PowerShell writes what commands print, or its first line
                has a null byte, as a picture has and what ``find -print0`` prints.
        """
        try:
            self.file.seek(0)
            start = self.file.readline(_LINE_BYTES)
        except OSError as error:
            raise _unreadable(self._shown, error) from error
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UsageError(f"{self._shown} is a text in UTF-16; save it as UTF-8")
        if b"\0" in start:
            raise UsageError(
                f"{self._shown} holds null bytes; name a text with a photo's path in each line"
            )
        return start.removeprefix(codecs.BOM_UTF8).startswith(b"{")

    def identity(self) -> str:
        """What tells this list from others: a digest of its size and of samples of its bytes.

        Every process of a cluster asks for it, and the list may have gigabytes on a shared disk.
        """
        digest = hashlib.blake2b(str(self.size).encode(), digest_size=6)
        last = max(0, self.size - _SAMPLE_BYTES)
        for number in range(_SAMPLES):
            self.file.seek(last * number // (_SAMPLES - 1))
            digest.update(self.file.read(_SAMPLE_BYTES))
        return digest.hexdigest()

    def scan(self, shard: Shard | None, *, output: Path, rules: ScanRules) -> Scan:
        """The photos of the list, or of a slice of it.

        Args:
            shard: a slice is cut here; any other shard is left to the run.
            output: the run's output folder.
            rules: for plain paths.

        Raises:
            NoImagesError: the list is empty.
            NoInputError: it cannot be read.
            UsageError: a line is wrong, or the rules do not fit a list with keys.
        """
        if not self.has_keys:
            paths = [Path(os.fsdecode(line)) for line, _ in self._lines(0, self.size)]
            if not paths:
                raise NoImagesError(f"the list {self._shown} is empty")
            return find_images(paths, output=output, rules=rules)
        if rules != ScanRules():
            raise UsageError(
                f"{self._shown} was made by m2fp scan, which settled the photos and "
                "their names: give -r, --exclude, --prefix and --safe-names to m2fp scan"
            )
        first, end = 0, self.size
        if shard is not None:
            first = self.size * (shard.number - 1) // shard.count
            end = self.size * shard.number // shard.count
        failures: list[ScanFailure] = []
        stored: list[bool] = []
        tasks = Spool(self._tasks(first, end, room_for_keys(output), failures, stored))
        listing = self.identity() if shard else ""
        return Scan(tasks, tuple(failures), listing=listing, is_stored=bool(stored))

    def _tasks(
        self,
        first: int,
        end: int,
        room: int,
        failures: list[ScanFailure],
        stored: list[bool],
    ) -> Iterator[ImageTask]:
        """The photos of some lines; keys that are too long for the output are failures.

        ``stored`` is left empty if none of them is in an object store.
        """
        seen = NameSet()
        lines = (task for task, _ in self._tasks_and_places(first, end))
        while some := list(itertools.islice(lines, _LINES_AT_ONCE)):
            if not seen.add_each([task.key for task in some]):
                self._refuse_repeated(first, end)
            for task in some:
                if task.origin and not stored:
                    stored.append(True)
                if len(os.fsencode(task.key)) <= room:
                    yield task
                else:
                    failures.append(ScanFailure(task.where, "unsupported", TOO_DEEP))

    def _tasks_and_places(self, first: int, end: int) -> Iterator[tuple[ImageTask, int]]:
        """The photos of some lines, each with the place of its line."""
        place = first
        try:
            for line, place in self._lines(first, end):
                yield _read_line(line), place
        except (ValueError, OutputError) as error:
            raise self._wrong(place, str(error)) from error

    def _refuse_repeated(self, first: int, end: int) -> None:
        """Read lines again, and name the one whose key is there twice."""
        seen = NameSet()
        for task, place in self._tasks_and_places(first, end):
            if not seen.add(task.key):
                raise self._wrong(place, f'"key" {displayable(task.key)} is there twice')

    def _wrong(self, place: int, why: str) -> UsageError:
        return UsageError(
            f"{self._shown}: the line at byte {place} is not one of m2fp scan ({why}); make the "
            "list again"
        )

    def _lines(self, first: int, end: int) -> Iterator[tuple[bytes, int]]:
        """Lines that begin in a range of bytes and are not empty, each with its first byte's place.

        Raises:
            UsageError: a line has no end in sight.
        """
        place = max(0, first - 1)
        self.file.seek(place)
        if first:
            place += len(self._line(place))  # one that begins before; its end if it is over there
        while place < end and (line := self._line(place)):
            content = line.rstrip(b"\r\n")
            if place == 0:  # editors of Windows put a mark there
                content = content.removeprefix(codecs.BOM_UTF8)
            if content:
                yield content, place
            place += len(line)

    def _line(self, place: int) -> bytes:
        try:
            line = self.file.readline(_LINE_BYTES)
        except OSError as error:
            raise _unreadable(self._shown, error) from error
        if len(line) == _LINE_BYTES:
            raise _too_long(self._shown, place)
        return line


def _read_line(line: bytes) -> ImageTask:
    """A photo from its line.

    Raises:
        ValueError: it is not a line of ``m2fp scan``.
        OutputError: the key leads out of the output.
    """
    document = parse_object(line)
    key, photo = texts_of(document, ("key", "photo"))
    parts_of(key)
    os.fsencode(key)
    if not (is_address(photo) or photo.startswith("/")) or "\0" in photo:
        raise ValueError('"photo" must be an absolute path, or an address')
    listed = None
    if "size" in document:
        times = whole_of(document, "mtime_ns", -MOST_NS, MOST_NS)
        listed = FileStamp(whole_of(document, "size", 0, _LARGEST), times)
    return make_task(photo, key, listed)


def _copy(source: BinaryIO, shown: str) -> BinaryIO:
    """The lines of what has no size, in an unnamed temporary file.

    Raises:
        UsageError: a line has no end in sight, as in a device or a picture.
        OutputError: there is no room for the copy.
        OSError: the source cannot be read.
    """
    place = 0
    copy = _make_temporary()
    while line := source.readline(_LINE_BYTES):
        if len(line) == _LINE_BYTES:
            raise _too_long(shown, place)
        with _as_no_room():
            copy.write(line)
        place += len(line)
    with _as_no_room():
        copy.flush()
    return copy


def _make_temporary() -> BinaryIO:
    with _as_no_room():
        made: Any = tempfile.TemporaryFile(prefix="m2fp-")  # noqa: SIM115 - the caller closes it
    result: BinaryIO = made
    return result


@contextlib.contextmanager
def _as_no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot copy the list to {tempfile.gettempdir()}: {error.strerror}; make room there, "
            "or set TMPDIR to another folder"
        ) from error


def _unreadable(shown: str, error: OSError | ValueError) -> NoInputError:
    reason = getattr(error, "strerror", None) or error
    return NoInputError(f"cannot read the list {shown}: {reason}; name a list of photos")


def _too_long(shown: str, place: int) -> UsageError:
    return UsageError(f"{shown}: the line at byte {place} is too long; name a list of photos")
