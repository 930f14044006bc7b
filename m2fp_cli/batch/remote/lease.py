"""One run at a time on an output in a store, as ``batch.lock`` has it on a disk.

Stores have no locks that go with their process. A run puts an object, ``.m2fp/lock`` or
``.m2fp/lock-KofN``, where there is none, writes it anew every minute, and removes it at the end.
One that has not been written for five minutes, by the store's clock, belongs to nobody; nor does
one of a process of this machine that has ended. A run whose object another one has taken ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m2fp_cli.batch.lock import PART_PATIENCE_SECONDS
from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.shard import Shard, shard_of_suffix
from m2fp_cli.errors import M2fpError, OutputLockedError
from m2fp_cli.jsonio import parse_object, text_of, whole_of
from m2fp_cli.layout import STATE_FOLDER, state_name
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.remote.stored_object import StoredObject, Version
from m2fp_cli.terminal import displayable

RENEW_SECONDS = 60.0
STALE_SECONDS = 300.0
_PART_PAUSE_SECONDS = 2.0
_LAST_WORD_SECONDS = 10.0  # for which the end of a run waits while its lock is being written anew
_COMMON = state_name("lock")
_ROOM = 1 << 16


class Lease:
    """A held output; see ``hold_stored``."""

    def __init__(self, mirror: Mirror, name: str, version: Version, card: dict[str, Any]) -> None:
        """Keep a lock object that was just written, from a thread of its own."""
        self._mirror, self._name, self._version, self._card = mirror, name, version, card
        self._is_lost = False
        self._released = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._keeper.start()

    def check(self) -> None:
        """See whether the output is still held.

        Raises:
            OutputLockedError: another run has taken it.
        """
        if self._is_lost:
            raise OutputLockedError(
                f"{displayable(str(self._mirror.address))} was taken by another run, because this "
                "one had not written there for five minutes; run again when it has ended"
            )

    def _keep(self) -> None:
        """Say every minute that the run is alive; a store that fails is asked again."""
        whole = self._mirror.name_in_bucket(self._name)
        while not self._released.wait(RENEW_SECONDS):
            self._card["renewed"] = _now()
            with contextlib.suppress(M2fpError):
                version = self._mirror.bucket.replace(whole, _encode(self._card), self._version)
                if version is None:
                    self._is_lost = True
                    return
                self._version = version

    def release(self) -> None:
        """Let the output go; if the store fails, that is left to time."""
        self._released.set()
        self._keeper.join(_LAST_WORD_SECONDS)  # or the lock would be another version than we know
        with contextlib.suppress(M2fpError):
            whole = self._mirror.name_in_bucket(self._name)
            there = self._mirror.bucket.head(whole)
            if there is not None and _is_version(there.version, self._version):
                self._mirror.bucket.delete(whole)


@contextlib.contextmanager
def hold_stored(mirror: Mirror, shard: Shard | None) -> Iterator[Lease]:
    """Hold an output in a store for the time of a run; proves that it can be written.

    Raises:
        OutputLockedError: another run holds it; the message says which.
        OutputError: it cannot be written.
        StoreError: the store cannot be reached.
    """
    name = _COMMON if shard is None else f"{_COMMON}{shard.suffix}"
    now, card = _probe(mirror), _card(shard)
    lease = Lease(mirror, name, _take(mirror, name, card, now), card)
    try:
        _refuse_others(mirror, name, shard, now)
        yield lease
    finally:
        lease.release()


@contextlib.contextmanager
def hold_stored_part(mirror: Mirror, name: str) -> Iterator[Lease]:
    """Hold what several shards write one after the other; see ``lock.hold_part``.

    Raises:
        OutputLockedError: somebody holds it for minutes.
        OutputError: it cannot be written.
        StoreError: the store cannot be reached.
    """
    whole, card = f"{_COMMON}-{name}", _card(None)
    until = time.monotonic() + PART_PATIENCE_SECONDS
    while True:
        try:
            version = _take(mirror, whole, card, _probe(mirror))
            break
        except OutputLockedError:
            if time.monotonic() >= until:
                raise
        time.sleep(_PART_PAUSE_SECONDS)
    lease = Lease(mirror, whole, version, card)
    try:
        yield lease
    finally:
        lease.release()


def who_holds_stored(mirror: Mirror) -> str:
    """Who works on an output in a store now, in a few words; empty if nobody does.

    Raises:
        StoreError: the store cannot be asked.
    """
    now = time.time_ns()
    for found in _locks(mirror):
        holder = _read_card(mirror, found.name)
        if holder is not None and not _is_free(holder, found, now):
            return _signature(holder)
    return ""


def _take(mirror: Mirror, name: str, card: dict[str, Any], now: int) -> Version:
    """Put the lock, in place of one that belongs to nobody."""
    whole = mirror.name_in_bucket(name)
    found = mirror.bucket.read(whole)
    if found is None:
        try:
            return mirror.bucket.put_new(whole, _encode(card))
        except ConflictError:
            found = mirror.bucket.read(whole)
            if found is None:  # and gone again
                return _take(mirror, name, card, now)
    holder = _parse_card(found[0])
    if holder is None:
        raise OutputLockedError(
            f"{displayable(str(mirror.address.below(name)))} is not a lock of m2fp; remove it, or "
            "choose another -o"
        )
    if not _is_free(holder, found[1], now):
        raise _locked(mirror, holder)
    version = mirror.bucket.replace(whole, _encode(card), found[1].version)
    if version is None:
        raise _locked(mirror, holder)
    return version


def _refuse_others(mirror: Mirror, own: str, shard: Shard | None, now: int) -> None:
    """A run without shards works alone; shards work side by side, but not with such a one."""
    for found in _locks(mirror):
        last = found.name.rpartition("/")[2]
        is_common = state_name(last) == _COMMON
        if state_name(last) == own or (shard is not None and not is_common):
            continue
        holder = _read_card(mirror, found.name)
        if holder is not None and not _is_free(holder, found, now):
            raise _locked(mirror, holder)


def _locks(mirror: Mirror) -> list[StoredObject]:
    """Those of runs and of their shards; see ``hold_stored_part`` for others."""
    whole = mirror.name_in_bucket(STATE_FOLDER)
    found = mirror.bucket.walk_flat(whole)
    return [one for one in found if _is_of_run(state_name(one.name[len(whole) + 1 :]))]


def _is_of_run(name: str) -> bool:
    is_shard = name.startswith(_COMMON) and shard_of_suffix(name.removeprefix(_COMMON)) is not None
    return name == _COMMON or is_shard


def _locked(mirror: Mirror, holder: dict[str, Any]) -> OutputLockedError:
    return OutputLockedError(
        f"{displayable(str(mirror.address))} is in use by another run ({_signature(holder)}); wait "
        "for it, or choose another -o; what a killed run held is free five minutes later"
    )


def _is_free(holder: dict[str, Any], found: StoredObject, now_ns: int) -> bool:
    """Whether nobody holds a lock any more."""
    if found.mtime_ns < now_ns - STALE_SECONDS * 1e9:
        return True
    if holder["machine"] != _machine():
        return False
    started: str = holder["started"]
    return _started(holder["pid"]) != started


def _probe(mirror: Mirror) -> int:
    """Prove that objects can be written; the store's time in nanoseconds since 1970."""
    name = mirror.name_in_bucket(state_name(f"probe-{secrets.token_hex(6)}"))
    mirror.bucket.put_new(name, b"")
    try:
        probe = mirror.bucket.head(name)
    finally:
        mirror.bucket.delete(name)
    return probe.mtime_ns if probe is not None else time.time_ns()


