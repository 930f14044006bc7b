"""The pool: photos in, exactly one outcome for each of them out, whatever happens to the workers.

Our own supervisor, because the best library found did not survive the tests of this one. pebble
5.2 (300 tasks of 0.3 s, start of a worker 0.6 s, a random worker killed every 0.5 s): one kill
while a worker started broke the pool for all 300 tasks; with kills of started workers only, 66 were
done, 116 failed and 118 were dropped. ``multiprocessing.Pool`` loses the task of a killed worker
and waits for ever; ``concurrent.futures``, joblib and mpire give up all that is left.

How it works:

* Every worker has a pipe of its own. Nothing is shared, so a killed worker leaves no lock locked
  and no queue torn. Its death is the pipe's end of file.
* The parent hands out photos one by one: at most one that is worked on, one that is loaded and one
  that is saved per worker. It always knows what died with a worker.
* A photo in an active stage of a worker that died or hung is a suspect. Suspects are tried once
  more at the end, each alone in the only worker. Who fails again is quarantined. Photos that only
  waited in a dead worker go back into the queue.
* What ends one worker may be about to end the others, too: a killed fork server, a machine out of
  memory. So a suspect gets a worker that was started after the last death, not a witness of it.
* A run is given up when workers die again and again and no photo ends.

Another executor (``executor.Executor``) offers what ``Pool.run`` does: tasks in, outcomes out.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import wait

from m2fp_cli.batch.clock import PoolClock, PoolLimits
from m2fp_cli.batch.deaths import DeathRegister
from m2fp_cli.batch.job import Job
from m2fp_cli.batch.messages import Finished, FromWorker, GaveUp, HeldUp, Moved, Ready, Stage
from m2fp_cli.batch.outcome import Outcome, quarantine
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.batch.stamps import stamp_files
from m2fp_cli.batch.switch import StopSwitch
from m2fp_cli.batch.targets import reclaim
from m2fp_cli.batch.tasks import ImageTask, read_ahead
from m2fp_cli.batch.worker_handle import HeldTask, WorkerHandle
from m2fp_cli.batch.worker_process import run_worker
from m2fp_cli.delays import DelaySums
from m2fp_cli.errors import ImageError
from m2fp_cli.storage.tree import OutputTree
from m2fp_cli.terminal import counted

_AT_HAND = 8  # photos for each worker that wait in the queue


class Pool:
    """Runs a job's workers over photos; see the module's text.

    Attributes:
        killed: a worker was ended by force, so temporary files may be left.
        unsettled: keys of photos without an outcome of which a worker may have left files.
    """

    def __init__(
        self,
        job: Job,
        plan: PoolPlan,
        limits: PoolLimits,
        switch: StopSwitch,
        note: Callable[[str], None],
        tree: OutputTree,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare; no process is started yet.

        Args:
            job: the work.
            plan: number of workers and threads.
            limits: what to put up with.
            switch: ends the run early.
            note: told in a sentence what happened to workers.
            tree: the output, to find what a dead worker wrote.
            say: told in a sentence what all wait for; None tells ``note``.
        """
        self.killed = False
        self.unsettled: set[str] = set()
        self._job, self._limits, self._switch, self._note = job, limits, switch, note
        self._tree, self._delays = tree, DelaySums(say or note)
        self._workers, self._threads = plan.workers, plan.threads
        self._handles: list[WorkerHandle[ImageTask]] = []
        self._queue: deque[ImageTask] = deque()
        self._suspects: deque[ImageTask] = deque()
        self._outcomes: list[Outcome] = []
        self._tickets = itertools.count()
        self._clock, self._deaths = PoolClock(limits), DeathRegister()
        self._fatal: Exception | None = None
        self._ever_ready = False
        self._has_more = True
        self._start_after = 0.0

    def run(self, tasks: Iterable[ImageTask | None]) -> Generator[Outcome | None, None, None]:
        """Work on photos.

        Args:
            tasks: the photos; None where the next one is not there yet. Whoever brings photos wakes
                the switch when one has come.

        Yields:
            an outcome for each photo, as soon as there is one; None at least once a second, so
            that the caller can keep its own clocks. When the switch ends the run, photos that were
            not come to have no outcome.

        Raises:
            OutputError: nothing can be written.
            M2fpError: no worker can be started, or they die again and again.
        """
        source = iter(tasks)
        orderly = False
        try:
            self._refill(source)
            while not self._is_over():
                self._adjust_workers()
                self._hand_out()
                self._wait_for_messages()
                self._kill_late_workers()
                yield from self._outcomes
                self._outcomes.clear()
                if self._fatal is not None:
                    raise self._fatal
                yield None
                self._refill(source)
            orderly = not self._switch.is_over
        finally:
            self._close(orderly=orderly)

    # ------------------------------------------------------------------------------- the rounds

    def _refill(self, source: Iterator[ImageTask | None]) -> None:
        """Have so many photos at hand that no worker waits; the rest may be millions."""
        if self._has_more and not self._switch.is_draining:
            count = _AT_HAND * self._workers
            self._has_more = read_ahead(source, self._queue, count)

    def _is_over(self) -> bool:
        if self._switch.is_draining:
            return self._switch.is_over or not self._handles
        held = any(member.held for member in self._handles)
        return not (self._queue or self._suspects or held or self._has_more)

    def _only_retries_left(self) -> bool:
        """Whether a suspect is tried, or only suspects are left until more photos have come."""
        held = [held for member in self._handles for held in member.held.values()]
        if any(one.is_retry for one in held):
            return True  # alone, also where photos have come meanwhile
        return bool(self._suspects or not self._has_more) and not (self._queue or held)

    def _adjust_workers(self) -> None:
        """Start and dismiss workers so that there are as many as there is work for."""
        staying = [m for m in self._handles if not (m.is_leaving or m.is_retiring)]
        for member in self._handles:
            if member.is_retiring and not member.held and not member.is_leaving:
                member.dismiss()
        if self._switch.is_draining:
            self._dismiss_all()
            return
        if self._only_retries_left():
            wanted = 1 if self._suspects or any(m.held for m in self._handles) else 0
            free = sorted((m for m in staying if m.is_free), key=lambda m: not m.saw_death)
            witnesses = sum(m.saw_death for m in free) if self._suspects else 0
            for member in free[: max(witnesses, len(staying) - wanted)]:
                member.dismiss() if member.is_ready else member.kill()
                member.is_leaving = True
                staying.remove(member)
            if len(staying) < len(self._handles):
                return  # a new one shall not need memory beside one that is about to give it back
        else:
            busy = sum(bool(m.held) for m in staying)
            wanted = min(self._workers, busy + len(self._queue))
        if time.monotonic() >= self._start_after:
            for _ in range(wanted - len(staying)):
                self._handles.append(WorkerHandle(run_worker, self._job, self._threads))

    def _dismiss_all(self) -> None:
        for member in self._handles:
            if not member.is_leaving:
                member.dismiss()
                if not member.is_ready:
                    member.kill()

    def _hand_out(self) -> None:
        if self._switch.is_draining:
            return
        if self._only_retries_left():
            if self._suspects and len(self._handles) == 1 and self._handles[0].can_start:
                suspect = self._suspects[0]
                if self._handles[0].assign(next(self._tickets), suspect, is_retry=True):
                    self._suspects.popleft()
            return
        for member in self._handles:
            if self._queue and member.can_start:
                self._assign(member)
        free = sum(member.is_free for member in self._handles)
        for member in self._handles:
            # A photo ahead for one worker must not be missing for another that has none.
            if len(self._queue) > free and member.can_prefetch:
                self._assign(member)

    def _assign(self, member: WorkerHandle[ImageTask]) -> None:
        if member.assign(next(self._tickets), self._queue[0], is_retry=False):
            self._queue.popleft()

    def _wait_for_messages(self) -> None:
        members = {member.connection: member for member in self._handles}
        patience = self._clock.patience(self._handles, self._start_after)
        ready = wait([*members, self._switch.fileno()], timeout=patience)
        for source in ready:
            if isinstance(source, int):
                self._switch.clear_wake()
            else:
                self._receive(members[source])  # type: ignore[index]

    def _receive(self, member: WorkerHandle[ImageTask]) -> None:
        """Take all that a worker has said; its end of file is its death."""
        try:
            while member.connection.poll():
                self._handle_message(member, member.connection.recv())
        except (EOFError, OSError):
            self._handle_death(member)

    def _handle_message(self, member: WorkerHandle[ImageTask], message: FromWorker) -> None:
        if isinstance(message, Moved):
            member.held[message.ticket].move(message.stage)
        elif isinstance(message, Finished):
            self._finish(member, message)
        elif isinstance(message, Ready):
            member.is_ready = self._ever_ready = True
        elif isinstance(message, GaveUp):
            self._give_up(member, message)
        elif isinstance(message, HeldUp):
            member.forgive(message.seconds)
            self._delays.add(message.seconds, message.why)

    def _finish(self, member: WorkerHandle[ImageTask], message: Finished) -> None:
        held = member.held.pop(message.ticket)
        held.move(held.stage)
        self.unsettled.discard(held.task.key)
        self._clock.learn(held.longest_seconds)
        self._deaths.see_progress()
        pid = member.process.pid or 0
        outcome = Outcome(message.report, message.stamp, pid, message.resident_bytes)
        self._outcomes.append(outcome.of_last_attempt() if held.is_retry else outcome)
        if member.has_grown(message.resident_bytes, self._limits.growth_bytes):
            member.is_retiring = True
            size = message.resident_bytes / 1e6
            self._note(f"worker {pid} has grown to {size:.0f} MB; it is replaced")

    def _give_up(self, member: WorkerHandle[ImageTask], message: GaveUp) -> None:
        member.is_leaving = True
        others = [one for one in self._handles if one is not member]
        if message.booting and self._workers > 1 and (self._ever_ready or others):
            self._workers -= 1
            self._note(f"going on with {counted(self._workers, 'worker')}: {message.error}")
        else:
            self._fatal = message.error

    # -------------------------------------------------------------------------------- the deaths

    def _handle_death(self, member: WorkerHandle[ImageTask]) -> None:
        self._handles.remove(member)
        pid = member.process.pid or 0
        code = member.reap()
        saved = {held.task.key for held in member.held.values() if held.stage is Stage.SAVE}
        self.unsettled |= saved
        self.killed = self.killed or bool(saved)
        if member.is_leaving or self._switch.is_draining:
            self._requeue(member.held.values())
            return
        for other in self._handles:
            other.saw_death = True
        self.killed = True
        error = self._deaths.explain(member, code)
        when = "" if member.is_ready else " while it started"
        self._note(f"worker {pid} died{when}: {error}")
        active = [held for held in member.held.values() if held.stage.is_active or held.is_retry]
        self._requeue(held for held in member.held.values() if held not in active)
        for held in active:
            self._retry_or_quarantine(held, error, pid)
        self._start_after = time.monotonic() + self._deaths.record(member)
        verdict = self._deaths.verdict(error, self._workers, ever_ready=self._ever_ready)
        self._fatal = self._fatal or verdict
        if error.reason == "out_of_memory":
            self._use_fewer_workers()

    def _requeue(self, helds: Iterable[HeldTask[ImageTask]]) -> None:
        again = [self._task_again(held) for held in helds if not held.is_retry]
        self._queue.extendleft(reversed(again))

    def _retry_or_quarantine(self, held: HeldTask[ImageTask], error: ImageError, pid: int) -> None:
        """A photo was worked on when its worker died: try it again later, or quarantine it."""
        if not held.is_retry:
            self._suspects.append(self._task_again(held))
            return
        stamp = stamp_files(self._job.depends_on(held.task), checksum=False)
        task = self._task_again(held)
        self._outcomes.append(quarantine(task, error, self._tree, stamp, pid))
        self.unsettled.discard(task.key)
        self._deaths.see_progress()

    def _task_again(self, held: HeldTask[ImageTask]) -> ImageTask:
        """The task to be tried again; a worker that died while it saved may have left files."""
        if held.stage is not Stage.SAVE:
            return held.task
        return reclaim(self._job, self._tree, held.task, is_dead=True)

    def _use_fewer_workers(self) -> None:
        """Out of memory twice: fewer workers from here on."""
        times = self._deaths.out_of_memory
        if times >= 2 and self._workers > 1:
            self._workers -= 1
            left = counted(self._workers, "worker")
            self._note(f"memory was used up {times} times; going on with {left}")

    def _kill_late_workers(self) -> None:
        for member, why in self._clock.too_late(self._handles):
            member.timed_out = why
            self.killed = True
            member.kill()

    def _close(self, *, orderly: bool) -> None:
        for member in self._handles:
            if orderly:
                member.dismiss()
            else:
                self.killed = True  # it may have begun to save what it has not yet said
                self.unsettled.update(held.task.key for held in member.held.values())
                member.kill()
        for member in self._handles:
            member.reap()
        self._handles.clear()
