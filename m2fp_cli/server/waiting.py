"""Requests that wait for a worker: a queue with an end, which forgets who goes away."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from m2fp_cli.errors import ImageError
from m2fp_cli.server.messages import WorkAnswer, WorkRequest


class PoolFullError(Exception):
    """All workers are busy and the queue is full."""


class PoolClosedError(Exception):
    """No request is taken any more."""


class WaitedTooLongError(ImageError):
    """No worker was free for a request in time; its photo is not to blame."""

    def __init__(self, seconds: float) -> None:
        """Give up after some seconds."""
        super().__init__("timeout", f"waited longer than {seconds:.0f} s for a worker")


@dataclass(frozen=True)
class Delivered:
    """An answer and the seconds its request waited for a worker."""

    answer: WorkAnswer
    waited_seconds: float


@dataclass(eq=False)
class Ticket:
    """One request on its way.

    Attributes:
        request: what is asked.
        future: of its answer.
        since: monotonic time at which it came.
        started: monotonic time at which a worker got it; 0 until then.
        handed: how many workers have got it.
        has_begun: a worker has said that it works on it.
    """

    request: WorkRequest
    future: Future[Delivered] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)
    started: float = 0.0
    handed: int = 0
    has_begun: bool = False

    def claim(self) -> bool:
        """Whether somebody still waits for it; from then on it cannot be cancelled."""
        if self.future.running():
            return True
        return not self.future.done() and self.future.set_running_or_notify_cancel()


class WaitingLine:
    """Tickets in the order they came, and how many are open; for any thread."""

    def __init__(self, capacity: int) -> None:
        """Start empty.

        Args:
            capacity: most open tickets, those that are worked on included.
        """
        self._capacity = capacity
        self._lock = threading.Lock()
        self._queue: deque[Ticket] = deque()
        self._open = 0
        self._is_closed = False

    def __len__(self) -> int:
        """Number of tickets that wait."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether ``add`` would refuse now."""
        return self._open >= self._capacity

    def add(self, request: WorkRequest) -> Ticket:
        """Queue a request.

        Raises:
            PoolFullError: too many are open.
            PoolClosedError: no request is taken any more.
        """
        ticket = Ticket(request)
        with self._lock:
            if self._is_closed:
                raise PoolClosedError
            if self._open >= self._capacity:
                raise PoolFullError
            self._open += 1
            self._queue.append(ticket)
        ticket.future.add_done_callback(lambda _: self._forget(ticket))
        return ticket

    def put_back(self, ticket: Ticket) -> None:
        """Queue a ticket where it was: before all that came later."""
        with self._lock:
            place = sum(other.since < ticket.since for other in self._queue)
            self._queue.insert(place, ticket)

    def next(self) -> Ticket | None:
        """Take the oldest ticket for which somebody still waits; None if there is none."""
        while True:
            with self._lock:
                if not self._queue:
                    return None
                ticket = self._queue.popleft()
            if ticket.claim():
                return ticket

    def older_than(self, since: float) -> list[Ticket]:
        """Tickets that have waited since before a monotonic time."""
        with self._lock:
            return [ticket for ticket in self._queue if ticket.since < since]

    def close(self) -> list[Ticket]:
        """Take no more; gives the tickets that still wait."""
        with self._lock:
            self._is_closed = True
            return [*self._queue]

    def _forget(self, ticket: Ticket) -> None:
        """A request has ended, whichever way."""
        with self._lock:
            self._open -= 1
            if ticket in self._queue:  # cancelled or given up while it waited
                self._queue.remove(ticket)