def _card(shard: Shard | None) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": _now(),
        "renewed": _now(),
        "shard": f"{shard.number}/{shard.count}" if shard else "",
        "machine": _machine(),
        "started": _started(os.getpid()),
    }


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _is_version(now: Version, written: Version) -> bool:
    return now.etag.strip('"') == written.etag.strip('"')


def _machine() -> str:
    """What tells this machine, and the part of it whose processes we see, from others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - not a path
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """When a process of this machine started; empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]  # proc(5): starttime


def _encode(card: dict[str, Any]) -> bytes:
    return json.dumps(card).encode()


def _read_card(mirror: Mirror, whole: str) -> dict[str, Any] | None:
    found = mirror.bucket.read(whole)
    return None if found is None else _parse_card(found[0])


def _parse_card(data: bytes) -> dict[str, Any] | None:
    """What a lock says; None if it is not one."""
    try:
        card = parse_object(data[:_ROOM])
        texts = {name: text_of(card, name, most=256) for name in ("host", "since", "shard")}
        texts |= {name: text_of(card, name, most=256) for name in ("machine", "started")}
        return {**texts, "pid": whole_of(card, "pid", 0, 2**31)}
    except ValueError:
        return None


def _signature(holder: dict[str, Any]) -> str:
    shard = f", shard {holder['shard']}" if holder["shard"] else ""
    return displayable(
        f"process {holder['pid']} on {holder['host']} since {holder['since']}{shard}"
    )
