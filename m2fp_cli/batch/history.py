"""What the manifests of an output say was done, from what, with which settings.

A manifest may come from a stranger: every value is checked before it is believed, and a line that
is torn, of a newer version or wrong is left out; the photo it may be about is worked on again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from m2fp_cli.batch.entries import Entries, Entry
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.shard import Shard, shard_of_suffix
from m2fp_cli.batch.stamps import GONE, FileStamp
from m2fp_cli.errors import ImageError, OutputError
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
from m2fp_cli.layout import STATE_FOLDER, is_plain_result_of, is_result_of, state_name
from m2fp_cli.storage.errors import as_output_error
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.spool import Spool
from m2fp_cli.storage.tree import OutputTree, parts_of
from m2fp_cli.terminal import displayable

VERSION = 2  # 2: the digest of the photo; earlier lines have no owner of their files
_LINE_BYTES = 8 << 20  # of one line; a crowd of 500 people has masks with 0.5 MB of names
_MAX_FILES = 100_000
_LARGEST = 2**63 - 1
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


@dataclass(frozen=True)
class Claims:
    """What a run was about to do.

    Attributes:
        manifest: the file that says so.
        portions: keys of the photos.
    """

    manifest: str
    portions: Spool[tuple[str, ...]] = field(default_factory=Spool)


@dataclass
class History:
    """What the manifests of one job say.

    Attributes:
        entries: latest entry by key.
        runs: run starts by id.
        latest: id of the latest run in each file.
        claims: what runs that did not end in good order were about to do, by their ids. What lies
            under such a key was written by the run that was cut short.
        lines: number of lines of each file.
    """

    entries: Entries = field(default_factory=Entries)
    runs: dict[str, RunStart] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Claims] = field(default_factory=dict)
    lines: Counter[str] = field(default_factory=Counter)
    _claimed: NameSet | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the manifests say nothing."""
        return not self.runs and not len(self.entries)

    def is_claimed(self, key: str) -> bool:
        """Whether a run that was cut short may have written files of a photo."""
        if not self.claims:
            return False
        if self._claimed is None:
            self._claimed = NameSet(self.claimed_keys())
        return key in self._claimed

    def claimed_keys(self) -> Iterator[str]:
        """Keys of photos that runs that were cut short were about to do."""
        for claims in self.claims.values():
            for keys in claims.portions:
                yield from keys

    def settings_of(self, signature: str) -> Mapping[str, str]:
        """The settings behind a signature; empty if they are not known any more."""
        found = (run.settings for run in self.runs.values() if run.signature == signature)
        return next(found, {})

    def left(self) -> int:
        """Photos that the latest runs, one per shard, have not come to."""
        latest = set(self.latest.values())
        ended = self._ended_by_run
        return max(0, sum(self.runs[run].pending - ended.get(run, 0) for run in latest))

    def is_finished(self, manifest: str) -> bool:
        """Whether the latest run of a file ended in good order and came to all its photos."""
        run = self.runs.get(self.latest.get(manifest, ""))
        if run is None or run.run in self.claims:
            return False
        return run.pending <= self._ended_by_run.get(run.run, 0)

    @functools.cached_property
    def _ended_by_run(self) -> dict[str, int]:
        return self.entries.count_by_run()

    def take(self, manifest: str, document: Mapping[str, Any]) -> None:
        """Add a line of a manifest; one that is wrong is left out.

        Raises:
            OutputError: there is no room for temporary files.
        """
        self.lines[manifest] += 1
        try:
            line = _read_line(document)
        except (ValueError, TypeError, OutputError):
            return
        if isinstance(line, Entry):
            self.entries.add(manifest, line)
        elif isinstance(line, RunStart):
            self.runs[line.run] = line
            self.latest[manifest] = line.run
        elif line.keys is None:
            self.claims.pop(line.run, None)
        else:
            self.claims.setdefault(line.run, Claims(manifest)).portions.append(line.keys)


