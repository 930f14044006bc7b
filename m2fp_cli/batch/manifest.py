"""What was done in an output, from what, with which settings: one JSON line per event.

``.m2fp/manifest.jsonl`` is only ever appended to, one ``write`` a line, by the one process that
holds the output. A line that was torn by a crash is skipped when it is read. Each kind of job and
each shard has a file of its own (``manifest-tryon.jsonl``, ``manifest-2of4.jsonl``); readers take
all of a job together, the latest entry of a photo counts.

Two kinds of lines: a run's start (``run``, ``settings``, ``signature``, ``pending``) and the end of
one photo (``key``, ``status`` and so on). Names that are not valid UTF-8 survive as JSON escapes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.stamps import FileStamp, Stamp
from m2fp_cli.errors import OutputError
from m2fp_cli.imaging.atomic import write_atomic
from m2fp_cli.imaging.names import displayable
from m2fp_cli.layout import state_path

VERSION = 1
SYNC_SECONDS = 5.0
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)


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


@dataclass
class History:
    """What the manifests of one job say.

    Attributes:
        entries: latest entry by key.
        runs: run starts by id.
        latest: id of the latest run in each file.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    runs: dict[str, RunStart] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)

    def settings_of(self, signature: str) -> Mapping[str, str]:
        """The settings behind a signature; empty if they are not known any more."""
        found = (run.settings for run in self.runs.values() if run.signature == signature)
        return next(found, {})

    def left(self) -> int:
        """Photos that the latest runs, one per shard, have not come to."""
        latest = set(self.latest.values())
        ended = sum(entry.run in latest for entry in self.entries.values())
        return max(0, sum(self.runs[run].pending for run in latest) - ended)


