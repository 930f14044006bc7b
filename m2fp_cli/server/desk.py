"""Requests on their way through the pool: which wait, which worker has which, how each ends.

Each request has one worker for itself, and exactly one end, whatever happens to that worker.
"""

from __future__ import annotations

import itertools
import time
from collections import deque

from m2fp_cli.batch.messages import Stage
from m2fp_cli.batch.worker_handle import HeldTask, WorkerHandle
from m2fp_cli.errors import ImageError
from m2fp_cli.server.messages import Answered, Refused, WorkRequest
from m2fp_cli.server.waiting import (
    Delivered,
    PoolClosedError,
    Ticket,
    WaitedTooLongError,
    WaitingLine,
)

_LATEST = 50  # requests whose times are averaged
_MOST_HANDED = 2  # how often a request is handed to a worker that dies before it begins

Handle = WorkerHandle[WorkRequest]


class Desk:
    """See the module's text; for one thread, the supervisor's.

    Attributes:
        line: requests that wait; for any thread.
    """

    def __init__(self, capacity: int) -> None:
        """Start without requests.

        Args:
            capacity: most that may be open at once.
        """
        self.line = WaitingLine(capacity)
        self._given: dict[int, Ticket] = {}  # in the hands of workers, by number
        self._numbers = itertools.count(1)
        self._worked: deque[float] = deque(maxlen=_LATEST)  # seconds of requests

    @property
    def work_seconds(self) -> float:
        """Mean seconds of the latest requests; 0 before the first one. For any thread."""
        worked = list(self._worked)
        return sum(worked) / len(worked) if worked else 0.0

    def new_number(self) -> int:
        """A number for a request or a ping; they only grow. For any thread."""
        return next(self._numbers)

    def hand_next(self, member: Handle) -> bool:
        """Give the oldest request to a worker that can start one; whether there was one."""
        ticket = self.line.next()
        if ticket is None:
            return False
        number = self.new_number()
        ticket.started, ticket.handed = time.monotonic(), ticket.handed + 1
        if not member.assign(number, ticket.request, is_retry=True):
            member.kill()
            member.held[number] = HeldTask(ticket.request, is_retry=True)
        member.held[number].move(Stage.COMPUTE)  # its clock runs: it waits for nothing else
        self._given[number] = ticket
        return True

    def begin(self, number: int) -> None:
        """A worker has begun a request, which from then on is given to nobody else."""
        self._given[number].has_begun = True

    def finish(self, member: Handle, message: Answered | Refused) -> None:
        """A worker has done a request."""
        del member.held[message.ticket]
        ticket = self._given.pop(message.ticket)
        self._worked.append(time.monotonic() - ticket.started)
        if isinstance(message, Answered):
            ticket.future.set_result(Delivered(message.answer, ticket.started - ticket.since))
        else:
            ticket.future.set_exception(message.error)

    def take_back(self, member: Handle, error: ImageError) -> None:
        """Queue what a dead worker had not begun; let all else that it had fail.

        Args:
            member: the worker.
            error: how it died.
        """
        is_late = error.reason == "timeout"
        for number in member.held:
            ticket = self._given.pop(number)
            if ticket.has_begun or is_late or ticket.handed >= _MOST_HANDED:
                ticket.future.set_exception(error)
            else:
                self.line.put_back(ticket)

    def drop_stale(self, seconds: float) -> None:
        """Give up what has waited for longer than some seconds."""
        for ticket in self.line.older_than(time.monotonic() - seconds):
            if ticket.claim():
                ticket.future.set_exception(WaitedTooLongError(seconds))

    def close(self) -> list[Ticket]:
        """Take no more; gives all that are open."""
        return [*self.line.close(), *self._given.values()]


def refuse_all(tickets: list[Ticket]) -> None:
    """Tell those who still wait that the pool is closed."""
    for ticket in tickets:
        if ticket.claim():
            ticket.future.set_exception(PoolClosedError())
