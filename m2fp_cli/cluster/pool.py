"""The pool of a cluster: photos in, exactly one outcome for each of them out, as ``batch.pool``.

* Each worker is an actor (``station.Station``) that declares its cores and its memory. There are as
  many as the machines have room for, looked at every few seconds: a machine that joins is used.
  ``--workers`` asks for a number, whether there is room or not, so that a cluster may grow.
* An actor has one call in flight. It brings up to ``SLICE`` keys and returns about every second
  with what has ended, so that the manifest, the progress and Ctrl-C go on as on one machine.
* What goes wrong inside a machine is the business of the pool in the station. Here actors and
  machines die. The photos of a dead machine go back into the queue. Where only the actor died, one
  of its photos may be to blame: they are tried once more at the end, each alone in its actor, and
  who is the only one at hand when an actor dies is quarantined.
* A run is given up when actors die again and again and no photo ends.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence

from m2fp_cli.batch.executor import PoolOrder
from m2fp_cli.batch.outcome import Outcome, quarantine
from m2fp_cli.batch.remote.stamping import stamp_inputs
from m2fp_cli.batch.targets import reclaim
from m2fp_cli.batch.tasks import ImageTask, read_ahead
from m2fp_cli.cluster.calls import ActorLostError, Cluster
from m2fp_cli.cluster.member import SLICE, Lost, Member, slice_size
from m2fp_cli.cluster.place import place_of, stores_of
from m2fp_cli.cluster.station import Greeting, Reply, StationOrder
from m2fp_cli.errors import ImageError, M2fpError, OutputError
from m2fp_cli.version import __version__

STATION_BYTES = 400_000_000
"""Memory of an actor and of its fork server with torch, beside that of the worker."""
_ROOM_SECONDS = 5.0  # between two looks at the machines
_WAIT_SECONDS = 0.5
_END_SECONDS = 3.0  # what an actor has to remove is a folder of a few photos
_CALL_SECONDS = 1.0  # of a call; more with many actors, so that about 200 return each second
_CALLS_A_SECOND = 200
_BLAME_SECONDS = 60.0  # Ray takes up to half a minute to see that a machine is gone
_NODE_DEATHS = 3  # with that many machines a photo went down before it is a suspect
_BARREN_DEATHS = 50  # in a row, without a photo that ended
_BOOT_DEATHS = 6  # in a row, before any actor was ever ready


class ClusterPool:
    """Runs a job's workers on a cluster; see the module's text.

    Attributes:
        killed: a worker was ended by force, so temporary files may be left.
        unsettled: keys of photos without an outcome of which a worker may have left files.
        threads: cores of each worker.
        memory_bytes: memory that each actor declares.
        away_seconds: between two tries to reach an actor that is starting again.
    """

    away_seconds = 3.0

    def __init__(self, cluster: Cluster, order: PoolOrder) -> None:
        """Prepare; no actor is started yet.

        Args:
            cluster: an open connection; closed with the run.
            order: what the pool is made for.
        """
        self.killed = False
        self.unsettled: set[str] = set()
        self._cluster, self._order = cluster, order
        self.threads = order.threads or 1
        self.memory_bytes = order.job.memory_bytes() + STATION_BYTES
        self._place = place_of(order)
        station = StationOrder(
            order.job, self.threads, order.limits, self._place.mark, stores_of(order)
        )
        self._packed = pickle.dumps(station)
        self._members: list[Member] = []
        self._queue: deque[ImageTask] = deque()
        self._suspects: deque[ImageTask] = deque()
        self._lost: list[Lost] = []
        self._falls: Counter[str] = Counter()
        self._outcomes: list[Outcome] = []
        self._deaths = self._refused = 0
        self._ever_ready, self._has_more = False, True
        self._fatal: M2fpError | None = None
        self._places, self._looked_at = 0, -_ROOM_SECONDS

    def run(self, tasks: Iterable[ImageTask | None]) -> Generator[Outcome | None, None, None]:
        """Work on photos; arguments, yields and errors as those of ``batch.pool.Pool.run``."""
        source = iter(tasks)
        try:
            self._refill(source)
            while not self._is_over():
                self._settle_lost()
                self._adjust_members()
                self._hand_out()
                self._collect()
                yield from self._outcomes
                self._outcomes.clear()
                if self._fatal is not None:
                    raise self._fatal
                yield None
                self._refill(source)
        finally:
            self._close()

    # ------------------------------------------------------------------------------- the rounds

    def _refill(self, source: Iterator[ImageTask | None]) -> None:
        """Have two slices for each actor at hand; the rest may be millions."""
        if self._has_more and not self._is_draining:
            count = 2 * SLICE * max(1, len(self._members))
            self._has_more = read_ahead(source, self._queue, count)

    @property
    def _is_draining(self) -> bool:
        return self._order.switch.is_draining

    def _is_over(self) -> bool:
        held = any(member.held for member in self._members)
        if self._is_draining:
            return self._order.switch.is_over or not held
        return not (self._queue or self._suspects or self._lost or held or self._has_more)

    def _adjust_members(self) -> None:
        """Ask for actors and let them go, so that there are as many as there is work for."""
        if self._is_draining:
            return
        if not (self._queue or self._suspects or self._lost or self._has_more):
            self._let_go([one for one in self._members if one.is_free])  # others may need its cores
            return
        busy = sum(bool(member.held) for member in self._members)
        wanted = min(self._count_places(), busy + len(self._queue) + len(self._suspects))
        for _ in range(wanted - len(self._members)):
            member = Member(self._cluster.start(self.threads, self.memory_bytes))
            self._members.append(member)
        for member in self._members:
            waits = not member.is_ready and member.call is None
            if waits and time.monotonic() >= member.begin_after:
                self._begin(member)

    def _count_places(self) -> int:
        """Number of actors to ask for."""
        asked = self._order.workers
        if asked is None and time.monotonic() >= self._looked_at + _ROOM_SECONDS:
            self._looked_at = time.monotonic()
            self._places = self._cluster.room(self.threads, self.memory_bytes)
        return max(1, (asked or self._places) - self._refused)

    def _begin(self, member: Member) -> None:
        self._place.show_mark()
        member.call = self._cluster.call(member.actor, "begin", __version__, self._packed)

    def _hand_out(self) -> None:
        seconds = max(_CALL_SECONDS, len(self._members) / _CALLS_A_SECOND)
        for member in self._members:
            if not member.is_ready or member.call is not None:
                continue
            if self._is_draining:
                if member.held:
                    member.call = self._cluster.call(member.actor, "drain", seconds)
                continue
            size = slice_size(len(self._queue), len(self._members))
            tasks = self._next_tasks(member, size)
            if member.held:
                keep = size // 2 if self._queue else 0
                member.call = self._cluster.call(member.actor, "work", tasks, keep, seconds)

    def _next_tasks(self, member: Member, size: int) -> list[ImageTask]:
        """The next photos for an actor; noted as at hand."""
        tasks: list[ImageTask] = []
        if member.held and (member.is_retry or len(member.held) > size // 2):
            return tasks
        if self._queue:
            tasks = [self._queue.popleft() for _ in range(min(size, len(self._queue)))]
            member.give(tasks, is_retry=False)
        elif self._suspects and not member.held and not self._has_more:
            tasks = [self._suspects.popleft()]
            member.give(tasks, is_retry=True)
        return tasks

    def _collect(self) -> None:
        """Take what calls have given back."""
        members = {member.call: member for member in self._members if member.call is not None}
        if not members:
            time.sleep(_WAIT_SECONDS)
            return
        for call in self._cluster.ended(list(members), _WAIT_SECONDS):
            member = members[call]
            member.call = None
            try:
                answer = self._cluster.take(call)
            except ActorLostError as error:
                self._handle_death(member, error)
                continue
            if isinstance(answer, Greeting):
                self._welcome(member, answer)
            else:
                self._take_reply(member, answer)

    def _welcome(self, member: Member, greeting: Greeting) -> None:
        member.node, member.host = greeting.node, greeting.host
        if greeting.error is not None:
            self._refuse(member, greeting.error)
            return
        member.is_ready = self._ever_ready = True
        self._order.note(f"a worker is ready on {member.host}")

    def _take_reply(self, member: Member, reply: Reply) -> None:
        self.killed = self.killed or reply.killed
        self.unsettled.update(reply.unsettled)
        for note in reply.notes:
            self._order.note(f"{member.host}: {note}")
        for outcome in reply.outcomes:
            del member.held[outcome.report.key]
            self.unsettled.discard(outcome.report.key)
            self._outcomes.append(outcome.of_last_attempt() if member.is_retry else outcome)
            self._deaths = 0
        if isinstance(reply.error, OutputError):
            self._fatal = reply.error
        elif reply.error is not None:
            self._refuse(member, reply.error)
        elif self._is_draining and reply.ended:
            member.held.clear()

    def _refuse(self, member: Member, error: M2fpError) -> None:
        """A machine cannot do this work: go on with the others, if there are any."""
        self.unsettled.update(member.held)
        self._requeue(member.held.values())
        self._drop(member)
        self._refused += 1
        if not self._members:
            self._fatal = error
            return
        self._order.note(f"going on without a worker on {member.host}: {error}")

    def _let_go(self, members: Sequence[Member]) -> None:
        """End actors; those at hand remove what they have on their machines before that."""
        idle = [one for one in members if one.is_ready and one.call is None]
        calls = [self._cluster.call(member.actor, "end") for member in idle]
        until = time.monotonic() + _END_SECONDS
        while calls and (seconds := until - time.monotonic()) > 0:
            ended = self._cluster.ended(calls, seconds)
            calls = [call for call in calls if call not in ended]
        for member in list(members):
            self._drop(member)

    def _drop(self, member: Member) -> None:
        self._members.remove(member)
        self._cluster.kill(member.actor)

    # -------------------------------------------------------------------------------- the deaths

    def _handle_death(self, member: Member, error: ActorLostError) -> None:
        if error.away and not member.is_ready:
            member.begin_after = time.monotonic() + self.away_seconds
            return  # known already: it waits for a machine with room
        self.killed = True
        self._deaths += 1
        where = f" on {member.host}" if member.host else ""
        self._order.note(f"a worker{where} was lost: {error}")
        reason = "out_of_memory" if error.out_of_memory else "crash"
        why = ImageError(reason, f"its worker was lost: {error}")
        if member.held and not self._is_draining:
            tasks = tuple(member.held.values())
            self._lost.append(Lost(member, member.node, tasks, member.is_retry, why))
        self.unsettled.update(member.held)
        member.held, member.is_ready = {}, False
        if error.forever:
            self._drop(member)
        if not self._ever_ready and self._deaths >= _BOOT_DEATHS:
            self._fatal = M2fpError(f"no worker can start in the cluster: {error}")
        elif self._deaths >= max(_BARREN_DEATHS, 10 * len(self._members)):
            self._fatal = M2fpError(
                f"{self._deaths} workers of the cluster died and no photo was finished: {error}"
            )

    def _settle_lost(self) -> None:
        """Blame photos where their actor alone has died, not where the whole machine is gone."""
        if not self._lost:
            return
        living = self._cluster.living_nodes()
        for lost in self._lost.copy():
            is_back = lost.member.is_ready or lost.member not in self._members
            if lost.node not in living:
                self._falls.update(task.key for task in lost.tasks)
            elif not is_back and time.monotonic() < lost.since + _BLAME_SECONDS:
                continue
            self._lost.remove(lost)
            for task in reversed(lost.tasks):
                self._settle(lost, task, is_innocent=lost.node not in living)

    def _settle(self, lost: Lost, task: ImageTask, *, is_innocent: bool) -> None:
        look = self._place.look(task)
        again = reclaim(self._order.job, look, task)
        if is_innocent and self._falls[task.key] <= _NODE_DEATHS:
            self._queue.appendleft(again)
        elif not lost.is_retry:
            self._suspects.append(again)
        else:
            results = None if self._order.remote is None else self._order.remote.results
            stamp = stamp_inputs(self._order.job, task, results, checksum=False)
            self._outcomes.append(quarantine(again, lost.error, look, stamp))
            self.unsettled.discard(task.key)
            self._deaths = 0

    def _requeue(self, tasks: Iterable[ImageTask]) -> None:
        job, place = self._order.job, self._place
        again = [reclaim(job, place.look(task), task) for task in tasks]
        self._queue.extendleft(reversed(again))

    # ----------------------------------------------------------------------------------- the end

    def _close(self) -> None:
        self.killed = self.killed or any(member.held for member in self._members)
        self.unsettled.update(key for member in self._members for key in member.held)
        self._let_go(self._members)
        self._cluster.close()
        self._place.hide_mark()
