"""One worker process as the parent sees it: what it has in its hands, and how it died."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Generic, TypeVar

from m2fp_cli.batch.messages import Assignment, Stage
from m2fp_cli.batch.processes import Preloading, WorkerMain, start_worker

MAX_HELD = 3  # one is loaded, one worked on, one saved
_WARM_UP_PHOTOS = 5
_JOIN_SECONDS = 5.0
Task = TypeVar("Task")


@dataclass
class HeldTask(Generic[Task]):
    """A photo in the hands of a worker.

    Attributes:
        task: the photo, in the form that the worker takes.
        is_retry: it is tried a second time, alone.
        stage: where it is.
        since: monotonic time at which it got there.
        longest_seconds: the longest of its active stages so far.
    """

    task: Task
    is_retry: bool
    stage: Stage = Stage.SENT
    since: float = field(default_factory=time.monotonic)
    longest_seconds: float = 0.0

    def move(self, stage: Stage) -> None:
        """Enter a stage."""
        now = time.monotonic()
        if self.stage.is_active:
            self.longest_seconds = max(self.longest_seconds, now - self.since)
        self.stage, self.since = stage, now


class WorkerHandle(Generic[Task]):
    """One worker process.

    Attributes:
        process: the process.
        connection: the parent's end of its pipe; its end of file is the worker's death.
        is_ready: the worker has been built.
        is_leaving: it has been told to stop.
        saw_death: another worker died while it was there.
        held: photos in its hands, by ticket.
        timed_out: why the parent killed it; empty if it did not.
    """

    def __init__(self, main: WorkerMain, job: Preloading, threads: int) -> None:
        """Start the process, see ``processes.start_worker``."""
        self.process: ForkServerProcess
        self.connection: Connection
        self.process, self.connection = start_worker(main, job, threads)
        self.is_ready = self.is_leaving = self.is_retiring = self.saw_death = False
        self.held: dict[int, HeldTask[Task]] = {}
        self.timed_out = ""
        self.started_at = time.monotonic()
        self._photos = self._warm_bytes = 0

    @property
    def can_start(self) -> bool:
        """Whether it may get a photo to work on at once."""
        return self._takes_work and not self.held

    @property
    def can_prefetch(self) -> bool:
        """Whether it may get a photo to load while it works on another."""
        ahead = any(held.stage.is_ahead for held in self.held.values())
        return self._takes_work and not ahead and len(self.held) < MAX_HELD

    @property
    def is_free(self) -> bool:
        """Whether it has or will soon have nothing to do."""
        return not (self.is_leaving or self.is_retiring or self.held)

    @property
    def _takes_work(self) -> bool:
        return self.is_ready and not self.is_leaving and not self.is_retiring

    def assign(self, ticket: int, task: Task, *, is_retry: bool) -> bool:
        """Hand it a photo; False if it is dead."""
        try:
            self.connection.send(Assignment(ticket, task))
        except OSError:
            return False
        self.held[ticket] = HeldTask(task, is_retry)
        return True

    def has_grown(self, resident_bytes: int, limit_bytes: int) -> bool:
        """Whether its memory has grown beyond a limit since its first photos."""
        self._photos += 1
        if self._photos <= _WARM_UP_PHOTOS:
            self._warm_bytes = max(self._warm_bytes, resident_bytes)
            return False
        return resident_bytes > self._warm_bytes + limit_bytes

    def dismiss(self) -> None:
        """Tell it to finish what it works on and to end."""
        self.is_leaving = True
        with contextlib.suppress(OSError):
            self.connection.send(None)

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(OSError, ValueError):
            self.process.kill()

    def reap(self) -> int:
        """Wait for its end, give everything back, and return its exit code (negative: signal)."""
        self.process.join(_JOIN_SECONDS)
        if self.process.is_alive():
            self.kill()
            self.process.join(_JOIN_SECONDS)
        code = self.process.exitcode
        self.connection.close()
        with contextlib.suppress(ValueError):
            self.process.close()
        return 1 if code is None else code

    def forgive(self, seconds: float) -> None:
        """Shift its clocks: for so long the parent was away, or the worker held up by no photo."""
        now = time.monotonic()
        self.started_at = min(now, self.started_at + seconds)
        for held in self.held.values():
            held.since = min(now, held.since + seconds)  # it may have come in the meantime


def describe_exit(code: int) -> str:
    """How a process ended, in a few words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