def signature_digest(settings: Mapping[str, str]) -> str:
    """16 hex digits that stand for the settings of a job."""
    text = json.dumps(dict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def manifest_name(job: str, shard: Shard | None = None) -> str:
    """Name of the manifest that one job, or one shard of it, writes."""
    stem = "manifest" if job == "parse" else f"manifest-{job}"
    return state_name(f"{stem}{shard.suffix if shard else ''}.jsonl")


def read_history(
    tree: OutputTree,
    job: str = "parse",
    own: Shard | None = None,
    watched: Callable[[Iterator[dict[str, Any]]], Iterator[dict[str, Any]]] = iter,
) -> History:
    """Read the manifests of one job; nothing there is an empty history.

    Args:
        tree: the output.
        job: name of the job.
        own: the shard that asks. A slice of a list leaves out the other slices of that list, whose
            photos are not its own: with a thousand slices, each would read what all have done.
        watched: gives the lines on; what it raises ends the reading.

    Raises:
        OutputError: a manifest cannot be read.
    """
    history = History()
    for name, shard in find_manifests(tree, job).items():
        if not is_apart(shard, own):
            for document in watched(read_lines(tree, name)):
                history.take(name, document)
    return history


def find_manifests(look: Look, job: str) -> dict[str, Shard | None]:
    """All manifests of a job by name, each with the shard that wrote it; the plain one first.

    Whatever has such a name is listed: what is not a regular file is refused when it is read.
    """
    plain = manifest_name(job)
    stem = plain.removesuffix(".jsonl")
    names = look.names_in(STATE_FOLDER)
    found: dict[str, Shard | None] = {plain: None} if plain in names else {}
    for name in names:
        if name.startswith(stem) and name.endswith(".jsonl"):
            shard = shard_of_suffix(name.removesuffix(".jsonl")[len(stem) :])
            if shard is not None:
                found[name] = shard
    return found


def is_apart(shard: Shard | None, own: Shard | None) -> bool:
    """Whether two shards are slices of one list, cut alike: they share no key."""
    if shard is None or own is None or not own.listing:
        return False
    return shard != own and (shard.listing, shard.count) == (own.listing, own.count)


def read_lines(tree: OutputTree, name: str) -> Iterator[dict[str, Any]]:
    """The whole lines of a manifest; what is torn, too long or of a newer version is left out.

    Raises:
        OutputError: it cannot be read, or is not a regular file.
    """
    try:
        descriptor = tree.open_file(name, os.O_RDONLY)
    except OSError as error:
        raise OutputError(str(as_output_error(name, error)).replace("write", "read")) from error
    with os.fdopen(descriptor, "rb") as file:
        while line := file.readline(_LINE_BYTES):
            try:
                document = parse_object(line)
            except ValueError:
                continue
            if document.get("v") == VERSION:
                yield document


def entry_line(entry: Entry) -> dict[str, Any]:
    """The line of the end of a photo."""
    return {
        "v": VERSION,
        **entry.report.as_json(),
        "input": [[one.size, one.mtime_ns, one.sha256] for one in entry.stamp],
        "signature": entry.signature,
        "run": entry.run,
        "ended": entry.ended,
    }


def start_line(start: RunStart) -> dict[str, Any]:
    """The line of the start of a run."""
    return {"v": VERSION, **asdict(start), "settings": dict(start.settings)}


@dataclass(frozen=True)
class _ClaimLine:
    """Keys of photos that a run is about to do; None where it has ended."""

    run: str
    keys: tuple[str, ...] | None


def _read_line(document: Mapping[str, Any]) -> Entry | RunStart | _ClaimLine:
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
        return _ClaimLine(text_of(document, "run", most=64), named)
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
        whole_of(document, "people", 0, _LARGEST),
        PhotoSeconds._make(seconds),
        reason,
        message,
        tuple([_own_name(key, name) for name in list_of(document, "files", most=_MAX_FILES)]),
        whole_of(document, "attempts", 0, 1000),
        photo,
        _sure_people(document),
    )
    stamp = tuple([_read_stamp(one) for one in list_of(document, "input", most=100)])
    return Entry(report, stamp, signature, run, number_of(document, "ended", 0, 1e12))


def _sure_people(document: Mapping[str, Any]) -> int | None:
    """Those that are surely there; older manifests do not say."""
    if document.get("sure_people") is None:
        return None
    return whole_of(document, "sure_people", 0, _LARGEST)


def _own_name(key: str, name: Any) -> str:
    """A file that a run may write for a photo: anything else would only harm others."""
    if not isinstance(name, str):
        raise ValueError('"files" must hold names')
    if not is_plain_result_of(key, name):
        parts_of(name)
        if not is_result_of(key, name):
            raise ValueError('"files" names a file that no run writes for this photo')
    return name


def _read_stamp(values: Any) -> FileStamp:
    if not isinstance(values, list) or len(values) != 3:
        raise ValueError('"input" must hold size, time and digest')
    size, mtime_ns, sha256 = values
    if not (is_whole(size, GONE, _LARGEST) and is_whole(mtime_ns, -_LARGEST, _LARGEST)):
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
