"""Who of the workers has answered when: pings, those who wait for an answer, and silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future

from m2fp_cli.batch.clock import GAP_SECONDS
from m2fp_cli.batch.worker_handle import WorkerHandle
from m2fp_cli.server.messages import WorkRequest

_PING_SECONDS = 5.0  # between two rounds of pings
_PING_GAP_SECONDS = 0.05  # the same when somebody asks: anybody may, as often as they like
_SILENCE_SECONDS = 30.0  # an idle worker that has not answered for so long is replaced

Handle = WorkerHandle[WorkRequest]


class Pulse:
    """See the module's text; any thread may call ``ask``, the others are the supervisor's."""

    def __init__(self) -> None:
        """Nobody has answered."""
        self._lock = threading.Lock()  # of what is asked
        self._asks: list[tuple[int, Future[None]]] = []
        self._heard: dict[Handle, tuple[float, int]] = {}  # last word: when, resident
        self._ping_at = self._pinged_at = 0.0
        self._looked_at = time.monotonic()

    def ask(self, number: int) -> Future[None]:
        """A future that is done as soon as a worker answers a ping that is sent from now on.

        Args:
            number: smaller than those of these pings.
        """
        future: Future[None] = Future()
        with self._lock:
            self._asks = [item for item in self._asks if not item[1].done()]
            self._asks.append((number, future))
            self._ping_at = min(self._ping_at, self._pinged_at + _PING_GAP_SECONDS)
        return future

    def resolve(self, number: int) -> None:
        """Tell those who asked before a ping that it was answered."""
        with self._lock:
            answered = [future for asked, future in self._asks if asked < number]
            self._asks = [item for item in self._asks if item[0] >= number]
        for future in answered:
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    def cancel(self) -> None:
        """Nobody will answer any more."""
        for _, future in self._asks:
            future.cancel()

    def is_due(self) -> bool:
        """Whether it is time for pings; the next ones are due some seconds later."""
        now = time.monotonic()
        if now < self._ping_at:
            return False
        self._pinged_at, self._ping_at = now, now + _PING_SECONDS
        return True

    def patience(self) -> float:
        """Seconds until the next pings; may be negative."""
        return self._ping_at - time.monotonic()

    def hear(self, member: Handle, resident_bytes: int) -> None:
        """A worker has said something, and how much memory it has."""
        self._heard[member] = (time.monotonic(), resident_bytes)

    def forget(self, member: Handle) -> None:
        """A worker is gone."""
        self._heard.pop(member, None)

    @property
    def resident_bytes(self) -> int:
        """Memory of all workers, as they last said."""
        return sum(resident for _, resident in list(self._heard.values()))

    def end_silent(self, members: Iterable[Handle]) -> None:
        """Kill idle workers that have not answered for long.

        When this process itself was away (a suspended machine), nobody was asked meanwhile.
        """
        now = time.monotonic()
        gap, self._looked_at = now - self._looked_at, now
        if gap > GAP_SECONDS:
            self._heard = {one: (when + gap, size) for one, (when, size) in self._heard.items()}
            return
        silent = now - _SILENCE_SECONDS
        for member in members:
            heard = self._heard.get(member)
            if heard and heard[0] < silent and not member.held and not member.timed_out:
                member.timed_out = f"has not answered for {_SILENCE_SECONDS:.0f} s"
                member.kill()
