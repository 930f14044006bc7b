"""Clients of the service that all ask at once, as threads."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_TIMEOUT_SECONDS = 300.0  # for one answer; the service gives every request up before
_MAX_PAUSE_SECONDS = 5.0  # a client comes again at the latest then, to keep the pressure on


@dataclass
class Load:
    """What clients have seen.

    Attributes:
        statuses: answers by HTTP status.
        unanswered: requests whose connection broke.
        seconds: of each accepted request, from its first byte to the end of its answer.
        work_seconds: of each accepted request, the part in a worker.
        elapsed_seconds: from the first request to the end of the last.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    seconds: list[float] = field(default_factory=list)
    work_seconds: list[float] = field(default_factory=list)
    elapsed_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Accepted requests per second."""
        return len(self.seconds) / self.elapsed_seconds if self.elapsed_seconds else 0.0


def run_clients(port: int, photos: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Let clients post photos for a time, each its next as soon as one is answered.

    A client that is answered 429 waits as long as ``Retry-After`` says, or a few seconds. Every
    client ends its last request.

    Args:
        port: of a service on this machine.
        photos: JPEG files, taken in turn.
        clients: how many at once.
        seconds: until no new request is begun; 0 for one request each.
    """
    load, lock, began = Load(), threading.Lock(), threading.Barrier(clients + 1)
    until = time.perf_counter() + seconds

    def ask_on(number: int) -> None:
        began.wait()
        while True:
            asked = time.perf_counter()
            answer = _post(port, photos[number % len(photos)])
            with lock:
                pause = _note(load, answer, time.perf_counter() - asked)
            if time.perf_counter() + pause >= until:
                return
            time.sleep(pause)
            number += clients

    threads = [threading.Thread(target=ask_on, args=(n,), daemon=True) for n in range(clients)]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    until = started + seconds
    began.wait()
    for thread in threads:
        thread.join()
    load.elapsed_seconds = time.perf_counter() - started
    return load


@dataclass(frozen=True)
class _Answer:
    """Status and headers of an answer; status 0 if there was none."""

    status: int
    retry_seconds: float = 0.0
    work_seconds: float = 0.0


def _note(load: Load, answer: _Answer, seconds: float) -> float:
    """Count an answer; gives the pause before the client's next request."""
    if answer.status == 0:
        load.unanswered += 1
        return 0.1
    load.statuses[answer.status] += 1
    if answer.status == 200:
        load.seconds.append(seconds)
        load.work_seconds.append(answer.work_seconds)
        return 0.0
    return min(_MAX_PAUSE_SECONDS, answer.retry_seconds) * random.uniform(0.5, 1.0)


def _post(port: int, photo: bytes) -> _Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.request("POST", "/parse", photo, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return _Answer(0)
        retry = float(response.getheader("Retry-After") or 0)
        return _Answer(response.status, retry, work_seconds(response.getheader("Server-Timing")))


def work_seconds(timing: str | None) -> float:
    """Seconds that a ``Server-Timing`` header gives to work, waiting left out."""
    stages = dict(re.findall(r"(\w+);dur=([\d.]+)", timing or ""))
    return sum(float(value) for name, value in stages.items() if name != "wait") / 1e3
