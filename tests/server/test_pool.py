"""The pool of workers: exactly one end for each request, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import CancelledError, wait

import pytest

from m2fp_cli.batch.clock import PoolLimits
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.errors import ImageError, M2fpError, ModelError, UsageError
from m2fp_cli.server.messages import WorkRequest
from m2fp_cli.server.pool import ServicePool
from m2fp_cli.server.process import run_service_worker
from m2fp_cli.server.views import Asked
from m2fp_cli.server.waiting import PoolClosedError, PoolFullError
from tests.support.scripted_service import ScriptedServiceJob, photo_file

pytestmark = pytest.mark.slow


@pytest.fixture
def make_pool():
    pools: list[ServicePool] = []

    def make(
        workers=1, queue=20, seconds=20.0, boot="ok", growth_bytes=300_000_000, note=lambda _: None
    ):
        limits = PoolLimits(photo_seconds=seconds, growth_bytes=growth_bytes)
        plan = PoolPlan(workers, 1, "as a test wants")
        job = ScriptedServiceJob(boot)
        pool = ServicePool(run_service_worker, job, plan, limits, queue, note)
        pools.append(pool)
        pool.start()
        while boot == "ok" and pool.figures().ready < workers:
            time.sleep(0.01)
        return pool

    yield make
    for pool in pools:
        pool.close()


def request(script="ok"):
    return WorkRequest(photo_file(script), "photo", Asked("json", "application/json"))


def submit(pool, *scripts):
    return [pool.submit(request(script)) for script in scripts]


def failure_of(future):
    with pytest.raises(ImageError) as caught:
        future.result(60)
    return caught.value.reason


def test_every_request_has_its_answer(make_pool):
    futures = submit(make_pool(workers=2), *["ok"] * 10)
    assert [future.result(60).answer.body for future in futures] == [b"{}"] * 10


def test_what_holds_workers_up_is_noted_once(make_pool):
    notes: list[str] = []
    pool = make_pool(workers=2, boot="held-up", note=notes.append)
    while pool.figures().ready < 2:
        time.sleep(0.01)
    assert notes == ["held up"]


@pytest.mark.parametrize("death", ["crash", "exit"])
def test_a_crash_costs_the_one_request(make_pool, death):
    pool = make_pool(workers=2)
    doomed, *others = submit(pool, death, *["sleep 0.05"] * 8)
    assert failure_of(doomed) == "crash"
    assert [future.result(60).answer.body for future in others] == [b"{}"] * 8
    assert pool.figures().deaths == 1


@pytest.mark.parametrize("trap", ["hang", "stop"])
def test_a_worker_past_the_deadline_is_killed(make_pool, trap):
    pool = make_pool(seconds=0.5)
    doomed, other = submit(pool, trap, "ok")
    assert failure_of(doomed) == "timeout"
    wait([other], 60)
    while not pool.figures().ready:
        time.sleep(0.01)
    assert submit(pool, "ok")[0].result(60)


def test_what_waits_too_long_is_given_up(make_pool):
    pool = make_pool(seconds=1.0)
    first, second, third = submit(pool, "sleep 0.8", "sleep 0.8", "ok")
    assert first.result(60)
    assert second.result(60)
    assert failure_of(third) == "timeout"


def test_errors_of_the_work_reach_the_caller(make_pool):
    bad, wrong, memory, bug = submit(make_pool(), "bad", "wrong", "memory", "error")
    assert failure_of(bad) == "corrupt"
    with pytest.raises(UsageError):
        wrong.result(60)
    assert (failure_of(memory), failure_of(bug)) == ("out_of_memory", "internal")


def test_a_full_queue_refuses(make_pool):
    pool = make_pool(queue=2)
    futures = submit(pool, *["sleep 0.3"] * 3)
    with pytest.raises(PoolFullError):
        pool.submit(request())
    assert pool.is_full
    wait(futures, 60)
    assert not pool.is_full


def test_a_cancelled_request_is_dropped(make_pool):
    pool = make_pool(queue=2)
    running, gone, after = submit(pool, "sleep 0.5", "hang", "ok")
    time.sleep(0.2)
    assert not running.cancel()
    assert gone.cancel()
    assert pool.figures().queued == 1
    assert submit(pool, "ok")[0].result(60)
    assert after.result(60)
    with pytest.raises(CancelledError):
        gone.result(1)


def test_workers_answer_that_they_are_there(make_pool):
    pool = make_pool()
    pool.ask().result(60)
    running = pool.submit(request("sleep 1"))
    time.sleep(0.3)
    pool.ask().result(0.6)
    assert not running.done()


def test_who_asks_often_keeps_no_worker_busy(make_pool, monkeypatch):
    pool, told = make_pool(), []
    tell = pool._tell

    def noted(member, ping):
        told.append(ping)
        return tell(member, ping)

    monkeypatch.setattr(pool, "_tell", noted)
    started = time.monotonic()
    for _ in range(20):
        pool.ask().result(60)
    assert len(told) <= (time.monotonic() - started) / 0.05 + 2


def test_a_worker_that_grows_is_replaced(make_pool):
    pool = make_pool(growth_bytes=30_000_000)
    pids = []
    for _ in range(12):
        pool.submit(request("grow 10000000")).result(60)
        pids.append(pool.submit(request("tell")).result(60).answer.body)
    assert len(set(pids)) > 1
    assert pool.figures().deaths == 0


def kill_who_got_it(pool, gone=None):
    """Wait until a worker other than ``gone`` has a request in its hands, and kill it."""
    while True:
        for member in list(pool._handles):
            if member.held and member.process.pid != gone:
                os.kill(member.process.pid, signal.SIGKILL)
                return member.process.pid
        time.sleep(0.01)


def stop_all(pool):
    for member in pool._handles:
        os.kill(member.process.pid, signal.SIGSTOP)


def test_a_request_that_was_not_begun_goes_to_another(make_pool):
    pool = make_pool()
    stop_all(pool)
    first, second = submit(pool, "sleep 0.1", "ok")
    order: list[object] = []
    for future in (first, second):
        future.add_done_callback(order.append)
    kill_who_got_it(pool)
    assert [future.result(60).answer.body for future in (first, second)] == [b"{}"] * 2
    assert order == [first, second]  # the first kept its place
    assert pool.figures().deaths == 1


def test_a_large_request_that_was_not_begun_goes_to_another(make_pool, monkeypatch):
    monkeypatch.setattr("m2fp_cli.server.starting._PIPE_SECONDS", 1.0)
    pool = make_pool()
    stop_all(pool)  # more than the pipe takes: handing it over ends in an error
    photo = bytes(5_000_000) + photo_file()
    future = pool.submit(WorkRequest(photo, "photo", Asked("json", "application/json")))
    assert future.result(60).answer.body == b"{}"
    assert pool.figures().deaths == 1


def test_a_request_that_was_begun_is_not_tried_again(make_pool):
    pool = make_pool(workers=2)
    doomed = submit(pool, "sleep 60")[0]
    while not any(ticket.has_begun for ticket in list(pool._desk._given.values())):
        time.sleep(0.01)
    kill_who_got_it(pool)
    assert failure_of(doomed) == "crash"
    assert pool.figures().deaths == 1


def test_a_request_is_given_again_only_once(make_pool):
    pool = make_pool(workers=2)
    stop_all(pool)
    doomed = submit(pool, "ok")[0]
    kill_who_got_it(pool, gone=kill_who_got_it(pool))
    with pytest.raises(ImageError, match="ended with SIGKILL"):
        doomed.result(60)
    assert submit(pool, "ok")[0].result(60)


def test_given_again_it_keeps_its_deadline(make_pool):
    pool = make_pool(seconds=1.0, boot="sleep 2")
    while not pool.figures().ready:
        time.sleep(0.01)
    stop_all(pool)
    doomed = submit(pool, "ok")[0]
    kill_who_got_it(pool)
    with pytest.raises(ImageError, match="waited longer than 1 s"):
        doomed.result(60)


def test_killed_at_random_it_goes_on(make_pool):
    pool = make_pool(workers=2, queue=100)
    futures = submit(pool, *["sleep 0.05"] * 80)  # two seconds: longer than the killing
    for _ in range(4):
        time.sleep(0.3)
        victim = pool._handles[0].process.pid
        os.kill(victim, signal.SIGKILL)
    done, left = wait(futures, 60)
    assert not left
    failed = [future for future in done if future.exception()]
    assert len(failed) <= 4
    assert pool.submit(request()).result(60)


def test_a_model_that_cannot_be_loaded_ends_the_pool(make_pool):
    pool = make_pool(boot="refuse")
    doomed = pool.submit(request())
    with pytest.raises(PoolClosedError):
        doomed.result(60)
    assert isinstance(pool.failure, ModelError)
    with pytest.raises(PoolClosedError):
        pool.submit(request())


def test_workers_that_die_at_the_start_end_the_pool(make_pool):
    pool = make_pool(boot="crash")
    with pytest.raises(PoolClosedError):
        pool.submit(request()).result(60)
    assert "cannot start" in str(pool.failure)


def test_a_system_that_starts_no_process_ends_the_pool_in_its_own_words(make_pool, monkeypatch):
    def refuse(*_):
        raise M2fpError("worker processes cannot start: the memory was used up")

    monkeypatch.setattr("m2fp_cli.server.pool.start_worker", refuse)
    pool = make_pool(boot="never")
    with pytest.raises(PoolClosedError):
        pool.submit(request()).result(60)
    assert str(pool.failure) == "worker processes cannot start: the memory was used up"


def test_closing_ends_what_is_open(make_pool):
    pool = make_pool()
    running, waiting = submit(pool, "hang", "ok")
    time.sleep(0.2)
    pool.close()
    for future in (running, waiting):
        with pytest.raises(PoolClosedError):
            future.result(5)
