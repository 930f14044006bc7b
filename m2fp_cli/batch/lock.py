"""One run at a time on one output; shards of one run may work side by side.

A run without shards holds ``.m2fp/lock`` alone. A shard holds it together with other shards, and
its own ``.m2fp/lock-KofN`` alone. The kernel drops the locks when the process ends, however it
ends; the files stay and say who held them last. Over NFS this needs version 4 and one kind of
locks on all hosts.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

from m2fp_cli.batch.shard import Shard, shard_of_suffix
from m2fp_cli.errors import OutputError, OutputLockedError
from m2fp_cli.jsonio import parse_object, text_of, whole_of
from m2fp_cli.layout import STATE_FOLDER, state_name
from m2fp_cli.storage.errors import as_output_error, as_unreadable
from m2fp_cli.storage.marks import make_token, read_token
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import counted, displayable

_SHARD_PATIENCE_SECONDS = 5.0
_ASKED_SECONDS = 0.3  # for which one who asks who works here, as m2fp status does, may hold a lock
PART_PATIENCE_SECONDS = 600.0  # the lists of a data set of a million photos take a minute
_CARD_BYTES = 4096
_HELD = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)


class OutputLock:
    """A held lock; see ``hold_output``."""

    def __init__(self, descriptor: int, *, shared: bool) -> None:
        """Wrap the open ``.m2fp/lock``."""
        self._descriptor, self._shared = descriptor, shared

    @contextlib.contextmanager
    def trying_alone(self) -> Iterator[bool]:
        """Whether no other run, also no other shard, works on the output; none begins meanwhile.

        Raises:
            OutputLockedError: a run without shards has taken the output from a shard that asked.
        """
        is_alone = not self._shared or _try_lock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield is_alone
        finally:
            if self._shared:  # also after an attempt in vain, which may have dropped what was held
                self._share_again()

    def _share_again(self) -> None:
        if not _wait_for_lock(self._descriptor, fcntl.LOCK_SH, _SHARD_PATIENCE_SECONDS):
            raise OutputLockedError(
                f"the output was taken by another run ({_signature(self._descriptor)}); run again "
                "when it has ended"
            )


@contextlib.contextmanager
def hold_output(tree: OutputTree, shard: Shard | None = None) -> Iterator[OutputLock]:
    """Hold an output for the time of a run.

    Raises:
        OutputLockedError: another run holds it; the message says which.
        OutputError: the lock file cannot be made, or is not one.
    """
    with contextlib.ExitStack() as stack:
        if shard is None:
            common = own = _lock_file(
                stack, tree, "lock", fcntl.LOCK_EX, patience_seconds=_ASKED_SECONDS
            )
        else:  # one that ends may hold all of it for a moment
            patience = _SHARD_PATIENCE_SECONDS
            common = _lock_file(stack, tree, "lock", fcntl.LOCK_SH, patience_seconds=patience)
            own = _lock_file(
                stack, tree, f"lock{shard.suffix}", fcntl.LOCK_EX, patience_seconds=_ASKED_SECONDS
            )
        for descriptor in {common, own}:
            _sign(descriptor, shard)
        yield OutputLock(common, shared=shard is not None)


@contextlib.contextmanager
def hold_part(tree: OutputTree, name: str) -> Iterator[None]:
    """Hold what several shards write one after the other, such as the lists of a data set.

    Waits for who holds it: such a thing is written in seconds.

    Args:
        tree: the output; a run may hold it or not.
        name: of the part; the end of the lock file's.

    Raises:
        OutputLockedError: somebody holds it for minutes.
        OutputError: the lock file cannot be made, or is not one.
    """
    with contextlib.ExitStack() as stack:
        descriptor = _lock_file(
            stack, tree, f"lock-{name}", fcntl.LOCK_EX, patience_seconds=PART_PATIENCE_SECONDS
        )
        _sign(descriptor, None)
        yield


def token_of(tree: OutputTree, *, make: bool = False) -> str:
    """What an output's lock has as long as its files have their marks, see ``storage.marks``.

    Args:
        tree: the output.
        make: give it one if it has none.

    Returns:
        the token; empty where there is none.
    """
    flags = os.O_RDONLY | (os.O_CREAT if make else 0)
    try:
        descriptor = tree.open_file(state_name("lock"), flags, create=make)
    except (OSError, OutputError):
        return ""
    try:
        return make_token(descriptor) if make else read_token(descriptor)
    finally:
        os.close(descriptor)


def who_holds(tree: OutputTree) -> str:
    """Who works on an output now, in a few words; empty if nobody does."""
    holder = _who_holds(tree, state_name("lock"))
    return (_working_shards(tree) or holder) if holder else ""


def _working_shards(tree: OutputTree) -> str:
    """The shards that work on an output now; empty if none does.

    The lock that they have in common has the card of the one that began last, and maybe has ended.
    """
    names, common = tree.names_in(STATE_FOLDER), state_name("lock")
    ours = [name for name in names if name.startswith(common)]
    shards = [name for name in ours if shard_of_suffix(name.removeprefix(common)) is not None]
    holders = [holder for name in shards if (holder := _who_holds(tree, name))]
    others = f"; and {counted(len(holders) - 1, 'other shard')}" if len(holders) > 1 else ""
    return f"{holders[0]}{others}" if holders else ""


def _who_holds(tree: OutputTree, name: str) -> str:
    descriptor = _open_to_ask(tree, name)
    if descriptor is None:
        return ""
    try:
        return "" if _try_lock(descriptor, fcntl.LOCK_EX) else _signature(descriptor)
    except OSError:  # the file system has no locks, so nobody can hold one
        return ""
    finally:
        os.close(descriptor)


def _open_to_ask(tree: OutputTree, name: str) -> int | None:
    """A lock file, which stays as it is; NFS gives no lock on what is open for reading only."""
    for flags in (os.O_RDWR, os.O_RDONLY):
        with contextlib.suppress(OSError, OutputError):
            return tree.open_file(name, flags)
    return None


def _lock_file(
    stack: contextlib.ExitStack,
    tree: OutputTree,
    name: str,
    kind: int,
    *,
    patience_seconds: float,
) -> int:
    shown = displayable(tree.path / state_name(name))
    try:
        descriptor = tree.open_file(state_name(name), os.O_RDWR | os.O_CREAT, create=True)
    except OSError as error:
        raise OutputError(str(as_output_error(state_name(name), error))) from error
    stack.callback(os.close, descriptor)
    try:
        content = _read_card(descriptor)
    except OSError as error:
        raise as_unreadable(str(tree.path / state_name(name)), error) from error
    if content and not content.startswith(b'{"pid": '):  # what _sign writes
        raise OutputError(f"{shown} is not a lock of m2fp; remove it, or choose another -o")
    try:
        free = _wait_for_lock(descriptor, kind, patience_seconds)
    except OSError as error:
        raise OutputError(
            f"cannot lock {shown}: {error.strerror}; the file system has no locks, choose another "
            "folder with -o"
        ) from error
    if not free:
        holder = (_working_shards(tree) if name == "lock" else "") or _signature(descriptor)
        raise OutputLockedError(
            f"{displayable(tree.path)} is in use by another run ({holder}); wait for it, or name "
            "another folder"
        )
    return descriptor


def _read_card(descriptor: int) -> bytes:
    """What a lock file says; nothing where its holder keeps others from reading it.

    On SMB shares a lock does that, which elsewhere only asks not to be disturbed.

    Raises:
        OSError: it cannot be read for another reason.
    """
    try:
        return os.pread(descriptor, _CARD_BYTES, 0)
    except OSError as error:
        if error.errno in _HELD:
            return b""
        raise


def _wait_for_lock(descriptor: int, kind: int, patience_seconds: float) -> bool:
    until = time.monotonic() + patience_seconds
    while not _try_lock(descriptor, kind):
        if time.monotonic() >= until:
            return False
        time.sleep(0.1)
    return True


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def _sign(descriptor: int, shard: Shard | None) -> None:
    """Leave a visiting card; it is for people only, so a full disk must not end the run here."""
    card: dict[str, Any] = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "shard": f"{shard.number}/{shard.count}" if shard else "",
    }
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(card).encode(), 0)


def _signature(descriptor: int) -> str:
    try:
        card = parse_object(_read_card(descriptor))
        shard = text_of(card, "shard", most=64)
        holder = f"process {whole_of(card, 'pid', 0, 2**31)} on {text_of(card, 'host')}"
        since = text_of(card, "since", most=64)
    except (OSError, ValueError):
        return "unknown process"
    return displayable(f"{holder} since {since}{f', shard {shard}' if shard else ''}")
