"""Writing down what is done in an output: one JSON line per event.

``.m2fp/manifest.jsonl`` is only ever appended to, one ``write`` a line, by the one process that
holds the output. Each kind of job and each shard has a file of its own (``manifest-tryon.jsonl``,
``manifest-2of4.jsonl``); readers take all of a job together, the latest entry of a photo counts.

Four kinds of lines: a run's start (``run``, ``settings``, ``signature``, ``pending``), the photos
that it is about to do next (``claims``), the end of one photo (``key``, ``status`` and so on), and
the end of the run (``end``). Names that are not valid UTF-8 survive as JSON escapes.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from m2fp_cli.batch.entries import Entry
from m2fp_cli.batch.history import History, signature_digest
from m2fp_cli.batch.lines import (
    VERSION,
    RunStart,
    claim_line,
    entry_line,
    read_lines,
    start_line,
)
from m2fp_cli.batch.lock import token_of
from m2fp_cli.batch.report import ImageReport
from m2fp_cli.batch.stamps import Stamp
from m2fp_cli.errors import OutputError
from m2fp_cli.storage.errors import as_output_error
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.storage.writing import write_stream

SYNC_SECONDS = 5.0
_CLAIMS_A_LINE = 1000


class ManifestWriter:
    """Appends to one manifest; only the holder of the output may have one."""

    def __init__(self, tree: OutputTree, name: str, *, marking: bool = False) -> None:
        """Open a manifest, and end a line that a crash left torn.

        Args:
            tree: the output.
            name: of the manifest, from ``history.manifest_name``.
            marking: the run's results go where the manifest is, and get marks if that can be done.

        Raises:
            OutputError: it cannot be written, or is not a regular file.
        """
        self.name, self.run = name, secrets.token_hex(6)
        self._unsynced_since: float | None = None
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        try:
            self._descriptor = tree.open_file(name, flags, create=True)
            size = os.fstat(self._descriptor).st_size
            torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        except OSError as error:
            raise self._error(error) from error
        self._marks = token_of(tree, make=True) if marking else ""
        if torn:
            self._append(b"\n")

    def start(
        self, settings: Mapping[str, str], total: int, pending: int, at: float | None = None
    ) -> None:
        """Write down that a run starts.

        Args:
            settings: of its job.
            total: number of photos that it is about.
            pending: number of those that have to be done.
            at: seconds since 1970, see ``History.time_of_start``; None for now.

        Raises:
            OutputError: it cannot be written.
        """
        digest = signature_digest(settings)
        started = time.time() if at is None else at
        start = RunStart(self.run, digest, dict(settings), total, pending, started)
        self._append_json(start_line(start))

    def claim(self, keys: Iterable[str]) -> None:
        """Write down which photos will be done, and have that on the disk before the first is.

        A run that is killed has then written no file that nobody knows of.

        Raises:
            OutputError: it cannot be written.
        """
        left = iter(keys)
        while some := list(itertools.islice(left, _CLAIMS_A_LINE)):
            self._append_json(claim_line(self.run, some, self._marks))
        self.sync(now=True)

    def end(self, unsettled: Collection[str] = ()) -> None:
        """Write down that the run has ended in good order: its claims are void.

        Args:
            unsettled: keys of photos of which it may have left files; it still claims these.

        Raises:
            OutputError: it cannot be written.
        """
        self._append_json({"v": VERSION, "run": self.run, "end": True})
        if unsettled:
            self.claim(sorted(unsettled))

    def add(
        self, report: ImageReport, stamp: Stamp, signature: str, at: float | None = None
    ) -> None:
        """Write down how a photo ended.

        Args:
            report: how.
            stamp: the files it was made from.
            signature: digest of the settings it was made with.
            at: seconds since 1970, see ``History.time_of_end``; None for now.

        Raises:
            OutputError: it cannot be written.
        """
        ended = time.time() if at is None else at
        self._append_json(entry_line(Entry(report, stamp, signature, self.run, ended)))

    def restate(self, entry: Entry) -> None:
        """Write an entry of an earlier run again, as of then.

        Raises:
            OutputError: it cannot be written.
        """
        self._append_json(entry_line(entry, restated=True))

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
        self._append(_as_line(document))

    def _append(self, line: bytes) -> None:
        try:
            if os.write(self._descriptor, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._error(error) from error
        if self._unsynced_since is None:
            self._unsynced_since = time.monotonic()

    def _error(self, error: OSError) -> OutputError:
        return OutputError(str(as_output_error(self.name, error)))


def compact(tree: OutputTree, name: str, history: History, *, at_least: int = 1000) -> bool:
    """Rewrite a manifest that has more than twice the lines it needs; the holder only.

    Entries that count, open claims with their runs, the last run start of each signature in use,
    and the last one of all are kept.

    Args:
        tree: the output.
        name: of the manifest; need not exist.
        history: what it and the manifests beside it say.
        at_least: leave shorter ones alone.

    Returns:
        whether it was rewritten.

    Raises:
        OutputError: it cannot be written.
    """
    lines = history.lines[name]
    if lines < at_least or lines <= 2 * history.entries.count(manifest=name):
        return False
    documents = _needed_lines(name, history)
    write_stream(tree, name, (_as_line(document) for document in documents))
    return True


def forget(tree: OutputTree, name: str, keys: Set[str]) -> None:
    """Rewrite a manifest without the entries of some photos; the holder only.

    Raises:
        OutputError: it cannot be read or written.
    """
    runs = {line["key"]: line.get("run") for line in read_lines(tree, name) if _is_of(line, keys)}
    if runs:
        lines = _lines_without(tree, name, keys, Counter(map(str, runs.values())))
        write_stream(tree, name, map(_as_line, lines))


def _lines_without(
    tree: OutputTree, name: str, keys: Set[str], ended: Counter[str]
) -> Iterator[dict[str, Any]]:
    """What a manifest says of other photos; ``ended``: forgotten photos by the run they are of."""
    for line in read_lines(tree, name):
        if _is_of(line, keys):
            continue
        if isinstance(line.get("claims"), list):
            line["claims"] = [key for key in line["claims"] if key not in keys]
        if isinstance(line.get("pending"), int):  # or they would count as not come to
            line["pending"] = max(0, line["pending"] - ended[str(line.get("run"))])
        yield line


def _is_of(line: Mapping[str, Any], keys: Set[str]) -> bool:
    key = line.get("key")
    return isinstance(key, str) and key in keys


def _needed_lines(name: str, history: History) -> Iterator[dict[str, Any]]:
    entries = history.entries
    by_signature = {run.signature: run for run in history.runs.values()}
    used, kept = set[str](), Counter[str]()
    for entry in entries.each(manifest=name):
        used.add(entry.signature)
        kept[entry.run] += 1
    starts = {run.run: run for signature, run in by_signature.items() if signature in used}
    if name in history.latest:
        latest = history.runs[history.latest[name]]
        dropped = history.ended[latest.run] - kept[latest.run]  # other runs have done them since
        starts[latest.run] = replace(latest, pending=max(0, latest.pending - dropped))
    own = [run for run, claims in history.claims.items() if claims.manifest == name]
    starts = {**{run: history.runs[run] for run in own if run in history.runs}, **starts}
    in_order = sorted(starts.values(), key=lambda run: history.order.get((name, run.run), 0))
    yield from map(start_line, in_order)  # the latest stays the last; a clock may be set back
    yield from map(entry_line, entries.each(manifest=name))
    for run in own:
        left = history.open_keys(run)
        while keys := list(itertools.islice(left, _CLAIMS_A_LINE)):
            yield claim_line(run, keys, history.claims[run].marked)


def _as_line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"
