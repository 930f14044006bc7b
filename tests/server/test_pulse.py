"""Who of the workers has answered when."""

from __future__ import annotations

import time
from typing import Any

import pytest

from m2fp_cli.batch.clock import GAP_SECONDS
from m2fp_cli.server.pulse import Pulse


class Worker:
    """As much of a handle as is looked at."""

    def __init__(self, **what: Any) -> None:
        vars(self).update(what)

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def worker(**fields: Any) -> Any:
    return Worker(**{"held": {}, "timed_out": "", "killed": False, **fields})


def test_an_idle_worker_that_does_not_answer_is_ended(clock):
    pulse, silent, busy = Pulse(), worker(), worker(held={1: None})
    for one in (silent, busy):
        pulse.hear(one, 7)
    assert pulse.resident_bytes == 14
    for _ in range(40):
        clock[0] += 1
        pulse.end_silent([silent, busy])
    assert (silent.killed, busy.killed) == (True, False)
    assert silent.timed_out == "has not answered for 30 s"


def test_nobody_is_silent_while_the_front_itself_was_away(clock):
    pulse, idle = Pulse(), worker()
    pulse.hear(idle, 7)
    clock[0] += 10 * GAP_SECONDS
    for _ in range(20):
        pulse.end_silent([idle])
        clock[0] += 1
    assert not idle.killed
    for _ in range(20):
        pulse.end_silent([idle])
        clock[0] += 1
    assert idle.killed


def test_who_asks_is_told_by_a_later_ping(clock):
    pulse = Pulse()
    first, second = pulse.ask(1), pulse.ask(5)
    pulse.resolve(3)
    assert (first.done(), second.done()) == (True, False)
    pulse.cancel()
    assert second.cancelled()
