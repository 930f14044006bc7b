"""Worker processes that take requests: a bounded queue in, a future for each request out.

Built from the batch's parts: its processes, its members with their limits and deaths. What differs
is the supply: requests come at any time, each has one worker for itself, and none is worked on
twice, because somebody is waiting. A worker that dies costs the one request it worked on, and is
replaced. It says when it begins: a request that it had not begun keeps its place, and is given to
another worker, once, because it may be what kills those who read it.

Here are the workers' lives; what becomes of the requests is in ``desk``. One thread supervises all
workers. Any thread may call ``submit``, ``ask`` and ``figures``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import wait
from typing import Any

from m2fp_cli.batch.clock import PoolClock, PoolLimits
from m2fp_cli.batch.deaths import DeathRegister
from m2fp_cli.batch.messages import GaveUp, HeldUp, Moved
from m2fp_cli.batch.processes import Preloading, WorkerMain
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.batch.wake import WakePipe
from m2fp_cli.batch.worker_handle import WorkerHandle
from m2fp_cli.delays import DelaySums
from m2fp_cli.errors import M2fpError
from m2fp_cli.server.desk import Desk, refuse_all
from m2fp_cli.server.figures import PoolFigures
from m2fp_cli.server.messages import (
    Answered,
    Introduced,
    Ping,
    Pong,
    Refused,
    ShowAccessories,
    Wardrobe,
    WorkRequest,
)
from m2fp_cli.server.pulse import Pulse
from m2fp_cli.server.starting import start_worker
from m2fp_cli.server.waiting import Delivered


class ServicePool:
    """See the module's text.

    Attributes:
        card: what the first worker said of the model; None until then.
        wardrobe: what can be tried on; None until a worker has shown it.
        failure: why there can be no workers; None as long as there is hope.
    """

    def __init__(
        self,
        main: WorkerMain,
        job: Preloading,
        plan: PoolPlan,
        limits: PoolLimits,
        queue: int,
        note: Callable[[str], None],
    ) -> None:
        """Prepare; no process is started yet.

        Args:
            main: what a worker process runs.
            job: given to that.
            plan: number of workers and threads.
            limits: what to put up with; ``photo_seconds`` is needed.
            queue: requests that may wait while all workers are busy.
            note: told in a sentence what happens to workers.
        """
        self.card: Introduced | None = None
        self.wardrobe: Wardrobe | None = None
        self.failure: M2fpError | None = None
        self._main, self._job, self._plan, self._limits = main, job, plan, limits
        self._desk, self._note = Desk(plan.workers + queue), note
        self._pulse, self._delays = Pulse(), DelaySums(note)
        self._handles: list[WorkerHandle[WorkRequest]] = []
        self._clock, self._deaths = PoolClock(limits), DeathRegister()
        self._wake = WakePipe()
        self._closing = False
        self._start_after = 0.0
        self._started = self._dead = 0
        self._thread = threading.Thread(target=self._supervise, name="pool", daemon=True)

    def start(self) -> None:
        """Start the workers; returns at once."""
        self._thread.start()

    def submit(self, request: WorkRequest) -> Future[Delivered]:
        """Queue a request.

        Returns:
            a future of the answer; it raises ``ImageError`` or ``UsageError`` as the worker did,
            or an ``ImageError`` of reason ``crash``, ``timeout`` or ``out_of_memory`` if the worker
            died over it. A request whose future is cancelled while it waits is dropped.

        Raises:
            PoolFullError: too many wait already.
            PoolClosedError: the pool is closing, or has no workers.
        """
        ticket = self._desk.line.add(request)
        self._wake.wake()
        return ticket.future

    @property
    def is_full(self) -> bool:
        """Whether ``submit`` would refuse now."""
        return self._desk.line.is_full

    def ask(self) -> Future[None]:
        """A future that is done as soon as a worker answers that it is there."""
        future = self._pulse.ask(self._desk.new_number())
        self._wake.wake()
        return future

    def figures(self) -> PoolFigures:
        """What goes on now."""
        handles = list(self._handles)
        return PoolFigures(
            workers=self._plan.workers,
            ready=sum(member.is_ready for member in handles),
            busy=sum(bool(member.held) for member in handles),
            queued=len(self._desk.line),
            restarts=max(0, self._started - self._plan.workers),
            deaths=self._dead,
            resident_bytes=self._pulse.resident_bytes,
            work_seconds=self._desk.work_seconds,
        )

    def close(self) -> None:
        """End all workers; requests that are still open fail with ``PoolClosedError``."""
        self._closing = True
        self._wake.wake()
        if self._thread.is_alive():
            self._thread.join()

    # ------------------------------------------------------------------------------- the rounds

    def _supervise(self) -> None:
        try:
            while not self._closing and self.failure is None:
                self._recruit()
                self._desk.drop_stale(self._limits.photo_seconds or 0.0)
                self._hand_out()
                self._ping()
                self._listen()
                self._enforce_time()
        except M2fpError as error:
            self.failure = error
        except Exception as error:
            self.failure = M2fpError(f"the pool of workers failed ({error!r}); please report this")
        finally:
            self._end()

    def _recruit(self) -> None:
        for member in self._handles:
            if member.is_retiring and not member.held and not member.is_leaving:
                member.dismiss()
        staying = sum(not (m.is_leaving or m.is_retiring) for m in self._handles)
        if time.monotonic() < self._start_after:
            return
        for _ in range(self._plan.workers - staying):
            self._started += 1
            self._handles.append(start_worker(self._main, self._job, self._plan.threads))

    def _hand_out(self) -> None:
        for member in self._handles:
            if not member.can_start or member.connection.poll():  # it may be its end
                continue
            if not self._desk.hand_next(member):
                return

    def _ping(self) -> None:
        if not self._pulse.is_due():
            return
        number = self._desk.new_number()
        for member in self._handles:
            if member.is_ready and not member.is_leaving:
                self._tell(member, Ping(number))

    def _tell(self, member: WorkerHandle[WorkRequest], message: object) -> None:
        """Send a small message; who cannot take it is dead, and found so in the next round."""
        try:
            member.connection.send(message)
        except OSError:
            member.kill()

    def _listen(self) -> None:
        members: dict[Any, WorkerHandle[WorkRequest]] = {
            one.connection: one for one in self._handles
        }
        patience = self._clock.patience(self._handles, self._start_after)
        patience = max(0.0, min(patience, self._pulse.patience()))
        for source in wait([*members, self._wake.fileno()], timeout=patience):
            if source in members:
                self._receive(members[source])
            else:
                self._wake.clear()

    def _receive(self, member: WorkerHandle[WorkRequest]) -> None:
        """Take all that a worker has said; its end of file is its death."""
        try:
            while member.connection.poll():
                self._handle_message(member, member.connection.recv())
        except (EOFError, OSError):
            self._handle_death(member)

    def _handle_message(self, member: WorkerHandle[WorkRequest], message: object) -> None:
        if isinstance(message, Answered | Refused):
            self._finish(member, message)
        elif isinstance(message, Moved):
            self._desk.begin(message.ticket)
        elif isinstance(message, Pong):
            self._pulse.hear(member, message.resident_bytes)
            self._pulse.resolve(message.number)
        elif isinstance(message, Introduced):
            self._pulse.hear(member, message.resident_bytes)
            member.is_ready = True
            self._deaths.see_progress()
            self.card = self.card or message
            if self.wardrobe is None:
                self._tell(member, ShowAccessories())
        elif isinstance(message, Wardrobe):
            self.wardrobe = message
        elif isinstance(message, GaveUp):
            self._give_up(member, message)
        elif isinstance(message, HeldUp):
            member.forgive(message.seconds)
            self._delays.add(message.seconds, message.why)

    def _finish(self, member: WorkerHandle[WorkRequest], message: Answered | Refused) -> None:
        self._pulse.hear(member, message.resident_bytes)
        self._deaths.see_progress()
        self._desk.finish(member, message)
        if member.has_grown(message.resident_bytes, self._limits.growth_bytes):
            member.is_retiring = True
            size = message.resident_bytes / 1e6
            self._note(f"worker {member.process.pid} has grown to {size:.0f} MB; it is replaced")

    def _give_up(self, member: WorkerHandle[WorkRequest], message: GaveUp) -> None:
        error = message.error
        if self.card is None:
            self.failure = error if isinstance(error, M2fpError) else M2fpError(str(error))
        self._note(f"worker {member.process.pid} could not start: {error}")

    # -------------------------------------------------------------------------------- the deaths

    def _handle_death(self, member: WorkerHandle[WorkRequest]) -> None:
        self._handles.remove(member)
        self._pulse.forget(member)
        pid = member.process.pid or 0
        member.kill()  # it may only have stopped in the middle of a message
        code = member.reap()
        if member.is_leaving:
            return
        self._dead += 1
        error = self._deaths.explain(member, code)
        when = "" if member.is_ready else " while it started"
        self._note(f"worker {pid} died{when}: {error}")
        self._desk.take_back(member, error)
        self._start_after = time.monotonic() + self._deaths.record(member)
        # A service that has worked once goes on for ever: nobody may end it by sending photos.
        if self.card is None:
            verdict = self._deaths.verdict(error, self._plan.workers, ever_ready=False)
            self.failure = self.failure or verdict

    def _enforce_time(self) -> None:
        for member, why in self._clock.too_late(self._handles):
            member.timed_out = why
            member.kill()
        self._pulse.end_silent(self._handles)

    # ----------------------------------------------------------------------------------- the end

    def _end(self) -> None:
        left = self._desk.close()
        for member in self._handles:
            member.kill()
        for member in self._handles:
            member.reap()
        self._handles.clear()
        refuse_all(left)
        self._pulse.cancel()
