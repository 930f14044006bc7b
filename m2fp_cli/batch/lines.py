"""The lines of a manifest, as they are written and as they are read.

A manifest may come from a stranger: every value is checked before it is believed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.report import UNKNOWN_CHECKSUM, ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.stamps import GONE, MOST_NS, FileStamp
from m2fp_cli.errors import ImageError
from m2fp_cli.jsonio import (
    is_whole,
    list_of,
    number_of,
    numbers_of,
    object_of,
    parse_object,
    text_of,
    texts_of,
    whole_of,
)
from m2fp_cli.layout import is_plain_result_of, is_result_of
from m2fp_cli.storage.errors import UnreadableError, as_unreadable
from m2fp_cli.storage.tree import OutputTree, parts_of
from m2fp_cli.terminal import displayable

VERSION = 2  # 2: the digest of the photo; earlier lines have no owner of their files
_LINE_BYTES = 8 << 20  # of one line; a crowd of 500 people has masks with 0.5 MB of names
_MAX_FILES = 100_000
_LARGEST = 2**63 - 1
_LARGEST_CRC = 2**32 - 1
_SHORT_TEXTS = ("reason", "photo", "signature", "run")


@dataclass(frozen=True, slots=True)
class RunStart:
    """The start of one run.

    Attributes:
        run: its id.
        signature: digest of its settings.
        settings: the settings themselves.
        total: number of photos it was about.
        pending: number of those that had to be done.
        started: seconds since 1970.
    """

    run: str
    signature: str
    settings: Mapping[str, str]
    total: int
    pending: int
    started: float


def read_lines(tree: OutputTree, name: str) -> Iterator[dict[str, Any]]:
    """The whole lines of a manifest; what is torn, too long or of an older version is left out.

    Raises:
        UnreadableError: it cannot be read, is not a regular file, or has lines of a newer version.
            Without these its results would be taken for somebody else's files, or for photos, and
            a manifest that is rewritten would lose them.
    """
    for line in _read_whole_lines(tree, name):
        try:
            document = parse_object(line)
        except ValueError:
            continue
        version = document.get("v")
        if version == VERSION:
            yield document
        elif is_whole(version, VERSION + 1, _LARGEST):
            raise UnreadableError(
                f"{displayable(tree.path / name)} was written by a newer m2fp (version {version} "
                f"of its lines; this one reads {VERSION}); update m2fp"
            )


def _read_whole_lines(tree: OutputTree, name: str) -> Iterator[bytes]:
    """The lines of a file; one that is too long comes in pieces.

    Raises:
        UnreadableError: it cannot be read, or is not a regular file.
    """
    try:
        with os.fdopen(tree.open_file(name, os.O_RDONLY), "rb") as file:
            while line := file.readline(_LINE_BYTES):
                yield line
    except OSError as error:
        raise as_unreadable(str(tree.path / name), error) from error


def entry_line(entry: Entry, *, restated: bool = False) -> dict[str, Any]:
    """The line of the end of a photo; ``restated``: there is one of this end already."""
    again = {"restated": True} if restated else {}
    return {
        "v": VERSION,
        **entry.report.as_json(),
        "input": [[one.size, one.mtime_ns, one.sha256] for one in entry.stamp],
        "signature": entry.signature,
        "run": entry.run,
        "ended": entry.ended,
        **again,
    }


def is_restated(document: Mapping[str, Any]) -> bool:
    """Whether a line says again how a photo ended, and its run came to no further one."""
    return document.get("restated") is True


def start_line(start: RunStart) -> dict[str, Any]:
    """The line of the start of a run."""
    return {"v": VERSION, **asdict(start), "settings": dict(start.settings)}


def claim_line(run: str, keys: Sequence[str], marked: str) -> dict[str, Any]:
    """The line of photos that a run is about to do; see ``ClaimLine``."""
    return {"v": VERSION, "run": run, "claims": keys, **({"marked": marked} if marked else {})}


@dataclass(frozen=True)
class ClaimLine:
    """Keys of photos that a run is about to do; None where it has ended.

    ``marked``: token of the output where what it writes has marks, see ``storage.marks``; empty
    where it has none.
    """

    run: str
    keys: tuple[str, ...] | None
    marked: str = ""


def read_line(document: Mapping[str, Any]) -> Entry | RunStart | ClaimLine:
    """What a line says.

    Raises:
        ValueError: a value is missing or wrong.
        TypeError: a value is of another type.
        OutputError: a name leads out of the output.
    """
    if "key" in document:
        return _read_entry(document)
    if "claims" in document or "end" in document:
        keys = document.get("claims")
        named = None if keys is None else tuple(_key_of({"key": key}) for key in keys)
        run, marked = texts_of({"marked": "", **document}, ("run", "marked"), most=64)
        return ClaimLine(run, named, marked)
    return _read_start(document)


def _key_of(document: Mapping[str, Any]) -> str:
    key = text_of(document, "key")
    parts_of(key)
    os.fsencode(key)  # what has no name on a disk has no results
    return key


def _read_entry(document: Mapping[str, Any]) -> Entry:
    """An entry of a line.

    Raises:
        ValueError: a value is missing or wrong.
        OutputError: a name leads out of the output.
    """
    source, message = texts_of(document, ("source", "message"))
    reason, photo, signature, run = texts_of(document, _SHORT_TEXTS, most=64)
    if reason and reason not in ImageError.REASONS:
        raise ValueError(f"unknown reason {displayable(reason)}")
    key = _key_of(document)
    height, width = list_of(document, "image_hw", most=2)
    if not (is_whole(height, 0, _LARGEST) and is_whole(width, 0, _LARGEST)):
        raise ValueError('"image_hw" must hold height and width')
    seconds = numbers_of(object_of(document, "seconds"), PhotoSeconds._fields, 0, 1e9)
    report = ImageReport(
        source,
        key,
        Status(document.get("status")),
        (height, width),
        _count_or_none(document, "people"),
        PhotoSeconds._make(seconds),
        reason,
        message,
        tuple([_own_name(key, name) for name in list_of(document, "files", most=_MAX_FILES)]),
        whole_of(document, "attempts", 0, 1000),
        photo,
        _count_or_none(document, "sure_people"),
        _count_or_none(document, "failed_checks"),
        _count_or_none(document, "dressed"),
        _counts(object_of({"not_put_on": {}, **document}, "not_put_on")),
        _checksums(document),
    )
    stamp = tuple([_read_stamp(one) for one in list_of(document, "input", most=100)])
    return Entry(report, stamp, signature, run, number_of(document, "ended", 0, 1e12))


def _count_or_none(document: Mapping[str, Any], name: str) -> int | None:
    """A number that is not known of every photo, or that older manifests do not have."""
    return None if document.get(name) is None else whole_of(document, name, 0, _LARGEST)


def _own_name(key: str, name: Any) -> str:
    """A file that a run may write for a photo: anything else would only harm others."""
    if not isinstance(name, str):
        raise ValueError('"files" must hold names')
    if not is_plain_result_of(key, name):
        parts_of(name)
        if not is_result_of(key, name):
            raise ValueError('"files" names a file that no run writes for this photo')
    return name


def _checksums(document: Mapping[str, Any]) -> tuple[int, ...]:
    """CRC-32 of each file; none in older manifests."""
    found = list_of({"checksums": [], **document}, "checksums", most=_MAX_FILES)
    if not all(is_whole(one, UNKNOWN_CHECKSUM, _LARGEST_CRC) for one in found):
        raise ValueError('"checksums" must hold numbers of 32 bits')
    return tuple(found)


def _counts(found: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """How often what happened, such as a reason."""
    return tuple([(name, whole_of(found, name, 1, _LARGEST)) for name in found])


def _read_stamp(values: Any) -> FileStamp:
    if not isinstance(values, list) or len(values) != 3:
        raise ValueError('"input" must hold size, time and digest')
    size, mtime_ns, sha256 = values
    if not (is_whole(size, GONE, _LARGEST) and is_whole(mtime_ns, -MOST_NS, MOST_NS)):
        raise ValueError('"input" must hold whole numbers')
    if not isinstance(sha256, str) or len(sha256) > 64:
        raise ValueError('"input" must hold a digest')
    return FileStamp(size, mtime_ns, sha256)


def _read_start(document: Mapping[str, Any]) -> RunStart:
    """A run's start of a line.

    Raises:
        ValueError: a value is missing or wrong.
    """
    settings = object_of(document, "settings")
    return RunStart(
        run=text_of(document, "run", most=64),
        signature=text_of(document, "signature", most=64),
        settings={text_of({"name": name}, "name"): text_of(settings, name) for name in settings},
        total=whole_of(document, "total", 0, _LARGEST),
        pending=whole_of(document, "pending", 0, _LARGEST),
        started=number_of(document, "started", 0, 1e12),
    )
