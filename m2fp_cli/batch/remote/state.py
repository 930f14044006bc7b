"""Manifests in a store: immutable parts while a run goes on, one object when it is over.

Objects cannot be appended to. So the lines that a run has written since the last time are put as a
new object, ``.m2fp/parts/manifest-2of4/TIME-RUN-NUMBER.jsonl``, every half minute, and a run that
ends in good order puts the whole as ``.m2fp/manifest-2of4.jsonl``, as on a disk, and removes the
parts. An output that is copied from a store to a disk, or the other way round, goes on there.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from m2fp_cli.batch.history import find_manifests, is_apart
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.shard import Shard
from m2fp_cli.errors import OutputLockedError, StoreError
from m2fp_cli.layout import STATE_FOLDER, state_name
from m2fp_cli.storage.remote.listing import Listing
from m2fp_cli.storage.remote.stored_object import StoredObject, Version
from m2fp_cli.terminal import displayable

PARTS = state_name("parts")
PUBLISH_SECONDS = 30.0
_MERGE_BYTES = 64 << 20  # what is longer stays in parts
_PART_BYTES = 16 << 20
_READERS = 16
_PULLS = 5
_PART = re.compile(r"(\d{15})-([0-9a-f]{1,64})-\d{6}\.jsonl")


@dataclass
class StoredManifest:
    """What a store has of one manifest.

    Attributes:
        name: of the manifest.
        version: of its object; None if there is none.
        parts: whole names of its parts, in the order in which they were put.
    """

    name: str
    version: Version | None = None
    parts: list[str] = field(default_factory=list)


def pull(
    mirror: Mirror, jobs: Iterable[str], own: Shard | None = None
) -> dict[str, StoredManifest]:
    """Copy manifests from the store into the mirror, parts behind the rest.

    Args:
        mirror: an output.
        jobs: names of the jobs whose manifests are wanted.
        own: the shard that asks; see ``history.read_history``.

    Raises:
        StoreError: they cannot be read.
        OutputError: the local disk is full.
    """
    parts: dict[str, list[str]] = defaultdict(list)
    for one in mirror.bucket.walk(mirror.name_in_bucket(PARTS)):
        folder, _, last = one.name.rpartition("/")
        if _PART.fullmatch(last):
            parts[state_name(f"{folder.rpartition('/')[2]}.jsonl")].append(one.name)
    there = Listing()
    there.add(StoredObject(name, 0, 0) for name in (*parts, *_state_objects(mirror)))
    wanted = [
        name
        for job in jobs
        for name, shard in find_manifests(there, job).items()
        if not is_apart(shard, own)
    ]
    with ThreadPoolExecutor(_READERS) as threads:
        found = threads.map(lambda name: _pull_one(mirror, name, parts.get(name, [])), wanted)
        return {one.name: one for one in found}


def _state_objects(mirror: Mirror) -> list[str]:
    """Names of the objects directly in the state's folder."""
    whole = mirror.name_in_bucket(STATE_FOLDER)
    names = (one.name[len(whole) + 1 :] for one in mirror.bucket.walk_flat(whole))
    return [state_name(name) for name in names if "/" not in name]


def _pull_one(mirror: Mirror, name: str, parts: list[str]) -> StoredManifest:
    """Copy a manifest; again where its run has ended meanwhile and taken parts away."""
    for _ in range(_PULLS):
        found = _pull_once(mirror, name, parts)
        if found is not None:
            return found
        folder = f"{PARTS}/{name.rpartition('/')[2].removesuffix('.jsonl')}"
        parts = [one.name for one in mirror.bucket.walk(mirror.name_in_bucket(folder))]
    raise StoreError(
        f"cannot read {displayable(str(mirror.address.below(name)))}: it changes all the time; run "
        "again"
    )


def _pull_once(mirror: Mirror, name: str, parts: list[str]) -> StoredManifest | None:
    """Copy a manifest; None if a part has gone.

    What is in the object already is left out: some run merged all parts that there were, and was
    cut short before it removed them. Behind its own lines they would pass for later ones.
    """
    whole = mirror.bucket.read(mirror.name_in_bucket(name))
    data = b"" if whole is None else whole[0]
    merged = {run for run in set(map(_run_of, parts)) if f'"run":"{run}"'.encode() in data}
    path = mirror.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        for part in sorted(parts):
            if _run_of(part) in merged:
                continue
            piece = mirror.bucket.read(part)
            if piece is None:
                return None
            file.write(piece[0])
    return StoredManifest(name, None if whole is None else whole[1].version, parts)


def _run_of(part: str) -> str:
    found = _PART.fullmatch(part.rpartition("/")[2])
    return found[2] if found else ""


def _time_of(part: str) -> int:
    found = _PART.fullmatch(part.rpartition("/")[2])
    return int(found[1]) if found else 0


class Publisher:
    """Puts the lines of one manifest that a run appends to its local copy."""

    def __init__(self, mirror: Mirror, stored: StoredManifest, run: str) -> None:
        """Publish what is written from now on.

        Args:
            mirror: the output.
            stored: what the store has.
            run: id of the run, hexadecimal.
        """
        self._mirror, self._stored, self._run = mirror, stored, run
        self._path = mirror.folder / stored.name
        self._sent = self._size()
        self._number = 0
        # Parts are read in the order of their names, and a clock may be behind another's.
        self._after = max(map(_time_of, stored.parts), default=0)
        self._last = time.monotonic()

    def publish(self, *, now: bool = False) -> None:
        """Put what is new: at once, or if the last time was half a minute ago.

        Raises:
            M2fpError: the store does not take it.
        """
        if not now and time.monotonic() - self._last < PUBLISH_SECONDS:
            return
        self._last = time.monotonic()
        while data := self._next_lines():
            name = self._part_name()
            self._mirror.bucket.put_new(name, data)
            self._stored.parts.append(name)
            self._sent += len(data)

    def _next_lines(self) -> bytes:
        if self._size() <= self._sent:
            return b""
        with self._path.open("rb") as file:
            file.seek(self._sent)
            data = file.read(_PART_BYTES)
        return data[: data.rfind(b"\n") + 1]

    def finish(self) -> None:
        """The run has ended in good order: put the whole, and remove the parts.

        Raises:
            OutputLockedError: another run has put it meanwhile.
            M2fpError: the store does not take it.
        """
        if not self._stored.parts and self._size() <= self._sent:
            return
        if self._size() > _MERGE_BYTES:
            self.publish(now=True)
            return
        bucket, name = self._mirror.bucket, self._mirror.name_in_bucket(self._stored.name)
        data = self._path.read_bytes()
        if self._stored.version is None:
            bucket.put_new(name, data)
        elif bucket.replace(name, data, self._stored.version) is None:
            raise OutputLockedError(
                f"{displayable(str(self._mirror.address))}: another run has written its manifest "
                "meanwhile; run again"
            )
        for part in self._stored.parts:
            bucket.delete(part)

    def _size(self) -> int:
        try:
            return os.stat(self._path).st_size  # noqa: PTH116 - once a second
        except FileNotFoundError:
            return 0

    def _part_name(self) -> str:
        folder = self._stored.name.rpartition("/")[2].removesuffix(".jsonl")
        self._number += 1
        self._after = max(self._after + 1, int(time.time() * 1000))
        stamp = f"{self._after:015d}-{self._run}-{self._number:06d}.jsonl"
        return self._mirror.name_in_bucket(f"{PARTS}/{folder}/{stamp}")