def signature_digest(settings: Mapping[str, str]) -> str:
    """16 hex digits that stand for the settings of a job."""
    text = json.dumps(dict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def manifest_path(output: Path, job: str, shard: Shard | None = None) -> Path:
    """Where one job, or one shard of it, writes."""
    name = "manifest" if job == "parse" else f"manifest-{job}"
    return state_path(output, f"{name}{shard.suffix if shard else ''}.jsonl")


def read_history(output: Path, job: str = "parse") -> History:
    """Read all manifests of one job; nothing there is an empty history.

    Raises:
        OutputError: a manifest cannot be read.
    """
    history = History()
    for path in _manifests_of(output, job):
        for line in _lines(path):
            _take(history, path.name, line)
    return history


def _manifests_of(output: Path, job: str) -> list[Path]:
    plain = manifest_path(output, job)
    shards = plain.parent.glob(f"{plain.stem}-*of*.jsonl")
    own = [path for path in shards if _is_shard_suffix(path.stem[len(plain.stem) :])]
    return [path for path in (plain, *sorted(own)) if path.is_file()]


def _is_shard_suffix(text: str) -> bool:
    number, _, count = text.removeprefix("-").partition("of")
    return number.isdecimal() and count.isdecimal()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a manifest; what is torn or of a newer version is left out."""
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    document = json.loads(line)
                except ValueError:
                    continue
                if isinstance(document, dict) and document.get("v") == VERSION:
                    yield document
    except OSError as error:
        raise OutputError(f"cannot read {displayable(path)}: {error.strerror}") from error


def _take(history: History, name: str, document: dict[str, Any]) -> None:
    try:
        if "key" in document:
            entry = _to_entry(document)
            known = history.entries.get(entry.report.key)
            if known is None or known.ended <= entry.ended:
                history.entries[entry.report.key] = entry
        else:
            start = RunStart(**{key: document[key] for key in RunStart.__slots__})
            history.runs[start.run] = start
            history.latest[name] = start.run
    except (KeyError, TypeError, ValueError):
        return  # not one of ours; the photo it may be about runs again


def _to_entry(document: dict[str, Any]) -> Entry:
    height, width = document["image_hw"]
    report = ImageReport(
        source=document["source"],
        key=document["key"],
        status=Status(document["status"]),
        image_hw=(height, width),
        people=document["people"],
        seconds=PhotoSeconds(**document["seconds"]),
        reason=document["reason"],
        message=document["message"],
        files=tuple(document["files"]),
        attempts=document["attempts"],
    )
    stamp = tuple(FileStamp(*one) for one in document["input"])
    return Entry(report, stamp, document["signature"], document["run"], document["ended"])


def _to_line(entry: Entry) -> dict[str, Any]:
    return {
        "v": VERSION,
        **entry.report.as_json(),
        "input": [[one.size, one.mtime_ns, one.sha256] for one in entry.stamp],
        "signature": entry.signature,
        "run": entry.run,
        "ended": entry.ended,
    }


class ManifestWriter:
    """Appends to one manifest; only the holder of the output may have one."""

    def __init__(self, path: Path) -> None:
        """Open a manifest, and end a line that a crash left torn.

        Raises:
            OutputError: it cannot be written.
        """
        self.path, self.run = path, secrets.token_hex(6)
        self._unsynced_since: float | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, _NEW_FILE, 0o666)
            size = os.fstat(self._descriptor).st_size
            torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        except OSError as error:
            raise self._error(error) from error
        if torn:
            self._append(b"\n")

    def start(self, settings: Mapping[str, str], total: int, pending: int) -> None:
        """Write down that a run starts.

        Raises:
            OutputError: it cannot be written.
        """
        digest = signature_digest(settings)
        start = RunStart(self.run, digest, dict(settings), total, pending, time.time())
        document = {key: getattr(start, key) for key in RunStart.__slots__}
        self._append_json({"v": VERSION, **document})

    def add(self, report: ImageReport, stamp: Stamp, signature: str) -> None:
        """Write down how a photo ended.

        Raises:
            OutputError: it cannot be written.
        """
        self._append_json(_to_line(Entry(report, stamp, signature, self.run, time.time())))

    def restate(self, entry: Entry) -> None:
        """Write an entry of an earlier run again, as of then.

        Raises:
            OutputError: it cannot be written.
        """
        self._append_json(_to_line(entry))

    def sync(self, *, now: bool = False) -> None:
        """Have the lines on the disk: at once, or if the last time was 5 seconds ago.

        Raises:
            OutputError: they cannot be written.
        """
        since = self._unsynced_since
        if since is None or not (now or time.monotonic() - since >= SYNC_SECONDS):
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._error(error) from error
        self._unsynced_since = None

    def close(self) -> None:
        """Have everything on the disk and close the file."""
        try:
            self.sync(now=True)
        finally:
            os.close(self._descriptor)

    def _append_json(self, document: Mapping[str, Any]) -> None:
        self._append(json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            if os.write(self._descriptor, line) != len(line):
                raise OSError(28, "No space left on device")
        except OSError as error:
            raise self._error(error) from error
        if self._unsynced_since is None:
            self._unsynced_since = time.monotonic()

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {displayable(self.path)}: {error.strerror}")


def compact(path: Path, *, at_least: int = 1000) -> bool:
    """Rewrite a manifest that has more than twice the lines it needs; the holder only.

    The last run start of each signature still in use is kept, and the last one of all.

    Args:
        path: the manifest; need not exist.
        at_least: leave shorter ones alone.

    Returns:
        whether it was rewritten.

    Raises:
        OutputError: it cannot be written.
    """
    if not path.is_file():
        return False
    history, count = History(), 0
    for line in _lines(path):
        _take(history, path.name, line)
        count += 1
    entries = list(history.entries.values())
    by_signature = {run.signature: run for run in history.runs.values()}
    used = {entry.signature for entry in entries}
    starts = [run for signature, run in by_signature.items() if signature in used]
    latest = [history.runs[run] for run in history.latest.values()]
    starts += [run for run in latest if run not in starts]
    starts.sort(key=lambda run: run.started)
    if count < at_least or count <= 2 * (len(entries) + len(starts)):
        return False
    documents: list[dict[str, Any]] = [
        {"v": VERSION, **{key: getattr(run, key) for key in RunStart.__slots__}} for run in starts
    ]
    documents += [_to_line(entry) for entry in entries]
    lines = (json.dumps(document, separators=(",", ":")) for document in documents)
    write_atomic(path, ("\n".join(lines) + "\n").encode("ascii"))
    return True
