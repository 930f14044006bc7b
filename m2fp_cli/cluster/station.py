"""What runs on a machine of a cluster: a pool of one worker, fed by the parent of the run.

The pool is the one of a single machine (``batch.pool.Pool``), so a photo over which its worker
crashes or hangs is tried again alone and then quarantined as everywhere, and the actor lives on.
"""

from __future__ import annotations

import contextlib
import pickle
import socket
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.pool import Pool
from m2fp_cli.batch.remote.carrier import Carrier, NoCarrier
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.tasks import ImageTask
from m2fp_cli.cluster.place import Stores
from m2fp_cli.errors import M2fpError, OutputError
from m2fp_cli.kernels.code_cache import choose_code_cache
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import displayable
from m2fp_cli.version import __version__


@dataclass(frozen=True, slots=True)
class StationOrder:
    """What a station works for; travels pickled, behind a check of versions.

    Attributes:
        job: the work.
        threads: cores of the worker.
        limits: what to put up with.
        mark: name of a file that the parent has made in the output, so that a folder of the same
            name on another disk is told apart; empty in a store.
        stores: what is in object stores; None if nothing is.
    """

    job: Job
    threads: int
    limits: PoolLimits
    mark: str
    stores: Stores | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """A station is ready, or cannot be.

    Attributes:
        node: the cluster's id of its machine.
        host: name of the machine.
        error: why it cannot work; None if it can.
    """

    node: str
    host: str
    error: M2fpError | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What has come of a station's photos since the last reply.

    Attributes:
        outcomes: photos that have ended.
        notes: what happened to the worker, in sentences.
        killed: a worker was ended by force, so temporary files may be left.
        unsettled: keys of photos without an outcome of which it may have left files.
        error: why the station cannot go on; None if it can.
        ended: it was told to drain, and has nothing more in its hands.
    """

    outcomes: tuple[Outcome, ...] = ()
    notes: tuple[str, ...] = ()
    killed: bool = False
    unsettled: frozenset[str] = frozenset()
    error: M2fpError | None = None
    ended: bool = False


class Station:
    """One worker of a cluster; its methods are called one at a time."""

    def __init__(self, node: str = "") -> None:
        """Stand on a machine that the cluster knows by an id."""
        self._node = node
        self._waiting: deque[ImageTask] = deque()
        self._at_hand = 0
        self._notes: list[str] = []
        self._switch: StopSwitch | None = None
        self._pool: Pool | None = None
        self._rounds: Generator[Outcome | None, None, None] | None = None
        self._tree: OutputTree | None = None
        self._remote: Remote | None = None
        self._carrier: Carrier = NoCarrier()

    def begin(self, version: str, packed: bytes) -> Greeting:
        """Get ready; what was at hand is dropped. No worker is started yet.

        Args:
            version: of the parent's m2fp.
            packed: a pickled ``StationOrder``.
        """
        self.end()
        host = socket.gethostname()
        if version != __version__:
            text = f"m2fp {__version__} on {host}, but {version} here; install the same everywhere"
            return Greeting(self._node, host, M2fpError(text))
        try:
            self._settle(pickle.loads(packed), host)
        except M2fpError as error:
            return Greeting(self._node, host, error)
        return Greeting(self._node, host)

    def work(self, tasks: Sequence[ImageTask], keep: int, seconds: float) -> Reply:
        """Take more photos and work for a while.

        Args:
            tasks: the photos.
            keep: return once no more than this are at hand and one has ended.
            seconds: return after that time in any case, late by at most a second.
        """
        self._waiting.extend(tasks)
        self._at_hand += len(tasks)
        return self._go_on(keep, seconds)

    def drain(self, seconds: float) -> Reply:
        """Finish what the worker has in its hands, and start nothing more.

        Args:
            seconds: return after that time in any case, late by at most a second.
        """
        if self._switch is not None:
            self._switch.drain("the run ends")
        return self._go_on(-1, seconds)

    def end(self) -> None:
        """Drop all, the worker process and what was copied to this machine too."""
        if self._rounds is not None:
            self._rounds.close()
        for held in (self._carrier, self._switch, self._tree, self._remote):
            if held is not None:
                with contextlib.suppress(OSError):
                    held.close()
        self._rounds = self._pool = self._switch = self._tree = self._remote = None
        self._carrier = NoCarrier()
        self._waiting.clear()
        self._at_hand = 0

    def _settle(self, order: StationOrder, host: str) -> None:
        choose_code_cache()
        job, self._switch = order.job, StopSwitch()
        if order.stores is not None:
            self._remote = Remote()
            job = order.stores.settle(job, self._remote, host)
            self._carrier = self._remote.open_carrier(job, self._switch)
        self._tree = _open_shared(job.output, order.mark, host)
        plan = PoolPlan(1, order.threads, "in a cluster")
        self._pool = Pool(job, plan, order.limits, self._switch, self._notes.append, self._tree)
        self._rounds = self._work_on(self._pool)

    def _work_on(self, pool: Pool) -> Generator[Outcome | None, None, None]:
        """Photos that are done, their files where they belong; None at least twice a second."""
        with contextlib.closing(pool.run(self._carrier.feed(self._feed()))) as outcomes:
            for outcome in outcomes:
                if outcome is not None:
                    self._carrier.deliver(outcome)
                yield from self._carrier.delivered()
                yield None
        yield from self._carrier.delivered(all_of_them=True)

    def _feed(self) -> Iterator[ImageTask | None]:
        while True:
            yield self._waiting.popleft() if self._waiting else None

    def _go_on(self, keep: int, seconds: float) -> Reply:
        until = time.monotonic() + seconds
        outcomes: list[Outcome] = []
        failure: M2fpError | None = None
        ended = False
        try:
            for outcome in self._rounds or ():
                if outcome is not None:
                    outcomes.append(outcome)
                    self._at_hand -= 1
                if (outcomes and self._at_hand <= keep) or time.monotonic() >= until:
                    break
            else:
                ended = True
        except M2fpError as error:
            failure = error
        notes = tuple(self._notes)
        self._notes.clear()
        pool = self._pool
        killed = pool is not None and pool.killed
        unsettled = frozenset(() if pool is None else pool.unsettled)
        return Reply(tuple(outcomes), notes, killed, unsettled, failure, ended)


def _open_shared(output: Path, mark: str, host: str) -> OutputTree:
    """The output on this machine, known by its mark.

    Raises:
        OutputError: it is not here, or it is another one.
    """
    shown = displayable(output)
    try:
        tree = OutputTree(output)
    except OutputError as error:
        raise OutputError(f"{host}: {error}; all machines need {shown} on one disk") from error
    if mark and not tree.has_file(mark):
        tree.close()
        raise OutputError(
            f"{shown} on {host} is another folder than here; all machines need it on one disk"
        )
    return tree
