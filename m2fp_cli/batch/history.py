"""What the manifests of an output say was done, from what, with which settings.

A manifest may come from a stranger: every value is checked before it is believed, and a line that
is torn or wrong is left out; the photo it may be about is worked on again. One that a newer m2fp
wrote is refused.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from m2fp_cli.batch.entries import KEYS_AT_ONCE, Entries, Entry
from m2fp_cli.batch.lines import RunStart, is_restated, read_line, read_lines
from m2fp_cli.batch.lock import token_of
from m2fp_cli.batch.shard import Shard, shard_of_suffix
from m2fp_cli.errors import OutputError
from m2fp_cli.layout import STATE_FOLDER, state_name
from m2fp_cli.storage.index import NameSet
from m2fp_cli.storage.look import Look
from m2fp_cli.storage.spool import Spool
from m2fp_cli.storage.tree import OutputTree


@dataclass(frozen=True)
class Claims:
    """What a run was about to do.

    Attributes:
        manifest: the file that says so.
        marked: token of the output where what it has written has marks, see ``storage.marks``.
        portions: keys of the photos.
    """

    manifest: str
    marked: str = ""
    portions: Spool[tuple[str, ...]] = field(default_factory=Spool)


@dataclass
class History:
    """What the manifests of one job say.

    Attributes:
        entries: latest entry by key.
        runs: run starts by id.
        latest: id of the latest run in each file.
        claims: what runs that did not end in good order were about to do, by their ids. What lies
            under such a key was written by the run that was cut short, until one ends the photo.
        lines: number of lines of each file.
        ended: number of photos that each run came to, by its id; another may have done them since.
        order: by file and id of a run, which line its start is: in one file runs came one after the
            other, whatever the clock said.
        token: what the output's lock has as long as its files have their marks.
    """

    entries: Entries = field(default_factory=Entries)
    runs: dict[str, RunStart] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Claims] = field(default_factory=dict)
    lines: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    order: dict[tuple[str, str], int] = field(default_factory=dict)
    token: str = ""
    _claimed: NameSet | None = None
    _open: NameSet | None = None
    _unmarked: NameSet | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the manifests say nothing."""
        return not self.runs and not len(self.entries)

    def is_claimed(self, key: str) -> bool:
        """Whether a run that was cut short may have written files of a photo, and none ended it."""
        if self._open is None:
            self._open = NameSet(key for run in self.claims for key in self.open_keys(run))
        return key in self._open

    def is_marked(self, key: str) -> bool:
        """Whether all that runs that were cut short have written of a photo has marks here."""
        if self._unmarked is None:
            runs = (run for run, claims in self.claims.items() if not self._is_marked(claims))
            self._unmarked = NameSet(key for run in runs for key in self.open_keys(run))
        return key not in self._unmarked

    def _is_marked(self, claims: Claims) -> bool:
        return claims.marked != "" and claims.marked == self.token

    def was_claimed(self, key: str) -> bool:
        """Whether a run that was cut short may have written files that no entry lists."""
        if self._claimed is None:
            self._claimed = NameSet(self.claimed_keys())
        return key in self._claimed

    def open_keys(self, run: str) -> Iterator[str]:
        """Photos that a run that was cut short was about to do, and that none has ended since."""
        keys = itertools.chain.from_iterable(self.claims[run].portions)
        while some := list(itertools.islice(keys, KEYS_AT_ONCE)):
            found = self.entries.get_each(some)
            yield from (k for k in some if k not in found or not self._is_since(found[k], run))

    def _is_since(self, entry: Entry, run: str) -> bool:
        """Whether a photo ended since a run that was cut short began."""
        if entry.run == run:
            return True
        manifest = self.claims[run].manifest
        own, other = self.order.get((manifest, run)), self.order.get((manifest, entry.run))
        if own is not None and other is not None:
            return other > own
        start = self.runs.get(run)
        return start is None or entry.ended >= start.started

    def claimed_keys(self) -> Iterator[str]:
        """Keys of photos that runs that were cut short were about to do."""
        for claims in self.claims.values():
            for keys in claims.portions:
                yield from keys

    def settings_of(self, signature: str) -> Mapping[str, str]:
        """The settings behind a signature; empty if they are not known any more."""
        found = (run.settings for run in self.runs.values() if run.signature == signature)
        return next(found, {})

    def left(self, manifests: Iterable[str] | None = None) -> int:
        """Photos that the latest runs, one per shard, have not come to.

        Args:
            manifests: the files that count; None for all.
        """
        counted = self.latest if manifests is None else manifests
        runs = {self.latest[name] for name in counted if name in self.latest}
        return sum(max(0, self.runs[run].pending - self.ended[run]) for run in runs)

    def began(self, manifest: str) -> float:
        """When the latest run of a file started, in seconds since 1970; 0 if none did."""
        run = self.runs.get(self.latest.get(manifest, ""))
        return 0.0 if run is None else run.started

    def time_of_start(self, manifest: str) -> float:
        """When a run starts that starts now, for its file: after all that other files say.

        Between files, times say what came later, and another machine's clock may be ahead.
        """
        others = [self.began(name) for name in self.latest if name != manifest]
        return max(time.time(), _after(max(others, default=0.0)))

    def time_of_end(self, key: str, manifest: str) -> float:
        """When a photo ends that ends now, for its file: after all that other files say of it."""
        now, known = time.time(), self.entries.get(key)
        if known is not None and known.ended >= now and not self.entries.is_in(manifest, key):
            now = _after(known.ended)
        others = (self.runs.get(run) for run, c in self.claims.items() if c.manifest != manifest)
        ahead = [run.started for run in others if run is not None and run.started > now]
        return max(ahead) if ahead and self.is_claimed(key) else now

    def is_finished(self, manifest: str) -> bool:
        """Whether the latest run of a file ended in good order and came to all its photos."""
        run = self.runs.get(self.latest.get(manifest, ""))
        if run is None or run.run in self.claims:
            return False
        return run.pending <= self.ended[run.run]

    def is_left_open(self, manifest: str, photos: int) -> bool:
        """Whether the latest run of a file came to no end that a run about its photos can tell.

        Args:
            manifest: the file.
            photos: number of those that are asked about; with fewer than that run came to, they
                are others.
        """
        run = self.runs.get(self.latest.get(manifest, ""))
        if run is None or self.is_finished(manifest):
            return False
        return photos >= run.total - max(0, run.pending - self.ended[run.run])

    def take(self, manifest: str, document: Mapping[str, Any]) -> None:
        """Add a line of a manifest; one that is wrong is left out.

        Raises:
            OutputError: there is no room for temporary files.
        """
        self.lines[manifest] += 1
        try:
            line = read_line(document)
        except (ValueError, TypeError, OutputError):
            return
        if isinstance(line, Entry):
            self.entries.add(manifest, line)
            if not is_restated(document):
                self.ended[line.run] += 1
        elif isinstance(line, RunStart):
            self.runs[line.run] = line
            self.latest[manifest] = line.run
            self.order[manifest, line.run] = self.lines[manifest]
        elif line.keys is None:
            self.claims.pop(line.run, None)
        else:
            claims = self.claims.setdefault(line.run, Claims(manifest, line.marked))
            claims.portions.append(line.keys)


def _after(seconds: float) -> float:
    return math.nextafter(seconds, math.inf)


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
    history = History(token=token_of(tree))
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
